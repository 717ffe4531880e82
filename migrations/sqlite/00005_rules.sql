-- What may be changed while the program runs: settings put over the environment,
-- and grants beside those of the policy file. A replica learns of a change by the
-- revision, which every change raises.

-- +goose Up
CREATE TABLE settings (
    name       text        NOT NULL PRIMARY KEY,
    value      text        NOT NULL,
    changed_at datetime    NOT NULL,
    changed_by text        NOT NULL
);

CREATE TABLE grants (
    id         text        NOT NULL PRIMARY KEY,
    slot       text        NOT NULL,
    email      text        NOT NULL,
    domain     text        NOT NULL,
    "group"    text        NOT NULL,
    org        text        NOT NULL,
    team       text        NOT NULL,
    role       text        NOT NULL,
    locations  text        NOT NULL,
    created_at datetime    NOT NULL,
    created_by text        NOT NULL
);

CREATE TABLE rule_revisions (
    id       integer NOT NULL PRIMARY KEY CHECK (id = 1),
    revision integer NOT NULL
);
INSERT INTO rule_revisions (id, revision) VALUES (1, 0);
