-- +goose Up
-- What people were told of, and what they said to it. state is open, approved or dismissed; times are in milliseconds of Unix time, 0 for
-- never. What stands from what on is about changes of servers only: before and after are the definitions of the thing.
CREATE TABLE alert (
	id       TEXT PRIMARY KEY,
	kind     TEXT NOT NULL,
	severity BIGINT NOT NULL,
	server   TEXT NOT NULL,
	subject  TEXT NOT NULL,
	text     TEXT NOT NULL,
	remedy   TEXT NOT NULL,
	evidence TEXT NOT NULL,
	count    BIGINT NOT NULL,
	raised   BIGINT NOT NULL,
	state    TEXT NOT NULL,
	decider  TEXT NOT NULL,
	reason   TEXT NOT NULL,
	decided  BIGINT NOT NULL,
	what     TEXT NOT NULL,
	thing    TEXT NOT NULL,
	name     TEXT NOT NULL,
	digest   TEXT NOT NULL,
	checksum TEXT NOT NULL,
	audience BIGINT NOT NULL,
	before   TEXT NOT NULL,
	after    TEXT NOT NULL
);
CREATE INDEX alert_state ON alert (state, raised);

-- +goose Down
DROP TABLE alert;
