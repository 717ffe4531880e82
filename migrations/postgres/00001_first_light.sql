-- +goose Up
CREATE TABLE users (
    id          text        NOT NULL PRIMARY KEY,
    name        text        NOT NULL,
    email       text        NOT NULL,
    created_at  timestamptz NOT NULL,
    disabled_at timestamptz
);
CREATE INDEX idx_users_created_at ON users (created_at);

CREATE TABLE identities (
    id           text        NOT NULL PRIMARY KEY,
    user_id      text        NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    slot         text        NOT NULL,
    issuer       text        NOT NULL,
    subject      text        NOT NULL,
    claims       text        NOT NULL,
    created_at   timestamptz NOT NULL,
    signed_in_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX idx_identities_issuer_subject ON identities (issuer, subject);
CREATE INDEX idx_identities_user_id ON identities (user_id);

CREATE TABLE sessions (
    id           text        NOT NULL PRIMARY KEY,
    secret_hash  text        NOT NULL,
    user_id      text        NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    identity_id  text        NOT NULL REFERENCES identities (id) ON DELETE CASCADE,
    slot         text        NOT NULL,
    client_ip    text        NOT NULL,
    user_agent   text        NOT NULL,
    id_token     text        NOT NULL,
    created_at   timestamptz NOT NULL,
    last_seen_at timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL
);
CREATE INDEX idx_sessions_user_id ON sessions (user_id);
CREATE INDEX idx_sessions_identity_id ON sessions (identity_id);
CREATE INDEX idx_sessions_last_seen_at ON sessions (last_seen_at);
CREATE INDEX idx_sessions_expires_at ON sessions (expires_at);

CREATE TABLE signing_keys (
    id             text        NOT NULL PRIMARY KEY,
    sealed         text        NOT NULL,
    created_at     timestamptz NOT NULL,
    signs_from     timestamptz NOT NULL,
    signs_until    timestamptz NOT NULL,
    verifies_until timestamptz NOT NULL
);

CREATE TABLE spent_states (
    hash       text        NOT NULL PRIMARY KEY,
    expires_at timestamptz NOT NULL
);
CREATE INDEX idx_spent_states_expires_at ON spent_states (expires_at);

-- The audit chain. The columns after body are copied out of it for searching;
-- the hash covers previous and body.
CREATE TABLE events (
    seq        bigint      NOT NULL PRIMARY KEY,
    previous   text        NOT NULL,
    hash       text        NOT NULL,
    body       text        NOT NULL,
    time       timestamptz NOT NULL,
    event      text        NOT NULL,
    outcome    text        NOT NULL,
    actor_id   text        NOT NULL,
    request_id text        NOT NULL
);
CREATE INDEX idx_events_time ON events (time);
CREATE INDEX idx_events_event ON events (event);
CREATE INDEX idx_events_actor_id ON events (actor_id);
CREATE INDEX idx_events_request_id ON events (request_id);

-- One row: the end of the chain. Whoever appends locks it first.
CREATE TABLE chain_heads (
    id   bigint      NOT NULL PRIMARY KEY CHECK (id = 1),
    seq  bigint      NOT NULL,
    hash text        NOT NULL
);
INSERT INTO chain_heads (id, seq, hash) VALUES (1, 0, '');
