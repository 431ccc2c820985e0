package gateway_test

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/sumun-mcp/sumun/internal/sandbox"
)

// TestMain makes the test binary a Reap or a peer on its standard input and output when it is
// asked to. After the tests it looks for goroutines that somebody has left behind.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "__reap" {
		os.Exit(sandbox.Reap(os.Args[2:]))
	}
	if len(os.Args) > 3 && os.Args[1] == "__peer" {
		servePipe(os.Args[2], os.Args[3])
		os.Exit(0)
	}
	code := m.Run()
	if left := settle(10*time.Second, func() bool { return len(ours()) == 0 }); !left && code == 0 {
		fmt.Fprintf(os.Stderr, "goroutines left behind:\n\n%s\n", strings.Join(ours(), "\n\n"))
		code = 1
	}
	os.Exit(code)
}

// ours returns the stacks of goroutines that run or were started by code of this module, without the one that asks.
func ours() []string {
	buf := make([]byte, 4<<20)
	all := strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n")
	var found []string
	for _, stack := range all[1:] {
		if strings.Contains(stack, "sumun-mcp/sumun/internal") && !strings.Contains(stack, "testing.(*T).Run") {
			found = append(found, stack)
		}
	}
	return found
}

// settle waits until ok holds, and reports whether it came to hold in time.
func settle(within time.Duration, ok func() bool) bool {
	for end := time.Now().Add(within); ; time.Sleep(5 * time.Millisecond) {
		if ok() {
			return true
		}
		if time.Now().After(end) {
			return false
		}
	}
}

// eventually fails the test if ok does not come to hold.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	if !settle(15*time.Second, ok) {
		t.Fatalf("%s: not within 15 s", what)
	}
}
