package route

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"math"
	"slices"
	"sync"
	"testing"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

var errUnsent = errors.New("not sent")

// world is what stands behind a Router in tests: how each replica answers, and what reached it.
type world struct {
	mu      sync.Mutex
	answer  map[string]func(ctx context.Context, reply mcp.Reply) error
	reached map[string]int
	absent  map[string]bool // for pings
	pinged  map[string]int
	store   *memoryStore
}

func newWorld() *world {
	return &world{
		answer: map[string]func(context.Context, mcp.Reply) error{}, reached: map[string]int{},
		absent: map[string]bool{}, pinged: map[string]int{}, store: &memoryStore{},
	}
}

// is has a replica answer in that way.
func (w *world) is(replica string, answer func(ctx context.Context, reply mcp.Reply) error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answer[replica] = answer
}

func (w *world) do(ctx context.Context, d mcp.Destination, _ *mcp.Call, reply mcp.Reply) error {
	w.mu.Lock()
	w.reached[d.Server]++
	answer := w.answer[d.Server]
	w.mu.Unlock()
	if answer != nil {
		return answer(ctx, reply)
	}
	return reply.Done(ctx, mcp.Own([]byte(`{}`)))
}

func (w *world) ping(_ context.Context, replica string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pinged[replica]++
	if w.absent[replica] {
		return errUnsent
	}
	return nil
}

// took returns how many calls reached a replica since it was last asked.
func (w *world) took(replica string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := w.reached[replica]
	w.reached[replica] = 0
	return n
}

func (w *world) open(t *testing.T, servers []Server, policy string) *Router {
	t.Helper()
	r := New(t.Context(), Options{
		Log: slog.New(slog.DiscardHandler), Do: w.do, Ping: w.ping, Store: w.store,
		Unsent: func(err error) bool { return errors.Is(err, errUnsent) },
	})
	t.Cleanup(r.Close)
	if err := r.Update(t.Context(), servers, parsed(t, policy)); err != nil {
		t.Fatal(err)
	}
	return r
}

func parsed(t *testing.T, policy string) Policy {
	t.Helper()
	p, faults := Parse([]byte(policy))
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	return p
}

// three returns a server with three replicas, which is asked nothing by itself.
func three(change ...func(*Health)) []Server {
	h := DefaultHealth()
	h.Interval = 0
	for _, c := range change {
		c(&h)
	}
	return []Server{{Name: "s", Replicas: 3, Health: h}}
}

func single(names ...string) []Server {
	h := DefaultHealth()
	h.Interval = 0
	var all []Server
	for _, name := range names {
		all = append(all, Server{Name: name, Replicas: 1, Health: h})
	}
	return all
}

// has tells which things servers have.
type has func(server, name string) bool

func (h has) Remote(_ mcp.Kind, server, name string) (mcp.Destination, bool) {
	return mcp.Destination{Server: server, Name: name}, h(server, name)
}

// silent is the reply of a call whose client is told nothing.
type silent struct{ result []byte }

func (*silent) Notify(context.Context, *wire.Message) error { return nil }

func (*silent) Ask(context.Context, []mcp.Question) ([]mcp.Answer, error) {
	return nil, mcp.ErrUnsupported
}

func (s *silent) Done(_ context.Context, result *mcp.Result) error {
	s.result = bytes.Clone(result.Value)
	return nil
}

// send calls a tool of server s, unless it is told otherwise, and returns the replica that was last called.
func send(t *testing.T, r *Router, change ...func(*Request)) (string, error) {
	t.Helper()
	rq := Request{
		Call: &mcp.Call{
			Method: mcp.MethodToolsCall, Name: "s.tool", Caller: &mcp.Caller{ID: "local"}, Request: &wire.Message{},
			Revision: mcp.Revisions()[0],
		},
		Reply:  &silent{},
		Dest:   mcp.Destination{Server: "s", Name: "tool"},
		Things: has(func(string, string) bool { return true }),
	}
	for _, c := range change {
		c(&rq)
	}
	c := r.For(rq.Call.Name, rq.Dest.Server)
	if c == nil {
		t.Fatalf("nothing decides on %s", rq.Call.Name)
	}
	err := c.Do(t.Context(), rq)
	return rq.Call.Server, err
}

func repeatable(rq *Request) { rq.Dest.Repeatable = true }

func by(caller string) func(*Request) {
	return func(rq *Request) { rq.Call.Caller = &mcp.Caller{ID: caller} }
}

func named(name string) func(*Request) {
	return func(rq *Request) { rq.Call.Name = name }
}

// message scans a request.
func message(t *testing.T, text string) *wire.Message {
	t.Helper()
	m := &wire.Message{}
	if err := wire.NewScanner(mcp.Vocabulary(), 64).Request([]byte(text), m); err != nil {
		t.Fatal(err)
	}
	return m
}

// near reports whether a share is what is wanted, within four standard deviations of a draw.
func near(got, of int, want float64) bool {
	slack := 4 * math.Sqrt(want*(1-want)/float64(of))
	return math.Abs(float64(got)/float64(of)-want) <= slack
}

// memoryStore keeps policies in memory.
type memoryStore struct {
	mu  sync.Mutex
	all []Revision
}

func (m *memoryStore) Routing(context.Context) (Revision, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.all) == 0 {
		return Revision{}, nil
	}
	return m.all[len(m.all)-1], nil
}

func (m *memoryStore) AddRouting(_ context.Context, rev *Revision) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if slices.ContainsFunc(m.all, func(o Revision) bool { return o.Number == rev.Number }) {
		return ErrTaken
	}
	m.all = append(m.all, *rev)
	return nil
}
