package local_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/sumun-mcp/sumun/internal/local"
)

func TestFind(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/healthz" {
			http.NotFound(w, r)
		}
	}))
	p := local.Place{Dir: t.TempDir()}
	if g, err := p.Find(t.Context(), ""); g != nil || err != nil {
		t.Fatalf("found %v, %v where nothing runs", g, err)
	}
	if err := os.WriteFile(filepath.Join(p.Dir, local.KeyName), []byte("k\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	endpoint := server.URL + "/mcp"
	forget, err := p.Announce(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	if g, err := p.Find(t.Context(), ""); err != nil || g == nil || g.URL != endpoint || g.Key != "k" {
		t.Errorf("found %+v, %v", g, err)
	}
	if g, _ := p.Find(t.Context(), "mine"); g == nil || g.Key != "mine" {
		t.Errorf("the user's key is not shown: %+v", g)
	}
	if g := p.At("https://elsewhere.example.com/mcp", ""); g.Key != "" {
		t.Error("the local key is shown to a foreign gateway")
	}
	server.Close()
	if g, err := p.Find(t.Context(), ""); g != nil || err != nil {
		t.Errorf("found %v, %v where a gateway has died", g, err)
	}
	forget()
	if now, err := p.Announced(); now != "" || err != nil {
		t.Errorf("still announced: %q, %v", now, err)
	}
}
