package gateway_test

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/config/offer"
)

// TestReloadOwnTools changes what our own tools offer: a change that cannot be made leaves everything as it was, and the file as
// it was is taken over again.
func TestReloadOwnTools(t *testing.T) {
	t.Parallel()
	cfg := configured(t)
	cfg.Builtin = true
	g := openWith(t, cfg)
	c := g.modernClient("{}")
	works := func(when string) {
		t.Helper()
		if text := c.ask(t, "tools/call", `{"name":"calc.evaluate","arguments":{"expression":"6*7"}}`); !strings.Contains(text, "42") {
			t.Errorf("%s: %s", when, text)
		}
	}
	works("at first")
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.txt"), []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	with := func(root string) *config.Config {
		next := *cfg
		next.Resources = []offer.Resource{{Name: "r", Type: "file", Root: root}}
		return &next
	}
	if err := g.Reload(with(filepath.Join(dir, "absent"))); err == nil {
		t.Error("a directory that is not there was taken over")
	}
	works("after a refused change")
	if err := g.Reload(cfg); err != nil {
		t.Fatal(err)
	}
	works("after the file was mended")
	if err := g.Reload(with(dir)); err != nil {
		t.Fatal(err)
	}
	works("with a directory")
	eventually(t, "the directory is offered", func() bool {
		return strings.Contains(c.ask(t, "tools/call", `{"name":"file.read","arguments":{"path":"a.txt"}}`), "hello")
	})
	off := *cfg
	off.Builtin = false
	if err := g.Reload(&off); err != nil {
		t.Fatal(err)
	}
	if code, _ := fault(c.ask(t, "tools/call", `{"name":"calc.evaluate"}`)); code != -32602 {
		t.Error("our own tools are still offered")
	}
}

// TestReadyAfterReload probes a gate whose configuration changed in nothing that concerns its servers.
func TestReadyAfterReload(t *testing.T) {
	t.Parallel()
	var servers []config.Server
	for _, name := range []string{"a", "b", "c", "d", "e", "f"} {
		s := startPeer(t, false).server(name)
		s.Prefix = name
		servers = append(servers, s)
	}
	cfg := configured(t, servers...)
	g := openWith(t, cfg)
	for range 20 {
		next := *cfg
		if err := g.Reload(&next); err != nil {
			t.Fatal(err)
		}
		resp, err := g.web.Get(strings.TrimSuffix(g.url, "/mcp") + "/readyz")
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Fatalf("%d %s", resp.StatusCode, body)
		}
	}
}
