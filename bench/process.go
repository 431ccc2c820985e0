package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"
)

// patience is how long a child may take to answer a question about itself, be it a profile.
const patience = profileSeconds*time.Second + 15*time.Second

// A process is a child of the bench: a yardstick or the gateway. It runs in a process group of its own, which is killed
// when the context ends or when it is stopped.
type process struct {
	name   string
	addr   string // where it serves MCP
	cmd    *exec.Cmd
	stdin  io.Closer
	exited chan struct{}
	memory func(context.Context) (memory, error)
}

// start runs a command as a child. The caller stops it.
func start(ctx context.Context, name string, cmd []string, stdout, stderr *os.File) (*process, error) {
	c := exec.CommandContext(ctx, cmd[0], cmd[1:]...) //nolint:gosec // our own binary, or the one that the user named
	c.Stdout, c.Stderr = stdout, stderr
	ownGroup(c)
	c.Cancel = func() error { return killGroup(c.Process) }
	stdin, err := c.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := c.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	p := &process{name: name, cmd: c, stdin: stdin, exited: make(chan struct{})}
	go func() { // stop waits for it
		_ = c.Wait() // how it ended does not matter, only that it has
		close(p.exited)
	}()
	return p, nil
}

// startYardstick runs this program again as E, B or C.
func startYardstick(ctx context.Context, c childConfig) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer func() { _ = read.Close() }()
	p, err := start(ctx, c.kind, append([]string{self}, c.args()...), write, os.Stderr)
	if err := errors.Join(err, write.Close()); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(read).ReadString('\n')
	addr, control, ok := strings.Cut(strings.TrimSpace(line), " ")
	if err != nil || !ok {
		p.stop()
		return nil, fmt.Errorf("yardstick %s did not start: %q: %w", c.kind, line, err)
	}
	p.addr = addr
	p.memory = func(ctx context.Context) (m memory, err error) {
		err = fetch(ctx, "http://"+control+"/memory", func(r io.Reader) error { return json.NewDecoder(r).Decode(&m) })
		return m, err
	}
	return p, nil
}

// endpoint returns the URL of the process's MCP endpoint.
func (p *process) endpoint() string { return "http://" + p.addr + "/mcp" }

// cpu returns the processor time that the process has used since its start.
func (p *process) cpu() (time.Duration, error) { return cpuTime(p.cmd.Process.Pid) }

// stop kills the process with its group and waits for it.
func (p *process) stop() {
	_ = killGroup(p.cmd.Process) // gone already, or killed now
	_ = p.stdin.Close()
	<-p.exited
}

// fetch does a GET and hands the body of a 200 answer to read.
func fetch(ctx context.Context, url string, read func(io.Reader) error) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, res.Status)
	}
	return read(res.Body)
}
