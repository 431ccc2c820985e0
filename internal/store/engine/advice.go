package engine

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// Errors of PostgreSQL by their codes (its documentation, appendix A).
const (
	noPassword    = "28P01"
	noLogin       = "28000"
	noDatabase    = "3D000"
	noSchema      = "3F000"
	notAllowed    = "42501"
	onlyReads     = "25006"
	tooMany       = "53300"
	stopped       = "57P01"
	crashed       = "57P02"
	starting      = "57P03"
	lockTimeout   = "55P03"
	waitedTooLong = "57014"
)

// isPassing reports whether an error may be over at the next try: nobody answers, the server starts or stops, or another
// instance is about to change the tables.
func isPassing(err error) bool {
	if told, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch told.Code {
		case starting, stopped, crashed, tooMany, lockTimeout:
			return true
		}
		return false
	}
	return !isTLS(err)
}

// explain adds to an error what is to be done about it.
func (a *account) explain(err error) error {
	if advice := a.advice(err); advice != "" {
		return fmt.Errorf("%w; %s", err, advice)
	}
	return err
}

func (a *account) advice(err error) string {
	if told, ok := errors.AsType[*pgconn.PgError](err); ok {
		return a.adviceOn(told.Code)
	}
	_, isNet := errors.AsType[net.Error](err)
	switch {
	case isTLS(err) && strings.Contains(err.Error(), "refused TLS"):
		return "switch TLS on at the server, or add sslmode=disable to its address in store if the network between is trusted"
	case isTLS(err):
		return "add sslrootcert=FILE to its address in store, with the certificate of who has signed the server's; sslmode=verify-ca leaves out its name"
	case isNet, errors.Is(err, context.DeadlineExceeded):
		return fmt.Sprintf("see that PostgreSQL runs and that host and port of store are right (%s)", a)
	}
	return ""
}

// adviceOn is what is to be done about an error of the server.
func (a *account) adviceOn(code string) string {
	switch code {
	case noPassword, noLogin:
		return fmt.Sprintf("see that user and password of store are right, and that pg_hba.conf lets %s in", a.User)
	case noDatabase:
		return fmt.Sprintf("make it: CREATE DATABASE %q OWNER %q", a.Database, a.User)
	case noSchema, notAllowed:
		return fmt.Sprintf("let its user make tables: GRANT CREATE, USAGE ON SCHEMA public TO %q", a.User)
	case onlyReads:
		return "name the server that takes writes; with several hosts, add target_session_attrs=read-write to the address in store"
	case tooMany:
		return fmt.Sprintf("raise max_connections: each instance has up to %d", connections)
	case lockTimeout:
		return "another instance holds the tables; try again when it is done"
	}
	return ""
}

// isTLS reports whether an error is about encryption.
func isTLS(err error) bool {
	_, name := errors.AsType[x509.HostnameError](err)
	_, authority := errors.AsType[x509.UnknownAuthorityError](err)
	_, invalid := errors.AsType[x509.CertificateInvalidError](err)
	_, verification := errors.AsType[*tls.CertificateVerificationError](err)
	return name || authority || invalid || verification || strings.Contains(err.Error(), "refused TLS")
}
