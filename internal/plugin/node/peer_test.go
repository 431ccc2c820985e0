package node_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sumun-mcp/sumun/internal/plugin/node"
	"github.com/sumun-mcp/sumun/internal/plugin/recipe"
)

// patience is how long a test waits for what must come.
const patience = 20 * time.Second

// source writes the files of a plugin and returns it. A name that ends in a slash is a folder's.
func source(t *testing.T, name string, files map[string]string) recipe.Source {
	t.Helper()
	dir := realDir(t)
	s := recipe.Source{Name: strings.TrimSuffix(name, "/"), Work: filepath.Join(dir, "work"), Shims: filepath.Join(dir, "shims")}
	folder := filepath.Join(dir, "plugins")
	if s.Dir = strings.HasSuffix(name, "/"); s.Dir {
		folder = filepath.Join(folder, s.Name)
		s.Path = folder
	} else {
		s.Path, s.Name = filepath.Join(folder, name), strings.TrimSuffix(name, filepath.Ext(name))
	}
	for _, d := range []string{s.Work, s.Shims, folder} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for file, content := range files {
		file = filepath.Join(folder, filepath.FromSlash(file))
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s.Origin = "plugins/" + strings.TrimSuffix(name, "/")
	return s
}

func realDir(t *testing.T) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// needNode skips a test where there is no Node.
func needNode(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("node"); err != nil {
		t.Skip("node is not installed")
	}
}

// prepared returns the recipe of a plugin of one file.
func prepared(t *testing.T, name, content string) recipe.Recipe {
	t.Helper()
	needNode(t)
	return prepare(t, source(t, name, map[string]string{name: content}))
}

func prepare(t *testing.T, s recipe.Source) recipe.Recipe {
	t.Helper()
	needNode(t)
	r, err := node.Prepare(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// A peer is a plugin that runs, and our end of its pipes.
type peer struct {
	t      *testing.T
	cmd    *exec.Cmd
	in     io.WriteCloser
	lines  chan []byte // closed at the end of its output
	stderr *tail

	mu   sync.Mutex
	last int
	// others are the messages that nobody waited for, in their order.
	others []message
}

// A message is any of JSON-RPC.
type message struct {
	ID     any             `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
	Result json.RawMessage `json:"result"`
	Error  *struct {
		Code    int             `json:"code"`
		Message string          `json:"message"`
		Data    json.RawMessage `json:"data"`
	} `json:"error"`
}

// tail is a buffer that several goroutines use.
type tail struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *tail) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *tail) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// run starts a plugin without a handshake. It ends with the test.
func run(t *testing.T, r recipe.Recipe, env ...string) *peer {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	cmd := exec.CommandContext(ctx, r.Command, r.Args...)
	cmd.Dir = t.TempDir()
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH")}, env...)
	for key := range maps.Keys(r.Env) {
		cmd.Env = append(cmd.Env, key+"="+r.Env[key])
	}
	p := &peer{t: t, cmd: cmd, lines: make(chan []byte, 4096), stderr: new(tail)}
	cmd.Stderr = p.stderr
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
	var reading sync.WaitGroup
	reading.Go(func() {
		defer close(p.lines)
		lines := bufio.NewReader(out)
		for {
			line, err := lines.ReadBytes('\n')
			if len(line) > 0 {
				p.lines <- line
			}
			if err != nil {
				return
			}
		}
	})
	t.Cleanup(func() {
		p.in.Close()
		cancel()
		go func() {
			for range p.lines { // lets the reader end
			}
		}()
		reading.Wait()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("standard error:\n%s", p.stderr)
		}
	})
	return p
}

// start starts a plugin and initializes it as a client of the capabilities.
func start(t *testing.T, r recipe.Recipe, capabilities string, env ...string) *peer {
	t.Helper()
	p := run(t, r, env...)
	p.initialize("2025-11-25", capabilities)
	return p
}

func (p *peer) initialize(revision, capabilities string) message {
	p.t.Helper()
	if capabilities == "" {
		capabilities = "{}"
	}
	m := p.ask("initialize", fmt.Sprintf(`{"protocolVersion":%q,"capabilities":%s,"clientInfo":{"name":"test","version":"1"}}`, revision, capabilities))
	if m.Error != nil {
		p.t.Fatalf("initialize: %+v", m.Error)
	}
	p.write(`{"jsonrpc":"2.0","method":"notifications/initialized"}`)
	return m
}

// write sends one line.
func (p *peer) write(line string) {
	p.t.Helper()
	if _, err := io.WriteString(p.in, line+"\n"); err != nil {
		p.t.Fatalf("writing: %v\n%s", err, p.stderr)
	}
}

// send sends a request and returns its id.
func (p *peer) send(method, params string) int {
	p.t.Helper()
	p.mu.Lock()
	p.last++
	id := p.last
	p.mu.Unlock()
	p.write(fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":%q,"params":%s}`, id, method, params))
	return id
}

// next returns the next message.
func (p *peer) next() message {
	p.t.Helper()
	select {
	case line, ok := <-p.lines:
		if !ok {
			p.t.Fatalf("the plugin has ended:\n%s", p.stderr)
		}
		var m message
		if err := json.Unmarshal(line, &m); err != nil {
			p.t.Fatalf("what came is no JSON: %q", line)
		}
		return m
	case <-time.After(patience):
		p.t.Fatalf("nothing came:\n%s", p.stderr)
	}
	return message{}
}

// ask sends a request and returns the answer; what comes before it is kept in others.
func (p *peer) ask(method, params string) message {
	p.t.Helper()
	return p.answer(p.send(method, params))
}

func (p *peer) answer(id int) message {
	p.t.Helper()
	for {
		m := p.next()
		if got, ok := m.ID.(float64); ok && int(got) == id && m.Method == "" {
			return m
		}
		p.others = append(p.others, m)
	}
}

// A result is that of a tool.
type result struct {
	Content []struct {
		Type, Text string
	} `json:"content"`
	Structured json.RawMessage `json:"structuredContent"`
	IsError    bool            `json:"isError"`
	Meta       json.RawMessage `json:"_meta"`
}

// call calls a tool.
func (p *peer) call(tool, args string) result {
	p.t.Helper()
	return p.result(p.ask("tools/call", fmt.Sprintf(`{"name":%q,"arguments":%s}`, tool, args)))
}

func (p *peer) result(m message) result {
	p.t.Helper()
	if m.Error != nil {
		p.t.Fatalf("error: %+v", m.Error)
	}
	var r result
	if err := json.Unmarshal(m.Result, &r); err != nil {
		p.t.Fatal(err)
	}
	return r
}

// text is the text of a result.
func (r result) text() string {
	if len(r.Content) == 0 {
		return ""
	}
	return r.Content[0].Text
}

// list returns the tools by their names.
func (p *peer) list() map[string]json.RawMessage {
	p.t.Helper()
	var out struct{ Tools []json.RawMessage }
	if err := json.Unmarshal(p.ask("tools/list", "{}").Result, &out); err != nil {
		p.t.Fatal(err)
	}
	all := map[string]json.RawMessage{}
	for _, raw := range out.Tools {
		var tool struct{ Name string }
		if err := json.Unmarshal(raw, &tool); err != nil {
			p.t.Fatal(err)
		}
		all[tool.Name] = raw
	}
	return all
}

// end closes the plugin's input and returns its exit code.
func (p *peer) end() int {
	p.t.Helper()
	p.in.Close()
	for {
		select {
		case _, ok := <-p.lines:
			if ok {
				continue
			}
			_ = p.cmd.Wait()
			return p.cmd.ProcessState.ExitCode()
		case <-time.After(patience):
			p.t.Fatal("the plugin does not end")
		}
	}
}
