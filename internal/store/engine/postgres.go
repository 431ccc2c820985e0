package engine

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
)

// Bounds of the connections to a PostgreSQL server.
const (
	// connections are the most that one instance has: one for each writer, the others for what reads.
	connections = 8
	// idleConnections stay open, and for so long.
	idleConnections = 4
	idleTime        = 5 * time.Minute
	// connectTime is how long connecting to one host may take, unless the address has connect_timeout.
	connectTime = 5 * time.Second
	// transactionTime bounds a transaction.
	transactionTime = 10 * time.Second
)

// sessions are what the server is asked to hold to. What waits for another's lock gives up within the time that the audit
// gives a try; a transaction whose instance has vanished ends soon, so that it keeps nobody waiting for longer.
var sessions = map[string]string{
	"application_name":                    "sumun",
	"client_encoding":                     "UTF8",
	"lock_timeout":                        "1500",
	"idle_in_transaction_session_timeout": "10000",
}

// isPostgres reports whether an address is that of a PostgreSQL database.
func isPostgres(address string) bool {
	return strings.HasPrefix(address, "postgres://") || strings.HasPrefix(address, "postgresql://")
}

// openPostgres prepares the connections to a PostgreSQL database. The address is one of
// libpq's, and what it leaves out is taken from where libpq takes it.
func openPostgres(address string) (*DB, error) {
	c, err := parsePostgres(address)
	if err != nil {
		return nil, err
	}
	c.ConnectTimeout = cmp.Or(c.ConnectTimeout, connectTime)
	dialer := &net.Dialer{
		Timeout:         c.ConnectTimeout,
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 10 * time.Second, Interval: 5 * time.Second, Count: 3},
	}
	c.DialFunc = dialer.DialContext
	for name, value := range sessions {
		if _, told := c.RuntimeParams[name]; !told {
			c.RuntimeParams[name] = value
		}
	}
	db := stdlib.OpenDB(*c)
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(idleConnections)
	db.SetConnMaxIdleTime(idleTime)
	a := &account{c}
	return &DB{
		DB: db, Name: a.String(), dialect: goose.DialectPostgres, options: []goose.ProviderOption{goose.WithSessionLocker(migrationLock{})},
		tx: &sql.TxOptions{Isolation: sql.LevelReadCommitted}, lock: lockWriter, patience: transactionTime,
		// What waits for the server must not outlast its transaction.
		statements: func(ctx context.Context) context.Context { return ctx },
		passing:    isPassing, explain: a.explain, Numbered: true, Durable: true, Batches: []int{256, 32, 8, 1},
	}, nil
}

// parsePostgres reads an address. Who does not say how to encrypt (sslmode) gets a connection to this machine as libpq makes
// it, and to any other one that is encrypted and whose other end is known: never one that falls back to sending in clear.
func parsePostgres(address string) (*pgx.ConnConfig, error) {
	c, err := pgx.ParseConfig(address)
	if err == nil && !strings.Contains(address, "sslmode=") && fallsBack(c) {
		mark := "?"
		if strings.Contains(address, "?") {
			mark = "&"
		}
		c, err = pgx.ParseConfig(address + mark + "sslmode=verify-full")
	}
	if err == nil {
		return c, nil
	}
	if file, ok := errors.AsType[*fs.PathError](err); ok {
		return nil, fmt.Errorf("reading a file that its address names: %w", file)
	}
	// Any other error may name the password.
	return nil, errors.New("its address cannot be understood; write postgres://USER:PASSWORD@HOST:PORT/NAME?sslmode=verify-full, " +
		"with what is special in a password escaped, such as @ as %40")
}

// fallsBack reports whether a connection that leaves this machine may turn out to be in clear where it was to be encrypted, or
// to be with anybody: what sslmode=prefer and allow mean, the first of which is libpq's default.
func fallsBack(c *pgx.ConnConfig) bool {
	encrypted, open := false, false
	for _, to := range slices.Concat(c.Fallbacks, []*pgconn.FallbackConfig{{Host: c.Host, TLSConfig: c.TLSConfig}}) {
		if !isHere(to.Host) {
			encrypted, open = encrypted || to.TLSConfig != nil, open || to.TLSConfig == nil
		}
	}
	return encrypted && open
}

// isHere reports whether a host is this machine: a socket's directory, or a loopback address.
func isHere(host string) bool {
	ip := net.ParseIP(host)
	return strings.HasPrefix(host, "/") || strings.HasPrefix(host, "@") || host == "localhost" || (ip != nil && ip.IsLoopback())
}

// lockSpace is the first half of the numbers of our advisory locks, in ASCII: sumu.
const lockSpace = 0x73756d75

// lockWriter waits for the advisory lock of a writer. It is free again once the transaction is over and seen by all.
func lockWriter(ctx context.Context, tx *sql.Tx, w Writer) error {
	if _, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock($1, $2)`, lockSpace, int32(w)); err != nil {
		return fmt.Errorf("waiting for other instances that write: %w", err)
	}
	return nil
}

// migrationLock has one instance at a time bring the tables up to date.
type migrationLock struct{}

// SessionLock waits for the lock, a minute at most: so long may another instance take.
func (migrationLock) SessionLock(ctx context.Context, conn *sql.Conn) error {
	if _, err := conn.ExecContext(ctx, `SET lock_timeout = '1min'`); err != nil {
		return err
	}
	if _, err := conn.ExecContext(ctx, `SELECT pg_advisory_lock($1, $2)`, lockSpace, int32(writers)); err != nil {
		return fmt.Errorf("waiting for other instances: %w", err)
	}
	return nil
}

// SessionUnlock frees the lock.
func (migrationLock) SessionUnlock(ctx context.Context, conn *sql.Conn) error {
	_, err := conn.ExecContext(ctx, `SELECT pg_advisory_unlock($1, $2)`, lockSpace, int32(writers))
	if err == nil {
		_, err = conn.ExecContext(ctx, `RESET lock_timeout`)
	}
	return err
}

// An account is who asks which server for which database.
type account struct{ *pgx.ConnConfig }

// String names the database without a password.
func (a *account) String() string {
	host := a.Host
	if !strings.HasPrefix(host, "/") {
		host = net.JoinHostPort(host, strconv.Itoa(int(a.Port)))
	}
	return fmt.Sprintf("%s at %s", a.Database, host)
}
