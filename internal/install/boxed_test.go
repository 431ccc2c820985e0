package install

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/sumun-mcp/sumun/internal/outlet"
	"github.com/sumun-mcp/sumun/internal/sandbox"
	"github.com/sumun-mcp/sumun/internal/sandbox/box"
)

// A boxed runs steps in boxes that reach their hosts and nothing else.
type boxed struct {
	log  *slog.Logger
	work sync.WaitGroup

	mu      sync.Mutex
	refused []string
}

// refuse keeps what the network refused. pip tries to start programs that describe the machine, and goes on without.
func (b *boxed) refuse(r box.Refusal) {
	if r.Kind == box.KindExec || r.Kind == box.KindFile {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refused = append(b.refused, r.Kind+" "+r.Detail)
}

func (b *boxed) run(ctx context.Context, s Step) ([]byte, error) {
	o := outlet.Options{Hosts: s.Hosts, Refused: b.refuse, Log: b.log}
	for _, host := range s.Hosts {
		name, _, _ := net.SplitHostPort(host)
		o.Private = append(o.Private, name)
	}
	return Finish(ctx, sandbox.Command{
		Path: s.Path, Args: s.Args, Env: s.Env, Dir: s.Dir,
		Box: &box.Policy{
			Read: s.Read, Write: s.Write, Ports: outlet.Ports(s.Hosts), Exec: s.Exec, Memory: 2 << 30, Pids: 512, Scratch: 256 << 20,
		},
		Refused: b.refuse,
		Outlet: func(ctx context.Context, l box.Listeners) {
			b.work.Go(func() {
				if err := outlet.Serve(ctx, l, o); err != nil {
					b.refuse(box.Refusal{Kind: "outlet", Detail: err.Error()})
				}
			})
		},
	}, b.log)
}

func needsBox(t *testing.T) {
	t.Helper()
	if tier, why := box.Available(); tier != box.Full {
		t.Skipf("this machine has no box: %v", why)
	}
}

// TestBoxed installs in boxes, whose only host is the registry.
func TestBoxed(t *testing.T) {
	needsBox(t)
	open := func(t *testing.T, r *registry) (*Installer, *boxed) {
		t.Helper()
		b := &boxed{log: slog.New(slog.NewTextHandler(t.Output(), nil))}
		t.Cleanup(b.work.Wait)
		return open(t, Options{Environ: r.environ(t), Run: b.run}), b
	}
	t.Run("npm", func(t *testing.T) {
		needs(t, "node", "npm")
		r := newRegistry(t)
		greeter(t, r, "1.0.0", filepath.Join(t.TempDir(), "trap"))
		i, b := open(t, r)
		if got := say(t, resolve(t, i, line("npx -y @demo/greeter to all"))); got != "hello 1.0.0 to all" {
			t.Errorf("the program says %q", got)
		}
		if len(b.refused) > 0 {
			t.Errorf("refused: %q", b.refused)
		}
	})
	t.Run("python", func(t *testing.T) {
		needsPip(t)
		r := newRegistry(t)
		r.wheel(t, "demo-words", "", map[string]string{"demo_words.py": "WORD = 'hello'\n"})
		r.wheel(t, "demo-greeter", "[console_scripts]\ndemo-greeter = demo_greeter:main\n", map[string]string{"demo_greeter.py": "from demo_words import WORD\ndef main():\n    print(WORD)\n"}, "demo-words")
		i, b := open(t, r)
		if got := say(t, resolve(t, i, line("uvx demo-greeter"))); got != "hello" {
			t.Errorf("the program says %q", got)
		}
		if len(b.refused) > 0 {
			t.Errorf("refused: %q", b.refused)
		}
	})
	t.Run("another host", func(t *testing.T) {
		needs(t, "node", "npm")
		asked := false
		other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true }))
		t.Cleanup(other.Close)
		r := newRegistry(t)
		r.publish(t, "far", "1.0.0", map[string]any{"bin": "a.js"}, map[string]string{"a.js": "1"})
		r.npm["far"]["1.0.0"].manifest["dist"].(map[string]any)["tarball"] = other.URL + "/far.tgz"
		i, _ := open(t, r)
		if p, err := i.Resolve(t.Context(), line("npx far")); err == nil || asked {
			t.Errorf("what lies at another host is installed (asked: %v): %+v", asked, p)
		}
	})
}

// TestOfficial resolves lines of READMEs with the registries that this machine is configured for, in boxes, and runs what they become. It wants
// SUMUN_TEST_REGISTRIES=1, since it needs a network and a minute.
func TestOfficial(t *testing.T) {
	if os.Getenv("SUMUN_TEST_REGISTRIES") == "" {
		t.Skip("set SUMUN_TEST_REGISTRIES=1 to install from npm and PyPI")
	}
	needs(t, "node", "npm")
	needsPip(t)
	needsBox(t)
	data := t.TempDir()
	b := &boxed{log: slog.New(slog.NewTextHandler(t.Output(), nil))}
	t.Cleanup(b.work.Wait)
	i := open(t, Options{Run: b.run})
	for text, server := range map[string]string{
		"npx -y @modelcontextprotocol/server-filesystem " + data:                    "secure-filesystem-server",
		"npx -y @modelcontextprotocol/server-everything":                            "mcp-servers/everything",
		"npx -y @modelcontextprotocol/server-memory":                                "memory-server",
		"npx -y @modelcontextprotocol/server-sequential-thinking":                   "sequential-thinking-server",
		"uvx mcp-server-time --local-timezone=Europe/Berlin":                        "mcp-time",
		"uvx mcp-server-fetch":                                                      "mcp-fetch",
		"uv tool run --from mcp-server-git==2026.10.19 --with anyio mcp_server_git": "mcp-git",
		"pipx run --spec mcp-server-time==2026.10.19 mcp-server-time":               "mcp-time",
	} {
		t.Run(text, func(t *testing.T) {
			p := resolve(t, i, line(text))
			if got := initialize(t, p); !strings.Contains(got, server) {
				t.Errorf("%s answers %q, want the name %s", p.Packages, got, server)
			}
		})
	}
	if len(b.refused) > 0 {
		t.Errorf("refused: %q", b.refused)
	}
}

// initialize starts a server and returns its answer to initialize.
func initialize(t *testing.T, p Program) string {
	t.Helper()
	child, err := sandbox.Start(t.Context(), sandbox.Command{Path: p.Command, Args: p.Args}, slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		t.Fatal(err)
	}
	defer child.Close()
	fmt.Fprintf(child, `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":%q,"capabilities":{},"clientInfo":{"name":"test","version":"1"}}}`+"\n", "2025-"+"06-18")
	buf := make([]byte, 64<<10)
	n, err := child.Read(buf)
	if err != nil {
		t.Fatalf("no answer: %v; %s", err, child.Epitaph())
	}
	return string(buf[:n])
}
