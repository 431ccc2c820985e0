//go:build unix

package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sumun-mcp/sumun/internal/pgtest"
	"github.com/sumun-mcp/sumun/internal/store"
)

// TestKilledOften kills a gateway under load, again and again: whatever it has answered is on record, or, with
// durability: batch, whatever it has answered more than a second before; and the log verifies, also with the checkpoints that were kept
// from each of its lives.
func TestKilledOften(t *testing.T) {
	if os.Getenv("SUMUN_TEST_SLOW") == "" {
		t.Skip("takes a minute; make slow runs it (SUMUN_TEST_SLOW=1)")
	}
	for _, tt := range []struct {
		durability string
		lives      int
		life, late time.Duration
		postgres   bool
	}{
		{"sync", 50, 100 * time.Millisecond, 0, false},
		{"batch", 8, 1500 * time.Millisecond, time.Second, false},
		{"sync", 10, 100 * time.Millisecond, 0, true},
	} {
		t.Run(fmt.Sprintf("%s/postgres=%v", tt.durability, tt.postgres), func(t *testing.T) {
			v := &victim{dir: t.TempDir(), notes: t.TempDir(), ended: make(chan error, 1)}
			at := "sqlite:" + filepath.Join(v.dir, ".sumun", "sumun.db")
			if tt.postgres {
				at = pgtest.Database(t, "")
			}
			config := fmt.Sprintf("listen: 127.0.0.1:0\nanonymous: true\nstore: %q\naudit: {durability: %s, checkpoint: 20ms, payloads: full}\n", at, tt.durability)
			if err := os.WriteFile(filepath.Join(v.dir, "mcp.yaml"), []byte(config), 0o600); err != nil {
				t.Fatal(err)
			}
			v.start(t)
			answered := map[string]bool{}
			verify := []string{"audit", "verify", "--dir", v.dir}
			for life := range tt.lives {
				if life > 0 {
					v = v.again(t)
				}
				for _, what := range v.underLoad(t, life, tt.life, tt.late) {
					answered[what] = true
				}
				kept := filepath.Join(v.notes, fmt.Sprint("kept", life))
				if note, err := os.ReadFile(filepath.Join(v.dir, ".sumun", "sumun.audit.checkpoint")); err == nil && os.WriteFile(kept, note, 0o600) == nil {
					verify = append(verify, "--since", kept)
				}
			}
			_ = os.Remove(filepath.Join(v.dir, ".sumun", "endpoint"))
			said, err := exec.Command("sumun", verify...).CombinedOutput()
			if err != nil {
				t.Errorf("%v: %s", err, said)
			}
			t.Logf("%d answers in %d lives; %s", len(answered), tt.lives, said)
			v.forget(t, at, answered)
			for what := range answered {
				t.Errorf("answered, and not on record: %s (and %d more)", what, len(answered)-1)
				break
			}
		})
	}
}

// underLoad has 16 callers call a gateway for a while, kills it, and returns what it was asked and has answered until some time before.
func (v *victim) underLoad(t *testing.T, life int, lasts, before time.Duration) []string {
	t.Helper()
	type answer struct {
		what string
		at   time.Time
	}
	var mu sync.Mutex
	var all []answer
	var callers sync.WaitGroup
	for caller := range 16 {
		callers.Go(func() {
			for i := 0; ; i++ {
				what := fmt.Sprintf("%d+%d+%d", life, caller, i)
				if !v.evaluates(what) {
					return
				}
				mu.Lock()
				all = append(all, answer{what, time.Now()})
				mu.Unlock()
			}
		})
	}
	time.Sleep(lasts)
	for begun := time.Now(); time.Since(begun) < 20*time.Second; time.Sleep(time.Millisecond) { // a busy machine may take longer
		mu.Lock()
		enough := len(all) > 0 && time.Since(all[0].at) > before+time.Millisecond
		mu.Unlock()
		if enough {
			break
		}
	}
	killed := time.Now()
	_ = v.cmd.Process.Kill()
	_ = v.exits(t, 5*time.Second)
	callers.Wait()
	var kept []string
	for _, a := range all {
		if before == 0 || killed.Sub(a.at) > before {
			kept = append(kept, a.what)
		}
	}
	if len(kept) == 0 {
		t.Errorf("life %d: nothing was answered: %s", life, v.log.String())
	}
	return kept
}

// evaluates has a gateway evaluate an expression, and reports whether it has answered.
func (v *victim) evaluates(expression string) bool {
	body := `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"calc.evaluate","arguments":{"expression":"` + expression + `"}}}`
	req, err := http.NewRequest(http.MethodPost, v.url, strings.NewReader(body))
	if err != nil {
		return false
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json, text/event-stream")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	return err == nil && strings.Contains(string(answer), `"result"`)
}

// forget deletes what is on record from a set of expressions.
func (v *victim) forget(t *testing.T, at string, expressions map[string]bool) {
	t.Helper()
	s, err := store.Open(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for row, err := range s.Records(t.Context(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		_, rest, _ := strings.Cut(string(row.Arguments), `"expression":"`)
		what, _, _ := strings.Cut(rest, `"`)
		delete(expressions, what)
	}
}
