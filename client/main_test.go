//nolint:staticcheck // what is deprecated is what servers still ask: sampling, roots, logging
package client_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/google/jsonschema-go/jsonschema"
	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/sumun-mcp/sumun/client"
)

// TestMain makes the test binary a server on its standard input and output when it is asked to.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "serve" {
		if dir, err := os.Getwd(); err == nil && os.Getenv("SAY_DIR") != "" {
			fmt.Fprintln(os.Stderr, "serving in", dir)
		}
		if err := newServer().Run(context.Background(), &sdk.StdioTransport{}); err != nil {
			os.Exit(1)
		}
		return
	}
	examples := serveExamples()
	gatewayURL = examples.URL
	code := m.Run()
	examples.Close()
	os.Exit(code)
}

// A weather is what weather.getCurrent answers.
type weather struct {
	Temperature float64 `json:"temperature"`
	Condition   string  `json:"condition"`
}

// newServer returns a server of the official SDK with a tool for each thing that a client must be able to take.
func newServer() *sdk.Server {
	s := sdk.NewServer(&sdk.Implementation{Name: "peer", Version: "2"}, &sdk.ServerOptions{
		PageSize: 4, Instructions: "be \"kind\"",
		SubscribeHandler: func(_ context.Context, req *sdk.SubscribeRequest) error {
			if strings.HasPrefix(req.Params.URI, "none:") {
				return sdk.ResourceNotFoundError(req.Params.URI)
			}
			return nil
		},
		UnsubscribeHandler: func(context.Context, *sdk.UnsubscribeRequest) error { return nil },
	})
	type place struct {
		Location string `json:"location"`
	}
	sdk.AddTool(s, &sdk.Tool{Name: "weather.getCurrent", Description: "The weather at a place"},
		func(_ context.Context, _ *sdk.CallToolRequest, in place) (*sdk.CallToolResult, weather, error) {
			if in.Location == "" {
				return nil, weather{}, errors.New("where?")
			}
			return nil, weather{21.5, "맑음 in " + in.Location}, nil
		})
	add(s, "echo", func(_ context.Context, r *sdk.CallToolRequest) (*sdk.CallToolResult, error) {
		return said(string(r.Params.Arguments)), nil
	})
	s.AddTool(&sdk.Tool{
		Name: "drifted", InputSchema: &jsonschema.Schema{Type: "object"}, Meta: sdk.Meta{"io.github.sumun-mcp/checksum": "of another schema"},
	}, func(context.Context, *sdk.CallToolRequest) (*sdk.CallToolResult, error) { return said("hi"), nil })
	add(s, "pid", func(context.Context, *sdk.CallToolRequest) (*sdk.CallToolResult, error) {
		return said(strconv.Itoa(os.Getpid())), nil
	})
	add(s, "die", func(context.Context, *sdk.CallToolRequest) (*sdk.CallToolResult, error) {
		os.Exit(7)
		return nil, nil
	})
	add(s, "exact", func(context.Context, *sdk.CallToolRequest) (*sdk.CallToolResult, error) {
		return said(`{"n":18446744073709551616,"f":1.10}`), nil
	})
	add(s, "steps", func(ctx context.Context, r *sdk.CallToolRequest) (*sdk.CallToolResult, error) {
		for i := range 3 {
			_ = r.Session.NotifyProgress(ctx, &sdk.ProgressNotificationParams{
				ProgressToken: r.Params.GetProgressToken(), Progress: float64(i + 1), Total: 3, Message: "step",
			})
		}
		return said("done"), nil
	})
	add(s, "talk", func(ctx context.Context, r *sdk.CallToolRequest) (*sdk.CallToolResult, error) {
		_ = r.Session.Log(ctx, &sdk.LoggingMessageParams{Level: "warning", Logger: "peer", Data: "beware"})
		_ = r.Session.Log(ctx, &sdk.LoggingMessageParams{Level: "debug", Data: "never mind"})
		return said("done"), nil
	})
	addQuestions(s)
	addThings(s)
	return s
}

// addThings adds resources and a prompt.
func addThings(s *sdk.Server) {
	read := func(_ context.Context, r *sdk.ReadResourceRequest) (*sdk.ReadResourceResult, error) {
		return &sdk.ReadResourceResult{Contents: []*sdk.ResourceContents{{URI: r.Params.URI, MIMEType: "text/plain", Text: "내용"}}}, nil
	}
	for i := range 6 {
		s.AddResource(&sdk.Resource{URI: fmt.Sprintf("note:%d", i), Name: "note", Size: 6}, read)
	}
	s.AddResource(&sdk.Resource{URI: "blob:1", Name: "blob"}, func(_ context.Context, r *sdk.ReadResourceRequest) (*sdk.ReadResourceResult, error) {
		return &sdk.ReadResourceResult{Contents: []*sdk.ResourceContents{{URI: r.Params.URI, Blob: []byte{0, 255}}}}, nil
	})
	s.AddResourceTemplate(&sdk.ResourceTemplate{URITemplate: "page:{n}", Name: "page"}, read)
	add(s, "touch", func(ctx context.Context, _ *sdk.CallToolRequest) (*sdk.CallToolResult, error) {
		return said("touched"), s.ResourceUpdated(ctx, &sdk.ResourceUpdatedNotificationParams{URI: "note:1"})
	})
	s.AddPrompt(&sdk.Prompt{Name: "greet", Arguments: []*sdk.PromptArgument{{Name: "name", Required: true}}},
		func(_ context.Context, r *sdk.GetPromptRequest) (*sdk.GetPromptResult, error) {
			return &sdk.GetPromptResult{Description: "a greeting", Messages: []*sdk.PromptMessage{
				{Role: "user", Content: &sdk.TextContent{Text: "hello " + r.Params.Arguments["name"] + " " + r.Params.Arguments["n"]}},
			}}, nil
		})
}

// addQuestions adds tools that ask the client something, each in the way of the era that the client speaks.
func addQuestions(s *sdk.Server) {
	ask := func(name string, question sdk.InputRequest, legacy func(context.Context, *sdk.ServerSession) (any, error)) {
		add(s, name, func(ctx context.Context, r *sdk.CallToolRequest) (*sdk.CallToolResult, error) {
			var answer any
			var err error
			switch {
			case r.ProtocolVersion() < "2026":
				answer, err = legacy(ctx, r.Session)
			case len(r.Params.InputResponses) == 0:
				return &sdk.CallToolResult{InputRequests: sdk.InputRequestMap{"q \"1\"": question}, RequestState: "kept"}, nil
			case r.Params.RequestState != "kept":
				return nil, errors.New("the state is lost")
			default:
				answer = r.Params.InputResponses["q \"1\""]
			}
			if err != nil {
				return nil, err
			}
			switch a := answer.(type) {
			case *sdk.ElicitResult:
				return said(strings.TrimSpace(fmt.Sprint(a.Action, " ", cmp.Or(a.Content["name"], any(""))))), nil
			case *sdk.CreateMessageResult:
				return said(a.Model + ": " + a.Content.(*sdk.TextContent).Text), nil
			case *sdk.CreateMessageWithToolsResult: // as the SDK reads it in the modern era
				return said(a.Model + ": " + a.Content[0].(*sdk.TextContent).Text), nil
			case *sdk.ListRootsResult:
				return said(a.Roots[0].URI), nil
			}
			return nil, fmt.Errorf("an answer of type %T", answer)
		})
	}
	form := &sdk.ElicitParams{Message: "who?", RequestedSchema: &jsonschema.Schema{
		Type: "object", Properties: map[string]*jsonschema.Schema{"name": {Type: "string"}},
	}}
	ask("who", form, func(ctx context.Context, ss *sdk.ServerSession) (any, error) { return ss.Elicit(ctx, form) })
	page := &sdk.ElicitParams{Mode: "url", Message: "please", URL: "https://example.com/in", ElicitationID: "v1"}
	ask("visit", page, func(ctx context.Context, ss *sdk.ServerSession) (any, error) { return ss.Elicit(ctx, page) })
	wish := &sdk.CreateMessageParams{MaxTokens: 7, Messages: []*sdk.SamplingMessage{{Role: "user", Content: &sdk.TextContent{Text: "hi"}}}}
	ask("think", wish, func(ctx context.Context, ss *sdk.ServerSession) (any, error) { return ss.CreateMessage(ctx, wish) })
	ask("where", &sdk.ListRootsParams{}, func(ctx context.Context, ss *sdk.ServerSession) (any, error) { return ss.ListRoots(ctx, nil) })
}

// add adds a tool that takes any arguments.
func add(s *sdk.Server, name string, f sdk.ToolHandler) {
	s.AddTool(&sdk.Tool{Name: name, InputSchema: &jsonschema.Schema{Type: "object"}}, f)
}

func said(text string) *sdk.CallToolResult {
	return &sdk.CallToolResult{Content: []sdk.Content{&sdk.TextContent{Text: text}}}
}

// A peer is one way to reach a server.
type peer struct{ line, revision string }

// peers are servers in both eras on every line.
var peers = map[string]peer{
	"http, modern": {"http", "2026-07-28"},
	"http, legacy": {"http", "2025-11-25"},
	"stdio":        {"stdio", "2026-07-28"},
	"http and sse": {"sse", "2025-11-25"},
	"websocket":    {"websocket", "2026-07-28"},
}

// dial reaches a new server.
func (p peer) dial(t *testing.T, with ...client.Option) *client.Client {
	t.Helper()
	switch p.line {
	case "stdio":
		return start(t, with...)
	case "sse":
		return dial(t, overEvents(t), with...)
	case "websocket":
		return dial(t, overSocket(t), with...)
	}
	return dial(t, overHTTP(t, newServer(), p.revision == "2026-07-28"), with...)
}

// overHTTP serves over Streamable HTTP in one era.
func overHTTP(t *testing.T, s *sdk.Server, modern bool) string {
	t.Helper()
	return listen(t, sdk.NewStreamableHTTPHandler(func(*http.Request) *sdk.Server { return s }, &sdk.StreamableHTTPOptions{Stateless: modern}))
}

func overEvents(t *testing.T) string {
	t.Helper()
	s := newServer()
	return listen(t, sdk.NewSSEHandler(func(*http.Request) *sdk.Server { return s }, nil))
}

// overSocket serves each WebSocket with a server of its own.
func overSocket(t *testing.T) string {
	t.Helper()
	return "ws" + strings.TrimPrefix(listen(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"mcp"}})
		if err != nil {
			return
		}
		line := websocket.NetConn(r.Context(), ws, websocket.MessageText)
		_ = newServer().Run(r.Context(), &sdk.IOTransport{Reader: line, Writer: line})
	})), "http")
}

// listen serves on loopback until the test is over.
func listen(t *testing.T, h http.Handler) string {
	t.Helper()
	web := httptest.NewServer(h)
	t.Cleanup(func() {
		web.CloseClientConnections()
		web.Close()
	})
	return web.URL
}

// dial dials, and closes at the end of the test.
func dial(t *testing.T, url string, with ...client.Option) *client.Client {
	t.Helper()
	c, err := client.Dial(t.Context(), url, with...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// start starts this test binary as a server.
func start(t *testing.T, with ...client.Option) *client.Client {
	t.Helper()
	c, err := client.DialCommand(t.Context(), []string{os.Args[0], "serve"}, append(with, client.WithEnv(map[string]string{"GORACE": "atexit_sleep_ms=0"}))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// until waits until something is so.
func until(t *testing.T, what string, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !so(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it did not happen: %s", what)
		}
	}
}
