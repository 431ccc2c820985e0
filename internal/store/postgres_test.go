package store_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sumun-mcp/sumun/internal/audit"
	"github.com/sumun-mcp/sumun/internal/pgtest"
	"github.com/sumun-mcp/sumun/internal/store"
)

// secret is the password of tests: no error may have it.
const secret = "hunter2-s3cret"

// certificate makes a certificate of this machine that it has signed itself.
func certificate(t *testing.T) (cert, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"localhost"}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw})
}

// with returns a DSN with that user, and database, and parameters.
func with(t *testing.T, dsn string, user *url.Userinfo, database, query string) string {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	u.User, u.Path, u.RawQuery = user, "/"+database, query
	return u.String()
}

// TestOpenExplains says what to do where a database cannot be opened, and keeps the password to itself.
func TestOpenExplains(t *testing.T) {
	t.Parallel()
	cert, key := certificate(t)
	server := pgtest.Own(t, pgtest.Options{
		Files: map[string][]byte{"cert.pem": cert, "key.pem": key},
		Rules: "host all guarded all scram-sha-256\nhostnossl all encrypted all reject\n",
		Settings: []string{
			"ssl=on", "ssl_cert_file=DIR/cert.pem", "ssl_key_file=DIR/key.pem",
		},
	})
	for _, text := range []string{
		"CREATE ROLE guarded LOGIN PASSWORD '" + secret + "'", "CREATE ROLE encrypted LOGIN", "CREATE DATABASE tables OWNER guarded",
		"CREATE DATABASE encrypted OWNER encrypted", "CREATE DATABASE foreigner",
		"CREATE DATABASE readonly", "ALTER DATABASE readonly SET default_transaction_read_only = on",
	} {
		pgtest.Exec(t, server.DSN, text)
	}
	authority := filepath.Join(t.TempDir(), "authority.pem")
	if err := os.WriteFile(authority, cert, 0o600); err != nil {
		t.Fatal(err)
	}
	plain := pgtest.Database(t, "")
	guarded, test, encrypted := url.UserPassword("guarded", secret), url.User("test"), url.User("encrypted")
	local := strings.Replace(server.DSN, "127.0.0.1", "localhost", 1)
	for name, w := range map[string]struct{ at, says string }{
		"right":            {with(t, server.DSN, guarded, "tables", ""), ""},
		"wrong password":   {with(t, server.DSN, url.UserPassword("guarded", secret+"x"), "tables", ""), "see that user and password of store are right"},
		"no user":          {with(t, server.DSN, url.UserPassword("nobody", secret), "tables", ""), "see that user and password"},
		"no database":      {with(t, server.DSN, guarded, "absent", ""), `CREATE DATABASE "absent" OWNER "guarded"`},
		"not allowed":      {with(t, server.DSN, guarded, "foreigner", ""), "GRANT CREATE, USAGE"},
		"only reads":       {with(t, server.DSN, test, "readonly", ""), "target_session_attrs=read-write"},
		"nobody there":     {"postgres://u:" + secret + "@127.0.0.1:1/x", "see that PostgreSQL runs"},
		"no such host":     {"postgres://u:" + secret + "@host.invalid/x", "see that PostgreSQL runs"},
		"no port":          {"postgres://u:" + secret + "@host:port/x", "write postgres://USER:PASSWORD@HOST"},
		"bad password":     {"postgres://u:" + secret + "/@host/x", "write postgres://USER:PASSWORD@HOST"},
		"bad mode":         {"postgres://u:" + secret + "@host/x?sslmode=maybe", "write postgres://USER:PASSWORD@HOST"},
		"no authority":     {with(t, local, encrypted, "encrypted", "sslmode=verify-full"), "add sslrootcert=FILE"},
		"authority absent": {with(t, local, encrypted, "encrypted", "sslrootcert=absent.pem"), "absent.pem"},
		"another name":     {with(t, server.DSN, encrypted, "encrypted", "sslmode=verify-full&sslrootcert="+authority), "add sslrootcert=FILE"},
		"known":            {with(t, local, encrypted, "encrypted", "sslmode=verify-full&sslrootcert="+authority), ""},
		"whatever name":    {with(t, server.DSN, encrypted, "encrypted", "sslmode=verify-ca&sslrootcert="+authority), ""},
		"encrypted":        {with(t, server.DSN, encrypted, "encrypted", "sslmode=require"), ""},
		"in clear":         {with(t, server.DSN, encrypted, "encrypted", "sslmode=disable"), "pg_hba.conf"},
		"no TLS":           {strings.Replace(plain, "sslmode=disable", "sslmode=require", 1), "sslmode=disable"},
		"one that writes":  {with(t, server.DSN, test, "postgres", "sslmode=require&target_session_attrs=read-write"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := store.Open(t.Context(), w.at)
			if err == nil {
				s.Close()
			}
			switch {
			case (err == nil) != (w.says == ""), err != nil && !strings.Contains(err.Error(), w.says):
				t.Errorf("%v, want %q", err, w.says)
			case err != nil && strings.Contains(err.Error(), secret):
				t.Errorf("the password is in it: %v", err)
			}
			t.Log(err)
		})
	}
}

// TestNewer refuses tables that a newer version has changed, and changes nothing.
func TestNewer(t *testing.T) {
	engines(t, func(t *testing.T, at string) {
		t.Helper()
		open(t, at).Close()
		if _, err := direct(t, at).ExecContext(t.Context(), `INSERT INTO goose_db_version (version_id, is_applied) VALUES (900, $1)`, true); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if _, err := store.Open(t.Context(), at); err == nil || !strings.Contains(err.Error(), "a newer version of sumun") {
			t.Errorf("opened, %v", err)
		}
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("that took %v", took)
		}
	})
}

// TestLaterStep makes a step whose number is lower than that of one that was made before.
func TestLaterStep(t *testing.T) {
	engines(t, func(t *testing.T, at string) {
		t.Helper()
		open(t, at).Close()
		db := direct(t, at)
		for _, text := range []string{"DROP TABLE thing_use", "DELETE FROM goose_db_version WHERE version_id = 14"} {
			if _, err := db.ExecContext(t.Context(), text); err != nil {
				t.Fatal(err)
			}
		}
		if all, err := open(t, at).Usage(t.Context()); err != nil || len(all) > 0 {
			t.Errorf("%v, %v", all, err)
		}
	})
}

// A cutter is a proxy before a server that cuts connections at a commit.
type cutter struct {
	net.Listener

	to string
	// before and after are how many commits are still to be cut before the server gets them, and before its answer comes.
	before, after atomic.Int32
}

// cut starts a cutter before a server, and returns the DSN through it.
func cut(t *testing.T, dsn string) (*cutter, string) {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cutter{Listener: listener, to: u.Host}
	u.Host = listener.Addr().String()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go c.pass(client)
		}
	}()
	t.Cleanup(func() {
		listener.Close()
		<-done
	})
	return c, u.String()
}

func (c *cutter) pass(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", c.to)
	if err != nil {
		return
	}
	defer server.Close()
	var deaf atomic.Bool
	go func() {
		defer client.Close()
		b := make([]byte, 64<<10)
		for {
			n, err := server.Read(b)
			if err != nil || deaf.Load() {
				return
			}
			client.Write(b[:n])
		}
	}()
	b := make([]byte, 64<<10)
	for {
		n, err := client.Read(b)
		if err != nil {
			return
		}
		if bytes.Contains(b[:n], []byte("commit\x00")) {
			if c.before.Add(-1) >= 0 {
				return
			}
			if c.after.Add(-1) >= 0 {
				deaf.Store(true)
			}
		}
		server.Write(b[:n])
	}
}

// TestCommitUnanswered breaks the connection around a commit and gives the rows again, and more: each is stored once.
func TestCommitUnanswered(t *testing.T) {
	at := pgtest.Database(t, "")
	c, through := cut(t, at)
	s, other := open(t, through), open(t, at)
	n, want := 0, []string{}
	fresh := func(size int) (rows []audit.Row) {
		for range size {
			n++
			rows = append(rows, audit.Row{Body: fmt.Appendf(nil, `{"n":%d}`, n), Salt: []byte{byte(n)}})
		}
		return rows
	}
	for round := range 40 {
		rows := fresh(1 + round%5)
		c.before.Store(int32(round % 3))
		c.after.Store(int32(round / 3 % 3))
		failed := 0
		for {
			err := s.AppendRecords(t.Context(), rows)
			if err == nil {
				break
			}
			if failed++; failed > 10 {
				t.Fatal(err)
			}
			if round%2 == 0 {
				rows = append(rows, fresh(round%3)...)
			}
			if round%4 == 1 { // another instance writes between
				between := audit.Row{Body: fmt.Appendf(nil, `{"between":%d.%d}`, round, failed)}
				if err := other.AppendRecords(t.Context(), []audit.Row{between}); err != nil {
					t.Fatal(err)
				}
			}
		}
		if tries := round%3 + round/3%3; failed != tries {
			t.Errorf("round %d failed %d times, not %d", round, failed, tries)
		}
	}
	for i := range n {
		want = append(want, fmt.Sprintf(`{"n":%d}`, i+1))
	}
	var got []string
	for _, body := range bodies(t, other) {
		if !strings.Contains(body, "between") {
			got = append(got, body)
		}
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("%d records of %d: %s", len(got), len(want), got)
	}
}

// TestServerAway stops the server under load, or kills it: calls are refused while it is away and go on soon after it is back,
// and each call that was let in is on record once.
func TestServerAway(t *testing.T) {
	server := pgtest.Own(t, pgtest.Options{})
	s := open(t, server.DSN)
	log := audit.New(t.Context(), audit.Options{Sink: s, Keeping: audit.Keeping{Payloads: audit.Hash}, Log: quiet(t)})
	handler := log.Middleware(passes)
	var done, stopped atomic.Int64
	var over atomic.Bool
	callers := startCallers(t, handler, &over, &done)
	for round, away := range []func(){server.Down, server.Kill, server.Down, server.Kill} {
		until(t, 5*time.Second, "calls go on", func() bool { return done.Load() > stopped.Load()+200 })
		away()
		until(t, 5*time.Second, "calls are refused", log.Failing)
		stopped.Store(done.Load())
		if err := server.Up(); err != nil {
			t.Fatal(err)
		}
		back := time.Now()
		until(t, 10*time.Second, "calls are served again", func() bool { return done.Load() > stopped.Load()+100 })
		if took := time.Since(back); took > 2500*time.Millisecond {
			t.Errorf("round %d: calls are served again after %v", round, took)
		}
	}
	over.Store(true)
	callers.Wait()
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, body := range bodies(t, s) {
		id, _, _ := strings.Cut(body[strings.Index(body, `"id":"`)+6:], `"`)
		if seen[id] {
			t.Errorf("%s is there twice", id)
		}
		seen[id] = true
	}
	if int64(len(seen)) != done.Load() {
		t.Errorf("%d records of %d calls", len(seen), done.Load())
	}
}

// until waits for something.
func until(t *testing.T, patience time.Duration, what string, is func() bool) {
	t.Helper()
	for began := time.Now(); !is(); time.Sleep(2 * time.Millisecond) {
		if time.Since(began) > patience {
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

// TestVanished kills an instance in the middle of a transaction that holds the lock: another one goes on.
func TestVanished(t *testing.T) {
	at := pgtest.Database(t, "")
	s := open(t, at)
	conn, err := direct(t, at).Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"BEGIN", "SELECT pg_advisory_xact_lock(1937075573, 1)"} {
		if _, err := conn.ExecContext(t.Context(), text); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	row := []audit.Row{{Body: []byte(`{}`)}}
	if err := s.AppendRecords(ctx, row); err == nil || !strings.Contains(err.Error(), "other instances") {
		t.Errorf("written beside another, %v", err)
	}
	conn.Raw(func(any) error { return net.ErrClosed }) // the process is gone, its connection with it
	conn.Close()
	if _, err := direct(t, at).ExecContext(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'`); err != nil {
		t.Fatal(err)
	}
	if err := s.AppendRecords(t.Context(), row); err != nil {
		t.Error(err)
	}
	if got := bodies(t, s); len(got) != 1 {
		t.Errorf("%d records", len(got))
	}
}
