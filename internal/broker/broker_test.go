package broker

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sumun-mcp/sumun/internal/alert"
	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/exchange"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/registry"
	"github.com/sumun-mcp/sumun/trust"
)

func entry(t *testing.T, server string) *exchange.Entry {
	t.Helper()
	r := exchange.Record{Server: json.RawMessage(server)}
	s, err := r.Decode()
	if err != nil {
		t.Fatal(err)
	}
	e, err := s.Entry("", false)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// TestInsert puts a server first below servers, in whatever way they are written, and leaves every other byte as it was.
func TestInsert(t *testing.T) {
	e := entry(t, `{"name":"io.x/r","remotes":[{"type":"streamable-http","url":"https://h/mcp"}]}`)
	for name, tt := range map[string]struct{ before, after, wrong string }{
		"nothing":        {"", "servers:\n  r:\n    url: https://h/mcp\n", ""},
		"no servers":     {"listen: 127.0.0.1:0", "listen: 127.0.0.1:0\nservers:\n  r:\n    url: https://h/mcp\n", ""},
		"empty":          {"servers: {}  # none\n", "servers: # none\n  r:\n    url: https://h/mcp\n", ""},
		"null":           {"servers:\nlisten: 127.0.0.1:0\n", "servers:\n  r:\n    url: https://h/mcp\nlisten: 127.0.0.1:0\n", ""},
		"indented":       {"servers:\n\n    # one\n    a: {command: x}\n", "servers:\n    r:\n      url: https://h/mcp\n\n    # one\n    a: {command: x}\n", ""},
		"hosts' own key": {"mcpServers:\n  a: {command: x}\n", "mcpServers:\n  r:\n    url: https://h/mcp\n  a: {command: x}\n", ""},
		"on one line":    {"servers: {a: {command: x}}\n", "", "on one line"},
		"there already":  {"servers:\n  r: {command: x}\n", "", "has a server r already"},
		"broken":         {"servers:\n  a: {commnd: x}\n", "", "would not hold"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := insert("mcp.yaml", t.TempDir(), []byte(tt.before), e)
			if tt.wrong != "" {
				if err == nil || !strings.Contains(err.Error(), tt.wrong) {
					t.Errorf("%s, %v", got, err)
				}
				return
			}
			if diff := cmp.Diff(tt.after, string(got)); err != nil || diff != "" {
				t.Errorf("%v %s", err, diff)
			}
		})
	}
}

// TestReplace keeps links and the rights of a file.
func TestReplace(t *testing.T) {
	dir := t.TempDir()
	file, link := filepath.Join(dir, "real.yaml"), filepath.Join(dir, "mcp.yaml")
	if err := os.WriteFile(file, []byte("a"), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(file, link); err != nil {
		t.Skipf("this file system has no symbolic links, through which a file is replaced: %v", err)
	}
	if err := replace(link, []byte("b")); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(file)
	text, _ := os.ReadFile(file)
	if at, _ := os.Readlink(link); err != nil || info.Mode().Perm() != 0o640 || string(text) != "b" || at != file {
		t.Errorf("%v, %q, link to %s", info.Mode(), text, at)
	}
}

// empty is the store of a registry that knows no server.
type empty struct{ registry.Store }

// Registry returns no entries.
func (empty) Registry(context.Context, int64) (registry.Snapshot, bool, error) {
	return registry.Snapshot{Revision: 1}, true, nil
}

// TestCounter serves to those who may know, with our verdict, what the registry and the copies have.
func TestCounter(t *testing.T) {
	cfg := config.Default()
	cfg.Store = "sqlite:" + filepath.Join(t.TempDir(), "x.db")
	if err := Copies(cfg).Keep(&exchange.Copy{Source: "x", Records: []exchange.Record{{Server: json.RawMessage(`{"name":"io.x/y","description":"d","version":"1.0.0"}`)}}}); err != nil {
		t.Fatal(err)
	}
	who := &mcp.Caller{View: &mcp.View{}}
	c := &Counter{
		Config: cfg, Address: func() string { return "https://mcp.example.com/mcp" }, Version: "1.0.0", Log: slog.New(slog.DiscardHandler),
		Authenticate: func(r *http.Request) (*mcp.Caller, *mcp.Error) {
			if r.Header.Get("Authorization") == "" {
				return nil, mcp.Errorf(mcp.CodeInvalidRequest, mcp.Unauthenticated, "who?")
			}
			return who, nil
		},
		Refuse: func(w http.ResponseWriter, _ *http.Request, status int, why *mcp.Error) {
			http.Error(w, why.Message, status)
		},
	}
	ask := func(key string) (int, string) {
		mux := http.NewServeMux()
		c.Mount(mux, func(h http.Handler) http.Handler { return h })
		w, r := httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v0.1/servers", nil)
		if key != "" {
			r.Header.Set("Authorization", key)
		}
		mux.ServeHTTP(w, r)
		return w.Code, w.Body.String()
	}
	if status, _ := ask(""); status != http.StatusUnauthorized {
		t.Errorf("without a key: %d", status)
	}
	if status, _ := ask("k"); status != http.StatusForbidden {
		t.Errorf("who may not see all: %d", status)
	}
	who.View.Whole = true
	c.Registry = open(t, cfg)
	if status, body := ask("k"); status != http.StatusOK || !strings.Contains(body, `"com.example.mcp/gateway"`) || !strings.Contains(body, `"io.x/y"`) {
		t.Errorf("%d %s", status, body)
	}
	cfg.Trust.PublicRegistry = true
	if status, _ := ask(""); status != http.StatusOK {
		t.Errorf("everybody may ask: %d", status)
	}
}

func open(t *testing.T, cfg *config.Config) *registry.Registry {
	t.Helper()
	r, err := registry.Open(t.Context(), registry.Options{Store: empty{}, Config: func() *config.Config { return cfg }, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestKnown tells what our registry has, with packages by the command lines of mcp.yaml.
func TestKnown(t *testing.T) {
	cfg := config.Default()
	s := config.NewServer("git")
	s.Command, s.Args = "uvx", []string{"mcp-server-git==2025.9.25"}
	cfg.Servers = []config.Server{s}
	at := time.Now()
	a := &registry.Answer{Servers: []registry.Shown{{
		Entry: registry.Entry{Name: "git", Target: "uvx x", Software: "mcp-git", Version: "1.2", Signers: []string{"k"}}, Verdict: trust.Verdict{Tier: 1, Label: "Tier 1", Score: 61}, Judged: at, Allowed: true,
	}}}
	got := Known(a, cfg)
	if len(got) != 1 || len(got[0].Packages) != 1 || got[0].Packages[0].Version != "2025.9.25" || got[0].Verdict.Score != 61 || !got[0].Verdict.Listed || got[0].Version != "1.2" {
		t.Errorf("%+v", got)
	}
}

// TestWatch raises an alert of a server that is known to be vulnerable.
func TestWatch(t *testing.T) {
	cfg := config.Default()
	cfg.Store = "sqlite:" + filepath.Join(t.TempDir(), "x.db")
	s := config.NewServer("old")
	s.Command, s.Args = "npx", []string{"-y", "mcp-maigret@1.0.0"}
	cfg.Servers = []config.Server{s}
	told := make(chan alert.Alert, 8)
	w := Watch(t.Context(), slog.New(slog.DiscardHandler), func() *config.Config { return cfg }, func(a alert.Alert) { told <- a })
	defer w.Close()
	w.Configured(cfg)
	a := <-told
	if a.Kind != "vulnerable" || a.Severity != alert.Medium || a.Server != "old" || len(a.ID) != 12 || !strings.Contains(a.Text, "CVE-2026-2130") || a.Remedy == "" {
		t.Errorf("%+v", a)
	}
}
