-- +goose Up
-- What seals the audit records: an RFC 6962 tree over their bodies. leaf is the hash of
-- the body as it was written.
ALTER TABLE audit_record ADD COLUMN leaf BYTEA;

-- Roots of 256 hashes each, on level 1 of leaves and above of blocks, numbered from 0.
CREATE TABLE audit_block (
	level  BIGINT NOT NULL,
	number BIGINT NOT NULL,
	hash   BYTEA NOT NULL,
	PRIMARY KEY (level, number)
);

-- Checkpoints of the tree, as signed notes; size is how many records one covers.
CREATE TABLE audit_checkpoint (
	size BIGINT PRIMARY KEY,
	note TEXT NOT NULL
);

-- +goose Down
DROP TABLE audit_checkpoint;
DROP TABLE audit_block;
ALTER TABLE audit_record DROP COLUMN leaf;
