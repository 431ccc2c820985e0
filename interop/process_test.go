package interop

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"
)

// command is a program with its arguments, as it is run and as mcp.yaml and the clients' plans name it.
type command struct {
	Command string   `json:"command,omitempty"`
	Args    []string `json:"args,omitempty"`
}

// with returns the command with more arguments.
func (c command) with(args ...string) command {
	return command{c.Command, append(append([]string(nil), c.Args...), args...)}
}

// record keeps what a process printed.
type record struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (r *record) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(p)
}

// String returns all that was printed until now.
func (r *record) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}

// start runs the command in the folder dir, with more environment, until the test ends, and shows what it printed if
// the test fails. Its children end with it.
func start(t *testing.T, dir string, env []string, c command) {
	t.Helper()
	out := new(record)
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), c.Command, c.Args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait() // that it was told to end is no fault
	}()
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(10 * time.Second):
			t.Errorf("%s did not end when told to", filepath.Base(c.Command))
		}
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // whoever is left of its group
		<-ended
		if t.Failed() {
			t.Logf("%s printed:\n%s", filepath.Base(c.Command), tail(out.String()))
		}
	})
}

// run runs the command in the folder dir, with the environment or else with ours, to its end, and returns what it
// wrote to stdout. Its error tells what it wrote to stderr.
func run(ctx context.Context, dir string, env []string, c command) (string, error) {
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, c.Command, c.Args...)
	cmd.Dir, cmd.Env = dir, env
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	err := cmd.Run()
	if cmd.Process != nil {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // children that outlived it
	}
	if err != nil {
		err = fmt.Errorf("%s: %w\n%s", filepath.Base(c.Command), err, tail(stderr.String()))
	}
	return stdout.String(), err
}

// noneLeft reports and ends every process whose command line has the mark. Whoever started it should have ended it.
func noneLeft(t *testing.T, mark string) {
	t.Helper()
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline") // elsewhere than on Linux there is nothing to look at
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range lines {
		text, err := os.ReadFile(line)
		if err != nil || !bytes.Contains(text, []byte(mark)) {
			continue // gone meanwhile, or another's
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(line)))
		if err != nil {
			t.Fatal(err)
		}
		t.Errorf("process %d was left behind: %s", pid, bytes.ReplaceAll(text, []byte{0}, []byte{' '}))
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}

// tail returns the end of a long text.
func tail(text string) string {
	const most = 8000
	if len(text) <= most {
		return text
	}
	return "…" + text[len(text)-most:]
}

// freeAddress returns a loopback address that nothing listens on now.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// await waits until a GET of the URL is answered with a status that ready accepts.
func await(t *testing.T, url string, ready func(status int) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	last := "nothing listens"
	for tick := time.NewTicker(50 * time.Millisecond); ; {
		status, err := get(ctx, url)
		if err == nil && ready(status) {
			return
		}
		if err == nil {
			last = fmt.Sprintf("status %d", status)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("waiting for %s: %s", url, last)
		}
	}
}

// get returns the status of the answer to a GET.
func get(ctx context.Context, url string) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return 0, err
	}
	res, err := new(http.Client).Do(req)
	if err != nil {
		return 0, err
	}
	return res.StatusCode, res.Body.Close()
}
