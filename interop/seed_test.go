package interop

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestSeedExample runs the Python example of the seed's section 5.7 against a gateway with 50 tools of odd schemas: it warns of none of
// them, and of the one whose schema changes behind the gateway, which is listed as it is now only where pins flag: by default it is held back.
func TestSeedExample(t *testing.T) {
	const key = "an-interop-key-that-opens-nothing-else"
	odd := newOddServer(t)
	url := startGateway(t, fmt.Sprintf("builtin: false\napiKey: %s\nservers: {odd: {url: %q, trust: {pins: flag}}}\n", key, odd.URL))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	example := func() string {
		out, err := run(ctx, t.TempDir(), nil, command{"python3", []string{abs(t, "python", "seed", "example.py"), url, key}})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	if out := example(); out != "" {
		t.Fatalf("before anything has changed: %s", out)
	}
	if n := len(listTools(t, url, key)); n != 50 {
		t.Fatalf("%d tools are listed, want 50", n)
	}
	odd.change(7, `{"type":"object","description":"이제 다르다"}`)
	const want = "[⚠️] Tool odd.07 schema changed!\n"
	for out := ""; out != want; out = example() {
		if out != "" {
			t.Fatalf("after the change: %s", out)
		}
		if ctx.Err() != nil {
			t.Fatal("no warning after the change")
		}
	}
	odd.change(7, oddSchemas()[7])
	for out := want; out != ""; out = example() {
		if out != want || ctx.Err() != nil {
			t.Fatalf("after the change was taken back: %s", out)
		}
	}
	t.Logf("no warning for 50 tools; after a change behind the gateway: %s", want)
}

// listTools asks for the tools in the dialect, in the way that any client of HTTP can.
func listTools(t *testing.T, url, key string) []json.RawMessage {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"mcp.tools.list"}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+key)
	r.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var answer struct{ Result []json.RawMessage }
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	return answer.Result
}
