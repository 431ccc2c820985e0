package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sumun-mcp/sumun/internal/config"
)

// serveForTest is a gateway as far as the bench can see: it proxies the server of its mcp.yaml, asks for the key, and
// serves /readyz and /metrics. It runs until it is killed.
func serveForTest(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	setting := func(key string) string {
		_, rest, _ := strings.Cut(string(text), key+": ")
		value, _, _ := strings.Cut(rest, "\n")
		return value
	}
	target, err := url.Parse(strings.TrimSuffix(setting("url"), "/mcp"))
	if err != nil || target.Port() == "1" {
		return errors.Join(err, errors.New("I do not like this server"))
	}
	proxy, key := newProxy(target), setting("apiKey")
	mux := http.NewServeMux()
	mux.HandleFunc("/readyz", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/metrics", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "go_memstats_mallocs_total 1\ngo_memstats_alloc_bytes_total 2\n")
	})
	mux.HandleFunc("/mcp", func(w http.ResponseWriter, r *http.Request) {
		if key == "" || r.Header.Get("Authorization") == "Bearer "+key {
			proxy.ServeHTTP(w, r)
			return
		}
		w.WriteHeader(http.StatusUnauthorized)
	})
	return http.ListenAndServe(setting("listen"), mux)
}

func TestGatewayIsMeasured(t *testing.T) {
	for _, anonymous := range []bool{false, true} {
		var out, diag bytes.Buffer
		args := []string{
			"-rounds", "1", "-duration", "20ms", "-conns", "1", "-targets", "E,S", "-only", "^legacy SSE, 16 KB",
			"-gateway", os.Args[0], fmt.Sprintf("-anonymous=%t", anonymous),
		}
		if code := run(args, strings.NewReader(""), &out, &diag); code != 0 {
			t.Fatalf("exit code %d: %s", code, diag.String())
		}
		if !strings.Contains(out.String(), " S  ") || !strings.Contains(out.String(), "goal: no dropped connection at 16 KB") {
			t.Errorf("no gateway in\n%s", out.String())
		}
	}
}

// TestGatewayConfigIsAccepted loads what the bench writes as the gateway will.
func TestGatewayConfigIsAccepted(t *testing.T) {
	for _, anonymous := range []bool{false, true} {
		c := gatewayConfig{dir: t.TempDir(), upstream: "http://127.0.0.1:9/mcp", anonymous: anonymous}
		file, key, err := c.write("127.0.0.1:8")
		if err != nil {
			t.Fatal(err)
		}
		got, err := config.Load(file, func(string) (string, bool) { return "", false })
		if err != nil {
			t.Fatal(err)
		}
		if got.Anonymous != anonymous || (key == "") != anonymous || got.APIKey != key || got.Builtin || got.Listen != "127.0.0.1:8" {
			t.Errorf("anonymous %t: %+v", anonymous, got)
		}
		if scopes := len(got.Scopes); (scopes == 0) != anonymous || got.Limits.PerKey == "" || !got.Audit.Sign || got.Guard.Arguments.Control == "off" {
			t.Errorf("anonymous %t: %d scopes, limits %+v, audit %+v", anonymous, scopes, got.Limits, got.Audit)
		}
		if len(got.Servers) != 1 || got.Servers[0].URL != c.upstream || got.Servers[0].Prefix != "" || !strings.HasPrefix(got.Store, "sqlite:"+c.dir) {
			t.Errorf("store %q, servers %+v", got.Store, got.Servers)
		}
	}
}

func TestGatewayThatDoesNotStart(t *testing.T) {
	_, _, err := startGateway(t.Context(), gatewayConfig{
		binary: os.Args[0], dir: filepath.Join(t.TempDir(), "state"), upstream: "http://127.0.0.1:1/mcp",
	})
	if err == nil || !strings.Contains(err.Error(), "I do not like this server") {
		t.Errorf("error = %v, want what the gateway has said", err)
	}
}
