-- +goose Up
-- The keys that seal what clients keep for us: the newest that has started seals,
-- all open. starts is in seconds of Unix time.
CREATE TABLE sealing_key (
	id     BIGINT PRIMARY KEY,
	key    BYTEA NOT NULL,
	starts BIGINT NOT NULL
);

-- +goose Down
DROP TABLE sealing_key;
