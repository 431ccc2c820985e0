-- +goose Up
-- body is a record and is never changed; the other columns can be erased.
CREATE TABLE audit_record (
	seq       BIGINT PRIMARY KEY,
	body      TEXT NOT NULL,
	salt      BYTEA,
	arguments TEXT,
	result    TEXT
);

-- +goose Down
DROP TABLE audit_record;
