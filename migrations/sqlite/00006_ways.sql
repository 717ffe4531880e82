-- How each provider answered the last time that somebody signed in there: what
-- the console shows, and nothing that decides.

-- +goose Up
CREATE TABLE ways (
    slot         text     NOT NULL PRIMARY KEY,
    succeeded_at datetime,
    failed_at    datetime,
    reason       text     NOT NULL DEFAULT '',
    reference    text     NOT NULL DEFAULT ''
);
