-- Whom a pseudonym of the audit trail stands for, while the account is there.

-- +goose Up
CREATE TABLE pseudonyms (
    pseudonym text NOT NULL PRIMARY KEY,
    user_id   text NOT NULL REFERENCES users (id) ON DELETE CASCADE
);
CREATE INDEX idx_pseudonyms_user_id ON pseudonyms (user_id);

-- Which installation a trail is of, made here once. What is signed from now on
-- says it; what was signed before stays as it is.
ALTER TABLE chain_heads ADD COLUMN installation text NOT NULL DEFAULT '';
UPDATE chain_heads SET installation = replace(gen_random_uuid()::text, '-', '');
ALTER TABLE checkpoints ADD COLUMN installation text NOT NULL DEFAULT '';
ALTER TABLE audit_anchors ADD COLUMN installation text NOT NULL DEFAULT '';
