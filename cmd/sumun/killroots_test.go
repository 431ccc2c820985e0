//go:build unix

package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// say makes a request in the mcp.* dialect with the key local, and returns the answer; empty if there is none.
func (v *victim) say(method, params string) string {
	key, err := os.ReadFile(filepath.Join(v.dir, ".sumun", "local.key"))
	if err != nil {
		return ""
	}
	body := fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":%q,"params":%s}`, method, params)
	req, err := http.NewRequest(http.MethodPost, v.url, strings.NewReader(body))
	if err != nil {
		return ""
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(key)))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return ""
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return ""
	}
	return string(answer)
}

// TestKilledKeepsRoots kills a gateway (SIGKILL) while 16 clients make, change and close roots: the next one knows all that
// was answered, and the routing that was set.
func TestKilledKeepsRoots(t *testing.T) {
	t.Parallel()
	v := startVictim(t, "")
	policy := v.say("mcp.routing.set", `{"policy":{"p.*":{"targets":[{"server":"p"}],"timeout":"7s"}}}`)
	if !strings.Contains(policy, `"result"`) {
		t.Fatalf("the routing is not set: %s", policy)
	}
	var mu sync.Mutex
	said := map[string]int{} // how many updates of each root were answered, -1 for closed
	var writing sync.WaitGroup
	for w := range 16 {
		writing.Go(func() {
			for i := 0; v.writes(fmt.Sprintf("w%d-%d", w, i), i%3 == 0, func(id string, n int) {
				mu.Lock()
				defer mu.Unlock()
				said[id] = n
			}); i++ {
				continue
			}
		})
	}
	wait(t, "50 roots", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(said) >= 50
	})
	if err := v.cmd.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = v.exits(t, 15*time.Second)
	writing.Wait()

	next := v.again(t)
	if got := next.say("mcp.routing.get", `{}`); !strings.Contains(got, `"7s"`) {
		t.Errorf("the routing is %s", got)
	}
	for id, n := range said {
		got := next.say("mcp.sampling.get", `{"context":{"rootId":"`+id+`","path":"a/b"}}`)
		var now int
		if _, topK, ok := strings.Cut(got, `"topK":`); ok {
			_, _ = fmt.Sscan(topK, &now)
		}
		if closed := strings.Contains(got, "root closed"); !closed && (n < 0 || now < n || !strings.Contains(got, `"temperature":0.5`)) {
			t.Errorf("%s, of which %d was answered, is %s", id, n, got)
		}
	}
	if err := next.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := next.exits(t, 15*time.Second); err != nil {
		t.Errorf("the gateway ended with %v", err)
	}
}

// writes makes a root, changes it, and closes it if that is wanted; said is told what was answered. It reports false when
// the gateway answers no more.
func (v *victim) writes(id string, closes bool, said func(id string, n int)) bool {
	if !strings.Contains(v.say("mcp.root.create", `{"rootId":"`+id+`","sampling":{"temperature":0.5}}`), `"result"`) {
		return false
	}
	said(id, 0)
	for n := range 3 {
		if !strings.Contains(v.say("mcp.sampling.update", fmt.Sprintf(`{"context":{"rootId":%q,"path":"a"},"topK":%d}`, id, n+1)), `"result"`) {
			return false
		}
		said(id, n+1)
	}
	if closes {
		if !strings.Contains(v.say("mcp.root.close", `{"rootId":"`+id+`"}`), `"result"`) {
			return false
		}
		said(id, -1)
	}
	return true
}
