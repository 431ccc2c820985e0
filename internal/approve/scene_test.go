package approve

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// A house is what calls address: tools by their definitions. It notes what is run and recorded.
type house struct {
	mu     sync.Mutex
	tools  map[string]string
	target Target
	seen   Sight
	ran    []string
	events []string
	mute   bool  // the record cannot be written
	away   error // why callers may not call any more
}

func (h *house) Target(_ context.Context, call *mcp.Call) (Target, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if call.Method == mcp.MethodWrite {
		return Target{Server: "own", Own: true, Trusted: true}, nil
	}
	definition, ok := h.tools[call.Name]
	if !ok {
		return Target{}, mcp.Absent(mcp.Tool, call.Name, call.Revision)
	}
	t := h.target
	t.Definition = []byte(definition)
	return t, nil
}

func (h *house) Still(*mcp.Call) error { return h.away }

func (h *house) Seen(*mcp.Call, Target) Sight { return h.seen }

func (h *house) Handle(ctx context.Context, call *mcp.Call, reply mcp.Reply) error {
	h.mu.Lock()
	h.ran = append(h.ran, call.Name+" "+call.Approval)
	h.mu.Unlock()
	return reply.Done(ctx, mcp.Own([]byte(`{"content":[]}`)))
}

func (h *house) record(_ context.Context, e Event) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.mute {
		return errDown
	}
	text := strings.TrimPrefix(e.Kind, "approval.")
	if via, ok := e.Detail["via"]; ok {
		text += fmt.Sprint(" by ", e.Actor, " via ", via)
	}
	if until, ok := e.Detail["remembered"]; ok {
		text += fmt.Sprint(" until ", until)
	}
	h.events = append(h.events, text)
	return nil
}

func (h *house) change(tool, definition string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.tools[tool] = definition
}

// told returns what was recorded, and runs how many calls were made.
func (h *house) told() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return strings.Join(h.events, ", ")
}

func (h *house) runs() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.ran)
}

// A client answers questions, and keeps what it is told.
type client struct {
	answer  func(ctx context.Context, q mcp.Question) (mcp.Answer, error)
	mu      sync.Mutex
	asked   []string
	notices []string
	result  string
}

func (c *client) Notify(_ context.Context, n *wire.Message) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.notices = append(c.notices, string(n.Raw))
	return nil
}

func (c *client) Ask(ctx context.Context, questions []mcp.Question) ([]mcp.Answer, error) {
	c.mu.Lock()
	c.asked = append(c.asked, string(questions[0].Params))
	c.mu.Unlock()
	if c.answer == nil {
		return nil, mcp.ErrUnsupported
	}
	a, err := c.answer(ctx, questions[0])
	return []mcp.Answer{a}, err
}

func (c *client) Done(_ context.Context, r *mcp.Result) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.result = string(r.Value)
	return nil
}

func (c *client) said() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.result
}

// result answers a question.
func result(json string) func(context.Context, mcp.Question) (mcp.Answer, error) {
	return func(context.Context, mcp.Question) (mcp.Answer, error) { return mcp.Answer{Result: []byte(json)}, nil }
}

// silence never answers.
func silence(ctx context.Context, _ mcp.Question) (mcp.Answer, error) {
	<-ctx.Done()
	return mcp.Answer{}, context.Cause(ctx)
}

const pays = `{"name":"pay","inputSchema":{"type":"object"}}`

// policy reads the part of mcp.yaml that is about approvals.
func policy(t *testing.T, yaml string) *Policy {
	t.Helper()
	cfg, err := config.Parse("mcp.yaml", t.TempDir(), []byte(yaml))
	if err != nil {
		t.Fatal(err)
	}
	return FromConfig(cfg)
}

// A scene is Approvals with what is around them.
type scene struct {
	*Approvals
	*house
	store *memory
}

func newScene(t *testing.T, store *memory, instance, yaml string) *scene {
	t.Helper()
	h := &house{tools: map[string]string{"pay": pays}, target: Target{Server: "bank"}}
	a := New(t.Context(), Options{Store: store, Instance: instance, House: h, Record: h.record, Log: slog.New(slog.DiscardHandler)})
	a.Set(policy(t, yaml))
	t.Cleanup(a.Close)
	return &scene{a, h, store}
}

// call returns a call of the tool pay, by a client that can be asked.
func call(t *testing.T) *mcp.Call {
	t.Helper()
	return callWith(t, mcp.MethodToolsCall, `{"name":"pay","arguments":{"to":"Ada","token":"x"},"_meta":{"progressToken":1}}`)
}

func callWith(t *testing.T, method, params string) *mcp.Call {
	t.Helper()
	var m wire.Message
	if err := wire.NewScanner(mcp.Vocabulary(), 0).Request([]byte(`{"jsonrpc":"2.0","id":1,"method":"`+method+`","params":`+params+`}`), &m); err != nil {
		t.Fatal(err)
	}
	c := &mcp.Call{
		ID: "c1", Method: method, Request: &m, Revision: mcp.LatestLegacy(), Capabilities: []byte(`{"elicitation":{}}`),
		Caller: &mcp.Caller{ID: "ci", View: &mcp.View{Whole: true}},
	}
	name, _ := wire.Unquote(c.Member("name"))
	if method == mcp.MethodWrite {
		name, _ = wire.Unquote(c.Member("uri"))
	}
	c.Name = name
	return c
}

// make makes a call in the background. It returns what waits for its end, and cancels it.
func (s *scene) make(t *testing.T, c *mcp.Call, to *client) (wait func() error, cancel func(error)) {
	t.Helper()
	ctx, stop := context.WithCancelCause(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Middleware(s.house).Handle(ctx, c, to) }()
	t.Cleanup(func() { stop(nil) })
	return func() error { return <-ended }, stop
}

// decide decides on the only request that waits, at an instance, as the operator.
func (s *scene) decide(t *testing.T, more string) (string, error) {
	t.Helper()
	waiting, err := s.store.WaitingApprovals(t.Context())
	if err != nil || len(waiting) == 0 {
		t.Fatalf("%d wait, %v", len(waiting), err)
	}
	return s.ask(t, mcp.MethodDecide, fmt.Sprintf(`{"id":%q,%s}`, waiting[0].ID, more))
}

func (s *scene) ask(t *testing.T, method, params string) (string, error) {
	t.Helper()
	c := callWith(t, method, params)
	c.Caller = &mcp.Caller{ID: "local", Admin: true}
	var to client
	err := s.Handle(t.Context(), c, &to)
	return to.result, err
}

// Handle is the one of the Approvals.
func (s *scene) Handle(ctx context.Context, c *mcp.Call, r mcp.Reply) error {
	return s.Approvals.Handle(ctx, c, r)
}

const everyCall = "autoRun: false"
