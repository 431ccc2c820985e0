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

func TestGatewayThatDoesNotStart(t *testing.T) {
	_, _, err := startGateway(t.Context(), gatewayConfig{
		binary: os.Args[0], dir: filepath.Join(t.TempDir(), "state"), upstream: "http://127.0.0.1:1/mcp",
	})
	if err == nil || !strings.Contains(err.Error(), "I do not like this server") {
		t.Errorf("error = %v, want what the gateway has said", err)
	}
}
