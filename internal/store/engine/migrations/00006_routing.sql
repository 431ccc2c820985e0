-- +goose Up
-- Routing policies, each a revision of the one before; the newest is in force. base
-- identifies the policy in the configuration that it follows; set_at is in
-- milliseconds of Unix time.
CREATE TABLE routing (
	revision BIGINT PRIMARY KEY,
	policy   TEXT NOT NULL,
	base     TEXT NOT NULL,
	set_by   TEXT NOT NULL,
	set_at   BIGINT NOT NULL
);

-- +goose Down
DROP TABLE routing;
