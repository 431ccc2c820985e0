package audit_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sumun-mcp/sumun/internal/audit"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// A memory is a sink that can be made to fail.
type memory struct {
	mu   sync.Mutex
	rows []audit.Row
	fail error
}

func (m *memory) AppendRecords(_ context.Context, rows []audit.Row) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return m.fail
	}
	for _, r := range rows {
		r.Body, r.Salt = bytes.Clone(r.Body), bytes.Clone(r.Salt)
		r.Arguments, r.Result = bytes.Clone(r.Arguments), bytes.Clone(r.Result)
		m.rows = append(m.rows, r)
	}
	return nil
}

// A slowMemory takes its time.
type slowMemory struct {
	memory
	pause time.Duration
}

func (m *slowMemory) AppendRecords(ctx context.Context, rows []audit.Row) error {
	time.Sleep(m.pause)
	return m.memory.AppendRecords(ctx, rows)
}

func (m *memory) setFail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fail = err
}

func (m *memory) records(t *testing.T) []map[string]any {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []map[string]any
	for _, r := range m.rows {
		var record map[string]any
		if err := json.Unmarshal(r.Body, &record); err != nil {
			t.Fatalf("%s: %v", r.Body, err)
		}
		all = append(all, record)
	}
	return all
}

type noReply struct{}

func (noReply) Notify(context.Context, *wire.Message) error { return nil }
func (noReply) Ask(context.Context, []mcp.Question) ([]mcp.Answer, error) {
	return nil, mcp.ErrUnsupported
}
func (noReply) Done(context.Context, *mcp.Result) error { return nil }

func newCall(t *testing.T) *mcp.Call {
	t.Helper()
	m := new(wire.Message)
	raw := []byte(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","arguments":{"secret":"s3"}}}`)
	if err := wire.NewScanner(mcp.Vocabulary(), 64).Request(raw, m); err != nil {
		t.Fatal(err)
	}
	return &mcp.Call{
		ID: "i-1", Caller: &mcp.Caller{ID: "local"}, Session: &mcp.Session{ID: "very-secret"}, Revision: mcp.Latest(),
		ClientInfo: []byte(`{"name":"host \"x\"","version":"2"}`), Method: "tools/call", Name: "t", Server: "s",
		Request: m, Transport: "http", Remote: "127.0.0.1:99",
	}
}

func says(result string) mcp.Handler {
	return mcp.HandlerFunc(func(ctx context.Context, _ *mcp.Call, reply mcp.Reply) error {
		return reply.Done(ctx, mcp.Own([]byte(result)))
	})
}

// relays answers with a server's message, the result of which is the given one.
func relays(t *testing.T, result string) mcp.Handler {
	t.Helper()
	m := new(wire.Message)
	if err := wire.NewScanner(mcp.Vocabulary(), 64).Answer([]byte(`{"jsonrpc":"2.0","id":7,"result":`+result+`}`), m); err != nil {
		t.Fatal(err)
	}
	return mcp.HandlerFunc(func(ctx context.Context, _ *mcp.Call, reply mcp.Reply) error {
		return reply.Done(ctx, &mcp.Result{Value: m.Bytes(m.Result), Message: m, Revision: mcp.Latest()})
	})
}

// digest is what a record says of bytes.
func digest(salt, b []byte) string {
	sum := sha256.Sum256(b)
	sum = sha256.Sum256(slices.Concat(salt, sum[:]))
	return "sha256:" + hex.EncodeToString(sum[:])
}

func fails(err error) mcp.Handler {
	return mcp.HandlerFunc(func(context.Context, *mcp.Call, mcp.Reply) error { return err })
}

func TestRecord(t *testing.T) {
	tests := []struct {
		name     string
		payloads audit.Payloads
		handler  mcp.Handler
		result   string // empty for none
		want     map[string]any
		full     bool
	}{
		{"ok", audit.Hash, says(`{"content":[]}`), `{"content":[]}`, map[string]any{"outcome": "ok"}, false},
		{"kept in full", audit.Full, says(`{"content":[]}`), `{"content":[]}`, map[string]any{"outcome": "ok"}, true},
		{"a tool that failed", audit.Hash, says(`{"isError":true}`), `{"isError":true}`, map[string]any{"outcome": "tool-error"}, false},
		{"a server's", audit.Hash, relays(t, `{"content":[]}`), `{"content":[]}`, map[string]any{"outcome": "ok"}, false},
		{"a server's tool that failed", audit.Hash, relays(t, `{"isError":true}`), `{"isError":true}`, map[string]any{"outcome": "tool-error"}, false},
		{"an error", audit.Hash, fails(mcp.Errorf(-32602, mcp.NotFound, "unknown tool")), "", map[string]any{
			"outcome": "error", "code": float64(-32602), "reason": "not-found", "error": "unknown tool",
		}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			sink := &memory{}
			log := audit.New(t.Context(), audit.Options{Sink: sink, Keeping: audit.Keeping{Payloads: tt.payloads}, Log: slog.New(slog.DiscardHandler)})
			call := newCall(t)
			_ = log.Middleware(tt.handler).Handle(t.Context(), call, noReply{})
			if err := log.Close(); err != nil {
				t.Fatal(err)
			}
			record := sink.records(t)[0]
			for name, want := range map[string]any{
				"id": "i-1", "caller": "local", "client": `host "x" 2`, "method": "tools/call", "name": "t", "server": "s",
				"transport": "http", "revision": mcp.Latest().Name,
			} {
				if record[name] != want {
					t.Errorf("%s = %v, want %v", name, record[name], want)
				}
			}
			for name, want := range tt.want {
				if record[name] != want {
					t.Errorf("%s = %v, want %v", name, record[name], want)
				}
			}
			row := sink.rows[0]
			if strings.Contains(string(row.Body), "very-secret") || strings.Contains(string(row.Body), "s3") {
				t.Errorf("the record gives a secret away: %s", row.Body)
			}
			if want := digest(row.Salt, call.Params()); record["arguments"] != want {
				t.Errorf("the digest of the arguments is %v, want %s", record["arguments"], want)
			}
			if want := digest(row.Salt, []byte(tt.result)); tt.result != "" && record["result"] != want {
				t.Errorf("the digest of the result is %v, want %s", record["result"], want)
			}
			if kept := string(row.Arguments) == string(call.Params()) && string(row.Result) == `{"content":[]}`; kept != tt.full {
				t.Errorf("kept in full: %v, want %v", kept, tt.full)
			}
		})
	}
}

func TestNothingIsKept(t *testing.T) {
	sink := &memory{}
	log := audit.New(t.Context(), audit.Options{Sink: sink, Keeping: audit.Keeping{Payloads: audit.None}, Log: slog.New(slog.DiscardHandler)})
	if err := log.Middleware(says(`{}`)).Handle(t.Context(), newCall(t), noReply{}); err != nil {
		t.Fatal(err)
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	if r := sink.records(t)[0]; r["arguments"] != nil || r["result"] != nil || sink.rows[0].Salt != nil {
		t.Errorf("kept %v", r)
	}
}

// TestBatches stores records soon, and many at once.
func TestBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &memory{}
		log := audit.New(t.Context(), audit.Options{Sink: sink, Keeping: audit.Keeping{Payloads: audit.Hash}, Log: slog.New(slog.DiscardHandler)})
		handler := log.Middleware(says(`{}`))
		for range 100 {
			if err := handler.Handle(t.Context(), newCall(t), noReply{}); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(60 * time.Millisecond)
		if n := len(sink.records(t)); n != 100 {
			t.Errorf("%d records after 60 ms, want 100", n)
		}
		if err := log.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// TestFailClosed refuses calls while their records could not be stored, and loses none.
func TestFailClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &memory{}
		log := audit.New(t.Context(), audit.Options{Sink: sink, Keeping: audit.Keeping{Payloads: audit.Hash}, Log: slog.New(slog.DiscardHandler)})
		handler := log.Middleware(says(`{}`))
		sink.setFail(errors.New("disk full"))
		if err := handler.Handle(t.Context(), newCall(t), noReply{}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(200 * time.Millisecond)
		if err := handler.Handle(t.Context(), newCall(t), noReply{}); mcp.AsError(err) == nil || mcp.AsError(err).Reason != mcp.Unavailable {
			t.Errorf("error = %v, want one that says that the record cannot be written", err)
		}
		if !log.Failing() {
			t.Error("the log does not say that it fails")
		}
		sink.setFail(nil)
		time.Sleep(2 * time.Second)
		if err := handler.Handle(t.Context(), newCall(t), noReply{}); err != nil {
			t.Errorf("a call after the store came back: %v", err)
		}
		if err := log.Close(); err != nil {
			t.Fatal(err)
		}
		if n := len(sink.records(t)); n != 2 {
			t.Errorf("%d records, want 2", n)
		}
	})
}

// A stuck sink stores nothing: it waits until it is told to end.
type stuck struct{ tries atomic.Int64 }

func (s *stuck) AppendRecords(ctx context.Context, _ []audit.Row) error {
	s.tries.Add(1)
	<-ctx.Done()
	return ctx.Err()
}

// TestStuckStore refuses calls soon where storing does not even fail, and ends in
// time, saying how many records are lost.
func TestStuckStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink, told := new(stuck), new(bytes.Buffer)
		log := audit.New(t.Context(), audit.Options{Sink: sink, Keeping: audit.Keeping{Payloads: audit.None}, Log: slog.New(slog.NewTextHandler(told, nil))})
		handler := log.Middleware(says(`{}`))
		for range 3000 {
			if err := handler.Handle(t.Context(), newCall(t), noReply{}); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(3 * time.Second)
		if !log.Failing() {
			t.Error("after three seconds the log does not say that it fails")
		}
		start := time.Now()
		if err := log.Close(); err == nil {
			t.Error("lost records are no error")
		}
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("closing took %v", took)
		}
		if !strings.Contains(told.String(), "level=ERROR") || !strings.Contains(told.String(), "records=3000") {
			t.Errorf("the log does not tell what is lost: %s", told)
		}
		if sink.tries.Load() < 2 {
			t.Error("storing was not tried again")
		}
	})
}

// TestLargeRecords stores what is kept in full in portions that a store can write in time.
func TestLargeRecords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &portions{}
		log := audit.New(t.Context(), audit.Options{Sink: sink, Keeping: audit.Keeping{Payloads: audit.Full}, Log: slog.New(slog.DiscardHandler)})
		handler := log.Middleware(says(`"` + strings.Repeat("x", 1<<20) + `"`))
		for range 40 {
			if err := handler.Handle(t.Context(), newCall(t), noReply{}); err != nil {
				t.Fatal(err)
			}
		}
		if err := log.Close(); err != nil {
			t.Fatal(err)
		}
		if n := len(sink.records(t)); n != 40 || sink.largest > 10<<20 {
			t.Errorf("%d records, up to %d bytes at once", n, sink.largest)
		}
	})
}

// A portions sink notes how much it is given at once.
type portions struct {
	memory
	largest int
}

func (p *portions) AppendRecords(ctx context.Context, rows []audit.Row) error {
	size := 0
	for _, r := range rows {
		size += len(r.Body) + len(r.Arguments) + len(r.Result)
	}
	p.largest = max(p.largest, size)
	return p.memory.AppendRecords(ctx, rows)
}

// TestFullInbox lets calls wait while more records wait than may, and loses none,
// nor any that wait when the log is closed.
func TestFullInbox(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 10_000
		sink := &slowMemory{pause: 100 * time.Millisecond}
		log := audit.New(t.Context(), audit.Options{Sink: sink, Keeping: audit.Keeping{Payloads: audit.None}, Log: slog.New(slog.DiscardHandler)})
		handler := log.Middleware(says(`{}`))
		var calls sync.WaitGroup
		var done atomic.Int64
		call := newCall(t)
		for range n {
			calls.Go(func() {
				_ = handler.Handle(t.Context(), call, noReply{})
				done.Add(1)
			})
		}
		synctest.Wait()
		if waiting := n - int(done.Load()); waiting == 0 {
			t.Error("no call waits for the store")
		}
		calls.Wait()
		if err := log.Close(); err != nil {
			t.Fatal(err)
		}
		if got := len(sink.records(t)); got != n {
			t.Errorf("%d records, want %d", got, n)
		}
	})
}
