-- What the console's lists sort by and look into. The release before knows
-- nothing of it: whom it adds stands first by name, until they sign in again.

-- +goose Up
ALTER TABLE users ADD COLUMN search_key text NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN seen_at datetime NOT NULL DEFAULT 0;
UPDATE users SET search_key = lower(name) || char(10) || lower(email);
UPDATE users SET seen_at = max(0,
    coalesce((SELECT max(signed_in_at) FROM identities WHERE user_id = users.id), 0),
    coalesce((SELECT max(last_seen_at) FROM sessions WHERE user_id = users.id), 0));

DROP INDEX idx_users_created_at;
CREATE INDEX idx_users_created_at ON users (created_at, id);
CREATE INDEX idx_users_search_key ON users (search_key, id);
CREATE INDEX idx_users_seen_at ON users (seen_at, id);
CREATE INDEX idx_users_disabled_at ON users (disabled_at) WHERE disabled_at IS NOT NULL;
CREATE INDEX idx_identities_slot ON identities (slot, user_id);
CREATE INDEX idx_sessions_created_at ON sessions (created_at, id);
