package gateway_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/config/belief"
)

// servePipe is a peer on standard input and output. It writes what it is sent into files of the directory dir: one for
// each process, named after its id.
func servePipe(era, dir string) {
	p := newPeer(era == "modern" || era == modernRevision)
	file, err := os.OpenFile(filepath.Join(dir, strconv.Itoa(os.Getpid())), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	p.note = func(line string) { fmt.Fprintln(file, line) }
	if s := specOf(era); s != nil {
		p.beStrict(s)
		if p.diary, err = openDiary(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	t := p.open()
	var mu sync.Mutex
	say := func(raw string) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Println(raw)
	}
	t.unasked = say
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 16<<20)
	var calls sync.WaitGroup
	ctx, cancel := context.WithCancel(context.Background())
	for in.Scan() {
		line := in.Text()
		t.judge(line, nil)
		calls.Go(func() {
			defer func() {
				if recover() != nil {
					fmt.Fprintln(os.Stderr, "out of memory")
					os.Exit(7)
				}
			}()
			if strings.Contains(line, `"name":"flood"`) {
				flood()
			}
			if answer := t.take(ctx, line, nil, say); answer != "" {
				say(answer)
			}
		})
	}
	cancel()
	calls.Wait()
}

// flood writes far more to standard error than a pipe holds.
func flood() {
	line := strings.Repeat("all is well ", 1000)
	for range 200 {
		fmt.Fprintln(os.Stderr, line)
	}
}

// A pipePeer is the configuration of a peer on a pipe, and what its processes were sent.
type pipePeer struct{ era, dir string }

func newPipePeer(t *testing.T, era string) *pipePeer {
	t.Helper()
	p := &pipePeer{era: era, dir: t.TempDir()}
	t.Cleanup(func() {
		for _, pid := range p.alive() {
			t.Errorf("process %d of a server is left behind", pid)
			kill(pid)
		}
	})
	return p
}

// server is the peer as a server of a configuration, whose names are its own.
func (p *pipePeer) server(name string) config.Server {
	s := config.NewServer(name)
	s.Command, s.Args, s.Prefix = os.Args[0], []string{"__peer", p.era, p.dir}, ""
	s.Env = map[string]string{"GORACE": "atexit_sleep_ms=0"}
	s.Trust.Pins = belief.Flag // its lists change as tests want them to
	return s
}

// processes returns the ids of all processes that were started, those that have ended too.
func (p *pipePeer) processes() []int {
	entries, _ := os.ReadDir(p.dir)
	var all []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err == nil {
			all = append(all, pid)
		}
	}
	return all
}

// alive returns the processes that still run.
func (p *pipePeer) alive() []int {
	var all []int
	for _, pid := range p.processes() {
		if p, err := os.FindProcess(pid); err == nil && p.Signal(syscall.Signal(0)) == nil {
			all = append(all, pid)
		}
	}
	return all
}

// kill ends a process that a test has started.
func kill(pid int) {
	if p, err := os.FindProcess(pid); err == nil {
		_ = p.Kill()
	}
}

// lines returns what one process was sent.
func (p *pipePeer) lines(pid int) []string {
	b, _ := os.ReadFile(filepath.Join(p.dir, strconv.Itoa(pid)))
	return strings.Split(strings.TrimSuffix(string(b), "\n"), "\n")
}

// all returns what all processes were sent.
func (p *pipePeer) all() string {
	var b strings.Builder
	for _, pid := range p.processes() {
		b.WriteString(strings.Join(p.lines(pid), "\n") + "\n")
	}
	return b.String()
}
