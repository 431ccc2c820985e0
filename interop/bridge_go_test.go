//nolint:staticcheck // what is deprecated is what crosses the bridge: sampling, roots, logging
package interop

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// serveGo runs a server of the official Go SDK until the test ends and returns its URL: one with sessions of the legacy era, or
// one without, which speaks both eras.
func serveGo(t *testing.T, era string) string {
	t.Helper()
	server := mcp.NewServer(&mcp.Implementation{Name: "go", Version: "1"}, nil)
	var cancelled sync.Map // the tokens of the calls that were
	for name, tool := range goTools {
		server.AddTool(
			&mcp.Tool{Name: name, InputSchema: json.RawMessage(`{"type":"object","properties":{"token":{"type":"string"}}}`)},
			func(ctx context.Context, req *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
				r := round{req: req, known: map[string]string{}, cancelled: &cancelled}
				if state := req.Params.RequestState; state != "" {
					if err := json.Unmarshal([]byte(state), &r.known); err != nil {
						return nil, err
					}
				}
				text, err := tool(ctx, &r)
				if err != nil || r.questions == nil {
					return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: text}}}, err
				}
				state, err := json.Marshal(r.known)
				return &mcp.CallToolResult{InputRequests: r.questions, RequestState: string(state)}, err
			},
		)
	}
	handler := mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server },
		&mcp.StreamableHTTPOptions{Stateless: era == modernEra, PropagateRequestCancellation: true})
	web := httptest.NewServer(handler)
	t.Cleanup(func() {
		web.CloseClientConnections()
		web.Close()
	})
	return web.URL + "/mcp"
}

// A round is one request of a call that may ask: by requests in the legacy era, by the end of the request in the modern era.
type round struct {
	req       *mcp.CallToolRequest
	known     map[string]string // the answers of this round and of those before
	questions mcp.InputRequestMap
	cancelled *sync.Map
}

// goTools are the tools of the server. A tool that has asked returns, and is called again with the answer.
var goTools = map[string]func(context.Context, *round) (string, error){
	"ask": func(ctx context.Context, r *round) (string, error) { return r.ask(ctx) },
	"think": func(ctx context.Context, r *round) (string, error) {
		return r.think(ctx, "knock")
	},
	"look": func(ctx context.Context, r *round) (string, error) { return r.look(ctx) },
	"talk": func(ctx context.Context, r *round) (string, error) {
		if r.req.Params.RequestState == "" {
			if err := r.progress(ctx, 1); err != nil {
				return "", err
			}
		}
		name, err := r.ask(ctx)
		if err != nil || r.questions != nil {
			return "", err
		}
		name = strings.TrimPrefix(name, "accept ")
		thought, err := r.think(ctx, "hello "+name)
		if err != nil || r.questions != nil {
			return "", err
		}
		roots, err := r.look(ctx)
		return fmt.Sprintf("%s; %s; %s", name, thought, roots), err
	},
	"work": func(ctx context.Context, r *round) (string, error) {
		for step := range 3 {
			if err := r.progress(ctx, float64(step+1)); err != nil {
				return "", err
			}
		}
		err := r.req.Session.Log(ctx, &mcp.LoggingMessageParams{Level: "info", Data: "working"})
		time.Sleep(100 * time.Millisecond) // or the answer might overtake what was said
		return "done", err
	},
	"wait": func(ctx context.Context, r *round) (string, error) {
		if err := r.progress(ctx, 1); err != nil {
			return "", err
		}
		select {
		case <-ctx.Done():
			r.cancelled.Store(r.token(), true)
		case <-time.After(20 * time.Second):
		}
		return "waited", nil
	},
	"ended": func(_ context.Context, r *round) (string, error) {
		for range 100 {
			if _, ok := r.cancelled.Load(r.token()); ok {
				return "cancelled", nil
			}
			time.Sleep(100 * time.Millisecond)
		}
		return "not cancelled", nil
	},
}

// token returns the argument of the tools that have one.
func (r *round) token() string {
	var arguments struct{ Token string }
	_ = json.Unmarshal(r.req.Params.Arguments, &arguments) // no token is one too
	return arguments.Token
}

func (r *round) progress(ctx context.Context, step float64) error {
	return r.req.Session.NotifyProgress(ctx, &mcp.ProgressNotificationParams{
		ProgressToken: r.req.Params.GetProgressToken(), Progress: step, Total: 3,
	})
}

func (r *round) ask(ctx context.Context) (string, error) {
	return r.answer(ctx, "name", &mcp.ElicitParams{
		Mode: "form", Message: "Who is there?",
		RequestedSchema: json.RawMessage(`{"type":"object","properties":{"name":{"type":"string"}},"required":["name"]}`),
	})
}

func (r *round) think(ctx context.Context, text string) (string, error) {
	return r.answer(ctx, "thought", &mcp.CreateMessageParams{
		MaxTokens: 10, Messages: []*mcp.SamplingMessage{{Role: "user", Content: &mcp.TextContent{Text: text}}},
	})
}

func (r *round) look(ctx context.Context) (string, error) {
	return r.answer(ctx, "roots", &mcp.ListRootsParams{})
}

// answer returns what the client says or said to a question, or notes that it has to be asked.
func (r *round) answer(ctx context.Context, key string, question mcp.InputRequest) (string, error) {
	if known, ok := r.known[key]; ok {
		return known, nil
	}
	given, ok := r.req.Params.InputResponses[key]
	if !ok && r.req.Session.InitializeParams().ProtocolVersion >= "2026-07-28" {
		r.questions = mcp.InputRequestMap{key: question}
		return "", nil
	}
	if !ok {
		var err error
		if given, err = r.request(ctx, question); err != nil {
			return "", err
		}
	}
	r.known[key] = said(given)
	return r.known[key], nil
}

// request asks a client of the legacy era.
func (r *round) request(ctx context.Context, question mcp.InputRequest) (mcp.InputResponse, error) {
	switch q := question.(type) {
	case *mcp.ElicitParams:
		return r.req.Session.Elicit(ctx, q)
	case *mcp.CreateMessageParams:
		return r.req.Session.CreateMessage(ctx, q)
	case *mcp.ListRootsParams:
		return r.req.Session.ListRoots(ctx, q)
	default:
		return nil, fmt.Errorf("no way to ask %T", question)
	}
}

// said returns an answer as text.
func said(given mcp.InputResponse) string {
	switch a := given.(type) {
	case *mcp.ElicitResult:
		if a.Action == "accept" {
			return fmt.Sprintf("accept %v", a.Content["name"])
		}
		return a.Action
	case *mcp.CreateMessageResult:
		return textOf(a.Content)
	case *mcp.CreateMessageWithToolsResult:
		return textOf(a.Content...)
	case *mcp.ListRootsResult:
		var uris []string
		for _, root := range a.Roots {
			uris = append(uris, root.URI)
		}
		return strings.Join(uris, " ")
	default:
		return fmt.Sprintf("%T", given)
	}
}

// textOf returns the text in the contents.
func textOf(contents ...mcp.Content) string {
	var texts []string
	for _, content := range contents {
		if text, ok := content.(*mcp.TextContent); ok {
			texts = append(texts, text.Text)
		}
	}
	return strings.Join(texts, "\n")
}

// A goAnswerer is a client of the official Go SDK in the call that it makes.
type goAnswerer struct {
	mu     sync.Mutex
	number int // of the call, which is its progress token
	call   bridgeCall
	stop   context.CancelFunc
	got    outcome
}

// note notes what the client was asked and returns how to answer.
func (a *goAnswerer) note(asked string) (action string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.got.Asked = append(a.got.Asked, asked)
	return a.call.Action
}

// elicit fills in a form, or does not.
func (a *goAnswerer) elicit(_ context.Context, req *mcp.ElicitRequest) (*mcp.ElicitResult, error) {
	action := a.note(req.Params.Message)
	if action == "accept" {
		return &mcp.ElicitResult{Action: action, Content: map[string]any{"name": "Ada"}}, nil
	}
	return &mcp.ElicitResult{Action: action}, nil
}

// sample says what it heard.
func (a *goAnswerer) sample(_ context.Context, req *mcp.CreateMessageRequest) (*mcp.CreateMessageResult, error) {
	text := textOf(req.Params.Messages[0].Content)
	a.note(text)
	return &mcp.CreateMessageResult{Role: "assistant", Model: "parrot", Content: &mcp.TextContent{Text: "I heard: " + text}}, nil
}

// advance notes the progress of the call. The SDK may tell of it when the answer is there already: that of other calls does not
// count.
func (a *goAnswerer) advance(_ context.Context, req *mcp.ProgressNotificationClientRequest) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if fmt.Sprint(req.Params.ProgressToken) != strconv.Itoa(a.number) {
		return
	}
	a.got.Progress = append(a.got.Progress, req.Params.Progress)
	if a.call.Stop {
		a.stop()
	}
}

// log keeps a log message.
func (a *goAnswerer) log(_ context.Context, req *mcp.LoggingMessageRequest) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.got.Logs = append(a.got.Logs, req.Params.Data)
}

// make makes the next call.
func (a *goAnswerer) make(ctx context.Context, session *mcp.ClientSession, call bridgeCall) outcome {
	ctx, stop := context.WithTimeout(ctx, 30*time.Second)
	defer stop()
	params := &mcp.CallToolParams{Name: call.Tool, Arguments: call.Arguments, Meta: mcp.Meta{mcp.MetaKeyLogLevel: "debug"}}
	params.SetProgressToken(a.begin(call, stop))
	result, err := session.CallTool(ctx, params)
	a.mu.Lock()
	defer a.mu.Unlock()
	got := a.got
	got.Asked, got.Progress, got.Logs = slices.Clone(got.Asked), slices.Clone(got.Progress), slices.Clone(got.Logs)
	if err != nil {
		got.Error = cmp.Or(err.Error(), "error")
		return got
	}
	got.Text, got.Failed = textOf(result.Content...), result.IsError
	return got
}

// begin returns the number of the next call.
func (a *goAnswerer) begin(call bridgeCall, stop context.CancelFunc) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.number, a.call, a.stop, a.got = a.number+1, call, stop, outcome{}
	return a.number
}

// callGo makes the calls of a plan with the official Go SDK.
func callGo(ctx context.Context, t *testing.T, p bridgePlan) []outcome {
	t.Helper()
	var a goAnswerer
	client := mcp.NewClient(&mcp.Implementation{Name: "sumun-interop-go", Version: "1"}, &mcp.ClientOptions{
		ElicitationHandler: a.elicit, CreateMessageHandler: a.sample,
		ProgressNotificationHandler: a.advance, LoggingMessageHandler: a.log,
	})
	client.AddRoots(&mcp.Root{URI: "file:///door", Name: "door"})
	revision := "2026-07-28"
	if p.Era == legacyEra {
		revision = "2025-11-25"
	}
	transport := &mcp.StreamableClientTransport{Endpoint: p.URL, HTTPClient: &http.Client{Transport: bearer(p.Key)}}
	session, err := client.Connect(ctx, transport, &mcp.ClientSessionOptions{ProtocolVersion: revision})
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	if got := session.InitializeResult().ProtocolVersion; got != revision {
		t.Errorf("the gateway speaks %s, want %s", got, revision)
	}
	if p.Era == legacyEra && session.InitializeResult().Capabilities.Logging != nil {
		if err := session.SetLoggingLevel(ctx, &mcp.SetLoggingLevelParams{Level: "debug"}); err != nil {
			t.Error(err)
		}
	}
	var all []outcome
	for _, call := range p.Calls {
		all = append(all, a.make(ctx, session, call))
	}
	return all
}

// A bearer sends a key with each request.
type bearer string

// RoundTrip implements http.RoundTripper.
func (key bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+string(key))
	return http.DefaultTransport.RoundTrip(r)
}
