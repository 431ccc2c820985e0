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

// A tour is one walk through the README: a folder, a home, and the gateway that runs meanwhile.
type tour struct {
	t       *testing.T
	dir     string // where the commands run
	env     []string
	gateway *exec.Cmd
	log     bytes.Buffer // what the gateway said; read after it has ended
}

// TestReadme runs the tour of README.md: the commands of its marked blocks, as they stand there, and compares what they print
// with the block that follows. The one difference is the gateway's port, which is a free one.
func TestReadme(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the tour is written for a POSIX shell")
	}
	readme, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	tr := newTour(t)
	blocks := tourBlocks(string(readme))
	compared := 0
	for i, b := range blocks {
		switch b.kind {
		case "sh tour":
			if i+1 < len(blocks) && blocks[i+1].kind == "text tour" {
				tr.expect(b.text, blocks[i+1].text)
				compared++
				continue
			}
			if out, err := tr.run(b.text); err != nil {
				t.Fatalf("%s\n%v\n%s", b.text, err, out)
			}
			tr.enter("demo")
		case "sh tour serve":
			tr.serve(b.text)
		}
	}
	if compared != 3 || tr.gateway == nil {
		t.Errorf("the README has %d blocks for the tour, of which %d say what is printed", len(blocks), compared)
	}
	tr.end()
	tr.onRecord("tools/call", "calc.evaluate", "other.calc.evaluate", "resources/read")
}

func newTour(t *testing.T) *tour {
	home := t.TempDir()
	tr := &tour{t: t, dir: t.TempDir()}
	for _, entry := range os.Environ() {
		switch name, _, _ := strings.Cut(entry, "="); name {
		case "HOME", "XDG_CONFIG_HOME", "CODEX_HOME", "SUMUN_URL", "SUMUN_KEY", "SUMUN_HOST", "MCP_API_KEY":
		default:
			tr.env = append(tr.env, entry)
		}
	}
	tr.env = append(tr.env, "HOME="+home)
	return tr
}

// enter goes to a folder below, once, as the reader's first terminal did.
func (tr *tour) enter(name string) {
	if dir := filepath.Join(tr.dir, name); filepath.Base(tr.dir) != name {
		tr.dir = dir
	}
}

// run runs commands as a terminal would, and returns what they print on stdout, and on failure on stderr too.
func (tr *tour) run(commands string) (string, error) {
	ctx, cancel := context.WithTimeout(tr.t.Context(), time.Minute)
	defer cancel()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, "sh", "-e", "-c", commands)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = tr.dir, tr.env, &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String() + stderr.String(), err
	}
	return stdout.String(), nil
}

// expect runs commands until they print what the README says, for a while: a changed configuration is taken over soon, not at once.
// In what the README says, … stands for anything within a line.
func (tr *tour) expect(commands, want string) {
	tr.t.Helper()
	pattern := strings.ReplaceAll(regexp.QuoteMeta(want), "…", ".*")
	whole := regexp.MustCompile(`\A` + pattern + `\z`)
	for deadline := time.Now().Add(20 * time.Second); ; {
		got, err := tr.run(commands)
		if err == nil && whole.MatchString(got) {
			return
		}
		if time.Now().After(deadline) {
			tr.t.Fatalf("%s(%v) printed other than the README says (-want +got):\n%s", commands, err, cmp.Diff(want, got))
		}
		<-time.After(100 * time.Millisecond)
	}
}

// serve starts the gateway on a free port and waits until it is ready.
func (tr *tour) serve(command string) {
	tr.t.Helper()
	words := append(strings.Fields(command), "--listen", "127.0.0.1:0")
	tr.gateway = exec.CommandContext(tr.t.Context(), words[0], words[1:]...)
	tr.gateway.Dir, tr.gateway.Env, tr.gateway.Stderr = tr.dir, tr.env, &tr.log
	tr.gateway.Cancel = func() error { return tr.gateway.Process.Signal(syscall.SIGTERM) }
	if err := tr.gateway.Start(); err != nil {
		tr.t.Fatal(err)
	}
	tr.t.Cleanup(func() { _ = tr.gateway.Wait() }) // ended by the test's context, if by nothing else
	for deadline := time.Now().Add(30 * time.Second); !tr.ready(); <-time.After(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			tr.t.Fatal("the gateway is not ready")
		}
	}
}

// ready asks the gateway, at the address that it has announced.
func (tr *tour) ready() bool {
	endpoint, err := os.ReadFile(filepath.Join(tr.dir, ".sumun", "endpoint"))
	if err != nil {
		return false
	}
	url := strings.Replace(strings.TrimSpace(string(endpoint)), "/mcp", "/readyz", 1)
	request, err := http.NewRequestWithContext(tr.t.Context(), http.MethodGet, url, http.NoBody)
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
func (tr *tour) end() {
	tr.t.Helper()
	if err := tr.gateway.Process.Signal(syscall.SIGTERM); err != nil {
		tr.t.Fatal(err)
	}
	if err := tr.gateway.Wait(); err != nil && tr.gateway.ProcessState.ExitCode() != exitInterrupted {
		tr.t.Errorf("the gateway ended with %v and said\n%s", err, tr.log.String())
	}
}

// onRecord wants a record of each of these methods and names.
func (tr *tour) onRecord(words ...string) {
	tr.t.Helper()
	s, err := store.Open(tr.t.Context(), filepath.Join(tr.dir, ".sumun", "sumun.db"))
	if err != nil {
		tr.t.Fatal(err)
	}
	defer s.Close() //nolint:errcheck // it was only read
	var all bytes.Buffer
	for row, err := range s.Records(tr.t.Context(), 0) {
		if err != nil {
			tr.t.Fatal(err)
		}
		all.Write(row.Body)
	}
	for _, word := range words {
		if !bytes.Contains(all.Bytes(), []byte(`"`+word+`"`)) {
			tr.t.Errorf("no record of %s", word)
		}
	}
}
