package python

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/plugin/recipe"
)

// object is a JSON object.
type object = map[string]any

// interpreters returns each Python of this machine that plugins run on, once; the test is skipped if there is none.
func interpreters(t *testing.T) []*interpreter {
	t.Helper()
	all := installed()
	if len(all) == 0 {
		t.Skip("this machine has no Python 3.10 or newer")
	}
	return all
}

var installed = sync.OnceValue(func() []*interpreter {
	var all []*interpreter
	for _, name := range names {
		path, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		p, err := ask(context.Background(), path)
		if err == nil && p.Version[0] == 3 && p.Version[1] >= oldest && !slices.ContainsFunc(all, func(o *interpreter) bool { return o.Executable == p.Executable }) {
			all = append(all, p)
		}
	}
	return all
})

// sharedShims is where all tests have the shim written, but those of writing it.
var sharedShims string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "shims")
	if err != nil {
		panic(err)
	}
	sharedShims = dir
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// source lays out a plugin of files by their names; one file alone is a plugin of one file.
func source(t *testing.T, files map[string]string) recipe.Source {
	t.Helper()
	root := t.TempDir()
	src := recipe.Source{Name: "demo", Work: filepath.Join(root, "work"), Shims: sharedShims, Dir: len(files) > 1}
	copied := filepath.Join(root, "copy", "demo")
	for _, dir := range []string{src.Work, copied} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range files {
		path := filepath.Join(copied, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		src.Path, src.Origin = path, "plugins/"+name
	}
	if src.Dir {
		src.Path, src.Origin = copied, "plugins/demo"
	}
	return src
}

// A peer is the client of a plugin.
type peer struct {
	t      *testing.T
	in     io.WriteCloser
	cmd    *exec.Cmd
	over   chan struct{} // closed when the plugin's output has ended
	status error         // how it ended; once over

	mu      sync.Mutex
	stderr  bytes.Buffer
	next    int
	waiting map[string]chan object
	other   chan object // notifications and requests of the plugin, and answers that nobody waits for
}

// launch starts a plugin of one file, without a handshake.
func launch(t *testing.T, text string) *peer {
	t.Helper()
	return launchFiles(t, map[string]string{"demo.py": text})
}

// launchWith starts a plugin of one file with that interpreter.
func launchWith(t *testing.T, python *interpreter, text string) *peer {
	t.Helper()
	return startRecipe(t, prepare(t, python, source(t, map[string]string{"demo.py": text})))
}

func launchFiles(t *testing.T, files map[string]string) *peer {
	t.Helper()
	return startRecipe(t, prepare(t, interpreters(t)[0], source(t, files)))
}

// prepare is Prepare with that interpreter, which need not be found again.
func prepare(t *testing.T, python *interpreter, src recipe.Source) recipe.Recipe {
	t.Helper()
	r, err := python.recipe(t.Context(), src)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func startRecipe(t *testing.T, r recipe.Recipe) *peer {
	t.Helper()
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), r.Command, r.Args...)
	cmd.Dir = t.TempDir()
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + cmd.Dir}
	for name, value := range r.Env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	p := &peer{t: t, cmd: cmd, over: make(chan struct{}), waiting: map[string]chan object{}, other: make(chan object, 4096)}
	cmd.Stderr = writer(func(b []byte) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.stderr.Write(b)
	})
	var err error
	if p.in, err = cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go p.read(out)
	t.Cleanup(func() {
		_ = p.in.Close() // it may have ended already
		kill := time.AfterFunc(20*time.Second, func() { _ = cmd.Process.Kill() })
		<-p.over
		kill.Stop()
		if t.Failed() {
			t.Logf("standard error:\n%s", p.errors())
		}
	})
	return p
}

type writer func([]byte)

func (w writer) Write(b []byte) (int, error) {
	w(b)
	return len(b), nil
}

// read takes what the plugin says until it ends.
func (p *peer) read(out io.Reader) {
	defer close(p.over)
	lines := bufio.NewReaderSize(out, 1<<20)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			p.take(line)
		}
		if err != nil {
			break
		}
	}
	p.status = p.cmd.Wait()
}

func (p *peer) take(line []byte) {
	var m object
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.UseNumber()
	if err := dec.Decode(&m); err != nil {
		p.other <- object{"garbage": string(line)}
		return
	}
	id, _ := json.Marshal(m["id"])
	p.mu.Lock()
	waiting := p.waiting[string(id)]
	if m["method"] == nil {
		delete(p.waiting, string(id))
	} else {
		waiting = nil
	}
	p.mu.Unlock()
	if waiting != nil {
		waiting <- m
		return
	}
	p.other <- m
}

// errors is what the plugin has said on its standard error.
func (p *peer) errors() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stderr.String()
}

// raw writes bytes.
func (p *peer) raw(text string) {
	p.t.Helper()
	if _, err := io.WriteString(p.in, text); err != nil {
		p.t.Fatalf("writing to the plugin: %v\n%s", err, p.errors())
	}
}

// tell sends a notification.
func (p *peer) tell(method string, params object) {
	p.t.Helper()
	p.raw(text(p.t, object{"jsonrpc": "2.0", "method": method, "params": params}) + "\n")
}

// begin sends a request, and returns its id and where the answer will be.
func (p *peer) begin(method string, params object) (int, <-chan object) {
	p.t.Helper()
	answer := make(chan object, 1)
	p.mu.Lock()
	p.next++
	id := p.next
	p.waiting[strconv.Itoa(id)] = answer
	p.mu.Unlock()
	p.raw(text(p.t, object{"jsonrpc": "2.0", "id": id, "method": method, "params": params}) + "\n")
	return id, answer
}

// await returns what comes, or fails.
func (p *peer) await(from <-chan object) object {
	p.t.Helper()
	select {
	case m := <-from:
		return m
	case <-p.over:
		select {
		case m := <-from:
			return m
		default:
		}
		p.t.Fatalf("the plugin has ended:\n%s", p.errors())
	case <-time.After(30 * time.Second):
		p.t.Fatalf("nothing comes:\n%s", p.errors())
	}
	return nil
}

// ask sends a request and returns the answer.
func (p *peer) ask(method string, params object) object {
	p.t.Helper()
	_, answer := p.begin(method, params)
	return p.await(answer)
}

// result is the result of a request, which must not fail.
func (p *peer) result(method string, params object) object {
	p.t.Helper()
	answer := p.ask(method, params)
	result, ok := answer["result"].(object)
	if !ok {
		p.t.Fatalf("%s %v is answered with %s\n%s", method, params, text(p.t, answer), p.errors())
	}
	return result
}

// call calls a tool.
func (p *peer) call(name string, arguments object) object {
	p.t.Helper()
	return p.result("tools/call", object{"name": name, "arguments": arguments})
}

// greet shakes hands in the newest revision with sessions.
func (p *peer) greet(capabilities object) *peer {
	p.t.Helper()
	p.greetIn(mcp.LatestLegacy().Name, capabilities)
	return p
}

func (p *peer) greetIn(revision string, capabilities object) object {
	p.t.Helper()
	if capabilities == nil {
		capabilities = object{}
	}
	answer := p.result("initialize", object{
		"protocolVersion": revision, "capabilities": capabilities, "clientInfo": object{"name": "test", "version": "1"},
	})
	p.tell("notifications/initialized", object{})
	return answer
}

// exit closes the plugin's input, waits for its end, and returns its exit code.
func (p *peer) exit() int {
	p.t.Helper()
	_ = p.in.Close() // it may have ended already
	select {
	case <-p.over:
	case <-time.After(30 * time.Second):
		p.t.Fatalf("the plugin does not end:\n%s", p.errors())
	}
	if failure, ok := errors.AsType[*exec.ExitError](p.status); ok {
		return failure.ExitCode()
	}
	if p.status != nil {
		p.t.Fatal(p.status)
	}
	return 0
}

// text is a value as JSON with sorted keys.
func text(t *testing.T, value any) string {
	t.Helper()
	out, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// equal holds a value against the same as JSON.
func equal(t *testing.T, what string, got any, want string) {
	t.Helper()
	var value any
	dec := json.NewDecoder(strings.NewReader(want))
	dec.UseNumber()
	if err := dec.Decode(&value); err != nil {
		t.Fatalf("%s: %v", want, err)
	}
	if g, w := text(t, got), text(t, value); g != w {
		t.Errorf("%s is\n%s, want\n%s", what, g, w)
	}
}

// decode returns a JSON object with numbers as they are written.
func decode(value string) (object, error) {
	var m object
	dec := json.NewDecoder(strings.NewReader(value))
	dec.UseNumber()
	err := dec.Decode(&m)
	return m, err
}
