//go:build unix

package record_test

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/pgtest"
	"github.com/sumun-mcp/sumun/internal/record"
	"github.com/sumun-mcp/sumun/internal/store"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// What has this program be another one: one that records calls until it is killed, or one
// that puts events on record beside others.
const (
	victimAt = "SUMUN_RECORD_VICTIM"
	writerAt = "SUMUN_RECORD_WRITER"
)

func TestMain(m *testing.M) {
	other := map[string]func(at, name string) error{victimAt: victim, writerAt: writeAlone}
	for variable, run := range other {
		if at := os.Getenv(variable); at != "" {
			if err := run(at, os.Args[len(os.Args)-1]); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
			os.Exit(0)
		}
	}
	os.Exit(pgtest.Run(m))
}

// engines runs a test with each engine that can be had, at the address of a store that is still to be made.
func engines(t *testing.T, test func(t *testing.T, at string)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { test(t, "sqlite:"+filepath.Join(t.TempDir(), "sumun.db")) })
	t.Run("postgres", func(t *testing.T) { test(t, pgtest.Database(t, "")) })
}

// settings are those of a record whose answers wait for it, sealed all the time.
func settings(dir string) *config.Config {
	return &config.Config{
		Store: "sqlite:" + filepath.Join(dir, "sumun.db"),
		Audit: config.Audit{Sign: true, Payloads: "full", Durability: "sync", Checkpoint: 10 * time.Millisecond},
	}
}

// victim records calls until it is killed, and prints the id of each that was answered.
func victim(dir, name string) error {
	ctx := context.Background()
	cfg := settings(dir)
	s, err := store.Open(ctx, cfg.StoreFile())
	if err != nil {
		return err
	}
	log, err := record.Open(ctx, cfg, s, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	var callers sync.WaitGroup
	for p := range 16 {
		callers.Go(func() {
			for i := 0; ; i++ {
				id := fmt.Sprintf("%s-%d-%d", name, p, i)
				if err := ask(ctx, log, id, func() { fmt.Println(id) }); err != nil {
					fmt.Fprintln(os.Stderr, err)
					return
				}
			}
		})
	}
	callers.Wait()
	return nil
}

// An answered is the reply of a call that says when it is answered.
type answered struct {
	mcp.Reply
	done func()
}

func (a answered) Done(context.Context, *mcp.Result) error {
	a.done()
	return nil
}

// ask is one call, on record under that id.
func ask(ctx context.Context, log *record.Log, id string, done func()) error {
	call := &mcp.Call{ID: id, Caller: &mcp.Caller{ID: "local"}, Method: "tools/call", Name: "t", Request: request, Transport: "http"}
	return log.Middleware(says).Handle(ctx, call, answered{done: done})
}

var request = func() *wire.Message {
	m := new(wire.Message)
	raw := []byte(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","arguments":{"secret":"s3"}}}`)
	if err := wire.NewScanner(mcp.Vocabulary(), 64).Request(raw, m); err != nil {
		panic(err)
	}
	return m
}()

var says = mcp.HandlerFunc(func(ctx context.Context, _ *mcp.Call, reply mcp.Reply) error {
	return reply.Done(ctx, mcp.Own([]byte(`{"content":[]}`)))
})

// slow reports whether there is time for all of it (make slow).
func slow() bool { return os.Getenv("SUMUN_TEST_SLOW") != "" }

// TestKill kills a recorder in the middle of its work, again and again: 50 times where there is time
// (see also TestKilledOften of cmd/sumun, which kills the whole gateway). Whatever was answered is
// on record, and the record verifies, with what was kept of each life.
func TestKill(t *testing.T) {
	lives := 3
	if slow() {
		lives = 50
	}
	dir := t.TempDir()
	answers := map[string]bool{}
	for life := range lives {
		for _, id := range live(t, dir, life) {
			answers[id] = true
		}
	}
	l := &log{settings(dir), dir, t}
	s := l.open()
	if _, err := l.sealer(s).Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	report := l.verify()
	if len(report.Faults) > 0 || report.Sealed != report.Records {
		t.Errorf("%+v", report)
	}
	t.Logf("%d answers, %d records, %d checkpoints", len(answers), report.Records, report.Checkpoints)
	book, err := record.Read(l.cfg, s, "")
	if err != nil {
		t.Fatal(err)
	}
	for e, err := range book.Entries(t.Context(), record.Query{}) {
		if err != nil {
			t.Fatal(err)
		}
		delete(answers, e.Text("id"))
	}
	if len(answers) > 0 {
		t.Errorf("%d calls were answered and are not on record", len(answers))
	}
}

// live runs a recorder for a little while, kills it, and returns the ids of what it answered.
func live(t *testing.T, dir string, life int) []string {
	t.Helper()
	cmd := exec.Command(os.Args[0], fmt.Sprint("life", life))
	cmd.Env = append(os.Environ(), victimAt+"="+dir)
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadString('\n')
		if err != nil { // the last line may be cut off; it was answered all the same
			break
		}
		if len(ids) == 0 {
			time.AfterFunc(time.Duration(10+life)*time.Millisecond, func() { _ = cmd.Process.Kill() })
		}
		ids = append(ids, strings.TrimSpace(line))
	}
	_ = cmd.Wait()
	if said.Len() > 0 || len(ids) == 0 {
		t.Fatalf("life %d: %d answers: %s", life, len(ids), said.String())
	}
	return ids
}
