package transport

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/sandbox"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// TestMain makes the test binary a server on its standard input and output, or a Reap, when it is asked to.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "__reap" {
		os.Exit(sandbox.Reap(os.Args[2:]))
	}
	if len(os.Args) > 1 && strings.HasPrefix(os.Args[1], "serve:") {
		serve(strings.TrimPrefix(os.Args[1], "serve:"))
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// serve is the server of that kind.
func serve(kind string) {
	if kind == "sdk" {
		_ = newSDK().Run(context.Background(), &sdk.StdioTransport{})
		return
	}
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	begin(kind)
	for lines.Scan() {
		line := lines.Bytes()
		method, _ := wire.Unquote(wire.Get(line, "method"))
		id := string(wire.Get(line, "id"))
		switch method {
		case "server/discover":
			discover(kind, id)
		case "initialize":
			fmt.Printf(`{"jsonrpc":"2.0","id":%s,"result":{"protocolVersion":"2025-06-18","capabilities":{"tools":{}},`+
				`"serverInfo":{"name":"%s","version":"1"},"instructions":"be kind"}}`+"\n", id, kind)
		case "notifications/cancelled":
			fmt.Println(`{"jsonrpc":"2.0","id":"late","method":"elicitation/create","params":{"message":"still there?"}}`)
		case "tools/call":
			name, _ := wire.Unquote(wire.Get(wire.Get(line, "params"), "name"))
			callTool(name, id, line, lines)
		}
	}
}

func begin(kind string) {
	switch kind {
	case "banner":
		fmt.Println("Welcome to the server!")
		fmt.Println(`{"not":"jsonrpc"}`)
	case "flood":
		go func() {
			for {
				fmt.Fprintln(os.Stderr, strings.Repeat("all is well ", 1000))
			}
		}()
	case "dead":
		fmt.Fprintln(os.Stderr, "the licence has expired")
		os.Exit(3)
	}
}

func discover(kind, id string) {
	switch kind {
	case "shy": // ends when it is spoken to in the wrong era
		os.Exit(1)
	case "mute": // leaves unanswered what it does not know
	default:
		fmt.Printf(`{"jsonrpc":"2.0","id":%s,"error":{"code":-32601,"message":"no such method"}}`+"\n", id)
	}
}

func callTool(name, id string, line []byte, lines *bufio.Scanner) {
	ok := func(id, text string) {
		fmt.Printf(`{"jsonrpc":"2.0","id":%s,"result":{"content":[{"type":"text","text":%s}]}}`+"\n", id, wire.AppendQuote(nil, text))
	}
	switch name {
	case "echo":
		ok(id, string(wire.Get(line, "params")))
	case "twice":
		ok(id, "first")
		ok(id, "second")
	case "stray":
		ok("4711", "nobody asked")
		ok(id, "asked")
	case "garbage":
		fmt.Println("oops")
		fmt.Println(`{"jsonrpc":"2.0","id":` + id + `,"id":1,"result":{}}`)
		ok(id, "fine")
	case "die":
		fmt.Fprintln(os.Stderr, "out of memory")
		os.Exit(7)
	case "never":
	case "progress":
		token := string(wire.Get(wire.Get(wire.Get(line, "params"), "_meta"), "progressToken"))
		for i := range 3 {
			fmt.Printf(`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":%s,"progress":%d}}`+"\n", token, i)
		}
		ok(id, token)
	case "ask":
		fmt.Println(`{"jsonrpc":"2.0","id":"q1","method":"elicitation/create","params":{"message":"who?"}}`)
		lines.Scan()
		ok(id, lines.Text())
	case "ping":
		fmt.Println(`{"jsonrpc":"2.0","id":"p1","method":"ping"}`)
		lines.Scan()
		ok(id, lines.Text())
	case "long":
		ok(id, strings.Repeat("x", 2<<20))
	}
}

// newSDK returns a server of the official SDK with some tools.
func newSDK() *sdk.Server {
	s := sdk.NewServer(&sdk.Implementation{Name: "sdk", Version: "1"}, &sdk.ServerOptions{
		Instructions:       "be brief",
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
	sdk.AddTool(s, &sdk.Tool{Name: "progress"}, func(ctx context.Context, r *sdk.CallToolRequest, _ in) (*sdk.CallToolResult, any, error) {
		for i := range 3 {
			err := r.Session.NotifyProgress(ctx, &sdk.ProgressNotificationParams{ProgressToken: r.Params.GetProgressToken(), Progress: float64(i)})
			if err != nil {
				return nil, nil, err
			}
		}
		return text("done"), nil, nil
	})
	sdk.AddTool(s, &sdk.Tool{Name: "never"}, func(ctx context.Context, _ *sdk.CallToolRequest, _ in) (*sdk.CallToolResult, any, error) {
		<-ctx.Done()
		return nil, nil, ctx.Err()
	})
	sdk.AddTool(s, &sdk.Tool{Name: "ask"}, func(ctx context.Context, r *sdk.CallToolRequest, _ in) (*sdk.CallToolResult, any, error) {
		got, err := r.Session.Elicit(ctx, &sdk.ElicitParams{Message: "who?"})
		if err != nil {
			return nil, nil, err
		}
		return text(got.Action), nil, nil
	})
	return s
}

// sdkHTTP serves the SDK's server over HTTP, in the legacy era with sessions or in the modern one.
func sdkHTTP(t *testing.T, era Era) string {
	t.Helper()
	server := newSDK()
	h := sdk.NewStreamableHTTPHandler(func(*http.Request) *sdk.Server { return server }, &sdk.StreamableHTTPOptions{Stateless: era == Modern})
	web := httptest.NewServer(h)
	t.Cleanup(func() {
		web.CloseClientConnections()
		web.Close()
	})
	return web.URL
}

// self is the command line of this test binary as a server.
func self(kind string) *sandbox.Command {
	return &sandbox.Command{
		Path: os.Args[0], Args: []string{"serve:" + kind}, Reaper: []string{os.Args[0], "__reap"},
		Env: map[string]string{"GORACE": "atexit_sleep_ms=0"},
	}
}

// A recorder is a Sink that remembers, and answers questions.
type recorder struct {
	notices  chan string
	question func(m *wire.Message) ([]byte, *mcp.Error)
}

func newRecorder() *recorder { return &recorder{notices: make(chan string, 1000)} }

func (r *recorder) Notice(m *wire.Message) { r.notices <- string(m.Raw) }

func (r *recorder) Question(_ context.Context, m *wire.Message) ([]byte, *mcp.Error) {
	if r.question == nil {
		return nil, mcp.Errorf(mcp.CodeMethodNotFound, mcp.Unsupported, "no")
	}
	return r.question(m)
}

func testLog(t *testing.T) *slog.Logger {
	t.Helper()
	return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// open opens a session and closes it at the end of the test.
func open(t *testing.T, target Target, hello Hello) *Session {
	t.Helper()
	target.Name = "test"
	target.Log = testLog(t)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	s, err := Open(ctx, target, hello)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(s.Close)
	return s
}

// call calls a tool and returns the text of the answer.
func call(t *testing.T, s *Session, tool string, sink Sink) string {
	t.Helper()
	a, err := s.Call(t.Context(), toolCall(tool), sink)
	if err != nil {
		t.Fatalf("calling %s: %v", tool, err)
	}
	defer a.Release()
	if e := a.Err(s.Revision()); e != nil {
		t.Fatalf("calling %s: %v", tool, e)
	}
	return firstText(a.Result())
}

func toolCall(tool string) Request {
	return Request{
		Method: mcp.MethodToolsCall, Name: tool, Progress: true,
		Params: []byte(`{"name":"` + tool + `","arguments":{"text":"hi"}}`),
	}
}

func firstText(result []byte) string {
	for c := range wire.Elements(wire.Get(result, "content")) {
		text, _ := wire.Unquote(wire.Get(c, "text"))
		return text
	}
	return ""
}

func contextWithCancel(t *testing.T) (context.Context, context.CancelFunc) {
	t.Helper()
	return context.WithCancel(t.Context())
}
