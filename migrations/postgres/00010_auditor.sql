-- What auditors search by. Failures are few among many events, and so are those
-- with a reason or a permission: each index has these alone. What the body says is
-- indexed without a column, so that no row is written anew.
-- It is cut out of the text, for jsonb refuses the NUL of a former release, and a
-- pattern takes ten times as long for as many events as there may be. In a string, a
-- quotation mark has a backslash before it, so that nobody can write such a key.

-- +goose Up
CREATE INDEX idx_events_refused ON events (event, seq) WHERE outcome NOT IN ('ok', 'allowed');
CREATE INDEX idx_events_reason ON events ((left(split_part(split_part(body, '"reason":"', 2), '"', 1), 100)), seq) WHERE split_part(body, '"reason":"', 2) <> '';
CREATE INDEX idx_events_permission ON events ((left(split_part(split_part(body, '"permission":"', 2), '"', 1), 100)), seq) WHERE split_part(body, '"permission":"', 2) <> '';
CREATE INDEX idx_events_client_ip ON events ((left(split_part(split_part(body, '"client_ip":"', 2), '"', 1), 100)), seq) WHERE split_part(body, '"client_ip":"', 2) <> '';
CREATE INDEX idx_events_provider ON events ((left(split_part(split_part(body, '"provider":"', 2), '"', 1), 100)), seq) WHERE split_part(body, '"provider":"', 2) <> '';
