package chaperon

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
)

// TestRunning finds a gateway among those that have announced themselves, also if others have ended without a word.
func TestRunning(t *testing.T) {
	state := t.TempDir()
	if Running(t.Context(), state, "") != nil {
		t.Error("found one where there is none")
	}
	alive := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer alive.Close()
	for name, text := range map[string]string{filepath.Join(folder, "1", "endpoint"): "http://127.0.0.1:1/mcp\n", "local.key": "the-key\n"} {
		file := filepath.Join(state, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	forget, err := Announce(state, alive.URL+"/mcp")
	if err != nil {
		t.Fatal(err)
	}
	g := Running(t.Context(), state, "")
	if g == nil || g.URL != alive.URL+"/mcp" || g.Key != "the-key" {
		t.Fatalf("found %+v", g)
	}
	if g := Running(t.Context(), state, "mine"); g == nil || g.Key != "mine" {
		t.Errorf("with a key of the user's: %+v", g)
	}
	forget()
	if g := Running(t.Context(), state, ""); g != nil {
		t.Errorf("found %s, which is gone", g.URL)
	}
}
