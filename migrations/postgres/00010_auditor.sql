-- What auditors search by. Failures are few among many events, and so are those
-- with a reason or a permission: each index has these alone. What the body says is
-- indexed without a column, so that no row is written anew.
-- A pattern reads it, for jsonb refuses the NUL of a former release; in a string,
-- a quotation mark has a backslash before it, so that nobody can write such a key.

-- +goose Up
CREATE INDEX idx_events_refused ON events (event, seq) WHERE outcome NOT IN ('ok', 'allowed');
CREATE INDEX idx_events_reason ON events ((substring(body FROM '"reason":"([^"\\]{0,100})"')), seq) WHERE (substring(body FROM '"reason":"([^"\\]{0,100})"')) IS NOT NULL;
CREATE INDEX idx_events_permission ON events ((substring(body FROM '"permission":"([^"\\]{0,100})"')), seq) WHERE (substring(body FROM '"permission":"([^"\\]{0,100})"')) IS NOT NULL;
CREATE INDEX idx_events_client_ip ON events ((substring(body FROM '"client_ip":"([^"\\]{0,100})"')), seq) WHERE (substring(body FROM '"client_ip":"([^"\\]{0,100})"')) IS NOT NULL;
CREATE INDEX idx_events_provider ON events ((substring(body FROM '"provider":"([^"\\]{0,100})"')), seq) WHERE (substring(body FROM '"provider":"([^"\\]{0,100})"')) IS NOT NULL;
