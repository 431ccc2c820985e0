package gateway_test

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A tongue is a language of plugins, with a plugin in it whose tool says twice which version it is.
type tongue struct {
	file   string // within the folder of plugins
	needs  string // a program; without it nothing can be tested
	source func(version int) string
	broken string
	beside map[string]string // other files, which stay as they are
	slow   bool              // each change takes a second and more
}

// tongues are the languages.
func tongues(t *testing.T) map[string]tongue {
	t.Helper()
	shim, err := os.ReadFile("../plugin/starter/template/go/sumun.go.tmpl")
	if err != nil {
		t.Fatal(err)
	}
	goMain := func(n int) string {
		return fmt.Sprintf("package main\n\nconst first = \"%d\"\n\nfunc main() {\n\tTool(\"version\", \"\", func() string { return first + \" \" + last })\n\tServe()\n}\n\nconst last = \"%d\"\n", n, n)
	}
	goModule := map[string]string{"hot/go.mod": "module hot\n\ngo 1.24\n", "hot/sumun.go": string(shim)}
	module := map[string]string{"hot/plugin.yaml": "wasm: true\n"}
	maps.Copy(module, goModule)
	script := func(n int) string {
		return fmt.Sprintf("#!/usr/bin/env python3\nFIRST = '%d'\n%s\nLAST = '%d'\nmain()\n", n, pythonServer, n)
	}
	return map[string]tongue{
		"node": {file: "hot.mjs", needs: "node", broken: "export function version( {", source: func(n int) string {
			return fmt.Sprintf("const first = '%d'\n/** @returns {string} */\nexport function version() { return first + ' ' + last }\nconst last = '%d'\n", n, n)
		}},
		"typescript": {file: "hot.ts", needs: "node", broken: "export const = ", source: func(n int) string {
			return fmt.Sprintf("const first: string = '%d'\nexport function version(): string { return first + ' ' + last }\nconst last = '%d'\n", n, n)
		}},
		"python": {file: "hot.py", needs: "python3", broken: "def version(:\n", source: func(n int) string {
			return fmt.Sprintf("FIRST = '%d'\n\n\ndef version() -> str:\n    \"\"\"Says which.\"\"\"\n    return f'{FIRST} {LAST}'\n\n\nLAST = '%d'\n", n, n)
		}},
		"program": {file: "hot", needs: "python3", broken: "#!/bin/sh\nexit 1\n", source: script},
		"go":      {file: "hot/main.go", needs: "go", broken: "package main\n\nfunc main() {", source: goMain, beside: goModule, slow: true},
		"wasm":    {file: "hot/main.go", needs: "go", broken: "package main\n\nfunc main() {", source: goMain, beside: module, slow: true},
	}
}

// pythonServer speaks just enough of MCP.
const pythonServer = `
import json, sys

def main():
    for line in sys.stdin:
        m = json.loads(line)
        if 'id' not in m:
            continue
        result = {}
        if m['method'] == 'initialize':
            result = {'protocolVersion': '2025-11-25', 'capabilities': {'tools': {}}, 'serverInfo': {'name': 'hot', 'version': '1'}}
        elif m['method'] == 'tools/list':
            result = {'tools': [{'name': 'version', 'inputSchema': {'type': 'object'}}]}
        elif m['method'] == 'tools/call':
            result = {'content': [{'type': 'text', 'text': FIRST + ' ' + LAST}]}
        print(json.dumps({'jsonrpc': '2.0', 'id': m['id'], 'result': result}), flush=True)
`

// TestHotReload changes a plugin again and again while it is called, now and then so that it does not work: each call is answered by one
// whole version, and no client hears an older one after a newer.
func TestHotReload(t *testing.T) {
	changes, rate := 6, 100
	slow := os.Getenv("SUMUN_TEST_SLOW") != ""
	if slow {
		changes, rate = 100, 500
	}
	for name, lang := range tongues(t) {
		t.Run(name, func(t *testing.T) {
			if _, err := exec.LookPath(lang.needs); err != nil {
				t.Skipf("there is no %s here", lang.needs)
			}
			if lang.slow && !slow {
				t.Skip("each change is built; make slow runs it (SUMUN_TEST_SLOW=1)")
			}
			hotReload(t, lang, changes, rate)
		})
	}
}

func hotReload(t *testing.T, lang tongue, changes, rate int) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range lang.beside {
		put(t, filepath.Join(dir, name), text)
	}
	put(t, filepath.Join(dir, lang.file), lang.source(0))
	cfg := configured(t)
	cfg.Plugins = []string{dir}
	g := openWith(t, cfg)
	l := &pressure{gate: g, t: t}
	stop := l.begin(rate)
	failures := int64(0)
	for n := 1; n <= changes; n++ {
		if n%5 == 0 {
			failures++
			put(t, filepath.Join(dir, lang.file), lang.broken)
			eventually(t, "the broken version is refused", func() bool { return hotState(t, g).Failures == failures })
			if s := hotState(t, g); s.State != "stale" || s.Error == "" {
				t.Errorf("with a broken version the plugin is %+v", s)
			}
			continue
		}
		put(t, filepath.Join(dir, lang.file), lang.source(n))
		eventually(t, "the new version answers", func() bool { return l.newest.Load() == int64(n) })
	}
	stop()
	l.report(changes)
}

// put writes a file as editors do: in the place of the one before.
func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path+"~", []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+"~", path); err != nil {
		t.Fatal(err)
	}
}

// hotState is how the plugin is.
func hotState(t *testing.T, g *gate) (s struct {
	State, Error string
	Failures     int64
},
) {
	t.Helper()
	for _, one := range g.Plugins() {
		if one.Name == "hot" {
			s.State, s.Error, s.Failures = one.State, one.Error, one.Failures
		}
	}
	return s
}

// A pressure calls the plugin at a rate.
type pressure struct {
	t      *testing.T
	gate   *gate
	newest atomic.Int64 // version that has answered

	mu    sync.Mutex
	took  []time.Duration
	wrong []string
}

// begin calls until the function is called, which waits.
func (l *pressure) begin(rate int) (stop func()) {
	const callers = 20
	over := make(chan struct{})
	var work sync.WaitGroup
	for i := range callers {
		c := l.gate.modernClient("{}")
		if i%2 == 0 {
			c = l.gate.legacy(l.t, "{}")
		}
		work.Go(func() {
			seen := int64(0)
			ticker := time.NewTicker(time.Second * callers / time.Duration(rate))
			defer ticker.Stop()
			for {
				select {
				case <-over:
					return
				case <-ticker.C:
					seen = max(seen, l.call(c, seen))
				}
			}
		})
	}
	return func() {
		close(over)
		work.Wait()
	}
}

// call makes one call and judges its answer: the version is one whole, and not older than what the client has seen.
func (l *pressure) call(c *client, seen int64) int64 {
	began := time.Now()
	answer := c.ask(l.t, "tools/call", `{"name":"hot.version","arguments":{}}`)
	took := time.Since(began)
	first, last, _ := strings.Cut(textOf(answer), " ")
	n, err := strconv.ParseInt(first, 10, 64)
	fault := ""
	switch {
	case err != nil:
		fault = "failed: " + answer
	case first != last:
		fault = "mixed: " + answer
	case n < seen:
		fault = fmt.Sprintf("version %d answers after version %d did", n, seen)
	}
	for old := l.newest.Load(); fault == "" && n > old && !l.newest.CompareAndSwap(old, n); old = l.newest.Load() {
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.took = append(l.took, took)
	if fault != "" {
		l.wrong = append(l.wrong, fault)
	}
	return n
}

// report judges all calls.
func (l *pressure) report(changes int) {
	l.t.Helper()
	slices.Sort(l.took)
	if len(l.took) == 0 {
		l.t.Fatal("nothing was called")
	}
	at := func(part float64) time.Duration { return l.took[int(float64(len(l.took)-1)*part)] }
	l.t.Logf("%d calls, %d changes: p50 %v, p99 %v, longest %v", len(l.took), changes, at(0.5), at(0.99), at(1))
	if len(l.wrong) > 0 {
		l.t.Errorf("%d of %d calls went wrong, first: %s", len(l.wrong), len(l.took), l.wrong[0])
	}
}

// TestPluginFault tells of what looks like a plugin and is none.
func TestPluginFault(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "bad name.py"), "x = 1\n")
	cfg := configured(t)
	cfg.Plugins = []string{dir}
	g := openWith(t, cfg)
	got := g.Plugins()
	if len(got) != 1 || got[0].State != "broken" || !strings.Contains(got[0].Error, "cannot be the name") {
		t.Errorf("the plugins are %+v", got)
	}
	answer := g.modernClient("{}").ask(t, "mcp.admin.plugins.list", "{}")
	if !strings.Contains(answer, "admin:gate") {
		t.Errorf("whoever may not run the gate is told %s", answer)
	}
}
