//go:build unix

package sandbox

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// TestMain makes the test binary a Reap, a gateway or a server when it is asked to.
func TestMain(m *testing.M) {
	if len(os.Args) < 2 || strings.HasPrefix(os.Args[1], "-") {
		os.Exit(m.Run())
	}
	switch os.Args[1] {
	case "__reap":
		os.Exit(Reap(os.Args[2:]))
	case "gateway":
		gateway()
	case "boxed":
		os.Exit(boxed(os.Args[2:]))
	case "stubborn":
		stubborn(os.Args[2])
	case "flood":
		for range 20_000 {
			fmt.Fprintln(os.Stderr, strings.Repeat("all is well ", 50))
		}
		fmt.Println("done")
	}
}

func self(args ...string) Command {
	return Command{
		Path: os.Args[0], Args: args, Reaper: []string{os.Args[0], "__reap"},
		Env: map[string]string{"GORACE": "atexit_sleep_ms=0"},
	}
}

// gateway starts a stubborn server, tells its numbers and waits to be killed.
func gateway() {
	c, err := Start(context.Background(), self("stubborn", "parent"), slog.New(slog.DiscardHandler))
	if err != nil {
		panic(err)
	}
	_, _ = io.Copy(os.Stdout, c)
}

// stubborn is a server that ignores the end of its input and every signal that it can, and has a child like that in a session
// of its own.
func stubborn(which string) {
	signal.Ignore(syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	if which == "parent" {
		cmd := exec.Command(os.Args[0], "stubborn", "child")
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		if err := cmd.Start(); err != nil {
			panic(err)
		}
		fmt.Println(os.Getpid(), cmd.Process.Pid)
	}
	for {
		time.Sleep(time.Hour)
	}
}

// pids reads the numbers that a stubborn server tells.
func pids(t *testing.T, r io.Reader) []int {
	t.Helper()
	line, err := bufio.NewReader(r).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	var all []int
	for field := range strings.FieldsSeq(line) {
		pid, err := strconv.Atoi(field)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, pid)
	}
	return all
}

// wantGone fails unless the processes end soon.
func wantGone(t *testing.T, pids []int) {
	t.Helper()
	for _, pid := range pids {
		for deadline := time.Now().Add(5 * time.Second); lives(pid); time.Sleep(5 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Errorf("process %d still lives", pid)
				_ = syscall.Kill(pid, syscall.SIGKILL)
				break
			}
		}
	}
}

func lives(pid int) bool {
	if stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)); err == nil {
		return !bytes.Contains(stat, []byte(") Z "))
	}
	return syscall.Kill(pid, 0) == nil
}

// TestKilled kills a gateway with SIGKILL: nothing of its server is left, not even a grandchild in a session of its own that
// ignores the end of its input and SIGTERM.
func TestKilled(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux adopts orphans")
	}
	cmd := exec.Command(os.Args[0], "gateway")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	left := pids(t, out)
	for _, pid := range left {
		if !lives(pid) {
			t.Errorf("process %d does not live", pid)
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	wantGone(t, left)
}

// TestClose ends a stubborn server: nothing is left of it either.
func TestClose(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux adopts orphans")
	}
	c, err := Start(t.Context(), self("stubborn", "parent"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	left := pids(t, c)
	c.Close()
	wantGone(t, append(left, c.PID()))
}

// TestWait waits for programs that end by themselves, and no longer than it may.
func TestWait(t *testing.T) {
	start := func(script string) *Child {
		t.Helper()
		c, err := Start(t.Context(), Command{Path: "sh", Args: []string{"-c", script}}, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			c.Kill()
			c.Close()
		})
		return c
	}
	if err := start("exit 0").Wait(t.Context()); err != nil {
		t.Errorf("exit 0: %v", err)
	}
	err := start("exit 3").Wait(t.Context())
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 3 {
		t.Errorf("exit 3: %v", err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("enough")
	cancel(why)
	if err := start("exec sleep 10").Wait(ctx); !errors.Is(err, why) {
		t.Errorf("cancelled: %v", err)
	}
}

// TestKill ends a stubborn server at once, with a Reap and all that it has started.
func TestKill(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux adopts orphans")
	}
	c, err := Start(t.Context(), self("stubborn", "parent"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	left := pids(t, c)
	begin := time.Now()
	c.Kill()
	c.Close()
	if took := time.Since(begin); took > patience {
		t.Errorf("killing took %v", took)
	}
	wantGone(t, append(left, c.PID()))

	direct := self("stubborn", "child")
	direct.Reaper = nil
	if c, err = Start(t.Context(), direct, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	c.Kill()
	c.Close()
	wantGone(t, []int{c.PID()})
}

// TestOrphans has a server end by itself: what it has started ends too.
func TestOrphans(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux adopts orphans")
	}
	command := self()
	command.Path, command.Args = "sh", []string{"-c", `"$0" stubborn parent & sleep 0.3; exit 3`, os.Args[0]}
	c, err := Start(t.Context(), command, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	left := pids(t, c)
	wantGone(t, left)
	if got := c.Epitaph(); got != "exit status 3" {
		t.Errorf("epitaph = %q", got)
	}
	c.Close()
}

// TestDirect starts a program without a Reap.
func TestDirect(t *testing.T) {
	command := self()
	command.Path, command.Args, command.Reaper = "cat", nil, nil
	c, err := Start(t.Context(), command, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write([]byte("hello\n")); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil || line != "hello\n" {
		t.Errorf("read %q, %v", line, err)
	}
	c.Close()
	if got := c.Epitaph(); got != "exit status 0" {
		t.Errorf("epitaph = %q", got)
	}
	wantGone(t, []int{c.PID()})
}

// TestFlood has a program write much to its standard error: it does not wait, and the log stays small.
func TestFlood(t *testing.T) {
	var log lockedBuffer
	c, err := Start(t.Context(), self("flood"), slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil || line != "done\n" {
		t.Errorf("read %q, %v", line, err)
	}
	c.Close()
	text := log.String()
	if n := strings.Count(text, "\n"); n > 200 || n < 50 {
		t.Errorf("%d lines in the log, want about 100", n)
	}
	if !strings.Contains(text, "lines dropped") {
		t.Errorf("the log does not tell that lines were dropped")
	}
}

// TestEnvironment looks at what a program inherits.
func TestEnvironment(t *testing.T) {
	t.Setenv("SUMUN_SECRET", "s3cret")
	t.Setenv("SHELL", "() { :; }")
	env := strings.Join(environment(map[string]string{"LANG": "ko", "EXTRA": "1"}), "\n") + "\n"
	for text, want := range map[string]bool{
		"PATH=": true, "EXTRA=1\n": true, "LANG=ko\n": true, "SECRET": false, "SHELL=": false,
	} {
		if strings.Contains(env, text) != want {
			t.Errorf("contains %q = %v, want %v", text, !want, want)
		}
	}
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
