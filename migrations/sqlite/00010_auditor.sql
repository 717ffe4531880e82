-- What auditors search by. Failures are few among many events, and so are those
-- with a reason or a permission: each index has these alone. What the body says is
-- indexed without a column, so that no row is written anew.

-- +goose Up
CREATE INDEX idx_events_refused ON events (event, seq) WHERE outcome NOT IN ('ok', 'allowed');
CREATE INDEX idx_events_reason ON events (json_extract(body, '$.reason'), seq) WHERE json_extract(body, '$.reason') IS NOT NULL;
CREATE INDEX idx_events_permission ON events (json_extract(body, '$.permission'), seq) WHERE json_extract(body, '$.permission') IS NOT NULL;
CREATE INDEX idx_events_client_ip ON events (json_extract(body, '$.client_ip'), seq) WHERE json_extract(body, '$.client_ip') IS NOT NULL;
CREATE INDEX idx_events_provider ON events (json_extract(body, '$.provider'), seq) WHERE json_extract(body, '$.provider') IS NOT NULL;
