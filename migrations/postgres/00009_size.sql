-- What a hundred thousand people are found by where somebody is named, and open
-- sessions are counted by.

-- +goose Up
CREATE INDEX idx_users_name ON users (name);
CREATE INDEX idx_users_email ON users (lower(email), id);
DROP INDEX idx_sessions_last_seen_at;
CREATE INDEX idx_sessions_last_seen_at ON sessions (last_seen_at, expires_at);
