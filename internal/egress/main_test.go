package egress

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/sandbox"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// TestMain makes the test binary a server on its standard input and output, or a Reap, when it is asked to.
func TestMain(m *testing.M) {
	switch {
	case len(os.Args) > 2 && os.Args[1] == "__reap":
		os.Exit(sandbox.Reap(os.Args[2:]))
	case len(os.Args) > 1 && os.Args[1] == "serve":
		serve()
	case len(os.Args) > 1 && os.Args[1] == "serve-sdk":
		_ = newSDK().Run(context.Background(), &sdk.StdioTransport{})
	default:
		os.Exit(m.Run())
	}
}

// serve is a legacy server that does what its tools are called.
func serve() {
	say := func(format string, args ...any) { fmt.Printf(`{"jsonrpc":"2.0",`+format+"}\n", args...) }
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	hello := ""
	for lines.Scan() {
		line := append([]byte(nil), lines.Bytes()...)
		params := wire.Get(line, "params")
		method, _ := wire.Unquote(wire.Get(line, "method"))
		id := string(wire.Get(line, "id"))
		ok := func(text string) {
			say(`"id":%s,"result":{"content":[{"type":"text","text":%s}]}`, id, wire.AppendQuote(nil, text))
		}
		switch method {
		case "initialize":
			hello = string(params)
			say(`"id":%s,"result":{"protocolVersion":"2025-11-25","capabilities":{"tools":{},"logging":{},"resources":{"subscribe":true}},`+
				`"serverInfo":{"name":"raw","version":"1"},"instructions":"be kind"}`, id)
		case "tools/list":
			if wire.Get(params, "cursor") == nil {
				say(`"id":%s,"result":{"tools":[{"name":"a"}],"nextCursor":"2"}`, id)
			} else {
				say(`"id":%s,"result":{"tools":[{"name":"b", "x":1.10}]}`, id)
			}
		case "resources/list":
			say(`"id":%s,"result":{"resources":[{"uri":"x:1"}]}`, id)
		case "resources/subscribe":
			say(`"id":%s,"result":{}`, id)
			say(`"method":"notifications/resources/updated","params":%s`, params)
		case "ping", "resources/unsubscribe", "logging/setLevel":
			say(`"id":%s,"result":{}`, id)
			if method == "logging/setLevel" {
				say(`"method":"notifications/message","params":{"level":"emergency","data":%s}`, wire.Get(params, "level"))
			}
		case "resources/templates/list":
			say(`"id":%s,"error":{"code":-32601,"message":"no"}`, id)
		case "tools/call":
			name, _ := wire.Unquote(wire.Get(params, "name"))
			tool(name, map[string]string{"hello": hello, "echo": string(params)}, lines, say, ok)
		case "server/discover":
			say(`"id":%s,"error":{"code":-32601,"message":"no"}`, id)
		}
	}
}

func tool(name string, known map[string]string, lines *bufio.Scanner, say func(string, ...any), ok func(string)) {
	switch name {
	case "echo", "hello":
		ok(known[name])
	case "pid":
		ok(strconv.Itoa(os.Getpid()))
	case "die":
		os.Exit(7)
	case "never":
	case "slow":
		token := wire.Get(wire.Get([]byte(known["echo"]), "_meta"), "progressToken")
		for i := range 6 {
			time.Sleep(300 * time.Millisecond)
			say(`"method":"notifications/progress","params":{"progressToken":%s,"progress":%d}`, token, i)
		}
		ok("done")
	case "log":
		say(`"method":"notifications/message","params":{"level":"debug","data":"low"}`)
		say(`"method":"notifications/message","params":{"level":"error","data":"high"}`)
		ok("done")
	case "elicitation/create", "sampling/createMessage", "roots/list":
		say(`"id":"q1","method":%q,"params":{"message":"who?"}`, name)
		lines.Scan()
		ok(lines.Text())
	}
}

// newSDK returns a server of the official SDK.
func newSDK() *sdk.Server {
	s := sdk.NewServer(&sdk.Implementation{Name: "sdk", Version: "1"}, &sdk.ServerOptions{
		SubscribeHandler:   func(context.Context, *sdk.SubscribeRequest) error { return nil },
		UnsubscribeHandler: func(context.Context, *sdk.UnsubscribeRequest) error { return nil },
	})
	type in struct {
		Text string `json:"text"`
	}
	text := func(t string) *sdk.CallToolResult {
		return &sdk.CallToolResult{Content: []sdk.Content{&sdk.TextContent{Text: t}}}
	}
	sdk.AddTool(s, &sdk.Tool{Name: "echo"}, func(_ context.Context, _ *sdk.CallToolRequest, a in) (*sdk.CallToolResult, any, error) {
		return text(a.Text), nil, nil
	})
	sdk.AddTool(s, &sdk.Tool{Name: "ask"}, func(ctx context.Context, r *sdk.CallToolRequest, _ in) (*sdk.CallToolResult, any, error) {
		if r.ProtocolVersion() >= "2026" {
			if len(r.Params.InputResponses) > 0 {
				return text("answered"), nil, nil
			}
			return &sdk.CallToolResult{
				InputRequests: sdk.InputRequestMap{"who": &sdk.ElicitParams{Message: "who?"}},
			}, nil, nil
		}
		got, err := r.Session.Elicit(ctx, &sdk.ElicitParams{Message: "who?"})
		if err != nil {
			return nil, nil, err
		}
		return text(got.Action), nil, nil
	})
	s.AddResource(&sdk.Resource{URI: "x:1", Name: "one"}, func(context.Context, *sdk.ReadResourceRequest) (*sdk.ReadResourceResult, error) {
		return &sdk.ReadResourceResult{Contents: []*sdk.ResourceContents{{URI: "x:1", Text: "1"}}}, nil
	})
	return s
}

// sdkHTTP serves the SDK's server over HTTP, in the legacy era with sessions or in the modern one.
func sdkHTTP(t *testing.T, server *sdk.Server, modern bool) string {
	t.Helper()
	h := sdk.NewStreamableHTTPHandler(func(*http.Request) *sdk.Server { return server }, &sdk.StreamableHTTPOptions{Stateless: modern})
	web := httptest.NewServer(h)
	t.Cleanup(func() {
		web.CloseClientConnections()
		web.Close()
	})
	return web.URL
}

// stdio returns the configuration of this test binary as a server.
func stdio(name string, change ...func(*config.Server)) config.Server {
	c := config.NewServer(name)
	c.Command, c.Args = os.Args[0], []string{"serve"}
	c.Env = map[string]string{"GORACE": "atexit_sleep_ms=0"}
	for _, f := range change {
		f(&c)
	}
	return c
}

func atURL(name, url string) config.Server {
	c := config.NewServer(name)
	c.URL = url
	return c
}

// events remembers what happens at the servers.
type events struct {
	mu  sync.Mutex
	log []string
}

func (e *events) add(parts ...string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.log = append(e.log, strings.Join(parts, " "))
}

func (e *events) Changed(server string)                       { e.add("changed", server) }
func (e *events) Updated(server, uri string, _ *wire.Message) { e.add("updated", server, uri) }
func (e *events) State(server string, s Status)               { e.add("state", server, string(s.State)) }

func (e *events) Task(server, session string, m *wire.Message) {
	e.add("task", server, session, string(m.Raw))
}

func (e *events) Tell(_, session string, m *wire.Message) { e.add("tell", session, string(m.Raw)) }

func (e *events) Ask(_ context.Context, _, session string, q []mcp.Question) ([]mcp.Answer, error) {
	e.add("ask", session, q[0].Method)
	return []mcp.Answer{{Result: []byte(`{"roots":[]}`)}}, nil
}

func (e *events) Listens(string) bool { return true }

// waitFor waits until what has happened n times.
func (e *events) waitFor(t *testing.T, what string, n int) {
	t.Helper()
	until(t, func() bool { return e.count(what) >= n }, func() any { return e.log })
}

func (e *events) count(what string) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	n := 0
	for _, l := range e.log {
		if strings.HasPrefix(l, what) {
			n++
		}
	}
	return n
}

// until waits until something is so.
func until(t *testing.T, so func() bool, tell func() any) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !so(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it did not happen: %v", tell())
		}
	}
}

// newPool returns a pool with the servers, closed at the end of the test.
func newPool(t *testing.T, servers ...config.Server) (*Pool, *events) {
	t.Helper()
	e := &events{}
	p := New(t.Context(), Options{
		Log:    slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug})),
		Client: Implementation{Name: "gate", Version: "1"}, Clients: e, Events: e, Reaper: []string{os.Args[0], "__reap"},
	})
	p.Update(servers, nil)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 100*time.Millisecond)
		defer cancel()
		_ = p.Close(ctx)
	})
	return p, e
}

// A reply remembers what a client would be told.
type reply struct {
	mu      sync.Mutex
	notices []string
	result  string
	raw     string
	answer  func(q mcp.Question) ([]byte, error)
}

func (r *reply) Notify(_ context.Context, m *wire.Message) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.notices = append(r.notices, string(m.Raw))
	return nil
}

func (r *reply) Ask(_ context.Context, q []mcp.Question) ([]mcp.Answer, error) {
	if r.answer == nil {
		return nil, mcp.ErrUnsupported
	}
	result, err := r.answer(q[0])
	if err != nil {
		return nil, err
	}
	return []mcp.Answer{{Result: result}}, nil
}

func (r *reply) Done(_ context.Context, result *mcp.Result) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.result, r.raw = string(result.Value), string(result.Message.Raw)
	return nil
}

func (r *reply) text() string {
	for c := range wire.Elements(wire.Get([]byte(r.result), "content")) {
		text, _ := wire.Unquote(wire.Get(c, "text"))
		return text
	}
	return r.result
}

var scanner = wire.NewScanner(mcp.Vocabulary(), 0)

const (
	modernMeta = `"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}`
	askable    = `{"elicitation":{},"sampling":{},"roots":{}}`
)

// newCall returns a call with those params.
func newCall(t *testing.T, revision, method, params string) *mcp.Call {
	t.Helper()
	c := &mcp.Call{
		Revision: mcp.ParseRevision(revision), Method: method, Request: &wire.Message{},
		Caller: &mcp.Caller{ID: "me"}, ClientInfo: []byte(`{"name":"c","version":"1"}`),
	}
	if !c.Revision.Stateless {
		c.Session = &mcp.Session{ID: "s1"}
	}
	raw := `{"jsonrpc":"2.0","id":"client","method":"` + method + `","params":` + params + `}`
	if err := scanner.Request([]byte(raw), c.Request); err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	return c
}

// toolCall returns a call of a tool by a client of the legacy or the modern era.
func toolCall(t *testing.T, revision, tool string) *mcp.Call {
	t.Helper()
	params := `{"name":"srv.` + tool + `","arguments":{"text":"hi"},"_meta":{"progressToken":"mine","vendor":1}}`
	if mcp.ParseRevision(revision).Stateless {
		params = `{"name":"srv.` + tool + `","arguments":{"text":"hi"},"_meta":{"progressToken":"mine","vendor":1,` + modernMeta + `}}`
	}
	c := newCall(t, revision, mcp.MethodToolsCall, params)
	c.Name = "srv." + tool
	return c
}

const (
	legacy = "2025-11-25"
	modern = "2026-07-28"
)

// do makes a call and returns the text of its answer.
func do(t *testing.T, p *Pool, c *mcp.Call) string {
	t.Helper()
	r := &reply{}
	if err := p.Do(t.Context(), to(c), c, r); err != nil {
		t.Fatalf("%s: %v", c.Name, err)
	}
	return r.text()
}

// to returns where a call goes.
func to(c *mcp.Call) mcp.Destination {
	return mcp.Destination{Server: "srv", Name: strings.TrimPrefix(c.Name, "srv."), Timeout: 20 * time.Second}
}
