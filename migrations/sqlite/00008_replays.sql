-- +goose Up

-- Tokens for the API. Each belongs to a session and goes with it, whatever ends
-- that. The row keeps only the digest of the secret.
CREATE TABLE api_tokens (
    id          text NOT NULL PRIMARY KEY,
    secret_hash text NOT NULL,
    session_id  text NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    user_id     text NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name        text NOT NULL,
    created_at  datetime NOT NULL,
    expires_at  datetime NOT NULL
);
CREATE INDEX idx_api_tokens_session_id ON api_tokens (session_id);
CREATE INDEX idx_api_tokens_user_id ON api_tokens (user_id);
CREATE INDEX idx_api_tokens_expires_at ON api_tokens (expires_at);

-- What was answered to a request with an idempotency key, sealed; empty while it
-- is under way. Keys and requests are digests.
CREATE TABLE replays (
    user_id    text NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    key_hash   text NOT NULL,
    request    text NOT NULL,
    status     integer NOT NULL,
    answer     text NOT NULL,
    expires_at datetime NOT NULL,
    PRIMARY KEY (user_id, key_hash)
);
CREATE INDEX idx_replays_expires_at ON replays (expires_at);
