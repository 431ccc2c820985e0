-- +goose Up
-- Calls that wait for a person, or did a while ago. arguments are what is shown of them; times are in milliseconds of Unix time, 0 for never;
-- beat is raised as long as the instance holds the call.
CREATE TABLE approval (
	id        TEXT PRIMARY KEY,
	instance  TEXT NOT NULL,
	beat      BIGINT NOT NULL,
	state     TEXT NOT NULL,
	caller    TEXT NOT NULL,
	server    TEXT NOT NULL,
	name      TEXT NOT NULL,
	digest    TEXT NOT NULL,
	call      TEXT NOT NULL,
	method    TEXT NOT NULL,
	client    TEXT NOT NULL,
	why       TEXT NOT NULL,
	arguments TEXT NOT NULL,
	deciders  TEXT NOT NULL,
	asked     BIGINT NOT NULL,
	expires   BIGINT NOT NULL,
	decider   TEXT NOT NULL,
	via       TEXT NOT NULL,
	reason    TEXT NOT NULL,
	settled   BIGINT NOT NULL
);
CREATE INDEX approval_state ON approval (state, asked);
CREATE INDEX approval_instance ON approval (instance, asked);

-- Decisions that hold for calls to come.
CREATE TABLE approval_memory (
	id      TEXT PRIMARY KEY,
	caller  TEXT NOT NULL,
	server  TEXT NOT NULL,
	name    TEXT NOT NULL,
	digest  TEXT NOT NULL,
	created BIGINT NOT NULL,
	expires BIGINT NOT NULL,
	decider TEXT NOT NULL,
	reason  TEXT NOT NULL,
	UNIQUE (caller, server, name, digest)
);

-- +goose Down
DROP TABLE approval_memory;
DROP TABLE approval;
