-- +goose Up
-- What each tool was when it was first seen. definition is the tool as its server listed it; version is that of the program for tools of
-- its own, which are pinned again when they change; first_seen is in seconds of Unix time.
CREATE TABLE tool_pin (
	server     TEXT NOT NULL,
	tool       TEXT NOT NULL,
	checksum   TEXT NOT NULL,
	digest     TEXT NOT NULL,
	definition TEXT NOT NULL,
	version    TEXT NOT NULL,
	first_seen BIGINT NOT NULL,
	PRIMARY KEY (server, tool)
);

-- +goose Down
DROP TABLE tool_pin;
