package local_test

import (
	"encoding/pem"
	"errors"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
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
	if _, err := os.Stat(filepath.Join(p.Dir, "endpoint")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("still announced: %v", err)
	}
}

// TestFindTLS finds a gateway whose certificate no system trusts, by what it announces alone.
func TestFindTLS(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	server.StartTLS()
	defer server.Close()
	dir := t.TempDir()
	certFile := filepath.Join(dir, "server.crt")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(certFile, block, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := (local.Place{Dir: dir, CertFile: certFile}).Announce(server.URL + "/mcp"); err != nil {
		t.Fatal(err)
	}
	p := local.Place{Dir: dir}
	if g, err := p.Find(t.Context(), ""); err != nil || g == nil || g.TLS().RootCAs == nil {
		t.Errorf("found %+v, %v", g, err)
	}
	if err := os.Remove(certFile); err != nil {
		t.Fatal(err)
	}
	if g, err := p.Find(t.Context(), ""); g == nil || err == nil || !strings.Contains(err.Error(), "TLS") {
		t.Errorf("found %+v, %v where the certificate is not trusted", g, err)
	}
}

// TestFindAnother wants a program that got the gateway's port meanwhile not to pass for the gateway.
func TestFindAnother(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	for _, scheme := range []string{"http", "https"} {
		p := local.Place{Dir: t.TempDir()}
		if _, err := p.Announce(scheme + strings.TrimPrefix(server.URL, "http") + "/mcp"); err != nil {
			t.Fatal(err)
		}
		if g, err := p.Find(t.Context(), ""); g != nil || err != nil {
			t.Errorf("%s: found %v, %v", scheme, g, err)
		}
	}
}

func TestHere(t *testing.T) {
	tests := []struct{ name, file, text, want string }{
		{"none", "", "", ".sumun"},
		{"beside the file", "mcp.yaml", "port: 80", ".sumun"},
		{"below config", "config/mcp.yaml", "port: 80", ".sumun"},
		{"a store of its own", "mcp.yaml", "store: sqlite:state/a.db", "state"},
		{"a variable that is not set", "mcp.yaml", "apiKey: ${NOPE}\nstore: sqlite:state/a.db", "state"},
		{"a key that is not known", "mcp.yaml", "lisen: 1\nstore: sqlite:state/a.db", "state"},
		{"no YAML", "mcp.yaml", "a: [", ".sumun"},
		{"no YAML below config", "config/mcp.yaml", "a: [", ".sumun"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			if tt.file != "" {
				if err := os.MkdirAll(filepath.Dir(tt.file), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(tt.file, []byte(tt.text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := filepath.Abs(tt.want)
			if err != nil {
				t.Fatal(err)
			}
			got, err := filepath.Abs(local.Here(tt.file, func(string) (string, bool) { return "", false }).Dir)
			if err != nil || got != want {
				t.Errorf("the place is %s, want %s (%v)", got, want, err)
			}
		})
	}
}

func TestFault(t *testing.T) {
	dir := t.TempDir()
	open, file := filepath.Join(dir, "open"), filepath.Join(dir, "file")
	if err := errors.Join(os.Mkdir(open, 0o755), os.Chmod(open, 0o755), os.WriteFile(file, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	for place, want := range map[string]string{
		dir + "/none": "", open: "others", file: "not a directory",
	} {
		if fault, remedy := (local.Place{Dir: place}).Fault(); !strings.Contains(fault, want) || (want == "") != (fault == "") || (fault == "") != (remedy == "") {
			t.Errorf("%s: %q, %q; want %q", place, fault, remedy, want)
		}
	}
}
