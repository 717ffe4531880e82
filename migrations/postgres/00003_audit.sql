-- What events are searched by. The columns are computed from the body, which the
-- chain covers, so that nobody can make an event hard to find without breaking
-- it, and so that the release before fills them without knowing of them.
-- jsonb refuses the character NUL, which a client could once have in a name:
-- there, its escape (an odd number of backslashes before u0000) is left out.

-- +goose Up
ALTER TABLE events
    ADD COLUMN noun text NOT NULL GENERATED ALWAYS AS (CASE WHEN strpos(event, '.') > 0 THEN split_part(event, '.', 1) ELSE '' END) STORED,
    ADD COLUMN actor_name text NOT NULL GENERATED ALWAYS AS (
        coalesce((CASE WHEN strpos(body, '\u0000') > 0
            THEN regexp_replace(body, '(?<!\\)((?:\\\\)*)\\u0000', '\1', 'g') ELSE body END)::jsonb #>> '{actor,name}', '')) STORED,
    ADD COLUMN target_id text NOT NULL GENERATED ALWAYS AS (
        coalesce((CASE WHEN strpos(body, '\u0000') > 0
            THEN regexp_replace(body, '(?<!\\)((?:\\\\)*)\\u0000', '\1', 'g') ELSE body END)::jsonb #>> '{target,id}', '')) STORED,
    ADD COLUMN location text NOT NULL GENERATED ALWAYS AS (
        coalesce((CASE WHEN strpos(body, '\u0000') > 0
            THEN regexp_replace(body, '(?<!\\)((?:\\\\)*)\\u0000', '\1', 'g') ELSE body END)::jsonb #>> '{target,location}', '')) STORED,
    ADD COLUMN run_id text NOT NULL GENERATED ALWAYS AS (
        coalesce((CASE WHEN strpos(body, '\u0000') > 0
            THEN regexp_replace(body, '(?<!\\)((?:\\\\)*)\\u0000', '\1', 'g') ELSE body END)::jsonb #>> '{run_id}', '')) STORED;

-- Each is read from its end, page by page: the newest events first.
DROP INDEX idx_events_event;
DROP INDEX idx_events_actor_id;
DROP INDEX idx_events_request_id;
CREATE INDEX idx_events_event ON events (event, seq);
CREATE INDEX idx_events_noun ON events (noun, seq);
CREATE INDEX idx_events_outcome ON events (outcome, seq);
CREATE INDEX idx_events_actor_id ON events (actor_id, seq);
CREATE INDEX idx_events_actor_name ON events (actor_name, seq);
CREATE INDEX idx_events_request_id ON events (request_id, seq);
CREATE INDEX idx_events_target_id ON events (target_id, seq) WHERE target_id <> '';
CREATE INDEX idx_events_location ON events (location, seq) WHERE location <> '';
CREATE INDEX idx_events_run_id ON events (run_id, seq) WHERE run_id <> '';

-- Signed: the trail had the event seq with that hash. No foreign key: a
-- checkpoint outlives the event that it is a proof against the removal of.
CREATE TABLE checkpoints (
    seq       bigint      NOT NULL PRIMARY KEY,
    hash      text        NOT NULL,
    time      timestamptz NOT NULL,
    previous  bigint      NOT NULL,
    key       text        NOT NULL,
    signature text        NOT NULL
);
CREATE INDEX idx_checkpoints_time ON checkpoints (time);

-- The event of the last checkpoint, noted beside the end of the chain.
ALTER TABLE chain_heads ADD COLUMN checkpoint bigint NOT NULL DEFAULT 0;

-- One row, once old events were removed. Signed: the trail begins behind seq.
CREATE TABLE audit_anchors (
    id        bigint      NOT NULL PRIMARY KEY CHECK (id = 1),
    seq       bigint      NOT NULL,
    hash      text        NOT NULL,
    time      timestamptz NOT NULL,
    key       text        NOT NULL,
    signature text        NOT NULL
);
