//go:build unix

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sumun-mcp/sumun/internal/store"
)

// A victim is a gateway that runs as a process of its own, in a directory of its own, to be ended by a signal.
type victim struct {
	dir, notes string
	url        string
	cmd        *exec.Cmd
	log        bytes.Buffer // read after it has ended
	ended      chan error
}

// startVictim starts a gateway in front of peers; stubborn ones do not want to end, and have children that do not either.
func startVictim(t *testing.T, stubborn string) *victim {
	t.Helper()
	v := &victim{dir: t.TempDir(), notes: t.TempDir(), ended: make(chan error, 1)}
	config := "listen: 127.0.0.1:0\nanonymous: true\nservers:\n  p:\n    command: peer\n    sandbox: none\n    args: [" + v.notes + stubborn + "]\n" +
		"    env: {GORACE: atexit_sleep_ms=0}\n    tools: {timeout: 0s}\n"
	if err := os.WriteFile(filepath.Join(v.dir, "mcp.yaml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	v.start(t)
	return v
}

// again starts another gateway in the directory of one that has ended.
func (v *victim) again(t *testing.T) *victim {
	t.Helper()
	_ = os.Remove(filepath.Join(v.dir, ".sumun", "endpoint")) // one that was killed leaves it
	next := &victim{dir: v.dir, notes: v.notes, ended: make(chan error, 1)}
	next.start(t)
	return next
}

// start starts the gateway, and waits until it listens.
func (v *victim) start(t *testing.T) {
	t.Helper()
	v.cmd = exec.Command("sumun", "serve", "--dir", v.dir)
	v.cmd.Stderr = &v.log
	v.cmd.Env = append(os.Environ(), "HOME="+v.dir, "GORACE=atexit_sleep_ms=0")
	if err := v.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { v.ended <- v.cmd.Wait() }()
	t.Cleanup(func() {
		_ = v.cmd.Process.Kill()
		for _, pid := range v.alive() {
			t.Errorf("process %d is left behind", pid)
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		if t.Failed() {
			t.Log(v.log.String())
		}
	})
	endpoint := filepath.Join(v.dir, ".sumun", "endpoint")
	wait(t, "the gateway's address", func() bool {
		b, err := os.ReadFile(endpoint)
		v.url = strings.TrimSpace(string(b))
		return err == nil && v.url != ""
	})
}

// wait waits until ok holds.
func wait(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within 30 s", what)
		}
	}
}

// alive returns the processes of servers, and their children, that still run.
func (v *victim) alive() []int {
	entries, _ := os.ReadDir(v.notes)
	var all []int
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil && syscall.Kill(pid, 0) == nil {
			all = append(all, pid)
		}
	}
	return all
}

// begun returns how many calls of a tool the servers have begun.
func (v *victim) begun(tool string) int {
	entries, _ := os.ReadDir(v.notes)
	n := 0
	for _, e := range entries {
		b, _ := os.ReadFile(filepath.Join(v.notes, e.Name()))
		n += strings.Count(string(b), tool+"\n")
	}
	return n
}

// call calls a tool in one of the eras and returns the answer.
func (v *victim) call(tool string, modern bool) (string, error) {
	body := `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"` + tool + `"}}`
	if modern {
		body = strings.Replace(body, `"params":{`, `"params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28",`+
			`"io.modelcontextprotocol/clientCapabilities":{}},`, 1)
	}
	req, err := http.NewRequest(http.MethodPost, v.url, strings.NewReader(body))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json, text/event-stream")
	if modern {
		req.Header.Set("Mcp-Protocol-Version", "2026-07-28")
		req.Header.Set("Mcp-Method", "tools/call")
		req.Header.Set("Mcp-Name", tool)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	return string(answer), err
}

// flight makes n calls at once and returns what becomes of them: answers, errors, and calls without either.
func (v *victim) flight(tool string, n int) func() (answers, refusals, broken []string) {
	var all sync.WaitGroup
	var mu sync.Mutex
	var answers, refusals, broken []string
	for i := range n {
		all.Go(func() {
			answer, err := v.call(tool, i%2 == 0)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err != nil:
				broken = append(broken, err.Error())
			case strings.Contains(answer, `"result"`):
				answers = append(answers, answer)
			default:
				refusals = append(refusals, answer)
			}
		})
	}
	return func() ([]string, []string, []string) {
		all.Wait()
		return answers, refusals, broken
	}
}

// exits waits until the gateway has ended.
func (v *victim) exits(t *testing.T, within time.Duration) error {
	t.Helper()
	select {
	case err := <-v.ended:
		return err
	case <-time.After(within):
		t.Fatalf("the gateway still runs after %v", within)
		return nil
	}
}

// TestTerminate sends SIGTERM with 200 calls in flight: every one is answered, and the gateway ends as it should.
func TestTerminate(t *testing.T) {
	t.Parallel()
	v := startVictim(t, "")
	result := v.flight("p.slow", 200)
	wait(t, "200 calls in flight", func() bool { return v.begun("slow") == 200 })
	if err := v.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	answers, refusals, broken := result()
	if len(answers) != 200 {
		t.Errorf("%d answers, %d errors, %d lost: %.300q %.300q", len(answers), len(refusals), len(broken), refusals, broken)
	}
	if err := v.exits(t, 15*time.Second); err != nil {
		t.Errorf("the gateway ended with %v", err)
	}
	if n := v.onRecord(t, "p.slow"); n != 200 {
		t.Errorf("%d of 200 calls are on record", n)
	}
	if _, err := os.Stat(filepath.Join(v.dir, ".sumun", "endpoint")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the address is still announced: %v", err)
	}
}

// TestTerminateStuck sends SIGTERM with calls in flight that never end, to servers that do not want to end: each call gets
// an error within the bound, and nothing is left.
func TestTerminateStuck(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("waits for the bound on calls in flight")
	}
	v := startVictim(t, ", stubborn")
	result := v.flight("p.forever", 200)
	wait(t, "200 calls in flight", func() bool { return v.begun("forever") == 200 })
	if err := v.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	_ = v.exits(t, 45*time.Second) // the exit code may say that calls were cut off
	answers, refusals, broken := result()
	if len(refusals)+len(broken) != 200 {
		t.Errorf("%d answers, %d errors, %d lost", len(answers), len(refusals), len(broken))
	}
	for _, refusal := range refusals {
		if !strings.Contains(refusal, `"error":{"code":-32603`) {
			t.Errorf("a call ended with %s", refusal)
		}
	}
	if len(broken) > 100 { // of modern clients, whose lost connection needs no answer
		t.Errorf("%d calls got no answer: %.300q", len(broken), broken)
	}
	wait(t, "the servers end", func() bool { return len(v.alive()) == 0 })
}

// TestKill sends SIGKILL: servers that ignore every hint, and their children, end all the same; the store opens again, and
// what was on record stays there.
func TestKill(t *testing.T) {
	t.Parallel()
	v := startVictim(t, ", stubborn")
	const calls = 20
	for range calls {
		if answer, err := v.call("p.echo", true); err != nil || !strings.Contains(answer, `"result"`) {
			t.Fatal(answer, err)
		}
	}
	wait(t, "the server and its child run", func() bool { return len(v.alive()) == 2 })
	wait(t, "records are stored", func() bool { return v.stored() })
	result := v.flight("p.forever", 50)
	wait(t, "50 calls in flight", func() bool { return v.begun("forever") == 50 })
	if err := v.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = v.exits(t, 5*time.Second)
	if _, _, broken := result(); len(broken) != 50 {
		t.Errorf("only %d of 50 calls broke", len(broken))
	}
	wait(t, "the server and its child end", func() bool { return len(v.alive()) == 0 })
	if n := v.onRecord(t, "p.echo"); n != calls {
		t.Errorf("%d of %d calls are on record", n, calls)
	}
	again := exec.Command("sumun", "serve", "--dir", v.dir)
	again.Env = v.cmd.Env
	again.Stderr = io.Discard
	if err := again.Start(); err != nil {
		t.Fatal(err)
	}
	old := v.url
	wait(t, "the gateway is there again", func() bool {
		b, err := os.ReadFile(filepath.Join(v.dir, ".sumun", "endpoint"))
		v.url = strings.TrimSpace(string(b))
		return err == nil && v.url != old
	})
	if answer, err := v.call("p.echo", false); err != nil || !strings.Contains(answer, `"result"`) {
		t.Errorf("a call afterwards: %s %v", answer, err)
	}
	_ = again.Process.Signal(syscall.SIGTERM)
	if err := again.Wait(); err != nil {
		t.Errorf("the second gateway ended with %v", err)
	}
}

// stored reports whether the write-ahead log has not grown for longer than a record may wait to be stored.
func (v *victim) stored() bool {
	info, err := os.Stat(filepath.Join(v.dir, ".sumun", "sumun.db-wal"))
	return err == nil && time.Since(info.ModTime()) > 200*time.Millisecond
}

// onRecord returns how many calls of a tool are on record.
func (v *victim) onRecord(t *testing.T, tool string) int {
	t.Helper()
	s, err := store.Open(t.Context(), filepath.Join(v.dir, ".sumun", "sumun.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	n := 0
	for row, err := range s.Records(t.Context(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(row.Body), fmt.Sprintf(`"name":%q`, tool)) {
			n++
		}
	}
	return n
}
