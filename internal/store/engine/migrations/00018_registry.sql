-- +goose Up
-- What is known of servers, by their targets: id is a digest of the target, entry a JSON object with the target and all else.
CREATE TABLE registry_server (
	id    TEXT PRIMARY KEY,
	entry TEXT NOT NULL
);

-- What was seen of them when: JSON objects, numbered by the clock and within one change.
CREATE TABLE registry_event (
	server TEXT NOT NULL,
	clock  BIGINT NOT NULL,
	n      BIGINT NOT NULL,
	event  TEXT NOT NULL,
	PRIMARY KEY (server, clock, n),
	FOREIGN KEY (server) REFERENCES registry_server (id) ON DELETE CASCADE
);

-- Its one row is raised first in every change, so that one waits for another: clock in all of them, revision in those that people decide.
CREATE TABLE registry_clock (
	one      BIGINT PRIMARY KEY,
	clock    BIGINT NOT NULL,
	revision BIGINT NOT NULL
);
INSERT INTO registry_clock (one, clock, revision) VALUES (1, 1, 0);

-- +goose Down
DROP TABLE registry_event;
DROP TABLE registry_server;
DROP TABLE registry_clock;
