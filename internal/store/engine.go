package store

import (
	"context"
	"database/sql"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"
)

// An engine is what differs between the databases that can hold the state.
type engine struct {
	db *sql.DB
	// name is how errors call the database: without a password.
	name string
	// dialect is how its migrations are noted; options are further ones of goose.
	dialect database.Dialect
	options []goose.ProviderOption
	// words are the words of migrations for which the engine has others: pairs, as strings.NewReplacer takes them.
	words []string
	// tx is how transactions begin.
	tx *sql.TxOptions
	// lock makes a transaction of a writer the only one of its kind, until it ends.
	lock func(ctx context.Context, tx *sql.Tx, w writer) error
	// statements returns the context of the statements of a transaction with that context.
	statements func(ctx context.Context) context.Context
	// patience is how long a transaction may take.
	patience time.Duration
	// passing reports whether an error of bringing the tables up to date may be over at the next try.
	passing func(err error) bool
	// explain adds what to do to an error of opening.
	explain func(err error) error
	// numbered says that a statement cannot have parameters without a number.
	numbered bool
	// durable says that the end of a transaction waits for the disk anyway.
	durable bool
	// batches are how many audit records one statement writes, the most first.
	batches []int
}
