-- +goose Up
-- Roots of callers, open and closed; times are in milliseconds of Unix time, 0 for never.
CREATE TABLE root (
	caller  TEXT NOT NULL,
	id      TEXT NOT NULL,
	name    TEXT NOT NULL,
	uri     TEXT NOT NULL,
	lazy    BOOLEAN NOT NULL,
	created BIGINT NOT NULL,
	used    BIGINT NOT NULL,
	ttl     BIGINT NOT NULL,
	entries BIGINT NOT NULL,
	bytes   BIGINT NOT NULL,
	cleared BIGINT NOT NULL,
	closed  BIGINT NOT NULL,
	expired BOOLEAN NOT NULL,
	PRIMARY KEY (caller, id)
);

-- The nodes of their trees that have values of their own, as JSON objects.
CREATE TABLE root_node (
	caller    TEXT NOT NULL,
	root      TEXT NOT NULL,
	path      TEXT NOT NULL,
	sampling  TEXT NOT NULL,
	variables TEXT NOT NULL,
	PRIMARY KEY (caller, root, path),
	FOREIGN KEY (caller, root) REFERENCES root (caller, id) ON DELETE CASCADE
);

-- What their memories keep of earlier calls, a JSON object each.
CREATE TABLE root_memory (
	caller TEXT NOT NULL,
	root   TEXT NOT NULL,
	seq    BIGINT NOT NULL,
	data   TEXT NOT NULL,
	PRIMARY KEY (caller, root, seq),
	FOREIGN KEY (caller, root) REFERENCES root (caller, id) ON DELETE CASCADE
);

-- +goose Down
DROP TABLE root_memory;
DROP TABLE root_node;
DROP TABLE root;
