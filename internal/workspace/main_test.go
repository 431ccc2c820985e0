package workspace

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/sumun-mcp/sumun/internal/sandbox"
)

// TestMain makes the test binary a Reap when it is asked to.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "__reap" {
		os.Exit(sandbox.Reap(os.Args[2:]))
	}
	os.Exit(m.Run())
}

// eras are one revision of the legacy era and one of the modern.
var eras = []string{"2025-06-18", "2026-07-28"}

func newWorkspace(t *testing.T, o Options) *Workspace {
	t.Helper()
	o.Version, o.Log = "1.2.3", slog.New(slog.NewTextHandler(t.Output(), nil))
	w, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return w
}

func connect(t *testing.T, w *Workspace, era string, options *sdk.ClientOptions) *sdk.ClientSession {
	t.Helper()
	near, far := sdk.NewInMemoryTransports()
	server, err := w.Server().Connect(t.Context(), far, nil)
	if err != nil {
		t.Fatal(err)
	}
	client := sdk.NewClient(&sdk.Implementation{Name: "test", Version: "1"}, options)
	session, err := client.Connect(t.Context(), near, &sdk.ClientSessionOptions{ProtocolVersion: era})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		session.Close()
		server.Wait()
	})
	return session
}

// call calls a tool and returns its object, or the text of its error.
func call(t *testing.T, session *sdk.ClientSession, name string, arguments map[string]any) (map[string]any, string) {
	t.Helper()
	return callWith(t, session, &sdk.CallToolParams{Name: name, Arguments: arguments})
}

func callWith(t *testing.T, session *sdk.ClientSession, params *sdk.CallToolParams) (map[string]any, string) {
	t.Helper()
	result, err := session.CallTool(t.Context(), params)
	if err != nil {
		t.Fatalf("%s: %v", params.Name, err)
	}
	text, _ := result.Content[0].(*sdk.TextContent)
	if result.IsError {
		return nil, text.Text
	}
	var object map[string]any
	if err := json.Unmarshal([]byte(text.Text), &object); err != nil {
		t.Fatal(err)
	}
	return object, ""
}

// write makes files below a new directory.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		put(t, filepath.Join(dir, name), content)
	}
	return dir
}

func put(t *testing.T, name, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// names returns the names in a directory.
func namesIn(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

// gitIn runs git for the tests, with nobody's configuration.
func gitIn(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=" + os.DevNull, "LC_ALL=C",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@b", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@b", "GIT_ALLOW_PROTOCOL=file",
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// A host is a real server of Git repositories, which speaks smart HTTP.
type host struct {
	dir  string // of the repositories
	name string // 127.0.0.1:PORT

	mu   sync.Mutex
	wrap func(next http.Handler) http.Handler
}

// behind puts something in front of git-http-backend; nil for nothing.
func (h *host) behind(wrap func(next http.Handler) http.Handler) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.wrap = wrap
}

// newHost starts a host. The test is skipped where git is not installed.
func newHost(t *testing.T) *host {
	t.Helper()
	path, err := exec.LookPath("git")
	if err != nil {
		t.Skip("git is not installed")
	}
	out, err := exec.Command(path, "--exec-path").Output()
	backend := filepath.Join(strings.TrimSpace(string(out)), "git-http-backend")
	if _, e := os.Stat(backend); err != nil || e != nil {
		t.Skipf("git-http-backend is not installed: %v, %v", err, e)
	}
	h := &host{dir: t.TempDir()}
	handler := &cgi.Handler{
		Path: backend, Stderr: t.Output(),
		Env: []string{"GIT_PROJECT_ROOT=" + h.dir, "GIT_HTTP_EXPORT_ALL=1", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=" + os.DevNull},
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handler := *handler
		handler.Env = append(slices.Clone(handler.Env), "GIT_PROTOCOL="+r.Header.Get("Git-Protocol"))
		h.mu.Lock()
		wrap := h.wrap
		h.mu.Unlock()
		if wrap != nil {
			wrap(&handler).ServeHTTP(w, r)
			return
		}
		handler.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	h.name = strings.TrimPrefix(server.URL, "http://")
	return h
}

// url returns the address of a repository.
func (h *host) url(name string) string { return "http://" + h.name + "/" + name }

// options allow cloning from the host, into a new directory.
func (h *host) options(t *testing.T) Options {
	t.Helper()
	return Options{Root: t.TempDir(), Git: Git{Hosts: []string{h.name}, Schemes: []string{"http"}, Depth: 3}}
}

// repository makes a repository with a commit of these files on top of two others, a branch "side" and a tag "v1". A name that begins
// with -> is a link to the content. It returns the directory of its working tree.
func (h *host) repository(t *testing.T, name string, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	gitIn(t, dir, "init", "-q", "-b", "main")
	commit := func(message string) {
		gitIn(t, dir, "add", "-A", "-f")
		gitIn(t, dir, "commit", "-q", "--allow-empty", "-m", message)
	}
	put(t, filepath.Join(dir, "first.txt"), "first\n")
	commit("first")
	gitIn(t, dir, "tag", "v1")
	gitIn(t, dir, "branch", "side")
	commit("second")
	for file, content := range files {
		if link, ok := strings.CutPrefix(file, "->"); ok {
			if err := os.Symlink(content, filepath.Join(dir, link)); err != nil {
				t.Fatal(err)
			}
			continue
		}
		put(t, filepath.Join(dir, file), content)
	}
	commit("third")
	gitIn(t, h.dir, "clone", "-q", "--bare", dir, name)
	return dir
}

// gitSays reports whether git is content.
func gitSays(t *testing.T, dir string, args ...string) bool {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	return cmd.Run() == nil
}
