-- +goose Up
-- Keys that callers show. scopes and roles are JSON lists of names; times are in milliseconds of Unix time, 0 for never; revision is that
-- of key_clock when the key last changed. A key that was revoked stays, so that its name is not given again.
CREATE TABLE access_key (
	id       TEXT PRIMARY KEY,
	name     TEXT NOT NULL UNIQUE,
	scopes   TEXT NOT NULL,
	roles    TEXT NOT NULL,
	created  BIGINT NOT NULL,
	expires  BIGINT NOT NULL,
	revoked  BIGINT NOT NULL,
	revision BIGINT NOT NULL
);
CREATE INDEX access_key_revision ON access_key (revision);

-- What is shown, as its SHA-256 in hexadecimal digits; ends is when it is good for nothing any more, because another has taken its place.
CREATE TABLE key_secret (
	hash  TEXT PRIMARY KEY,
	owner TEXT NOT NULL,
	ends  BIGINT NOT NULL,
	FOREIGN KEY (owner) REFERENCES access_key (id) ON DELETE CASCADE
);
CREATE INDEX key_secret_owner ON key_secret (owner);

-- How often each key was used. It stands apart, since it is no change of the key.
CREATE TABLE key_use (
	owner TEXT PRIMARY KEY,
	uses  BIGINT NOT NULL,
	last  BIGINT NOT NULL,
	FOREIGN KEY (owner) REFERENCES access_key (id) ON DELETE CASCADE
);

-- Its one row is raised first in every change of a key, so that one change waits for another and the numbers come into being in their order.
CREATE TABLE key_clock (
	one      BIGINT PRIMARY KEY,
	revision BIGINT NOT NULL
);
INSERT INTO key_clock (one, revision) VALUES (1, 1);

-- +goose Down
DROP TABLE key_use;
DROP TABLE key_secret;
DROP TABLE access_key;
DROP TABLE key_clock;
