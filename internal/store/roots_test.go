package store_test

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/roots"
	"github.com/sumun-mcp/sumun/internal/store"
	"github.com/sumun-mcp/sumun/internal/wire"
)

var _ roots.Store = (*store.Store)(nil)

func allRoots(t *testing.T, s *store.Store) []roots.Change {
	t.Helper()
	var all []roots.Change
	for c, err := range s.Roots(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
	}
	return all
}

func changeRoots(t *testing.T, s *store.Store, changes ...roots.Change) {
	t.Helper()
	if err := s.ChangeRoots(t.Context(), changes); err != nil {
		t.Fatal(err)
	}
}

// TestRoots stores, changes and removes roots, and what belongs to them.
func TestRoots(t *testing.T) {
	engines(t, func(t *testing.T, at string) {
		t.Helper()
		s := open(t, at)
		made := time.UnixMilli(1_700_000_000_123)
		record := roots.Record{Name: "n", URI: "file:///u", Created: made, Used: made, TTL: time.Hour, Entries: 2, Bytes: 99}
		change := func(root string, c roots.Change) roots.Change {
			c.Caller, c.Root = "ann", root
			return c
		}
		node := change("a", roots.Change{Node: &roots.Node{Path: "p/q", Sampling: []byte(`{"topK":1}`), Variables: []byte{}}})
		entry := func(n int64) roots.Change {
			return change("a", roots.Change{Entry: &roots.Entry{Seq: n, Data: []byte(`{"n":1}`)}})
		}
		changeRoots(t, s, change("a", roots.Change{Record: &record}), change("b", roots.Change{Record: &record}), node, entry(1), entry(2))
		used := record
		used.Used, used.Cleared = made.Add(time.Minute), 1
		changeRoots(t, s, change("a", roots.Change{Record: &used}), entry(3), change("a", roots.Change{Trim: 1}))
		want := []roots.Change{change("a", roots.Change{Record: &used}), change("b", roots.Change{Record: &record}), node, entry(2), entry(3)}
		if diff := cmp.Diff(want, allRoots(t, s)); diff != "" {
			t.Fatal(diff)
		}

		closed := used
		closed.Closed, closed.Expired = made.Add(time.Hour), true
		changeRoots(t, s, change("a", roots.Change{Empty: true, Record: &closed}), node, entry(4), change("b", roots.Change{Forget: true}), change("b", node))
		if diff := cmp.Diff([]roots.Change{change("a", roots.Change{Record: &closed})}, allRoots(t, s)); diff != "" {
			t.Fatal(diff)
		}
		changeRoots(t, s, change("a", roots.Change{Forget: true}), change("a", roots.Change{Record: &record}), node)
		node.Node = &roots.Node{Path: "p/q"}
		changeRoots(t, s, node)
		if diff := cmp.Diff([]roots.Change{change("a", roots.Change{Record: &record})}, allRoots(t, s)); diff != "" {
			t.Fatal(diff)
		}
	})
}

// killed is the variable that makes TestRootsKilled the process that is killed.
const killed = "SUMUN_TEST_ROOTS_KILLED"

// TestRootsKilled kills a process that makes, changes and closes roots with many writers at once. Whatever it has
// answered holds afterwards.
func TestRootsKilled(t *testing.T) {
	if at := os.Getenv(killed); at != "" {
		answerUntilKilled(t, at)
		return
	}
	for round := range 3 {
		engines(t, func(t *testing.T, at string) {
			t.Helper()
			said := runAndKill(t, at, 200+300*round)
			s := open(t, at)
			x, err := roots.New(t.Context(), roots.Options{Store: s, Log: slog.New(slog.DiscardHandler), Settings: killSettings})
			if err != nil {
				t.Fatal(err)
			}
			for id, last := range said {
				checkKept(t, x, id, last)
			}
			if err := x.Close(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

var killSettings = roots.Settings{TTL: time.Hour, Max: 10_000, Entries: 4, Bytes: 4096}

// checkKept wants a root as the killed process has said last: its tree at least as new, or closed.
func checkKept(t *testing.T, x *roots.Roots, id, last string) {
	t.Helper()
	got, err := ask(t.Context(), x, mcp.MethodSamplingGet, fmt.Sprintf(`{"context":{"rootId":%q,"path":"p"}}`, id))
	e := mcp.AsError(err)
	if e != nil && strings.HasPrefix(e.Message, "root closed") {
		return // said, or done when it was killed
	}
	n, _ := strconv.Atoi(last)
	now, _ := wire.ParseInt(wire.Get([]byte(got), "topK"))
	if err != nil || last == "closed" || now < int64(n) {
		t.Errorf("root %s: %s, %v; it was answered %s", id, got, err, last)
	}
}

// runAndKill starts the process, kills it when it has said so many lines, and returns the last that it said of each root.
func runAndKill(t *testing.T, at string, lines int) map[string]string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestRootsKilled$")
	cmd.Env = append(os.Environ(), killed+"="+at)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said := map[string]string{}
	n := 0
	for scan := bufio.NewScanner(out); scan.Scan(); {
		id, what, ok := strings.Cut(scan.Text(), " ")
		if !ok {
			t.Fatalf("the process says %q", scan.Text())
		}
		said[id] = what
		if n++; n == lines {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	_ = cmd.Wait() // it was killed
	if n < lines {
		t.Fatalf("the process said %d lines only", n)
	}
	return said
}

// answerUntilKilled says what was answered, a line each, after it was.
func answerUntilKilled(t *testing.T, at string) {
	t.Helper()
	s := open(t, at)
	x, err := roots.New(t.Context(), roots.Options{Store: s, Log: slog.New(slog.DiscardHandler), Settings: killSettings})
	if err != nil {
		t.Fatal(err)
	}
	var saying sync.Mutex
	say := func(id, what string) {
		saying.Lock()
		defer saying.Unlock()
		fmt.Println(id, what)
	}
	var writing sync.WaitGroup
	for w := range 16 {
		writing.Go(func() {
			for i := range 1_000_000 {
				id := fmt.Sprintf("w%d-%d", w, i)
				must(t, x, mcp.MethodRootCreate, fmt.Sprintf(`{"rootId":%q}`, id))
				say(id, "0")
				for k := range 3 {
					must(t, x, mcp.MethodSamplingUpdate, fmt.Sprintf(`{"context":{"rootId":%q,"path":"p"},"topK":%d}`, id, k+1))
					say(id, strconv.Itoa(k+1))
				}
				if i%2 == 0 {
					must(t, x, mcp.MethodRootClose, fmt.Sprintf(`{"rootId":%q}`, id))
					say(id, "closed")
				}
			}
		})
	}
	writing.Wait()
}

func must(t *testing.T, x *roots.Roots, method, params string) {
	t.Helper()
	if _, err := ask(t.Context(), x, method, params); err != nil {
		t.Errorf("%s %s: %v", method, params, err)
		os.Exit(1)
	}
}

// A result takes one.
type result struct{ value string }

func (*result) Notify(context.Context, *wire.Message) error { return nil }

func (*result) Ask(context.Context, []mcp.Question) ([]mcp.Answer, error) {
	return nil, mcp.ErrUnsupported
}

func (r *result) Done(_ context.Context, done *mcp.Result) error {
	r.value = string(done.Value)
	return nil
}

// ask asks roots something, as a client of the dialect does.
func ask(ctx context.Context, x *roots.Roots, method, params string) (string, error) {
	m := &wire.Message{}
	raw := fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":%q,"params":%s}`, method, params)
	if err := wire.NewScanner(mcp.Vocabulary(), 0).Request([]byte(raw), m); err != nil {
		return "", err
	}
	call := &mcp.Call{Caller: &mcp.Caller{ID: "ann"}, Method: method, Dialect: method, Revision: mcp.Latest(), Request: m}
	call.Context = call.Member("context")
	r := &result{}
	err := x.Handle(ctx, call, r)
	return r.value, err
}

// TestRootsForgetForGood stores two records of a root of which the older one comes last, as that of a use may behind that of a
// write: what the memory has forgotten does not come back.
func TestRootsForgetForGood(t *testing.T) {
	engines(t, func(t *testing.T, address string) {
		t.Helper()
		s := open(t, address)
		at := time.UnixMilli(1_700_000_000_123)
		put := func(cleared int64) {
			changeRoots(t, s, roots.Change{Caller: "ann", Root: "a", Record: &roots.Record{Created: at, Used: at, TTL: time.Hour, Entries: 2, Bytes: 99, Cleared: cleared}})
		}
		put(0)
		put(9)
		put(5)
		if all := allRoots(t, s); len(all) != 1 || all[0].Record.Cleared != 9 {
			t.Errorf("cleared = %+v, want 9", all[0].Record)
		}
		changeRoots(t, s, roots.Change{Caller: "ann", Root: "a", Forget: true})
		put(0)
		if all := allRoots(t, s); all[0].Record.Cleared != 0 {
			t.Errorf("a new root has cleared = %d", all[0].Record.Cleared)
		}
	})
}
