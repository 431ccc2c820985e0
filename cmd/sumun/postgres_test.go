//go:build unix

package main

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sumun-mcp/sumun/internal/pgtest"
	"github.com/sumun-mcp/sumun/internal/store"
)

// startShared starts a gateway whose state is in a database.
func startShared(t *testing.T, database string, state map[string][]byte) *victim {
	t.Helper()
	v := &victim{dir: t.TempDir(), notes: t.TempDir(), ended: make(chan error, 1)}
	config := "listen: 127.0.0.1:0\nanonymous: true\nstore: " + database + "\nservers:\n  p:\n    command: peer\n    sandbox: none\n    args: [" + v.notes + "]\n" +
		"    env: {GORACE: atexit_sleep_ms=0}\n    tools: {timeout: 0s}\n"
	if err := os.WriteFile(filepath.Join(v.dir, "mcp.yaml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, content := range state { // what instances with one store share
		if err := os.MkdirAll(filepath.Join(v.dir, ".sumun"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(v.dir, ".sumun", name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	v.start(t)
	return v
}

// A load is callers that count what becomes of their calls.
type load struct {
	over              atomic.Bool
	answered, refused atomic.Int64
	other             atomic.Pointer[string]
	callers           sync.WaitGroup
}

// on has callers call a gateway until it is over.
func (l *load) on(v *victim) {
	for c := range 3 {
		l.callers.Go(func() {
			for !l.over.Load() {
				switch answer, err := v.call("p.echo", c%2 == 0); {
				case err != nil:
					return // it was killed
				case strings.Contains(answer, `"result"`):
					l.answered.Add(1)
				case strings.Contains(answer, "the audit record cannot be written, so nothing is done"):
					l.refused.Add(1)
				default:
					l.other.Store(&answer)
				}
				time.Sleep(time.Millisecond)
			}
		})
	}
}

// numbers returns how many calls of the peer are on record, which has no gap.
func numbers(t *testing.T, database string) int64 {
	t.Helper()
	s, err := store.Open(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	last, calls := int64(0), int64(0)
	ids := map[string]bool{}
	for row, err := range s.Records(t.Context(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		if last++; row.Seq != last {
			t.Fatalf("record %d has number %d", last, row.Seq)
		}
		_, id, isCall := strings.Cut(string(row.Body), `"id":"`)
		if !isCall || strings.Contains(string(row.Body), `"event":`) { // such as that a gateway has started, or an alert, which each of them raises
			continue
		}
		if id, _, _ = strings.Cut(id, `"`); ids[id] {
			t.Errorf("call %s is on record twice", id)
		}
		ids[id] = true
		if strings.Contains(string(row.Body), `"name":"p.echo"`) && !strings.Contains(string(row.Body), "unavailable") {
			calls++
		}
	}
	return calls
}

// TestShared has two gateways work with one PostgreSQL database, kills one and starts it again, and takes the database away: calls are
// refused until it is back, and each one that was answered is on record once, but for what the killed one had not stored.
func TestShared(t *testing.T) {
	t.Parallel()
	server := pgtest.Own(t, pgtest.Options{Rules: "host all gate all scram-sha-256\n"})
	const password = "hunter2-s3cret"
	for _, text := range []string{"CREATE ROLE gate LOGIN PASSWORD '" + password + "'", "CREATE DATABASE gate OWNER gate"} {
		pgtest.Exec(t, server.DSN, text)
	}
	database := strings.NewReplacer("test@", "gate:"+password+"@", "/postgres?", "/gate?").Replace(server.DSN)
	one := startShared(t, database, nil)
	key, err := os.ReadFile(filepath.Join(one.dir, ".sumun", "sumun.audit.key"))
	if err != nil {
		t.Fatal(err)
	}
	two := startShared(t, database, map[string][]byte{"sumun.audit.key": key})
	all := &load{}
	all.on(one)
	all.on(two)
	wait(t, "calls are answered", func() bool { return all.answered.Load() > 300 })
	if err := two.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = two.exits(t, 5*time.Second)
	two = two.again(t)
	all.on(two)
	for range 2 {
		before := all.answered.Load()
		wait(t, "calls are answered", func() bool { return all.answered.Load() > before+300 })
		server.Kill()
		refused := all.refused.Load()
		wait(t, "calls are refused", func() bool { return all.refused.Load() > refused+100 })
		if err := server.Up(); err != nil {
			t.Fatal(err)
		}
		back, before := time.Now(), all.answered.Load()
		wait(t, "calls are answered again", func() bool { return all.answered.Load() > before+300 })
		if took := time.Since(back); took > 4*time.Second {
			t.Errorf("the gateways serve again after %v", took)
		}
	}
	all.over.Store(true)
	all.callers.Wait()
	for _, v := range []*victim{one, two} {
		_ = v.cmd.Process.Signal(os.Interrupt)
		if err := v.exits(t, 15*time.Second); err != nil {
			t.Error(err)
		}
		if strings.Contains(v.log.String(), password) {
			t.Errorf("the password is in the log")
		}
		if _, err := os.Stat(filepath.Join(v.dir, ".sumun", "local.key")); err != nil {
			t.Error(err)
		}
	}
	if other := all.other.Load(); other != nil {
		t.Errorf("a call ended with %s", *other)
	}
	// The killed gateway may have answered what it had not stored for 50 ms.
	if n, want := numbers(t, database), all.answered.Load(); n > want+10 || n < want-200 {
		t.Errorf("%d calls on record, %d answered", n, want)
	}
}
