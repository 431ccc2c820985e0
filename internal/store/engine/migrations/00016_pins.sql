-- +goose Up
-- What was approved of servers. pin_clock counts changes: each gets its number in its transaction, so that no instance misses one.
CREATE TABLE pin_clock (
	id  BIGINT PRIMARY KEY,
	now BIGINT NOT NULL
);
INSERT INTO pin_clock (id, now) VALUES (1, 0);

-- When a kind of clients (audience) first used a server, in seconds of Unix time, and the number of its last change.
CREATE TABLE pin_server (
	server   TEXT NOT NULL,
	audience BIGINT NOT NULL,
	since    BIGINT NOT NULL,
	PRIMARY KEY (server, audience)
);
CREATE TABLE pin_change (
	server  TEXT PRIMARY KEY,
	changed BIGINT NOT NULL
);
CREATE INDEX pin_change_changed ON pin_change (changed);

-- The approved forms of its things: approver is who has approved it, definition the thing as its server listed it.
CREATE TABLE pin (
	server     TEXT NOT NULL,
	kind       TEXT NOT NULL,
	name       TEXT NOT NULL,
	digest     TEXT NOT NULL,
	checksum   TEXT NOT NULL,
	definition TEXT NOT NULL,
	approver   TEXT NOT NULL,
	audience   BIGINT NOT NULL,
	since      BIGINT NOT NULL,
	PRIMARY KEY (server, kind, name, digest)
);
INSERT INTO pin (server, kind, name, digest, checksum, definition, approver, audience, since)
	SELECT REPLACE(REPLACE(REPLACE(server, ' | legacy, can be asked', ''), ' | legacy', ''), ' | modern', ''), 'tool', tool, digest, MIN(checksum),
		MIN(definition), 'first use', 0, MIN(first_seen) FROM tool_pin GROUP BY 1, tool, digest;
DROP TABLE tool_pin;

-- +goose Down
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
DROP TABLE pin;
DROP TABLE pin_change;
DROP TABLE pin_server;
DROP TABLE pin_clock;
