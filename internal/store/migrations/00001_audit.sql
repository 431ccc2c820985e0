-- +goose Up
-- body is a record and is never changed; the other columns can be erased.
CREATE TABLE audit_record (
	seq       INTEGER PRIMARY KEY,
	body      TEXT NOT NULL,
	salt      BLOB,
	arguments TEXT,
	result    TEXT
);

-- +goose Down
DROP TABLE audit_record;
