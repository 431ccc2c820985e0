package openapi

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/config/offer"
	"github.com/sumun-mcp/sumun/internal/declared"
)

// An echo is a service that answers with what it was asked, and remembers the last.
type echo struct {
	*httptest.Server
	seen chan seen
}

// seen is one request as it came.
type seen struct {
	Method, Target, Body string
	Header               http.Header
}

func newEcho(t *testing.T) *echo {
	t.Helper()
	e := &echo{seen: make(chan seen, 100)}
	e.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		e.seen <- seen{r.Method, r.RequestURI, string(body), r.Header}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]string{"method": r.Method, "target": r.RequestURI, "body": string(body)})
	}))
	t.Cleanup(e.Close)
	return e
}

// last returns the request that came, if one did.
func (e *echo) last() (seen, bool) {
	select {
	case s := <-e.seen:
		return s, true
	default:
		return seen{}, false
	}
}

// load reads an mcp.yaml, in which URL stands for the address of a service.
func load(t *testing.T, yaml, serviceURL string, files ...string) Options {
	t.Helper()
	dir := t.TempDir()
	put := func(name, content string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(strings.ReplaceAll(content, "URL", serviceURL)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for i := 0; i+1 < len(files); i += 2 {
		put(files[i], files[i+1])
	}
	put("mcp.yaml", yaml)
	c, err := config.Load(filepath.Join(dir, "mcp.yaml"), func(name string) (string, bool) {
		return map[bool]string{true: "s3cret"}[name != config.HostVariable], true
	})
	if err != nil {
		t.Fatal(err)
	}
	return Options{Tools: c.Tools, APIs: c.APIs, Weather: c.Weather, Version: "1.2.3", Log: slog.New(slog.NewTextHandler(t.Output(), nil))}
}

func open(t *testing.T, o Options) *mcp.ClientSession {
	t.Helper()
	x, err := New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := x.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return connect(t, x)
}

func connect(t *testing.T, x *OpenAPI) *mcp.ClientSession {
	t.Helper()
	near, far := mcp.NewInMemoryTransports()
	server, err := x.Server().Connect(t.Context(), far, nil)
	if err != nil {
		t.Fatal(err)
	}
	session, err := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "1"}, nil).Connect(t.Context(), near, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		session.Close()
		server.Wait()
	})
	return session
}

// call calls a tool and returns its text, its structured answer and whether it is an error.
func call(t *testing.T, s *mcp.ClientSession, tool, arguments string) (text, structured string, isError bool) {
	t.Helper()
	result, err := s.CallTool(t.Context(), &mcp.CallToolParams{Name: tool, Arguments: json.RawMessage(arguments)})
	if err != nil {
		t.Fatalf("%s %s: %v", tool, arguments, err)
	}
	if result.StructuredContent != nil {
		out, err := json.Marshal(result.StructuredContent)
		if err != nil {
			t.Fatal(err)
		}
		structured = string(out)
	}
	if block, ok := result.Content[0].(*mcp.TextContent); ok {
		text = block.Text
	}
	return text, structured, result.IsError
}

const declaredTools = `
tools:
  get: {http: {url: "URL/customers/{id}?v=1&q={q}", query: {tag: "{tag}", fixed: "a b"}, headers: {X-Trace: "t-{trace}", Authorization: "Bearer ${TOKEN}"}},
    inputSchema: {type: object, properties: {id: {type: [string, integer]}, q: {type: string, default: none}, tag: {type: [array, string, "null"]}, trace: {type: string}}, required: [id]}}
  plain: {http: {url: "URL/x/{a}/y"}}
  deep: {http: {url: "URL/files/{+path}"}}
  put: {http: {method: PUT, url: "URL/things", body: {amount: "{amount}", note: "for {who}: {{x}}", to: [{name: "{who}"}, "{missing}", 1.50, null, true], deep: {gone: "{missing}"}}},
    inputSchema: {type: object, properties: {amount: {}, who: {type: string}, missing: {}}, required: [amount]}}
  post: {http: {url: "URL/things", body: "{all}"}, inputSchema: {type: object, properties: {all: {}}}}
`

func TestDeclared(t *testing.T) {
	e := newEcho(t)
	s := open(t, load(t, declaredTools, e.URL))
	tests := []struct{ tool, arguments, want string }{
		{"get", `{"id":"a b/c?d#e","trace":"1"}`, "GET /customers/a%20b%2Fc%3Fd%23e?v=1&q=none&fixed=a%20b"},
		{"get", `{"id":18446744073709551617,"q":"a&b=c#d","tag":["x","y z"]}`, "GET /customers/18446744073709551617?v=1&q=a%26b%3Dc%23d&fixed=a%20b&tag=x&tag=y%20z"},
		{"get", `{"id":"x","q":"\r\nX: y","tag":null}`, "GET /customers/x?v=1&q=%0D%0AX%3A%20y&fixed=a%20b"},
		{"get", `{"id":"x","tag":[]}`, "GET /customers/x?v=1&q=none&fixed=a%20b"},
		{"plain", `{"a":"한글 😀"}`, "GET /x/%ED%95%9C%EA%B8%80%20%F0%9F%98%80/y"},
		{"plain", `{"a":"http://evil.test/"}`, "GET /x/http%3A%2F%2Fevil.test%2F/y"},
		{"plain", `{"a":"@evil.test"}`, "GET /x/%40evil.test/y"},
		{"plain", `{"a":"{a}{{b}}"}`, "GET /x/%7Ba%7D%7B%7Bb%7D%7D/y"},
		{"deep", `{"path":"a/b c/d.txt"}`, "GET /files/a/b%20c/d.txt"},
		{"put", `{"amount":1e400,"who":"\"},{\"x\":\""}`, `PUT /things {"amount":1e400,"deep":{},"note":"for \"},{\"x\":\": {x}","to":[{"name":"\"},{\"x\":\""},1.50,null,true]}`},
		{"put", `{"amount":{"a":[1,{}]}}`, `PUT /things {"amount":{"a":[1,{}]},"deep":{},"to":[{},1.50,null,true]}`},
		{"post", `{"all":[1,"2"]}`, `POST /things [1,"2"]`},
		{"post", `{}`, `POST /things`},
	}
	for _, tt := range tests {
		text, _, isError := call(t, s, tt.tool, tt.arguments)
		got, asked := e.last()
		if said := strings.TrimSpace(fmt.Sprint(got.Method, " ", got.Target, " ", got.Body)); isError || !asked || said != tt.want {
			t.Errorf("%s %s: %s\nwant %s\n(%s)", tt.tool, tt.arguments, said, tt.want, text)
		}
		if got.Header.Get("User-Agent") != "Sumun/1.2.3" {
			t.Errorf("User-Agent: %q", got.Header.Get("User-Agent"))
		}
		if trace := got.Header.Get("X-Trace"); tt.tool == "get" && (trace == "t-1") != strings.Contains(tt.arguments, "trace") {
			t.Errorf("%s: X-Trace: %q", tt.arguments, trace)
		}
		if tt.tool == "get" && got.Header.Get("Authorization") != "Bearer s3cret" {
			t.Errorf("Authorization: %q", got.Header.Get("Authorization"))
		}
	}
}

// TestDeclaredHostile holds that what must not be asked is not asked.
func TestDeclaredHostile(t *testing.T) {
	e := newEcho(t)
	s := open(t, load(t, declaredTools, e.URL))
	tests := []struct{ tool, arguments string }{
		{"plain", `{"a":".."}`},
		{"plain", `{"a":"."}`},
		{"plain", `{"a":""}`},
		{"plain", `{"a":"../../admin"}`},
		{"plain", `{"a":"..%2f..%2fadmin"}`},
		{"plain", `{"a":"%2e%2e"}`},
		{"plain", `{"a":"%252e%252e%252f"}`},
		{"plain", `{"a":"..\\admin"}`},
		{"plain", `{"a":"..;/admin"}`},
		{"plain", `{"a":"..;x=1"}`},
		{"plain", `{"a":"x\r\nHost: evil"}`},
		{"plain", `{"a":"x\u0000"}`},
		{"plain", `{"a":["x"]}`},
		{"plain", `{"a":{"b":1}}`},
		{"plain", `{"a":null}`},
		{"plain", `{}`},
		{"plain", `{"a":"x","b":"y"}`},
		{"plain", `{"A":"x"}`},
		{"plain", `{"a":"` + strings.Repeat("x", 5000) + `"}`},
		{"deep", `{"path":"../secret"}`},
		{"deep", `{"path":"a/../../secret"}`},
		{"deep", `{"path":"/etc/passwd"}`},
		{"deep", `{"path":"//evil.test/x"}`},
		{"deep", `{"path":"a//b"}`},
		{"deep", `{"path":"a/./b"}`},
		{"deep", `{"path":"a/%2e%2e/b"}`},
		{"deep", `{"path":"a/..%5cb"}`},
		{"get", `{"id":"x","trace":"1\r\nX-Admin: true"}`},
		{"get", `{"id":"x","trace":"1\nX-Admin: true"}`},
		{"get", `{"id":"x","trace":"1\u0000"}`},
		{"get", `{"id":"x","tag":[{"a":1}]}`},
		{"get", `{"id":"x","tag":[null]}`},
		{"get", `{"id":null}`},
		{"put", `{"amount":1,"who":["a"]}`},
	}
	for _, tt := range tests {
		if text, _, isError := call(t, s, tt.tool, tt.arguments); !isError {
			t.Errorf("%s %s: %s", tt.tool, tt.arguments, text)
		}
		if got, asked := e.last(); asked {
			t.Errorf("%s %s asked for %s", tt.tool, tt.arguments, got.Target)
		}
	}
}

func TestDeclaredList(t *testing.T) {
	s := open(t, load(t, declaredTools+`
  described:
    title: T
    description: D
    outputSchema: {type: object, properties: {x: {type: number}}}
    annotations: {readOnlyHint: false, openWorldHint: false, destructiveHint: true, idempotentHint: false}
    http: {url: "URL/"}
  delete: {http: {method: DELETE, url: "URL/"}}
`, "https://api.example.com"))
	list, err := s.ListTools(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, tool := range list.Tools {
		out, err := json.Marshal(tool)
		if err != nil {
			t.Fatal(err)
		}
		got[tool.Name] = string(out)
	}
	want := map[string]string{
		"plain":     `{"annotations":{"destructiveHint":false,"idempotentHint":true,"readOnlyHint":true},"inputSchema":{"additionalProperties":false,"properties":{"a":{"maxLength":4096,"type":"string"}},"required":["a"],"type":"object"},"name":"plain"}`,
		"described": `{"annotations":{"destructiveHint":true,"idempotentHint":false,"openWorldHint":false,"readOnlyHint":false},"description":"D","inputSchema":{"additionalProperties":false,"properties":{},"type":"object"},"name":"described","outputSchema":{"properties":{"x":{"type":"number"}},"type":"object"},"title":"T"}`,
		"delete":    `{"annotations":{"destructiveHint":true,"idempotentHint":true,"readOnlyHint":false},"inputSchema":{"additionalProperties":false,"properties":{},"type":"object"},"name":"delete"}`,
	}
	for name, w := range want {
		if diff := cmp.Diff(w, got[name]); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
	}
}

// TestAnswer tells the answers of services.
func TestAnswer(t *testing.T) {
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		kinds := map[string]string{"j": "application/json", "p": "application/problem+json; charset=utf-8", "t": "text/plain", "i": "image/png", "b": "application/octet-stream"}
		q := r.URL.Query()
		w.Header().Set("Content-Type", kinds[q.Get("kind")])
		status := http.StatusOK
		fmt.Sscan(q.Get("status"), &status)
		if status == http.StatusFound {
			w.Header().Set("Location", q.Get("body"))
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, q.Get("body"))
	}))
	defer service.Close()
	yaml := `
tools:
  all: {http: {url: "URL/?kind={kind}&status={status}&body={body}"}, maxBytes: 1000}
  some: {http: {url: "URL/?kind={kind}&status={status}&body={body}", result: {first: /a/0/x~1y, whole: "", gone: /a/9}}}
`
	s := open(t, load(t, yaml, service.URL))
	tests := []struct {
		tool, kind, status, body string
		text, structured         string
		isError                  bool
	}{
		{"all", "j", "200", `{ "a": 1.50, "b": "<&>" }`, `{"a":1.50,"b":"<&>"}`, `{"a":1.5,"b":"\u003c\u0026\u003e"}`, false},
		{"all", "j", "200", `[1, 2]`, `[1,2]`, "", false},
		{"all", "j", "201", "", `201 Created`, "", false},
		{"all", "j", "200", `{"a":`, `the answer is not JSON: {"a":`, "", true},
		{"all", "t", "200", "hi\xff", "hi\uFFFD", "", false},
		{"all", "b", "200", "\x00\x01", "the service answered 200 OK with 2 bytes of application/octet-stream, which is no text", "", true},
		{"all", "i", "200", "PNG", "", "", false},
		{"all", "p", "404", `{"detail": "no` + "\u202e\n\x1b[31m" + `such"}`, `the service answered 404 Not Found: {"detail": "no [31msuch"}`, "", true},
		{"all", "b", "500", "\x00", "the service answered 500 Internal Server Error", "", true},
		{"all", "t", "503", strings.Repeat("x", 2000), "the service answered 503 Service Unavailable: " + strings.Repeat("x", 500) + "…", "", true},
		{"all", "t", "200", strings.Repeat("x", 1001), "asking ADDR: the answer is larger than allowed: more than 1000 bytes", "", true},
		{"all", "t", "302", "http://169.254.169.254/", "asking ADDR: refused: the host 169.254.169.254:80 is not one of those that may be asked", "", true},
		{"all", "t", "304", "", "the service answered 304 Not Modified", "", true},
		{"some", "j", "200", `{"a":[{"x/y":{"n":18446744073709551617}}]}`, `{"first":{"n":18446744073709551617},"whole":{"a":[{"x/y":{"n":18446744073709551617}}]}}`, "-", false},
		{"some", "t", "200", `{"a":[]}`, `{"whole":{"a":[]}}`, "-", false},
		{"some", "t", "200", `hello`, `the answer is not JSON: hello`, "", true},
	}
	for _, tt := range tests {
		arguments, _ := json.Marshal(map[string]string{"kind": tt.kind, "status": tt.status, "body": tt.body})
		if tt.body == "hi\xff" {
			tt.body, tt.text = "hi", "hi"
			arguments, _ = json.Marshal(map[string]string{"kind": tt.kind, "status": tt.status, "body": tt.body})
		}
		text, structured, isError := call(t, s, tt.tool, string(arguments))
		text = strings.ReplaceAll(text, service.Listener.Addr().String(), "ADDR")
		if text != tt.text || isError != tt.isError || tt.structured != "-" && structured != tt.structured {
			t.Errorf("%s %.60s: %q, %s, %v\nwant %q, %s, %v", tt.tool, arguments, text, structured, isError, tt.text, tt.structured, tt.isError)
		}
	}
}

// TestTimeout ends a call whose service does not answer, and tells no secrets.
func TestTimeout(t *testing.T) {
	service := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer service.Close()
	s := open(t, load(t, `tools: {slow: {http: {url: "URL/?key=${KEY}"}, timeout: 50ms}, gone: {http: {url: "http://127.0.0.1:1/?key=${KEY}"}}}`, service.URL))
	begin := time.Now()
	text, _, isError := call(t, s, "slow", `{}`)
	if want := "asking " + service.Listener.Addr().String() + ": no answer within 50ms"; text != want || !isError || time.Since(begin) > 5*time.Second {
		t.Errorf("%q, %v; want %q", text, isError, want)
	}
	if text, _, isError = call(t, s, "gone", `{}`); !isError || strings.Contains(text, "s3cret") {
		t.Errorf("%q, %v", text, isError)
	}
}

// TestPrivate holds that a name for a private address is refused unless it is allowed.
func TestPrivate(t *testing.T) {
	e := newEcho(t)
	port := e.URL[strings.LastIndexByte(e.URL, ':')+1:]
	s := open(t, load(t, `tools: {a: {http: {url: "http://localhost:`+port+`/"}}, b: {http: {url: "http://[::ffff:127.0.0.1]:`+port+`/"}}}`, ""))
	for _, tool := range []string{"a", "b"} {
		if text, _, isError := call(t, s, tool, `{}`); isError {
			t.Errorf("what is named: %s", text)
		}
	}
}

func TestWeather(t *testing.T) {
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Key") != "s3cret" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = fmt.Fprintf(w, `{"temp": 21.5, "text": "clear over %s", "now": {"t": 1, "w": "snow"}}`, r.RequestURI)
	}))
	defer service.Close()
	tests := []struct{ yaml, text string }{
		{`weather: {url: "URL/v3", headers: {X-Key: "${KEY}"}}`, `{"condition":"clear over /v3/Seoul%2C%20%EC%84%9C%EC%9A%B8","temperature":21.5}`},
		{`weather: {url: "URL/v3/?units=c", headers: {X-Key: "${KEY}"}}`, `{"condition":"clear over /v3/Seoul%2C%20%EC%84%9C%EC%9A%B8?units=c","temperature":21.5}`},
		{`weather: {url: "URL/now", query: {q: "{location}"}, headers: {X-Key: "${KEY}"}}`, `{"condition":"clear over /now?q=Seoul%2C%20%EC%84%9C%EC%9A%B8","temperature":21.5}`},
		{`weather: {url: "URL", headers: {X-Key: "${KEY}"}, result: {temperature: /now/t, condition: /now/w}}`, `{"condition":"snow","temperature":1}`},
	}
	for _, tt := range tests {
		s := open(t, load(t, tt.yaml, service.URL))
		if text, _, isError := call(t, s, "weather.getCurrent", `{"location":"Seoul, 서울"}`); text != tt.text || isError {
			t.Errorf("%s: %s, %v", tt.yaml, text, isError)
		}
		for _, bad := range []string{`{}`, `{"location":""}`, `{"location":".."}`, `{"location":"../admin"}`} {
			if text, _, isError := call(t, s, "weather.getCurrent", bad); !isError && !strings.Contains(tt.yaml, "query") {
				t.Errorf("%s: %s", bad, text)
			}
		}
	}
	s := open(t, load(t, `weather: {url: "URL"}`, service.URL))
	if text, _, isError := call(t, s, "weather.getCurrent", `{"location":"Seoul"}`); !isError || text != "the service answered 401 Unauthorized" {
		t.Errorf("%s, %v", text, isError)
	}
}

// TestNewRefuses names what is wrong.
func TestNewRefuses(t *testing.T) {
	tests := []struct{ yaml, want string }{
		{`tools: {a: {http: {url: "https://a.example/{x"}}}`, "tools.a: url:"},
		{`tools: {a: {http: {url: "https://a.example/{x,y}"}}}`, "tools.a: url:"},
		{`tools: {a: {http: {url: "https://a.example/", query: {b: "}"}}}}`, "tools.a: b:"},
		{`tools: {a: {http: {url: "https://a.example/{x}"}, inputSchema: {type: object}}}`, "{x} is not a property of inputSchema"},
		{`tools: {a: {http: {url: "https://a.example/"}, inputSchema: {type: object, properties: {b: {type: strange}}}}}`, "tools.a.inputSchema"},
		{`tools: {a: {http: {url: "https://a.example/"}, inputSchema: {type: object, properties: {b: {$ref: "https://evil.example/x"}}}}}`, "tools.a.inputSchema"},
		{`tools: {a: {http: {url: "https://a.example/"}, inputSchema: {type: object, properties: {b: {$ref: "file:///etc/passwd"}}}}}`, "tools.a.inputSchema"},
		{`tools: {a: {http: {url: "https://a.example/"}, outputSchema: {type: object, required: 1}}}`, "outputSchema of a"},
		{`tools: {a: {http: {url: "https://a.example:99999/"}}}`, "tools.a"},
		{`tools: {a: {http: {url: "https://0x7f.1/"}}}`, "tools.a"},
		{`tools: {weather.getCurrent: {http: {url: "https://a.example/"}}}` + "\nweather: {url: \"https://a.example\"}", "already declared"},
	}
	for _, tt := range tests {
		x, err := New(t.Context(), load(t, tt.yaml, ""))
		if err == nil {
			x.Close()
		}
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v; want %s", tt.yaml, err, tt.want)
		}
	}
}

// FuzzRequest holds that an argument stays where it was put: same method, host and shape of the path, no further parameters and headers,
// and a body that is JSON.
func FuzzRequest(f *testing.F) {
	for _, s := range []string{"a", "..", "%2e%2e/", "a/b", "?x=1#y", "\r\nHost: evil", "@evil.test", "http://evil.test", "\"}", "&a=b", ";", "\\", "{x}", "\x00"} {
		f.Add(s)
	}
	tool := &offer.Tool{Timeout: time.Second, MaxBytes: 1000, HTTP: &offer.HTTP{
		Method: "POST", URL: "https://api.example.com/x/{a}/y/{+a}?q={a}", Query: map[string]string{"r": "-{a}-"}, Headers: map[string]string{"X-A": "v {a}"},
		Body: json.RawMessage(`{"whole":"{a}","part":"<{a}>","list":["{a}"]}`),
	}}
	e, _, err := declare(tool)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, a string) {
		arg, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		r, err := e.request(t.Context(), declared.Arguments{"a": arg})
		if err != nil {
			return
		}
		path, query := r.URL.EscapedPath(), r.URL.Query()
		parts := strings.Split(path, "/")
		if r.Method != http.MethodPost || r.URL.Host != "api.example.com" || r.URL.Scheme != "https" || r.URL.User != nil || r.URL.Fragment != "" || r.Host != "api.example.com" {
			t.Errorf("%q asks for %s %s", a, r.Method, r.URL)
		}
		if len(parts) < 5 || parts[1] != "x" || parts[3] != "y" || len(parts) != 5+strings.Count(a, "/") || wanders(path) || strings.ContainsAny(path, "?#\\ ") {
			t.Errorf("%q has the path %s", a, path)
		}
		a = strings.ToValidUTF8(a, "\uFFFD")
		if len(query) != 2 || len(query["q"]) != 1 || len(query["r"]) != 1 || query["r"][0] != "-"+query["q"][0]+"-" {
			t.Errorf("%q has the query %s", a, r.URL.RawQuery)
		}
		if len(r.Header) != 4 || strings.ContainsAny(r.Header.Get("X-A"), "\r\n\x00") {
			t.Errorf("%q has the headers %v", a, r.Header)
		}
		var body struct {
			Whole, Part string
			List        []string
		}
		dec := json.NewDecoder(r.Body)
		dec.DisallowUnknownFields()
		if err := dec.Decode(&body); err != nil || body.Part != "<"+body.Whole+">" || len(body.List) != 1 {
			t.Errorf("%q has the body %+v, %v", a, body, err)
		}
	})
}

// TestWanders tells steps in paths apart from names, whatever somebody on the way decodes.
func TestWanders(t *testing.T) {
	for path, want := range map[string]bool{
		"/g/a/b": false, "/g/a..b/...": false, "/g/%2Fa": false, "/g/%zz/a": false, "/g/100%25": false,
		"/g/../b": true, "/g/.": true, "/g/%2e%2E/b": true, "/g/%252e%252e/b": true, "/g/..;a=b/c": true, `/g/a\..\b`: true, "/g/%5C..%5Cb": true,
		"/g/%25zz/%252e%252e/b": true, "/g/%25/%252e%252e": true, "/g/%25%25%25/%2525252e%2525252e/b": true,
	} {
		if got := wanders(path); got != want {
			t.Errorf("wanders(%q) = %t", path, got)
		}
	}
}

// TestNullable lets null through where a document of 3.0 says so, with or without a type.
func TestNullable(t *testing.T) {
	for from, want := range map[string]string{
		`{"type":"string","nullable":true}`:                                 `{"type":["string","null"]}`,
		`{"type":"string","nullable":false}`:                                `{"type":"string"}`,
		`{"type":"string","enum":["a"],"nullable":true}`:                    `{"enum":["a",null],"type":["string","null"]}`,
		`{"enum":["a"],"nullable":true}`:                                    `{"enum":["a",null]}`,
		`{"nullable":true}`:                                                 `{}`,
		`{"allOf":[{"type":"object"}],"nullable":true,"description":"d"}`:   `{"anyOf":[{"allOf":[{"type":"object"}]},{"type":"null"}],"description":"d"}`,
		`{"oneOf":[{"type":"object"},{"type":"array"}],"nullable":true}`:    `{"anyOf":[{"oneOf":[{"type":"object"},{"type":"array"}]},{"type":"null"}]}`,
		`{"oneOf":[{"type":"object"},{"type":"array"}],"nullable":false}`:   `{"oneOf":[{"type":"object"},{"type":"array"}]}`,
		`{"type":"number","minimum":0,"exclusiveMinimum":true,"title":"t"}`: `{"exclusiveMinimum":0,"title":"t","type":"number"}`,
	} {
		var schema any
		if err := json.Unmarshal([]byte(from), &schema); err != nil {
			t.Fatal(err)
		}
		c := (&spec{old: true}).converter(true)
		got, err := json.Marshal(c.schema(schema))
		if err != nil || string(got) != want {
			t.Errorf("%s became %s, want %s (%v)", from, got, want, err)
		}
	}
}
