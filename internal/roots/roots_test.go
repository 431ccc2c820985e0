package roots

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// A shelf is a Store in memory, which does what internal/store does.
type shelf struct {
	mu      sync.Mutex
	failing bool
	records map[[2]string]*Record
	nodes   map[[3]string]*Node
	entries map[[2]string][]Entry
}

func newShelf() *shelf {
	return &shelf{records: map[[2]string]*Record{}, nodes: map[[3]string]*Node{}, entries: map[[2]string][]Entry{}}
}

func (s *shelf) fail(failing bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failing = failing
}

func (s *shelf) ChangeRoots(_ context.Context, changes []Change) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failing {
		return errors.New("the disk is full")
	}
	for _, c := range changes {
		id := [2]string{c.Caller, c.Root}
		if c.Forget || c.Empty {
			delete(s.entries, id)
			for at := range s.nodes {
				if at[0] == c.Caller && at[1] == c.Root {
					delete(s.nodes, at)
				}
			}
		}
		if c.Forget {
			delete(s.records, id)
		}
		if c.Record != nil {
			s.records[id] = c.Record
		}
		if c.Node != nil {
			s.nodes[[3]string{c.Caller, c.Root, c.Node.Path}] = c.Node
		}
		if c.Entry != nil {
			s.entries[id] = append(s.entries[id], *c.Entry)
		}
		s.entries[id] = slices.DeleteFunc(s.entries[id], func(e Entry) bool { return e.Seq <= c.Trim })
	}
	return nil
}

func (s *shelf) Roots(context.Context) iter.Seq2[Change, error] {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []Change
	for id, r := range s.records {
		all = append(all, Change{Caller: id[0], Root: id[1], Record: r})
	}
	for at, n := range s.nodes {
		all = append(all, Change{Caller: at[0], Root: at[1], Node: n})
	}
	for id, entries := range s.entries {
		for _, e := range entries {
			all = append(all, Change{Caller: id[0], Root: id[1], Entry: &e})
		}
	}
	return func(yield func(Change, error) bool) {
		for _, c := range all {
			if !yield(c, nil) {
				return
			}
		}
	}
}

// A house is roots with a store and what the hall would do, for tests.
type house struct {
	*Roots

	t      testing.TB
	store  Store
	target Target

	mu     sync.Mutex
	events []string
	closed []string
}

var testSettings = Settings{TTL: 24 * 3600 * 1e9, Max: 100, Entries: 8, Bytes: 64 << 10}

func open(tb testing.TB, store Store, settings Settings) *house {
	tb.Helper()
	h := &house{t: tb, store: store, target: Target{Trusted: true}}
	var err error
	h.Roots, err = New(tb.Context(), Options{
		Store: store, Log: slog.New(slog.DiscardHandler), Settings: settings,
		Target: func(context.Context, *mcp.Call) Target { return h.target },
		Event: func(caller, method string, params []byte) {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.events = append(h.events, caller+" "+method+" "+string(params))
		},
		Closed: func(caller, id string) {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.closed = append(h.closed, caller+" "+id)
		},
	})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { h.Close() })
	return h
}

// A scripted is a client's side of a call.
type scripted struct {
	ask    func(ctx context.Context, questions []mcp.Question) ([]mcp.Answer, error)
	result string
}

func (*scripted) Notify(context.Context, *wire.Message) error { return nil }

func (s *scripted) Ask(ctx context.Context, questions []mcp.Question) ([]mcp.Answer, error) {
	if s.ask == nil {
		return nil, mcp.ErrUnsupported
	}
	return s.ask(ctx, questions)
}

func (s *scripted) Done(_ context.Context, result *mcp.Result) error {
	s.result = string(result.Value)
	return nil
}

var testScanner = wire.NewScanner(mcp.Vocabulary(), 0)

// request makes a call of a method with parameters, a JSON object.
func request(tb testing.TB, caller, method, params string) *mcp.Call {
	tb.Helper()
	m := &wire.Message{}
	raw := fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":%q,"params":%s}`, method, params)
	if err := testScanner.Request([]byte(raw), m); err != nil {
		tb.Fatalf("%s: %v", raw, err)
	}
	call := &mcp.Call{Caller: &mcp.Caller{ID: caller}, Method: method, Revision: mcp.Latest(), Request: m}
	if name := call.Member("name"); name != nil {
		call.Name, _ = wire.Unquote(name)
	}
	if strings.HasPrefix(method, "mcp.") {
		call.Dialect, call.Context = method, call.Member("context")
	}
	return call
}

// do answers a method of the dialect; the error has its reason in front.
func (h *house) do(caller, method, params string) (string, error) {
	h.t.Helper()
	reply := &scripted{}
	err := h.Handle(h.t.Context(), request(h.t, caller, method, params), reply)
	if e := mcp.AsError(err); e != nil {
		return "", fmt.Errorf("%s: %w", e.Reason, e)
	}
	return reply.result, err
}

func (h *house) must(caller, method, params string) string {
	h.t.Helper()
	got, err := h.do(caller, method, params)
	if err != nil {
		h.t.Fatalf("%s %s: %v", method, params, err)
	}
	return got
}

// refused wants an error that has these words.
func (h *house) refused(caller, method, params, words string) {
	h.t.Helper()
	got, err := h.do(caller, method, params)
	if err == nil || !strings.Contains(err.Error(), words) {
		h.t.Errorf("%s %s: %s, error %v; want %q", method, params, got, err, words)
	}
}

// member returns a member of a JSON object as text.
func member(object, name string) string { return string(wire.Get([]byte(object), name)) }

func same(tb testing.TB, got, want string) {
	tb.Helper()
	var a, b any
	if err := errors.Join(json.Unmarshal([]byte(got), &a), json.Unmarshal([]byte(want), &b)); err != nil {
		tb.Fatalf("%v: %s", err, got)
	}
	if diff := cmp.Diff(b, a); diff != "" {
		tb.Errorf("got %s (-want +got)\n%s", got, diff)
	}
}

// TestLife makes, uses, lists and closes roots, and looks at them again after a restart.
func TestLife(t *testing.T) {
	store := newShelf()
	h := open(t, store, testSettings)
	made := h.must("ann", mcp.MethodRootCreate, `{"rootId":"user-7","name":"Report","uri":"file:///w","ttl":"90m",
		"sampling":{"top-p":0.8},"variables":{"lang":"ko","n":1e2},"memory":{"entries":3}}`)
	same(t, member(made, "sampling"), `{"topP":0.8}`)
	same(t, member(made, "variables"), `{"lang":"ko","n":100}`)
	same(t, member(made, "ttl"), `5400`)
	same(t, member(made, "memory"), `{"entries":3,"bytes":65536,"used":{"entries":0,"bytes":0}}`)
	own := h.must("ann", mcp.MethodRootCreate, `{}`)
	if id := member(own, "rootId"); len(id) < 20 || id == `"user-7"` {
		t.Errorf("an id of ours: %s", id)
	}
	h.refused("ann", mcp.MethodRootCreate, `{"rootId":"user-7"}`, "conflict: there is a root")
	h.must("bob", mcp.MethodRootCreate, `{"rootId":"user-7"}`)
	same(t, h.must("ann", mcp.MethodSamplingUpdate, `{"context":{"rootId":"user-7","path":"review/security"},"temperature":0.2,"max_tokens":99,"variables":{"lang":"en"}}`),
		`{"temperature":0.2,"topP":0.8,"maxTokens":99}`)
	same(t, h.must("bob", mcp.MethodSamplingGet, `{"context":{"rootId":"user-7","path":"review/security"}}`), `{"levels":{}}`)
	if got := h.must("bob", mcp.MethodRootList, `{}`); strings.Count(got, "rootId") != 1 || strings.Contains(got, "Report") {
		t.Errorf("bob sees %s", got)
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}

	h = open(t, store, testSettings)
	same(t, h.must("ann", mcp.MethodSamplingGet, `{"context":{"rootId":"user-7","path":"review/security/deep"}}`),
		`{"temperature":0.2,"topP":0.8,"maxTokens":99,"levels":{"topP":{"level":"root"},
		"temperature":{"level":"path","path":"review/security"},"maxTokens":{"level":"path","path":"review/security"}}}`)
	got := h.must("ann", mcp.MethodRootGet, `{"rootId":"user-7"}`)
	same(t, member(got, "nodes"), `[{"path":"review/security","sampling":{"temperature":0.2,"maxTokens":99},"variables":{"lang":"en"}}]`)
	same(t, member(got, "createdAt"), member(made, "createdAt"))
	same(t, h.must("ann", mcp.MethodRootClose, `{"rootId":"user-7"}`), `{"rootId":"user-7","closed":true}`)
	for range 2 {
		h.refused("ann", mcp.MethodSamplingUpdate, `{"context":{"rootId":"user-7"},"topK":1}`, "not-found: root closed")
		h.refused("ann", mcp.MethodRootGet, `{"rootId":"user-7"}`, "not-found: root closed")
		h.refused("ann", mcp.MethodRootGet, `{"rootId":"user-8"}`, "not-found: there is no root")
		h.must("bob", mcp.MethodRootGet, `{"rootId":"user-7"}`)
		if err := h.Close(); err != nil {
			t.Fatal(err)
		}
		h = open(t, store, testSettings)
	}
	same(t, member(h.must("ann", mcp.MethodRootCreate, `{"rootId":"user-7"}`), "sampling")+"null", `null`)
	same(t, h.must("ann", mcp.MethodSamplingGet, `{"context":{"rootId":"user-7","path":"review/security"}}`), `{"levels":{}}`)
}

// TestEvents is told of updates and closings.
func TestEvents(t *testing.T) {
	h := open(t, newShelf(), testSettings)
	h.must("ann", mcp.MethodRootCreate, `{"rootId":"r"}`)
	h.must("ann", mcp.MethodSamplingUpdate, `{"context":{"rootId":"r","path":"a"},"topK":3}`)
	h.must("ann", mcp.MethodRootClose, `{"rootId":"r"}`)
	want := []string{
		`ann mcp.event.samplingUpdated {"rootId":"r","path":"a","sampling":{"topK":3}}`,
		`ann mcp.event.rootClosed {"rootId":"r","reason":"closed"}`,
	}
	if diff := cmp.Diff(want, h.events); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"ann r"}, h.closed); diff != "" {
		t.Error(diff)
	}
}

// TestDefault has a root that is made when it gets something, and begins anew when it was closed.
func TestDefault(t *testing.T) {
	store := newShelf()
	h := open(t, store, testSettings)
	same(t, h.must("ann", mcp.MethodSamplingGet, `{}`), `{"levels":{}}`)
	h.refused("ann", mcp.MethodRootGet, `{"rootId":"default"}`, "not-found")
	if len(store.records) != 0 {
		t.Error("a root that has nothing is stored")
	}
	h.must("ann", mcp.MethodSamplingUpdate, `{"temperature":1}`)
	same(t, h.must("ann", mcp.MethodSamplingUpdate, `{"context":{"rootId":"default","path":"p"},"topK":2}`), `{"temperature":1,"topK":2}`)
	same(t, h.must("bob", mcp.MethodSamplingGet, `{}`), `{"levels":{}}`)
	h.must("ann", mcp.MethodRootClose, `{"rootId":"default"}`)
	same(t, h.must("ann", mcp.MethodSamplingUpdate, `{"topP":0.5}`), `{"topP":0.5}`)
}

// TestUnset inherits again what is unset, and takes variables away.
func TestUnset(t *testing.T) {
	h := open(t, newShelf(), testSettings)
	h.must("ann", mcp.MethodRootCreate, `{"rootId":"r","sampling":{"temperature":0.5,"stopSequences":["a"]},"variables":{"x":1}}`)
	at := `"context":{"rootId":"r","path":"p"}`
	same(t, h.must("ann", mcp.MethodSamplingUpdate, `{`+at+`,"temperature":1,"stop-sequences":[],"variables":{"x":2,"y":null}}`), `{"temperature":1,"stopSequences":[]}`)
	same(t, h.must("ann", mcp.MethodSamplingUpdate, `{`+at+`,"temperature":null,"stop_sequences":null}`), `{"temperature":0.5,"stopSequences":["a"]}`)
	same(t, member(h.must("ann", mcp.MethodRootGet, `{"rootId":"r"}`), "nodes"), `[{"path":"p","variables":{"x":2}}]`)
	h.must("ann", mcp.MethodSamplingUpdate, `{`+at+`,"variables":{"x":null}}`)
	if nodes := member(h.must("ann", mcp.MethodRootGet, `{"rootId":"r"}`), "nodes"); nodes != "" {
		t.Errorf("a node without values is kept: %s", nodes)
	}
}

// TestRefused names what is wrong with parameters.
func TestRefused(t *testing.T) {
	h := open(t, newShelf(), testSettings)
	h.must("ann", mcp.MethodRootCreate, `{"rootId":"r"}`)
	for _, tt := range []struct{ method, params, words string }{
		{mcp.MethodRootCreate, `{"rootID":"x"}`, "params.rootID is not known here; there are"},
		{mcp.MethodRootCreate, `{"rootId":""}`, "params.rootId must be a string"},
		{mcp.MethodRootCreate, `{"rootId":7}`, "params.rootId must be a string"},
		{mcp.MethodRootCreate, `{"name":"a\u0000"}`, "params.name must be a string"},
		{mcp.MethodRootCreate, `{"ttl":0}`, "params.ttl must be a duration"},
		{mcp.MethodRootCreate, `{"ttl":"soon"}`, "params.ttl must be a duration"},
		{mcp.MethodRootCreate, `{"ttl":"9999999h"}`, "params.ttl must be a duration"},
		{mcp.MethodRootCreate, `{"uri":"not a uri"}`, "params.uri must be a URI"},
		{mcp.MethodRootCreate, `{"uri":"/home/me"}`, "params.uri must be a URI"},
		{mcp.MethodRootCreate, `{"memory":3}`, "params.memory must be true"},
		{mcp.MethodRootCreate, `{"memory":{"entries":9}}`, "params.memory.entries must be a whole number from 1 to 8"},
		{mcp.MethodRootCreate, `{"memory":{"size":9}}`, "params.memory.size is not known"},
		{mcp.MethodRootCreate, `{"variables":[]}`, "params.variables must be an object"},
		{mcp.MethodRootCreate, `{"sampling":{"heat":1}}`, "params.sampling.heat is not known"},
		{mcp.MethodSamplingUpdate, `{"context":{"rootId":"r"}}`, "params says nothing"},
		{mcp.MethodSamplingUpdate, `{"context":{"rootId":"r","sampling":{"topK":1}},"topK":1}`, "params.context has sampling"},
		{mcp.MethodSamplingUpdate, `{"context":{"rootId":"r","path":"/a"},"topK":1}`, "params.context.path must be names"},
		{mcp.MethodSamplingUpdate, `{"context":{"rootId":"r","path":"a/../b"},"topK":1}`, "params.context.path must be names"},
		{mcp.MethodSamplingUpdate, `{"context":{"root":"r"},"topK":1}`, "params.context.root is not known"},
		{mcp.MethodSamplingUpdate, `{"context":"r","topK":1}`, "params.context must be an object"},
		{mcp.MethodSamplingUpdate, `{"temperature":2.1}`, "params.temperature must be a number from 0 to 2"},
		{mcp.MethodSamplingUpdate, `{"temperature":-0.1}`, "params.temperature must be a number from 0 to 2"},
		{mcp.MethodSamplingUpdate, `{"temperature":"1"}`, "params.temperature must be a number from 0 to 2"},
		{mcp.MethodSamplingUpdate, `{"temperature":1e999}`, "params.temperature must be a number from 0 to 2"},
		{mcp.MethodSamplingUpdate, `{"topP":1.01}`, "params.topP must be a number from 0 to 1"},
		{mcp.MethodSamplingUpdate, `{"topK":0}`, "params.topK must be a whole number"},
		{mcp.MethodSamplingUpdate, `{"topK":1.5}`, "params.topK must be a whole number"},
		{mcp.MethodSamplingUpdate, `{"maxTokens":0}`, "params.maxTokens must be a whole number"},
		{mcp.MethodSamplingUpdate, `{"topP":1,"top_p":0.5}`, "gives topP a second time"},
		{mcp.MethodSamplingUpdate, `{"stopSequences":"x"}`, "params.stopSequences must be a list"},
		{mcp.MethodSamplingUpdate, `{"stopSequences":[""]}`, "params.stopSequences must be a list"},
		{mcp.MethodSamplingUpdate, `{"stopSequences":[null]}`, "params.stopSequences must be a list"},
		{mcp.MethodSamplingUpdate, `{"feedback":"bluer"}`, "there are: more creative, 더 창의적으로"},
		{mcp.MethodRootClose, `{}`, "params.rootId is missing"},
		{mcp.MethodRootGet, `{"rootId":"default"}`, "there is no root"},
	} {
		h.refused("ann", tt.method, tt.params, tt.words)
	}
	_, err := h.do("ann", mcp.MethodSamplingUpdate, `{"context":{"rootId":"r","path":"/a"},"topK":1}`)
	if e, ok := errors.AsType[*mcp.Error](err); !ok || e.Code != mcp.CodeInvalidParams || string(e.Data) != `{"pointers":["/context/path"]}` {
		t.Errorf("%v, data %s", err, e.Data)
	}
}

// TestBounds fills what is bounded.
func TestBounds(t *testing.T) {
	settings := testSettings
	settings.Max = 3
	h := open(t, newShelf(), settings)
	for i := range 3 {
		h.must("ann", mcp.MethodRootCreate, fmt.Sprintf(`{"rootId":"r%d"}`, i))
	}
	h.refused("ann", mcp.MethodRootCreate, `{}`, "there are 3 roots of yours")
	h.refused("ann", mcp.MethodSamplingUpdate, `{"topK":1}`, "there are 3 roots of yours")
	h.must("bob", mcp.MethodRootCreate, `{}`)
	h.must("ann", mcp.MethodRootClose, `{"rootId":"r0"}`)
	h.must("ann", mcp.MethodRootCreate, `{"rootId":"r0"}`)

	big := strings.Repeat("x", mostBytes)
	h.refused("ann", mcp.MethodSamplingUpdate, `{"context":{"rootId":"r0"},"variables":{"v":"`+big+`"}}`, "may take")
	h.must("ann", mcp.MethodRootClose, `{"rootId":"r2"}`)
	h.refused("ann", mcp.MethodRootCreate, `{"variables":{"v":"`+big+`"}}`, "may take")
	h.must("ann", mcp.MethodRootCreate, `{}`) // the one that was refused takes no place
	for i := range mostNodes {
		h.must("ann", mcp.MethodSamplingUpdate, fmt.Sprintf(`{"context":{"rootId":"r0","path":"n%d"},"topK":1}`, i))
	}
	h.refused("ann", mcp.MethodSamplingUpdate, `{"context":{"rootId":"r0","path":"one-more"},"topK":1}`, "1000 nodes")
	h.must("ann", mcp.MethodSamplingUpdate, `{"context":{"rootId":"r0","path":"n5"},"topK":2}`)
	h.must("ann", mcp.MethodSamplingUpdate, `{"context":{"rootId":"r0","path":"n5"},"topK":null}`)
	h.must("ann", mcp.MethodSamplingUpdate, `{"context":{"rootId":"r0","path":"one-more"},"topK":1}`)

	for i := range mostGraves + 5 {
		h.must("eve", mcp.MethodRootCreate, fmt.Sprintf(`{"rootId":"g%d"}`, i))
		h.must("eve", mcp.MethodRootClose, fmt.Sprintf(`{"rootId":"g%d"}`, i))
	}
	h.refused("eve", mcp.MethodRootGet, `{"rootId":"g3"}`, "there is no root")
	h.refused("eve", mcp.MethodRootGet, `{"rootId":"g5"}`, "root closed")
	store := h.store.(*shelf)
	store.mu.Lock()
	defer store.mu.Unlock()
	if n := len(store.records); n > mostGraves+5 {
		t.Errorf("%d records are stored", n)
	}
}

// TestNotStored changes nothing when the store fails.
func TestNotStored(t *testing.T) {
	store := newShelf()
	h := open(t, store, testSettings)
	h.must("ann", mcp.MethodRootCreate, `{"rootId":"r","sampling":{"topK":1}}`)
	store.fail(true)
	h.refused("ann", mcp.MethodRootCreate, `{"rootId":"s"}`, "unavailable: the state of roots cannot be stored")
	h.refused("ann", mcp.MethodSamplingUpdate, `{"context":{"rootId":"r"},"topK":2}`, "unavailable")
	h.refused("ann", mcp.MethodSamplingUpdate, `{"topK":2}`, "unavailable")
	h.refused("ann", mcp.MethodRootClose, `{"rootId":"r"}`, "unavailable")
	h.refused("ann", mcp.MethodRootGet, `{"rootId":"s"}`, "there is no root")
	store.fail(false)
	same(t, h.must("ann", mcp.MethodSamplingUpdate, `{"context":{"rootId":"r"},"topP":1}`), `{"topK":1,"topP":1}`)
	h.must("ann", mcp.MethodRootCreate, `{"rootId":"s"}`)
	h.must("ann", mcp.MethodRootClose, `{"rootId":"r"}`)
}

// TestFeedbackFromAbove moves what a node inherits, and sets it there alone.
func TestFeedbackFromAbove(t *testing.T) {
	h := open(t, newShelf(), testSettings)
	h.must("ann", mcp.MethodRootCreate, `{"rootId":"r","sampling":{"temperature":0.3,"topP":0.5}}`)
	same(t, h.must("ann", mcp.MethodSamplingUpdate, `{"context":{"rootId":"r","path":"p"},"feedback":"더 창의적으로"}`), `{"temperature":0.5,"topP":0.55}`)
	same(t, h.must("ann", mcp.MethodSamplingUpdate, `{"context":{"rootId":"r","path":"p"},"temperature":1,"topK":5,"feedback":"less creative"}`),
		`{"temperature":0.8,"topP":0.5,"topK":5}`)
	same(t, h.must("ann", mcp.MethodSamplingGet, `{"context":{"rootId":"r"}}`),
		`{"temperature":0.3,"topP":0.5,"levels":{"temperature":{"level":"root"},"topP":{"level":"root"}}}`)
}
