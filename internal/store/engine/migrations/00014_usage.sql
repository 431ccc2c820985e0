-- +goose Up
-- How often each caller has used each tool, prompt and resource. A row without a caller says that the thing is offered, by which server and
-- under which name there; its uses are 0. Times are in milliseconds of Unix time.
CREATE TABLE thing_use (
	caller TEXT NOT NULL,
	kind   TEXT NOT NULL,
	name   TEXT NOT NULL,
	server TEXT NOT NULL,
	own    TEXT NOT NULL,
	first  BIGINT NOT NULL,
	last   BIGINT NOT NULL,
	uses   BIGINT NOT NULL,
	PRIMARY KEY (caller, kind, name)
);
CREATE INDEX thing_use_last ON thing_use (last);

-- +goose Down
DROP TABLE thing_use;
