-- +goose Up
ALTER TABLE users ADD COLUMN role text NOT NULL DEFAULT '';
CREATE INDEX idx_users_role ON users (role);

ALTER TABLE sessions ADD COLUMN method text NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN factor text NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN proven_at datetime;

-- Sign-ins that have proved the first factor and want a second one. They are no
-- sessions, and a table of their own, so that nothing can take them for one.
CREATE TABLE pending_sign_ins (
    id          text NOT NULL PRIMARY KEY,
    secret_hash text NOT NULL,
    user_id     text NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    identity_id text NOT NULL REFERENCES identities (id) ON DELETE CASCADE,
    slot        text NOT NULL,
    method      text NOT NULL,
    wants       text NOT NULL,
    id_token    text NOT NULL,
    proven_at   datetime,
    created_at  datetime NOT NULL,
    expires_at  datetime NOT NULL
);
CREATE INDEX idx_pending_sign_ins_user_id ON pending_sign_ins (user_id);
CREATE INDEX idx_pending_sign_ins_expires_at ON pending_sign_ins (expires_at);

-- How somebody signs in without a provider. The password is sealed: whoever
-- reads the database alone cannot even guess at it.
CREATE TABLE credentials (
    user_id      text NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    username     text NOT NULL,
    username_key text NOT NULL,
    email_key    text,
    password     text NOT NULL,
    changed_at   datetime NOT NULL
);
CREATE UNIQUE INDEX idx_credentials_username_key ON credentials (username_key);
CREATE UNIQUE INDEX idx_credentials_email_key ON credentials (email_key);

-- Second factors: one-time passwords and passkeys, their secrets sealed.
CREATE TABLE factors (
    id            text NOT NULL PRIMARY KEY,
    user_id       text NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    kind          text NOT NULL,
    name          text NOT NULL,
    sealed        text NOT NULL,
    credential_id text,
    last_step     integer NOT NULL,
    created_at    datetime NOT NULL,
    last_used_at  datetime
);
CREATE INDEX idx_factors_user_id ON factors (user_id);
CREATE UNIQUE INDEX idx_factors_credential_id ON factors (credential_id);

CREATE TABLE recovery_codes (
    hash       text NOT NULL PRIMARY KEY,
    user_id    text NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at datetime NOT NULL
);
CREATE INDEX idx_recovery_codes_user_id ON recovery_codes (user_id);

-- One-time links, and the token that claims a new installation, which is
-- nobody's.
CREATE TABLE one_time_links (
    hash       text NOT NULL PRIMARY KEY,
    user_id    text REFERENCES users (id) ON DELETE CASCADE,
    purpose    text NOT NULL,
    created_at datetime NOT NULL,
    expires_at datetime NOT NULL
);
CREATE INDEX idx_one_time_links_user_id ON one_time_links (user_id);
CREATE INDEX idx_one_time_links_expires_at ON one_time_links (expires_at);

-- Failed proofs, counted per key; a key is a hash.
CREATE TABLE failed_proofs (
    key        text NOT NULL PRIMARY KEY,
    failures   integer NOT NULL,
    until      datetime NOT NULL,
    expires_at datetime NOT NULL
);
CREATE INDEX idx_failed_proofs_expires_at ON failed_proofs (expires_at);

-- Where somebody has signed in before: strangers elsewhere cannot lock them out.
CREATE TABLE known_addresses (
    user_id text NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    address text NOT NULL,
    seen_at datetime NOT NULL,
    PRIMARY KEY (user_id, address)
);
CREATE INDEX idx_known_addresses_address ON known_addresses (address);
CREATE INDEX idx_known_addresses_seen_at ON known_addresses (seen_at);
