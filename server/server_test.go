package server_test

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/sumun-mcp/sumun/server"
)

const key = "0123456789abcdef0123456789abcdef"

type place struct {
	Location string   `json:"location" jsonschema:"the name of a city"`
	Days     int      `json:"days,omitempty"`
	Tags     []string `json:"tags,omitempty"`
}

type weather struct {
	Temperature float64 `json:"temperature"`
	Condition   string  `json:"condition"`
}

// start runs a server until the test ends, and returns the URL of its endpoint.
func start(t *testing.T, srv *server.Server) string {
	t.Helper()
	ctx, end := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- srv.Start(ctx) }()
	t.Cleanup(func() {
		end()
		if err := <-done; err != nil {
			t.Errorf("the server ended with: %v", err)
		}
	})
	url, err := srv.Ready(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return url
}

func open(t *testing.T, o server.Options) *server.Server {
	t.Helper()
	if o.Dir == "" && o.Config == "" {
		o.Dir = t.TempDir()
	}
	if o.Addr == "" {
		o.Addr = "127.0.0.1:0"
	}
	srv, err := server.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return srv
}

// withKey sends a key with each request.
type withKey struct{ key string }

func (k withKey) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+k.key)
	return http.DefaultTransport.RoundTrip(r)
}

// dial is a standard client of the official SDK.
func dial(t *testing.T, url string, o *sdk.ClientOptions) *sdk.ClientSession {
	t.Helper()
	c := sdk.NewClient(&sdk.Implementation{Name: "test", Version: "1"}, o)
	s, err := c.Connect(t.Context(), &sdk.StreamableClientTransport{Endpoint: url, HTTPClient: &http.Client{Transport: withKey{key}}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// ask asks in the dialect.
func ask(t *testing.T, url, method, params string) string {
	t.Helper()
	body := `{"jsonrpc":"2.0","id":1,"method":"` + method + `","params":` + params + `}`
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := (&http.Client{Transport: withKey{key}}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var out struct{ Result, Error json.RawMessage }
	if err := json.NewDecoder(resp.Body).Decode(&out); err != nil {
		t.Fatal(err)
	}
	return string(out.Result) + string(out.Error)
}

func getWeather(_ context.Context, args place, _ *server.Context) (weather, error) {
	switch args.Location {
	case "Atlantis":
		return weather{}, errors.New("no such place; ask for a city")
	case "Chaos":
		panic("boom")
	}
	return weather{Temperature: 21.5, Condition: "clear"}, nil
}

type file struct {
	Path string `json:"path"`
	Line int    `json:"line,omitempty"`
}

type content struct {
	Content string `json:"content"`
}

func readFile(_ context.Context, p file, _ *server.Context) (content, error) {
	if p.Path == "none" {
		return content{}, server.ErrNotFound
	}
	return content{Content: strings.Repeat("<"+p.Path+">", max(p.Line, 1))}, nil
}

func registered(t *testing.T) *server.Server {
	t.Helper()
	srv := open(t, server.Options{APIKey: key, Name: "demo", Version: "2"})
	server.RegisterTool(srv, "weather.getCurrent", getWeather, server.Title("Weather"), server.Description("The weather now"), server.ReadOnly())
	server.RegisterTool(srv, "shout", func(_ context.Context, args map[string]string, _ *server.Context) (string, error) {
		return strings.ToUpper(args["text"]), nil
	}, server.InputSchema(`{"type":"object","properties":{"text":{"type":"string","maxLength":9}},"required":["text"]}`), server.Idempotent(), server.Additive(), server.ClosedWorld())
	server.RegisterResource(srv, "file.read", readFile, server.Description("A file"))
	server.RegisterResource(srv, "motto", func(context.Context, struct{}, *server.Context) (string, error) { return "Guard the gate.", nil }, server.MIMEType("text/markdown"))
	srv.RegisterPrompt("greet", "---\nsampling: {temperature: 0.5}\n---\nHello {{ name }}!\n{% include 'bye' ignore missing %}")
	return srv
}

// TestStandard calls all that is registered as a client of the official SDK does.
func TestStandard(t *testing.T) {
	t.Parallel()
	c := dial(t, start(t, registered(t)), nil)
	tools, err := c.ListTools(t.Context(), nil)
	if err != nil || len(tools.Tools) != 2 {
		t.Fatalf("%v, %v", tools, err)
	}
	for _, tool := range tools.Tools {
		if tool.Name != "weather.getCurrent" {
			if a := tool.Annotations; !a.IdempotentHint || *a.DestructiveHint || *a.OpenWorldHint {
				t.Errorf("%+v", a)
			}
			continue
		}
		in, err := json.Marshal(tool.InputSchema)
		if err != nil || !strings.Contains(string(in), "the name of a city") || tool.OutputSchema == nil || !tool.Annotations.ReadOnlyHint || tool.Title != "Weather" {
			t.Errorf("%s, %+v", in, tool)
		}
	}
	tests := []struct {
		name, args, want string
		isError          bool
	}{
		{"weather.getCurrent", `{"location":"Seoul"}`, `{"temperature":21.5,"condition":"clear"}`, false},
		{"weather.getCurrent", `{"location":"Atlantis"}`, "no such place", true},
		{"weather.getCurrent", `{"location":5,"day":1}`, "/location", true},
		{"weather.getCurrent", `{}`, "location", true},
		{"shout", `{"text":"hi"}`, "HI", false},
		{"shout", `{"text":"much too long"}`, "/text", true},
	}
	for _, tt := range tests {
		res, err := c.CallTool(t.Context(), &sdk.CallToolParams{Name: tt.name, Arguments: json.RawMessage(tt.args)})
		if err != nil {
			t.Errorf("%s %s: %v", tt.name, tt.args, err)
			continue
		}
		text, _ := res.Content[0].(*sdk.TextContent)
		if res.IsError != tt.isError || text == nil || !strings.Contains(text.Text, tt.want) {
			t.Errorf("%s %s: %v %+v", tt.name, tt.args, res.IsError, text)
		}
	}
	if _, err := c.CallTool(t.Context(), &sdk.CallToolParams{Name: "weather.getCurrent", Arguments: place{Location: "Chaos"}}); err == nil || strings.Contains(err.Error(), "boom") {
		t.Errorf("a panic is told as %v", err)
	}
	read, err := c.ReadResource(t.Context(), &sdk.ReadResourceParams{URI: "sumun://file.read?path=a%2Fb&line=2"})
	if err != nil || read.Contents[0].Text != `{"content":"<a/b><a/b>"}` || read.Contents[0].MIMEType != "application/json" {
		t.Errorf("%+v, %v", read, err)
	}
	if read, err = c.ReadResource(t.Context(), &sdk.ReadResourceParams{URI: "sumun://motto"}); err != nil || read.Contents[0].Text != "Guard the gate." || read.Contents[0].MIMEType != "text/markdown" {
		t.Errorf("%+v, %v", read, err)
	}
	for _, uri := range []string{"sumun://file.read?path=none", "sumun://file.read?path=a&line=x", "sumun://file.read", "sumun://other"} {
		if _, err := c.ReadResource(t.Context(), &sdk.ReadResourceParams{URI: uri}); err == nil {
			t.Errorf("%s was read", uri)
		}
	}
	got, err := c.GetPrompt(t.Context(), &sdk.GetPromptParams{Name: "greet", Arguments: map[string]string{"name": "Ada"}})
	if err != nil || len(got.Messages) != 1 {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestDialect calls the same in the seed's own methods.
func TestDialect(t *testing.T) {
	t.Parallel()
	url := start(t, registered(t))
	for _, tt := range []struct{ method, params, want string }{
		{"mcp.tool.invoke", `{"toolId":"weather.getCurrent","args":{"location":"Seoul"}}`, `"output":{"temperature":21.5,"condition":"clear"}`},
		{"mcp.tool.invoke", `{"toolId":"shout","args":{"text":"hi"}}`, `"output":"HI"`},
		{"mcp.resource.read", `{"resourceId":"file.read","params":{"path":"a b","line":2}}`, `"content":"<a b><a b>"`},
		{"mcp.resource.read", `{"resourceId":"file.read","params":{"path":"none"}}`, `not found`},
		{"mcp.resource.read", `{"uri":"sumun://motto"}`, `Guard the gate.`},
		{"mcp.prompt.render", `{"promptId":"greet","variables":{"name":"Ada"}}`, `"content":"Hello Ada!"`},
	} {
		if got := ask(t, url, tt.method, tt.params); !strings.Contains(got, tt.want) {
			t.Errorf("%s %s: %s", tt.method, tt.params, got)
		}
	}
	var first struct {
		ETag     string `json:"etag"`
		Revision int64  `json:"revision"`
	}
	const params = `{"resourceId":"file.read","params":{"path":"x"}`
	if err := json.Unmarshal([]byte(ask(t, url, "mcp.resource.read", params+`}`)), &first); err != nil || first.ETag == "" || first.Revision == 0 {
		t.Fatalf("%+v, %v", first, err)
	}
	if got := ask(t, url, "mcp.resource.read", params+`,"ifNoneMatch":"`+first.ETag+`"}`); !strings.Contains(got, `"notModified":true`) {
		t.Error(got)
	}
}

// TestScopes withholds what no scope names.
func TestScopes(t *testing.T) {
	t.Parallel()
	srv := registered(t)
	srv.DefineScope("read:file", "file.read")
	srv.DefineScope("invoke:weather_api", "weather.*")
	url := start(t, srv)
	for _, tt := range []struct{ method, params, want string }{
		{"mcp.tool.invoke", `{"toolId":"weather.getCurrent","args":{"location":"Seoul"}}`, `"output"`},
		{"mcp.tool.invoke", `{"toolId":"shout","args":{"text":"hi"}}`, `"reason":"not-found"`},
		{"mcp.resource.read", `{"resourceId":"file.read","params":{"path":"x"}}`, `"content"`},
		{"mcp.resource.read", `{"uri":"sumun://motto"}`, `"reason"`},
		{"mcp.prompt.render", `{"promptId":"greet","variables":{}}`, `"reason"`},
	} {
		if got := ask(t, url, tt.method, tt.params); !strings.Contains(got, tt.want) {
			t.Errorf("%s %s: %s", tt.method, tt.params, got)
		}
	}
}

// TestContext tells a handler in which root it is called, and takes its sampling over.
func TestContext(t *testing.T) {
	t.Parallel()
	srv := open(t, server.Options{APIKey: key})
	type seen struct {
		RootID    string                     `json:"rootId"`
		Path      string                     `json:"path"`
		Sampling  server.Sampling            `json:"sampling"`
		Variables map[string]json.RawMessage `json:"variables"`
		Memory    int                        `json:"memory"`
	}
	server.RegisterTool(srv, "look", func(_ context.Context, _ any, c *server.Context) (seen, error) {
		c.SetSampling(server.Sampling{Temperature: new(0.25)})
		return seen{c.RootID, c.Path, c.Sampling, c.Variables, len(c.Memory)}, nil
	})
	srv.RegisterPrompt("who", "---\nvariables: {who: nobody, where: here}\nsampling: {temperature: 0.5, topK: 3}\n---\n{{ who }} {{ where }} {{ context.rootId }} {{ context.memory|length }} {{ context.sampling.topK }}")
	url := start(t, srv)
	const root = `{"rootId":"r","sampling":{"temperature":1,"maxTokens":9},"variables":{"who":"Ada"},"memory":true}`
	if got := ask(t, url, "mcp.root.create", root); !strings.Contains(got, `"r"`) {
		t.Fatal(got)
	}
	got := ask(t, url, "mcp.tool.invoke", `{"toolId":"look","args":{},"context":{"rootId":"r"}}`)
	for _, want := range []string{`"rootId":"r"`, `"temperature":1`, `"who":"Ada"`} {
		if !strings.Contains(got, want) {
			t.Errorf("%s lacks %s", got, want)
		}
	}
	for params, want := range map[string]string{
		`{"promptId":"who"}`:                                                                        `"content":"nobody here`,
		`{"promptId":"who","context":{"rootId":"r"}}`:                                               `"content":"Ada here r 1 3"`,
		`{"promptId":"who","variables":{"who":"Eve"},"context":{"rootId":"r"}}`:                     `"content":"Eve here r 1 3"`,
		`{"promptId":"who","variables":{"where":5},"context":{"rootId":"r","sampling":{"topK":7}}}`: `"content":"Ada 5 r 1 `,
	} {
		if got := ask(t, url, "mcp.prompt.render", params); !strings.Contains(got, want) {
			t.Errorf("%s: %s lacks %s", params, got, want)
		}
	}
	// The root's parameters, the prompt's over them, the call's over these.
	got = ask(t, url, "mcp.prompt.render", `{"promptId":"who","context":{"rootId":"r","sampling":{"topK":7}}}`)
	for _, want := range []string{`"maxTokens":9`, `"temperature":0.5`, `"topK":7`} {
		if !strings.Contains(got, want) {
			t.Errorf("%s lacks %s", got, want)
		}
	}
	if got := ask(t, url, "mcp.sampling.get", `{"context":{"rootId":"r"}}`); !strings.Contains(got, "0.25") {
		t.Errorf("the tool's sampling is not in force: %s", got)
	}
	if got := ask(t, url, "mcp.tool.invoke", `{"toolId":"look","args":{"again":1},"context":{"rootId":"r"}}`); strings.Contains(got, `"memory":0`) {
		t.Errorf("nothing is remembered: %s", got)
	}
}

// TestAsk asks clients of the official SDK in mid-call, tells them progress, and refuses to ask one that cannot be.
func TestAsk(t *testing.T) {
	t.Parallel()
	srv := open(t, server.Options{APIKey: key})
	type answer struct {
		City string `json:"city"`
	}
	server.RegisterTool(srv, "ask", func(ctx context.Context, _ any, c *server.Context) (string, error) {
		if err := c.Progress(ctx, 1, 2, "asking"); err != nil {
			return "", err
		}
		said, err := server.Elicit[answer](ctx, c, "Where?")
		if err != nil {
			return "", err
		}
		more, err := c.Sample(ctx, "A word about "+said.City, 10)
		return said.City + " " + more, err
	})
	url := start(t, srv)
	progress := make(chan string, 10)
	able := dial(t, url, &sdk.ClientOptions{
		ElicitationHandler: func(_ context.Context, req *sdk.ElicitRequest) (*sdk.ElicitResult, error) {
			if req.Params.Message != "Where?" {
				return &sdk.ElicitResult{Action: "decline"}, nil
			}
			return &sdk.ElicitResult{Action: "accept", Content: map[string]any{"city": "Seoul"}}, nil
		},
		CreateMessageHandler: func(context.Context, *sdk.CreateMessageRequest) (*sdk.CreateMessageResult, error) { //nolint:staticcheck // all revisions are served
			//nolint:staticcheck // see above
			return &sdk.CreateMessageResult{Role: "assistant", Model: "m", Content: &sdk.TextContent{Text: "is large"}}, nil
		},
		ProgressNotificationHandler: func(_ context.Context, req *sdk.ProgressNotificationClientRequest) { progress <- req.Params.Message },
	})
	params := &sdk.CallToolParams{Name: "ask", Arguments: map[string]any{}}
	params.SetProgressToken("p")
	res, err := able.CallTool(t.Context(), params)
	if err != nil || res.IsError {
		t.Fatalf("%+v, %v", res, err)
	}
	if text, _ := res.Content[0].(*sdk.TextContent); text.Text != "Seoul is large" {
		t.Errorf("%+v", text)
	}
	select {
	case text := <-progress:
		if text != "asking" {
			t.Error(text)
		}
	case <-time.After(15 * time.Second):
		t.Error("no progress was told")
	}
	res, err = dial(t, url, nil).CallTool(t.Context(), &sdk.CallToolParams{Name: "ask", Arguments: map[string]any{}})
	if text, _ := res.Content[0].(*sdk.TextContent); err != nil || !res.IsError || text.Text != server.ErrCannotAsk.Error() {
		t.Errorf("%+v, %v", text, err)
	}
}

// TestFaults tells everything that is wrong at once, and does not serve.
func TestFaults(t *testing.T) {
	t.Parallel()
	srv := open(t, server.Options{APIKey: key})
	server.RegisterTool(srv, "a b", getWeather)
	server.RegisterTool(srv, "x", getWeather)
	server.RegisterTool(srv, "x", getWeather)
	server.RegisterTool(srv, "chan", func(context.Context, struct{ C chan int }, *server.Context) (string, error) { return "", nil })
	server.RegisterTool(srv, "bad", getWeather, server.InputSchema("{"))
	server.RegisterTool(srv, "text", func(context.Context, string, *server.Context) (string, error) { return "", nil })
	server.RegisterResource(srv, "r", readFile, server.URI("x://{other}"))
	server.RegisterResource(srv, "s", readFile, server.URI("x://{?path,line,more}"))
	err := srv.Start(t.Context())
	if err == nil {
		t.Fatal("it has served")
	}
	for _, want := range []string{"tool a b", "tool x: there is one", "tool chan: the arguments", "tool bad", "tool text", "variable other", "variable more"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v\nlacks %q", err, want)
		}
	}
	if _, ready := srv.Ready(t.Context()); ready == nil {
		t.Error("it is ready")
	}
	prompt := open(t, server.Options{})
	prompt.RegisterPrompt("p", "{{ broken")
	if err := prompt.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "p.md:1:") {
		t.Errorf("error = %v", err)
	}
	scope := open(t, server.Options{APIKey: key})
	scope.DefineScope("a scope", "x")
	if err := scope.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "cannot be the name of a scope") {
		t.Errorf("error = %v", err)
	}
}

// TestOptions refuses options as mcp.yaml is refused.
func TestOptions(t *testing.T) {
	t.Parallel()
	for want, o := range map[string]server.Options{
		"there is no TLS":          {Addr: "0.0.0.0:8080", APIKey: key},
		"lets everyone in":         {Addr: "0.0.0.0:8080", Anonymous: true},
		"is not an address":        {Addr: "localhost"},
		"TLS needs certFile":       {TLS: server.TLS{KeyFile: "x"}},
		"is not an origin":         {Origins: []string{"x"}},
		"beside Config":            {Config: "mcp.yaml", APIKey: key},
		"no such file":             {Config: "nowhere.yaml"},
		"Authorization header":     {APIKey: "ключ"},
		"not an address for clien": {PublicURL: "ftp://x"},
	} {
		if _, err := server.New(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %s", o, err, want)
		}
	}
}

// TestHandler serves in a server of another program, and once only.
func TestHandler(t *testing.T) {
	t.Parallel()
	srv := registered(t)
	web := httptest.NewServer(srv.Handler())
	defer web.Close()
	resp, err := http.Get(web.URL + "/healthz")
	if err != nil || resp.StatusCode != http.StatusServiceUnavailable {
		t.Fatalf("%v, %v", resp, err)
	}
	_ = resp.Body.Close()
	ctx, end := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- srv.Serve(ctx, nil) }()
	if url, err := srv.Ready(t.Context()); err != nil || url != "" {
		t.Fatal(url, err)
	}
	if got := ask(t, web.URL, "mcp.tool.invoke", `{"toolId":"shout","args":{"text":"hi"}}`); !strings.Contains(got, "HI") {
		t.Error(got)
	}
	if err := srv.Serve(t.Context(), nil); err == nil {
		t.Error("it was started twice")
	}
	end()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestRestart serves on a listener of the caller's, ends, and serves again with the same state.
func TestRestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for i := range 2 {
		srv := open(t, server.Options{APIKey: key, Dir: dir})
		server.RegisterTool(srv, "weather.getCurrent", getWeather)
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		ctx, end := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- srv.Serve(ctx, listener) }()
		url, err := srv.Ready(t.Context())
		if err != nil || !strings.Contains(url, listener.Addr().String()) {
			t.Fatal(url, err)
		}
		if i == 0 {
			ask(t, url, "mcp.root.create", `{"rootId":"kept"}`)
		} else if got := ask(t, url, "mcp.root.get", `{"rootId":"kept"}`); !strings.Contains(got, `"kept"`) {
			t.Errorf("the root is gone: %s", got)
		}
		end()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// TestConfig offers what an mcp.yaml has beside what is registered, and follows its changes.
func TestConfig(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "mcp.yaml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file+".new", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(file+".new", file); err != nil {
			t.Fatal(err)
		}
	}
	write("apiKey: " + key + "\nscopes: {all: [calc.evaluate]}\n")
	srv := open(t, server.Options{Config: file})
	server.RegisterTool(srv, "weather.getCurrent", getWeather)
	srv.DefineScope("invoke:weather_api", "weather.getCurrent")
	url := start(t, srv)
	calc := func() string {
		return ask(t, url, "mcp.tool.invoke", `{"toolId":"calc.evaluate","args":{"expression":"6*7"}}`)
	}
	weather := func() string {
		return ask(t, url, "mcp.tool.invoke", `{"toolId":"weather.getCurrent","args":{"location":"Seoul"}}`)
	}
	if a, b := calc(), weather(); !strings.Contains(a, "42") || !strings.Contains(b, "clear") {
		t.Fatal(a, b)
	}
	write("apiKey: " + key + "\nscopes: {all: [calc.evaluate]}\nbuiltin: false\n")
	deadline := time.Now().Add(15 * time.Second)
	for strings.Contains(calc(), "42") {
		if time.Now().After(deadline) {
			t.Fatal("the change is not in force within 15 s")
		}
		time.Sleep(20 * time.Millisecond)
	}
	if got := weather(); !strings.Contains(got, "clear") {
		t.Errorf("after a change: %s", got)
	}
}

// TestNames has a program's own tools and resources win over those of the configuration that have the same names.
func TestNames(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	files := map[string]string{"mcp.yaml": "apiKey: " + key + "\nresources: {notes: {type: file, root: .}}\n", "a.md": "from the folder"}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	srv := open(t, server.Options{Config: filepath.Join(dir, "mcp.yaml")})
	server.RegisterTool(srv, "calc.evaluate", func(context.Context, struct{}, *server.Context) (string, error) { return "mine", nil })
	server.RegisterResource(srv, "file.read", readFile)
	url := start(t, srv)
	if got := ask(t, url, "mcp.tool.invoke", `{"toolId":"calc.evaluate"}`); !strings.Contains(got, "mine") {
		t.Errorf("calc.evaluate: %s", got)
	}
	if got := ask(t, url, "mcp.resource.read", `{"resourceId":"file.read","params":{"path":"a.md"}}`); !strings.Contains(got, "<a.md>") {
		t.Errorf("file.read: %s", got)
	}
	if got := ask(t, url, "mcp.tool.invoke", `{"toolId":"file.read","args":{"path":"a.md"}}`); !strings.Contains(got, "from the folder") {
		t.Errorf("the tool file.read, which nobody has registered: %s", got)
	}
}

// TestHostile reads resources of odd URIs and calls tools with odd arguments: each is refused, and the server goes on.
func TestHostile(t *testing.T) {
	t.Parallel()
	srv := open(t, server.Options{APIKey: key})
	type params struct {
		Path string   `json:"path" jsonschema:"a path"`
		Tags []string `json:"tags,omitempty"`
		Deep bool     `json:"deep,omitempty"`
	}
	server.RegisterResource(srv, "echo", func(_ context.Context, p params, _ *server.Context) (params, error) { return p, nil })
	server.RegisterResource(srv, "loop", func(context.Context, struct{}, *server.Context) (any, error) { return make(chan int), nil })
	server.RegisterResource(srv, "empty", func(context.Context, struct{}, *server.Context) (string, error) { return "", nil })
	server.RegisterTool(srv, "nothing", func(context.Context, any, *server.Context) (*weather, error) { return nil, nil })
	c := dial(t, start(t, srv), nil)
	for uri, want := range map[string]string{
		"sumun://echo?path=%EC%84%9C%EC%9A%B8&tags=a,b&deep=true": `{"path":"서울","tags":["a","b"],"deep":true}`,
		"sumun://echo?path=%22%7D%2C%7B":                          `{"path":"\"},{"}`,
		"sumun://echo?path=..%2F..%2Fetc%2Fpasswd":                `{"path":"../../etc/passwd"}`,
		"sumun://echo?path=" + strings.Repeat("x", 9000):          strings.Repeat("x", 9000),
		"sumun://empty": "",
	} {
		read, err := c.ReadResource(t.Context(), &sdk.ReadResourceParams{URI: uri})
		if err != nil || !strings.Contains(read.Contents[0].Text, want) {
			t.Errorf("%.80s: %+v, %v", uri, read, err)
		}
	}
	for _, uri := range []string{
		"sumun://echo", "sumun://echo?path=%zz", "sumun://echo?path=a&deep=maybe", "sumun://echo?deep=true&path=a&path=b", "sumun://loop",
		"sumun://ECHO?path=a", "sumun://echo?path=a#b", "sumun://echo/?path=a", "", "\x00",
	} {
		if read, err := c.ReadResource(t.Context(), &sdk.ReadResourceParams{URI: uri}); err == nil {
			t.Errorf("%q: %+v", uri, read.Contents[0])
		}
	}
	for _, args := range []string{`{}`, `{"a":` + strings.Repeat("[", 900) + strings.Repeat("]", 900) + `}`, `null`} {
		res, err := c.CallTool(t.Context(), &sdk.CallToolParams{Name: "nothing", Arguments: json.RawMessage(args)})
		if err == nil && !res.IsError {
			t.Errorf("%.40s: %+v", args, res)
		}
	}
}
