//go:build unix

package main

import (
	"context"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sumun-mcp/sumun/internal/pgtest"
)

// in runs a verb in the directory of a gateway and returns what it prints on standard output.
func (v *victim) in(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sumun", append(args, "--dir", v.dir)...)
	cmd.Env = append(os.Environ(), "HOME="+v.dir)
	var told strings.Builder
	cmd.Stderr = &told
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("sumun %s: %v\n%s", strings.Join(args, " "), err, told.String())
	}
	return strings.TrimSpace(string(out))
}

// configure writes the mcp.yaml of a gateway.
func (v *victim) configure(t *testing.T, store, more string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(v.dir, "mcp.yaml"), []byte("listen: 127.0.0.1:0\nstore: "+store+"\n"+more), 0o600); err != nil {
		t.Fatal(err)
	}
}

// quit ends a gateway.
func (v *victim) quit(t *testing.T) {
	t.Helper()
	_ = v.cmd.Process.Signal(os.Interrupt)
	if err := v.exits(t, 15*time.Second); err != nil {
		t.Error(err)
	}
}

// evaluate calls a tool of the gateway's own with a key.
func (v *victim) evaluate(ctx context.Context, key string) (string, error) {
	const body = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"calc.evaluate","arguments":{"expression":"6*7"}}}`
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, v.url, strings.NewReader(body))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json, text/event-stream")
	req.Header.Set("Authorization", "Bearer "+key)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	return string(answer), err
}

// TestCopied moves a gateway from SQLite to PostgreSQL: its keys hold, the record goes on under the same seal.
func TestCopied(t *testing.T) {
	t.Parallel()
	database := pgtest.Database(t, "")
	v := &victim{dir: t.TempDir(), notes: t.TempDir(), ended: make(chan error, 1)}
	v.configure(t, "sqlite:.sumun/sumun.db", "")
	key := v.in(t, "key", "create", "--name", "ci", "--scope", "*")
	v.start(t)
	for range 30 {
		if answer, err := v.evaluate(t.Context(), key); err != nil || !strings.Contains(answer, "42") {
			t.Fatal(answer, err)
		}
	}
	v.quit(t)
	v.configure(t, database, "")
	told := v.in(t, "db", "copy", "--from", "sqlite:.sumun/sumun.db", "--json")
	if !strings.Contains(told, `"table": "access_key"`) || strings.Contains(told, "test@") {
		t.Errorf("it tells %s", told)
	}
	before := v.in(t, "audit", "verify", "--json")
	next := v.again(t)
	if answer, err := next.evaluate(t.Context(), key); err != nil || !strings.Contains(answer, "42") {
		t.Errorf("with the key from before: %s, %v", answer, err)
	}
	next.quit(t)
	if n, uses := v.in(t, "audit", "search", "caller=ci", "--json"), v.in(t, "key", "list"); strings.Count(n, `"calc.evaluate"`) != 31 || !strings.Contains(uses, "31") {
		t.Errorf("on record: %s\nkeys: %s", n, uses)
	}
	if after := v.in(t, "audit", "verify", "--json"); !strings.Contains(before, `"faults": []`) || !strings.Contains(after, `"faults": []`) {
		t.Errorf("verified before: %s\nafter: %s", before, after)
	}
	if status := v.in(t, "db", "status"); !strings.Contains(status, "PostgreSQL") || !strings.Contains(status, "up to date") {
		t.Errorf("status %s", status)
	}
}

// A tally counts what becomes of the calls of those who hold a key.
type tally struct {
	over                        atomic.Bool
	answered, unknown, unstored atomic.Int64
	other                       atomic.Pointer[string]
	callers                     sync.WaitGroup
}

func (c *tally) on(ctx context.Context, v *victim, key string) {
	for range 4 {
		c.callers.Go(func() {
			for !c.over.Load() {
				answer, err := v.evaluate(ctx, key)
				switch {
				case err != nil:
					answer = err.Error()
					c.other.Store(&answer)
				case strings.Contains(answer, "42"):
					c.answered.Add(1)
				case strings.Contains(answer, "whether the key still holds cannot be told"):
					c.unknown.Add(1)
				case strings.Contains(answer, "the audit record cannot be written, so nothing is done"),
					strings.Contains(answer, "the audit record of this call is not stored, so its answer is withheld"):
					c.unstored.Add(1)
				default:
					c.other.Store(&answer)
				}
				time.Sleep(2 * time.Millisecond)
			}
		})
	}
}

// TestAway takes the database away under load, twice: with a grace for known keys and without one. Calls are refused with what is wrong
// while it is away, and answered again within two seconds of its return. Each answered one is on record, which verifies.
func TestAway(t *testing.T) {
	t.Parallel()
	for _, grace := range []string{"0s", "3s"} {
		t.Run(grace, func(t *testing.T) {
			t.Parallel()
			server := pgtest.Own(t, pgtest.Options{Durable: true})
			v := &victim{dir: t.TempDir(), notes: t.TempDir(), ended: make(chan error, 1)}
			v.configure(t, server.DSN, "keyGrace: "+grace+"\naudit: {durability: sync}\n")
			key := v.in(t, "key", "create", "--name", "ci", "--scope", "*")
			v.start(t)
			c := &tally{}
			c.on(t.Context(), v, key)
			wait(t, "calls are answered", func() bool { return c.answered.Load() > 200 })
			server.Kill()
			gone := time.Now()
			time.Sleep(300 * time.Millisecond) // those in flight wait for their records
			late := &tally{}
			late.on(t.Context(), v, key)
			wait(t, "known keys do not work any more", func() bool { return late.unknown.Load() > 20 })
			took := time.Since(gone)
			if bound, err := time.ParseDuration(grace); err != nil || took < bound || took > bound+4*time.Second {
				t.Errorf("keys are refused after %v with a grace of %s", took, grace)
			}
			if err := server.Up(); err != nil {
				t.Fatal(err)
			}
			back, before := time.Now(), c.answered.Load()
			wait(t, "calls are answered again", func() bool { return c.answered.Load() > before })
			if took := time.Since(back); took > 2*time.Second {
				t.Errorf("calls are answered %v after the return", took)
			}
			wait(t, "many calls are answered again", func() bool { return c.answered.Load() > before+100 })
			for _, each := range []*tally{c, late} {
				each.over.Store(true)
				each.callers.Wait()
				if other := each.other.Load(); other != nil {
					t.Errorf("a call ended with %s", *other)
				}
			}
			if c.unstored.Load()+late.unstored.Load() == 0 {
				t.Error("no call was refused for its record")
			}
			v.quit(t)
			checkRecord(t, v, c.answered.Load()+late.answered.Load())
		})
	}
}

// checkRecord wants each answered call on record, which verifies.
func checkRecord(t *testing.T, v *victim, answered int64) {
	t.Helper()
	if told := v.in(t, "audit", "verify", "--json"); !strings.Contains(told, `"faults": []`) {
		t.Errorf("verify: %s", told)
	}
	if n := int64(strings.Count(v.in(t, "audit", "search", "name=calc.evaluate", "outcome=ok", "--limit", "0", "--json"), `"calc.evaluate"`)); n < answered {
		t.Errorf("%d calls were answered, %d are on record", answered, n)
	}
}

// TestFull fills the disk under a SQLite store: calls are refused with what is wrong, and answered again once there is room.
func TestFull(t *testing.T) {
	t.Parallel()
	if os.Getenv(pgtest.Variable) == "" {
		t.Skipf("is one of the suite with databases; set %s=start", pgtest.Variable)
	}
	v := &victim{dir: t.TempDir(), notes: t.TempDir(), ended: make(chan error, 1)}
	state := filepath.Join(v.dir, ".sumun")
	if err := os.Mkdir(state, 0o700); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), "mount", "-t", "tmpfs", "-o", "size=8m,mode=700", "tmpfs", state).CombinedOutput(); err != nil {
		t.Skipf("needs a disk that can be filled: mount: %v: %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.CommandContext(context.WithoutCancel(t.Context()), "umount", state).CombinedOutput(); err != nil {
			t.Errorf("umount: %v: %s", err, out)
		}
	})
	v.configure(t, "sqlite:.sumun/sumun.db", "audit: {durability: sync}\n")
	key := v.in(t, "key", "create", "--name", "ci", "--scope", "*")
	v.start(t)
	c := &tally{}
	c.on(t.Context(), v, key)
	wait(t, "calls are answered", func() bool { return c.answered.Load() > 100 })
	ballast, err := os.Create(filepath.Join(state, "ballast"))
	if err != nil {
		t.Fatal(err)
	}
	for chunk := make([]byte, 4096); err == nil; _, err = ballast.Write(chunk) {
	}
	ballast.Close()
	wait(t, "calls are refused", func() bool { return c.unstored.Load() > 20 })
	if err := os.Remove(ballast.Name()); err != nil {
		t.Fatal(err)
	}
	back, before := time.Now(), c.answered.Load()
	wait(t, "calls are answered again", func() bool { return c.answered.Load() > before })
	if took := time.Since(back); took > 2*time.Second {
		t.Errorf("calls are answered %v after there is room", took)
	}
	c.over.Store(true)
	c.callers.Wait()
	if other := c.other.Load(); other != nil {
		t.Errorf("a call ended with %s", *other)
	}
	v.quit(t)
	checkRecord(t, v, c.answered.Load())
}
