package gateway_test

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sumun-mcp/sumun/internal/pgtest"
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
	code := pgtest.Run(m)
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

// labelCell is the profile label of what belongs to one cell of the matrix.
const labelCell = "cell"

// leavesNothing labels the goroutine of the test, and with it all that it starts from now on. When those cleanups are done that are
// registered later, no goroutine with the label may be left.
func leavesNothing(t *testing.T) {
	t.Helper()
	mine := pprof.WithLabels(t.Context(), pprof.Labels(labelCell, t.Name()))
	pprof.SetGoroutineLabels(mine)
	t.Cleanup(func() {
		pprof.SetGoroutineLabels(context.WithoutCancel(t.Context()))
		var left []string
		for pause := 20 * time.Millisecond; pause < 4*time.Second; pause *= 2 { // looking is expensive
			if left = labelled(t); len(left) == 0 {
				return
			}
			time.Sleep(pause)
		}
		t.Errorf("goroutines left behind:\n\n%s", strings.Join(left, "\n\n"))
	})
}

// labelled returns the stacks of the goroutines that belong to the test.
func labelled(t *testing.T) []string {
	t.Helper()
	var all strings.Builder
	if err := pprof.Lookup("goroutine").WriteTo(&all, 1); err != nil {
		t.Error(err)
	}
	label := fmt.Sprintf("%q:%q", labelCell, t.Name())
	return slices.DeleteFunc(strings.Split(all.String(), "\n\n"), func(stack string) bool { return !strings.Contains(stack, label) })
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

// coming returns what comes, and fails the test if nothing does.
func coming[T any](t *testing.T, what string, from <-chan T) T {
	t.Helper()
	select {
	case got := <-from:
		return got
	case <-time.After(time.Minute):
		t.Fatalf("%s: not within a minute", what)
		panic("unreachable")
	}
}

// eventually fails the test if ok does not come to hold.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	if !settle(15*time.Second, ok) {
		t.Fatalf("%s: not within 15 s", what)
	}
}
