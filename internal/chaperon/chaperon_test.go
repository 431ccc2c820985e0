package chaperon

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/config/belief"
	"github.com/sumun-mcp/sumun/internal/config/clientfile"
	"github.com/sumun-mcp/sumun/internal/http1"
	"github.com/sumun-mcp/sumun/internal/vouch"
)

// server is an MCP server at that path of the official SDK, which wants a key.
func server(t *testing.T, path string) *httptest.Server {
	t.Helper()
	s := sdk.NewServer(&sdk.Implementation{Name: "s", Version: "1"}, nil)
	mux := http.NewServeMux()
	mux.Handle(path, sdk.NewStreamableHTTPHandler(func(*http.Request) *sdk.Server { return s }, nil))
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer k" {
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(h.Close)
	return h
}

func rule(t *testing.T, text string) *clientfile.Rule {
	t.Helper()
	path := filepath.Join(t.TempDir(), "mcp.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := clientfile.Load(nil, []string{path}, os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func way(url, key string) Way { return Way{URL: url, Key: key, Carrier: http1.For(url, nil)} }

// TestTowards makes a gateway of one server that goes by the file.
func TestTowards(t *testing.T) {
	at := server(t, "/mcp").URL
	c := &Chaperon{Rule: rule(t, "server: "+at+"\nintegrityCheck: true\nwhitelist: ["+at+"]\n"), Version: "1"}
	cfg, err := c.Towards(t.Context(), way(at, "k"))
	if err != nil {
		t.Fatal(err)
	}
	s := cfg.Servers[0]
	if s.URL != at+"/mcp" || s.Prefix != "" || s.Headers["Authorization"] != "Bearer k" || cfg.AutoRun || cfg.Approvals.By != config.ByEither || cfg.Builtin {
		t.Errorf("server = %+v, autoRun = %v", s, cfg.AutoRun)
	}
	if cfg.Trust.Pins != belief.Enforce || s.Trust.Pins != belief.Enforce || s.Trust.Signature == belief.Required {
		t.Errorf("trust = %+v: want pins, and no signature of a server that shows none", s.Trust)
	}
	if dir := filepath.Dir(c.Rule.Files[0].Path); cfg.StateDir() != filepath.Join(dir, ".sumun", "client") {
		t.Errorf("state in %s", cfg.StateDir())
	}
	if _, err := c.Towards(t.Context(), way(at, "wrong")); err == nil || errors.Is(err, ErrRefused) {
		t.Errorf("with a wrong key: %v", err)
	}
	if _, err := c.Towards(t.Context(), way("http://127.0.0.1:1", "k")); !errors.Is(err, ErrRefused) {
		t.Errorf("a server that is not on the list: %v", err)
	}
}

// TestRoot reaches a server that is at the URL itself.
func TestRoot(t *testing.T) {
	at := server(t, "/{$}").URL
	cfg, err := (&Chaperon{Rule: rule(t, "autoRun: true\n"), Version: "1"}).Towards(t.Context(), way(at, "k"))
	if err != nil || cfg.Servers[0].URL != at || !cfg.AutoRun || cfg.Servers[0].Trust.Pins != belief.Flag || cfg.Servers[0].Trust.Answers == "" {
		t.Errorf("%+v, %v", cfg, err)
	}
}

// TestNotAnyMore requires a signature of a server that was signed, although it shows no papers now, and of one that shows some.
func TestNotAnyMore(t *testing.T) {
	at := server(t, "/mcp").URL
	c := &Chaperon{Rule: rule(t, "integrityCheck: true\n"), Version: "1"}
	if err := os.MkdirAll(StateDir(c.Rule), 0o700); err != nil {
		t.Fatal(err)
	}
	known := fmt.Sprintf(`{"server":{"url":"%s/mcp","keys":{},"epoch":1}}`, at)
	if err := os.WriteFile(filepath.Join(StateDir(c.Rule), "vouched.json"), []byte(known), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := c.Towards(t.Context(), way(at, "k"))
	if err != nil || cfg.Servers[0].Trust.Signature != belief.Required {
		t.Errorf("%v: a server that was signed is let through without a signature", err)
	}

	papers := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == vouch.PathManifest || r.URL.Path == vouch.PathSignature {
			_, _ = w.Write([]byte("{}"))
			return
		}
		http.NotFound(w, r)
	}))
	defer papers.Close()
	other := config.Default()
	other.Store = "sqlite:" + filepath.Join(t.TempDir(), "x.db")
	other.Servers = []config.Server{config.NewServer("a"), config.NewServer("gone"), config.NewServer("program")}
	other.Servers[0].URL, other.Servers[1].URL, other.Servers[2].Command = papers.URL, "http://127.0.0.1:1", "x"
	var said []string
	c.Note = func(format string, args ...any) { said = append(said, fmt.Sprintf(format, args...)) }
	c.Hold(t.Context(), other)
	for i, want := range []string{belief.Required, belief.Required, ""} {
		if got := other.Servers[i].Trust; got.Signature != want || got.Pins != belief.Enforce {
			t.Errorf("%s: %+v", other.Servers[i].Name, got)
		}
	}
	if len(said) != 1 || !strings.Contains(said[0], "gone cannot be asked") || other.AutoRun {
		t.Errorf("said %q, autoRun %v", said, other.AutoRun)
	}
}

// TestAdmit leaves out what is not on the list, by URL and by name, replicas too.
func TestAdmit(t *testing.T) {
	cfg := config.Default()
	for _, name := range []string{"on", "off", "copy", "mine", "other"} {
		cfg.Servers = append(cfg.Servers, config.NewServer(name))
	}
	cfg.Servers[0].URL = "https://a.example.com/mcp"
	cfg.Servers[1].URL = "https://b.example.com/mcp"
	cfg.Servers[2].URL, cfg.Servers[2].Replicas = "https://a.example.com/1", []string{"https://b.example.com/2"}
	cfg.Servers[3].Command, cfg.Servers[4].Command = "x", "x"
	var said []string
	c := &Chaperon{Rule: rule(t, "whitelist: [https://a.example.com, mine, off]\n"), Note: func(format string, args ...any) { said = append(said, fmt.Sprintf(format, args...)) }}
	c.Admit(cfg)
	for i, want := range []bool{false, true, true, false, true} {
		if cfg.Servers[i].Disabled != want {
			t.Errorf("%s: disabled %v", cfg.Servers[i].Name, !want)
		}
	}
	if len(said) != 3 {
		t.Errorf("said %q", said)
	}
}
