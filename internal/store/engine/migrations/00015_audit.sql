-- +goose Up
-- exchange is 1 for checkpoints by which the log gets another key.
ALTER TABLE audit_checkpoint ADD COLUMN exchange BIGINT NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE audit_checkpoint DROP COLUMN exchange;
