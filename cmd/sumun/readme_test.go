package main

import (
	"bytes"
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sumun-mcp/sumun/internal/exit"
	"github.com/sumun-mcp/sumun/internal/store"
)

// A block is what stands between two fences of README.md that are marked for the tour: commands, or what they print.
type block struct {
	kind string // "sh tour", "sh tour serve" or "text tour"
	text string
}

// tourBlocks returns the marked blocks of a Markdown file, in order.
func tourBlocks(markdown string) []block {
	var all []block
	fence := regexp.MustCompile("(?ms)^```((?:sh|text) tour(?: serve)?)\n(.*?)^```$")
	for _, m := range fence.FindAllStringSubmatch(markdown, -1) {
		all = append(all, block{m[1], m[2]})
	}
	return all
}

// A reader is one walk through the README: a folder, a home, and the gateway that runs meanwhile.
type reader struct {
	t       *testing.T
	dir     string // where the commands run
	env     []string
	gateway *exec.Cmd
	log     bytes.Buffer // what the gateway said; read after it has ended
}

// TestReadme runs the tour of README.md: the commands of its marked blocks, as they stand there, and compares what they print
// with the block that follows. The one difference is the gateway's port, which is a free one.
func TestReadme(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("the tour is written for a POSIX shell")
	}
	readme, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	r := newReader(t)
	blocks := tourBlocks(string(readme))
	compared := 0
	for i, b := range blocks {
		switch b.kind {
		case "sh tour":
			if i+1 < len(blocks) && blocks[i+1].kind == "text tour" {
				r.expect(b.text, blocks[i+1].text)
				compared++
				continue
			}
			r.do(b.text)
		case "sh tour serve":
			r.serve(b.text)
		}
	}
	if compared != 6 || r.gateway == nil {
		t.Errorf("the README has %d blocks for the tour, of which %d say what is printed", len(blocks), compared)
	}
	r.end()
	r.onRecord("tools/call", "calc.evaluate", "other.calc.evaluate", "resources/read", "gate.ready", "mcp.resource.write", "prompts/get")
}

func newReader(t *testing.T) *reader {
	t.Helper()
	home := t.TempDir()
	r := &reader{t: t, dir: t.TempDir()}
	for _, entry := range os.Environ() {
		switch name, _, _ := strings.Cut(entry, "="); name {
		case "HOME", "XDG_CONFIG_HOME", "CODEX_HOME", "SUMUN_URL", "SUMUN_KEY", "SUMUN_HOST", "MCP_API_KEY":
		default:
			r.env = append(r.env, entry)
		}
	}
	r.env = append(r.env, "HOME="+home, "GORACE=atexit_sleep_ms=0") // under the race detector every program would be a second slower
	return r
}

// do runs commands, and stays in the folder to which they lead.
func (r *reader) do(commands string) {
	r.t.Helper()
	out, err := r.run(commands + "pwd\n")
	if err != nil {
		r.t.Fatalf("%s%v\n%s", commands, err, out)
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	r.dir = lines[len(lines)-1]
}

// run runs commands as a terminal would, and returns what they print on stdout, and on failure on stderr too.
func (r *reader) run(commands string) (string, error) {
	ctx, cancel := context.WithTimeout(r.t.Context(), time.Minute)
	defer cancel()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, "sh", "-e", "-c", commands)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = r.dir, r.env, &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String() + stderr.String(), err
	}
	return stdout.String(), nil
}

// expect runs commands until they print what the README says, for a while: a changed configuration is taken over soon, not at once.
// In what the README says, … stands for anything within a line.
func (r *reader) expect(commands, want string) {
	r.t.Helper()
	pattern := strings.ReplaceAll(regexp.QuoteMeta(want), "…", ".*")
	whole := regexp.MustCompile(`\A` + pattern + `\z`)
	for deadline := time.Now().Add(20 * time.Second); ; {
		got, err := r.run(commands)
		if err == nil && whole.MatchString(got) {
			return
		}
		if time.Now().After(deadline) {
			r.t.Fatalf("%s(%v) printed other than the README says (-want +got):\n%s", commands, err, cmp.Diff(want, got))
		}
		<-time.After(100 * time.Millisecond)
	}
}

// serve starts the gateway on a free port and waits until it is ready.
func (r *reader) serve(command string) {
	r.t.Helper()
	words := append(strings.Fields(command), "--listen", "127.0.0.1:0")
	r.gateway = exec.CommandContext(r.t.Context(), words[0], words[1:]...)
	r.gateway.Dir, r.gateway.Env, r.gateway.Stderr = r.dir, r.env, &r.log
	r.gateway.Cancel = func() error { return r.gateway.Process.Signal(syscall.SIGTERM) }
	if err := r.gateway.Start(); err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = r.gateway.Wait() }) // ended by the test's context, if by nothing else
	for deadline := time.Now().Add(30 * time.Second); !r.ready(); <-time.After(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			r.t.Fatal("the gateway is not ready")
		}
	}
}

// ready asks the gateway, at the address that it has announced.
func (r *reader) ready() bool {
	endpoint, err := os.ReadFile(filepath.Join(r.dir, ".sumun", "endpoint"))
	if err != nil {
		return false
	}
	url := strings.Replace(strings.TrimSpace(string(endpoint)), "/mcp", "/readyz", 1)
	request, err := http.NewRequestWithContext(r.t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		return false
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	_ = answer.Body.Close()
	return answer.StatusCode == http.StatusOK
}

// end ends the gateway as an operator would.
func (r *reader) end() {
	r.t.Helper()
	if err := r.gateway.Process.Signal(syscall.SIGTERM); err != nil {
		r.t.Fatal(err)
	}
	if err := r.gateway.Wait(); err != nil && r.gateway.ProcessState.ExitCode() != exit.Interrupted {
		r.t.Errorf("the gateway ended with %v and said\n%s", err, r.log.String())
	}
}

// onRecord wants a record of each of these methods and names.
func (r *reader) onRecord(words ...string) {
	r.t.Helper()
	s, err := store.Open(r.t.Context(), filepath.Join(r.dir, ".sumun", "sumun.db"))
	if err != nil {
		r.t.Fatal(err)
	}
	defer s.Close()
	var all bytes.Buffer
	for row, err := range s.Records(r.t.Context(), 0) {
		if err != nil {
			r.t.Fatal(err)
		}
		all.Write(row.Body)
	}
	for _, word := range words {
		if !bytes.Contains(all.Bytes(), []byte(`"`+word+`"`)) {
			r.t.Errorf("no record of %s", word)
		}
	}
}
