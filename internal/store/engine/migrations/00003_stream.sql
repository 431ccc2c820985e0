-- +goose Up
-- Streams of legacy sessions whose clients left while the call went on, and their
-- events. owner is the instance that writes; touched is in seconds of Unix time;
-- size is that of the events.
CREATE TABLE stream (
	session TEXT NOT NULL,
	number  BIGINT NOT NULL,
	owner   TEXT NOT NULL,
	ended   BIGINT NOT NULL DEFAULT 0,
	touched BIGINT NOT NULL,
	size    BIGINT NOT NULL DEFAULT 0,
	PRIMARY KEY (session, number)
);

CREATE TABLE stream_event (
	session TEXT NOT NULL,
	number  BIGINT NOT NULL,
	seq     BIGINT NOT NULL,
	data    BYTEA NOT NULL,
	PRIMARY KEY (session, number, seq),
	FOREIGN KEY (session, number) REFERENCES stream (session, number) ON DELETE CASCADE
);

-- +goose Down
DROP TABLE stream_event;
DROP TABLE stream;
