-- +goose Up
-- What was last taken over of each feed of verdicts: a JSON object.
CREATE TABLE registry_feed (
	source TEXT PRIMARY KEY,
	taken  TEXT NOT NULL
);

-- +goose Down
DROP TABLE registry_feed;
