package python

import (
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/sandbox"
	"github.com/sumun-mcp/sumun/internal/sandbox/box"
)

// TestBoxed: a plugin answers in the strictest box, in which it can start no program and reach no file but its own, and the shim
// itself tries nothing that a box refuses.
func TestBoxed(t *testing.T) {
	tier, why := box.Available()
	if tier != box.Full {
		t.Skip(why)
	}
	const code = `
import asyncio, subprocess, threading
def ordinary(n: int) -> int: return n + 1
async def later(n: int) -> int:
    await asyncio.sleep(0.001)
    return n + 1
def threads() -> int:
    done = []
    all = [threading.Thread(target=done.append, args=(i,)) for i in range(20)]
    for t in all: t.start()
    for t in all: t.join()
    return len(done)
def shell(): return subprocess.run(["/bin/sh", "-c", "id"], capture_output=True).stdout.decode()
def secret(): return open("/etc/shadow").read()
`
	for _, p := range interpreters(t) {
		t.Run(p.Tag, func(t *testing.T) {
			src := source(t, map[string]string{"demo.py": code})
			r := prepare(t, p, src)
			var mu sync.Mutex
			var refused []string
			child, err := sandbox.Start(t.Context(), sandbox.Command{
				Path: r.Command, Args: r.Args, Env: r.Env, Dir: filepath.Dir(src.Path),
				Box: &box.Policy{Bare: true, Read: append(r.Read, filepath.Dir(src.Path), src.Shims)},
				Refused: func(what box.Refusal) {
					mu.Lock()
					defer mu.Unlock()
					refused = append(refused, what.Kind+" "+what.Detail)
				},
			}, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			defer child.Close()
			lines := []string{
				`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"` + mcp.LatestLegacy().Name + `","capabilities":{},"clientInfo":{}}}`,
				`{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"ordinary","arguments":{"n":1}}}`,
				`{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"later","arguments":{"n":2}}}`,
				`{"jsonrpc":"2.0","id":4,"method":"tools/call","params":{"name":"threads"}}`,
				`{"jsonrpc":"2.0","id":5,"method":"tools/call","params":{"name":"shell"}}`,
				`{"jsonrpc":"2.0","id":6,"method":"tools/call","params":{"name":"secret"}}`,
			}
			if _, err := io.WriteString(child, strings.Join(lines, "\n")+"\n"); err != nil {
				t.Fatal(err)
			}
			child.EndInput()
			out, err := io.ReadAll(child)
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range []string{`{"result":2}`, `{"result":3}`, `{"result":20}`, `"id":5,"result":{"content":[{"type":"text","text":"PermissionError`, `"id":6,"result":{"content":[{"type":"text","text":"FileNotFoundError`} {
				if !strings.Contains(string(out), want) {
					t.Errorf("there is no %s in\n%s", want, out)
				}
			}
			mu.Lock()
			defer mu.Unlock()
			for _, what := range refused {
				if !strings.HasPrefix(what, "exec /bin/sh") && !strings.HasPrefix(what, "file /etc/shadow") {
					t.Errorf("refused: %s", what)
				}
			}
		})
	}
}
