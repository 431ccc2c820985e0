-- +goose Up
-- Tokens for servers, logins under way and clients that the gateway is registered as, each sealed for its key. revision is another with each
-- change; ends is when the record may go, in milliseconds of Unix time, 0 for never; turn is until when somebody has the turn to renew it.
CREATE TABLE credential (
	kind     TEXT NOT NULL,
	owner    TEXT NOT NULL,
	server   TEXT NOT NULL,
	sealed   BYTEA NOT NULL,
	revision BIGINT NOT NULL,
	ends     BIGINT NOT NULL,
	turn     BIGINT NOT NULL,
	PRIMARY KEY (kind, owner, server)
);
CREATE INDEX credential_server ON credential (kind, server, revision);
CREATE INDEX credential_ends ON credential (ends);

-- +goose Down
DROP TABLE credential;
