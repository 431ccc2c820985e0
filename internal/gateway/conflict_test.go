package gateway_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
)

// A written is the answer to a read or a write in the dialect.
type written struct {
	Result struct {
		Content  string
		ETag     string
		Revision int64
	}
	Error *struct {
		Data struct {
			Reason, ETag string
			Revision     int64
		}
	}
}

// TestConflict has 32 clients add a line each to one resource, by reading it and writing it back with its etag, until all lines are
// there: every accepted write is in it, and each refused one was told the etag to read and try again with.
func TestConflict(t *testing.T) {
	t.Parallel()
	cfg := speaking(t)
	cfg.Resources = slices.Clone(cfg.Resources)
	for i := range cfg.Resources {
		cfg.Resources[i].Write = cfg.Resources[i].Type != "database"
	}
	g := openWith(t, cfg)
	for _, uri := range []string{"cache://notes/shared", "sumun://file/docs/shared.txt"} {
		ask := func(method, params string) (w written) {
			t.Helper()
			raw := overHTTP(t, g)(`{"jsonrpc":"2.0","id":1,"method":"` + method + `","params":` + params + `}`)
			if err := json.Unmarshal([]byte(raw), &w); err != nil {
				t.Errorf("%s: %v", raw, err)
			}
			return w
		}
		if w := ask("mcp.resource.write", fmt.Sprintf(`{"uri":%q,"content":""}`, uri)); w.Error != nil {
			t.Fatal(w)
		}
		var clients sync.WaitGroup
		var mu sync.Mutex
		refused := 0
		for i := range 32 {
			clients.Go(func() {
				for {
					now := ask("mcp.resource.read", fmt.Sprintf(`{"uri":%q}`, uri))
					content := now.Result.Content + fmt.Sprintf("line %d\n", i)
					text, _ := json.Marshal(content)
					w := ask("mcp.resource.write", fmt.Sprintf(`{"uri":%q,"content":%s,"ifMatch":%q}`, uri, text, now.Result.ETag))
					if w.Error == nil {
						return
					}
					if e := w.Error.Data; e.Reason != "conflict" || e.ETag == "" || e.ETag == now.Result.ETag {
						t.Errorf("a write that came too late is told %+v, having read %s", e, now.Result.ETag)
						return
					}
					mu.Lock()
					refused++
					mu.Unlock()
				}
			})
		}
		clients.Wait()
		last := ask("mcp.resource.read", fmt.Sprintf(`{"uri":%q}`, uri))
		lines := strings.Split(strings.TrimSuffix(last.Result.Content, "\n"), "\n")
		slices.Sort(lines)
		if len(slices.Compact(lines)) != 32 {
			t.Errorf("%s: %d lines are there", uri, len(slices.Compact(lines)))
		}
		t.Logf("%s: 32 writes, %d refused before", uri, refused)
	}
}
