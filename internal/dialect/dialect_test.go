package dialect_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sumun-mcp/sumun/internal/dialect"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// scanned reads a message as a door does.
func scanned(tb testing.TB, raw string) *wire.Message {
	tb.Helper()
	m := new(wire.Message)
	if err := wire.NewScanner(mcp.Vocabulary(), 512).Request([]byte(raw), m); err != nil {
		tb.Fatalf("%s: %v", raw, err)
	}
	return m
}

func request(method, params string) string {
	return `{"jsonrpc":"2.0","id":7,"method":"` + method + `","params":` + params + `}`
}

func TestCanonical(t *testing.T) {
	for name, want := range map[string]string{
		"mcp.tools.list": "mcp.tool.list", "mcp.tool.list": "mcp.tool.list", "tools.list": "mcp.tool.list", "sampling.update": "mcp.sampling.update",
		"mcp.routing": "mcp.routing", "routing": "mcp.routing", "mcp.resources.read": "mcp.resource.read", "mcp.": "mcp.", "mcp..": "mcp..",
		"mcp.tools.list.all": "mcp.tool.list.all", "mcp.admin.servers": "mcp.admin.servers",
	} {
		if got := dialect.Canonical(name); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
}

func TestSpeaks(t *testing.T) {
	for raw, want := range map[string]bool{
		request("mcp.tool.list", "{}"):                                         true,
		request("sampling.update", "{}"):                                       true,
		request("tools/list", "{}"):                                            false,
		request("routing", "{}"):                                               true,
		request("ping", "{}"):                                                  false,
		`{"jsonrpc":"2.0","method":"mcp.tool.invoke"}`:                         true,
		`{"jsonrpc":"2.0","id":1,"result":{"method":"mcp.tool.list"}}`:         false,
		request("mcp.admin.servers", `{"_meta":{"`+mcp.MetaRevision+`":"x"}}`): false,
	} {
		if got := dialect.Speaks(scanned(t, raw)); got != want {
			t.Errorf("%s: %v, want %v", raw, got, want)
		}
	}
}

// TestTake puts messages into the words of the standard.
func TestTake(t *testing.T) {
	for _, tt := range []struct{ method, params, want, name, members string }{
		{"mcp.tool.invoke", `{"toolId":"a.b","args":{"n":1.10}}`, "tools/call", "a.b", `"name":"a.b","arguments":{"n":1.10}`},
		{"mcp.tools.invoke", `{"toolId":"a"}`, "tools/call", "a", `"name":"a"`},
		{"mcp.resource.read", `{"uri":"x:y","ifNoneMatch":"e"}`, "resources/read", "x:y", `"uri":"x:y"`},
		{"mcp.prompt.render", `{"promptId":"p","variables":{"a":"x","b":[1],"c":null}}`, "prompts/get", "p", `"name":"p","arguments":{"a":"x","b":"[1]","c":"null"}`},
		{"mcp.resource.write", `{"uri":"x:y","content":""}`, "mcp.resource.write", "x:y", `"uri":"x:y","content":""`},
		{"mcp.routing", `{}`, "mcp.routing.get", "", ``},
		{"mcp.routing", `{"policy":{}}`, "mcp.routing.set", "", `"policy":{}`},
	} {
		call := &mcp.Call{Request: scanned(t, request(tt.method, tt.params))}
		if err := dialect.Take(call, time.Now()); err != nil {
			t.Errorf("%s %s: %v", tt.method, tt.params, err)
			continue
		}
		params := string(call.Params())
		if call.Method != tt.want || call.Name != tt.name || !strings.HasPrefix(params, "{"+tt.members) {
			t.Errorf("%s %s: %s %q %s", tt.method, tt.params, call.Method, call.Name, params)
		}
		if id := string(call.Request.Bytes(call.Request.ID)); id != "7" {
			t.Errorf("%s: the id is %s", tt.method, id)
		}
	}
}

func TestTakeRefuses(t *testing.T) {
	for _, tt := range []struct{ method, params, want string }{
		{"mcp.tool.invoke", `{}`, "params.toolId is missing"},
		{"mcp.tool.invoke", `{"toolId":""}`, "params.toolId must be a string that is not empty"},
		{"mcp.tool.invoke", `{"toolId":1}`, "params.toolId must be a string that is not empty"},
		{"mcp.tool.invoke", `{"toolId":"a","args":[1]}`, "params.args must be an object"},
		{"mcp.tool.invoke", `{"toolId":"a","context":"root"}`, "params.context must be an object"},
		{"mcp.tool.invoke", `{"toolId":"a","arguments":{}}`, "params.arguments is not known; mcp.tool.invoke takes toolId, args, context"},
		{"mcp.resource.read", `{}`, "params must have either uri or resourceId"},
		{"mcp.resource.read", `{"uri":"a:b","resourceId":"c"}`, "params must have either uri or resourceId"},
		{"mcp.resource.read", `{"uri":"a:b","params":{}}`, "params.params goes with resourceId only"},
		{"mcp.prompt.render", `{"promptId":"p","variables":"x"}`, "params.variables must be an object"},
		{"mcp.nobody.knows", `{}`, `method "mcp.nobody.knows" is not known; mcp.server.info lists those that are`},
	} {
		call := &mcp.Call{Request: scanned(t, request(tt.method, tt.params))}
		err := dialect.Take(call, time.Now())
		if err == nil || err.Message != tt.want || call.Revision == nil {
			t.Errorf("%s %s: %v, want %s", tt.method, tt.params, err, tt.want)
		}
	}
	call := &mcp.Call{Request: scanned(t, request("mcp.tool.invoke", `{"toolId":"a","a/b~c":1}`))}
	if err := dialect.Take(call, time.Now()); err == nil || string(err.Data) != `{"pointers":["/a~1b~0c"]}` {
		t.Errorf("the error does not point at the member: %+v", err)
	}
}

// TestOutput tells what of a tool's result is its output.
func TestOutput(t *testing.T) {
	for value, want := range map[string]string{
		`{"content":[{"type":"text","text":"a\"b"}]}`:                            `"a\"b"`,
		`{"content":[{"type":"text","text":"a"}],"structuredContent":{"n":1.0}}`: `{"n":1.0}`,
		`{"content":[{"type":"text","text":"a"}],"structuredContent":null}`:      `"a"`,
		`{"content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}`:    `[{"type":"text","text":"a"},{"type":"text","text":"b"}]`,
		`{"content":[{"type":"image","data":"","mimeType":"image/png"}]}`:        `[{"type":"image","data":"","mimeType":"image/png"}]`,
		`{"content":[]}`: `[]`,
		`{}`:             `null`,
	} {
		call := &mcp.Call{Request: scanned(t, request("mcp.tool.invoke", `{"toolId":"t"}`))}
		if err := dialect.Take(call, time.Now()); err != nil {
			t.Fatal(err)
		}
		var answer struct {
			Result struct{ Output json.RawMessage }
		}
		raw := dialect.AppendAnswer(nil, []byte("7"), call, mcp.Own([]byte(value)), time.Now())
		if err := json.Unmarshal(raw, &answer); err != nil {
			t.Fatalf("%s: %v", raw, err)
		}
		if d := cmp.Diff(want, string(answer.Result.Output)); d != "" {
			t.Errorf("%s: -want +got\n%s", value, d)
		}
	}
}

// TestContent tells what of a resource is its content, also where its server says less than it should.
func TestContent(t *testing.T) {
	const object = `"_meta":{"io.github.sumun-mcp/object":true,"io.github.sumun-mcp/etag":"e","io.github.sumun-mcp/revision":2}`
	for _, tt := range []struct{ params, contents, want string }{
		{`{"uri":"a:b"}`, `[{"uri":"a:b","text":"x",` + object + `}]`, `{"uri":"a:b","content":"x","etag":"e","revision":2}`},
		{`{"uri":"a:b"}`, `[{"uri":"a:b","blob":"eA==",` + object + `}]`, `{"uri":"a:b","blob":"eA==","etag":"e","revision":2}`},
		{`{"uri":"a:b"}`, `[{"uri":"a:b",` + object + `}]`, `{"uri":"a:b","blob":null,"etag":"e","revision":2}`},
		{`{"resourceId":"r"}`, `[{"uri":"a:b","text":"{\"n\":1.0, \"m\":[]}",` + object + `}]`, `{"n":1.0,"m":[],"etag":"e","revision":2}`},
		{`{"resourceId":"r"}`, `[{"uri":"a:b","text":"{}",` + object + `}]`, `{"etag":"e","revision":2}`},
		{`{"resourceId":"r"}`, `[{"uri":"a:b","text":"{ }",` + object + `}]`, `{"etag":"e","revision":2}`},
		{`{"resourceId":"r"}`, `[{"uri":"a:b","text":"{\"etag\":\"mine\",\"n\":1}",` + object + `}]`, `{"n":1,"etag":"e","revision":2}`},
		{`{"resourceId":"r"}`, `[{"uri":"a:b","text":"",` + object + `}]`, `{"content":"","etag":"e","revision":2}`},
		{`{"resourceId":"r"}`, `[{"uri":"a:b","text":"{\"a\":",` + object + `}]`, `{"content":"{\"a\":","etag":"e","revision":2}`},
		{`{"resourceId":"r"}`, `[]`, `null`},
	} {
		call := &mcp.Call{Request: scanned(t, request("mcp.resource.read", tt.params))}
		if err := dialect.Take(call, time.Now()); err != nil {
			t.Fatal(err)
		}
		got := string(dialect.AppendAnswer(nil, []byte("7"), call, mcp.Own([]byte(`{"contents":`+tt.contents+`}`)), time.Now()))
		if want := `{"jsonrpc":"2.0","id":7,"result":` + tt.want + `}`; got != want {
			t.Errorf("%s %s\n%s\nwant %s", tt.params, tt.contents, got, want)
		}
	}
}

// TestReasons tells errors in the dialect's words.
func TestReasons(t *testing.T) {
	for _, tt := range []struct {
		method string
		err    *mcp.Error
		want   string
	}{
		{"tools/call", mcp.Errorf(mcp.CodeInvalidParams, mcp.NotFound, "no"), `{"code":-32602,"message":"no","data":{"reason":"not-found"}}`},
		{"tools/call", &mcp.Error{Code: -5, Message: "x", Reason: mcp.Upstream, Data: []byte(`{"reason":"own","a":1}`)}, `{"code":-5,"message":"x","data":{"reason":"upstream","a":1}}`},
		{"tools/call", &mcp.Error{Code: -5, Message: "x", Reason: mcp.Upstream, Data: []byte(`[1]`)}, `{"code":-5,"message":"x","data":{"reason":"upstream","detail":[1]}}`},
		{"resources/read", &mcp.Error{Code: mcp.CodeInvalidParams, Reason: mcp.Upstream}, `{"code":-32602,"message":"","data":{"reason":"not-found"}}`},
		{"resources/read", &mcp.Error{Code: mcp.CodeInvalidParams, Reason: mcp.Upstream, Data: []byte(`{"reason":"invalid-arguments"}`)}, `{"code":-32602,"message":"","data":{"reason":"invalid-arguments"}}`},
		{"resources/read", &mcp.Error{Code: mcp.CodeInternal, Reason: mcp.Upstream, Data: []byte(`{"reason":"timeout"}`)}, `{"code":-32603,"message":"","data":{"reason":"timeout"}}`},
		{"resources/read", &mcp.Error{Code: mcp.CodeInternal, Reason: mcp.Upstream, Data: []byte(`{"reason":"unauthenticated"}`)}, `{"code":-32603,"message":"","data":{"reason":"upstream"}}`},
		{"resources/read", &mcp.Error{Code: mcp.CodeInternal, Reason: mcp.Internal, Data: []byte(`{"reason":"timeout"}`)}, `{"code":-32603,"message":"","data":{"reason":"internal"}}`},
		{"prompts/get", &mcp.Error{Code: mcp.CodeInvalidParams, Reason: mcp.Upstream}, `{"code":-32602,"message":"","data":{"reason":"invalid-arguments"}}`},
		{"tools/call", mcp.Errorf(mcp.CodeInternal, mcp.Stolen, "s"), `{"code":-32603,"message":"s","data":{"reason":"invalid-arguments"}}`},
	} {
		got := string(dialect.AppendFailure(nil, []byte("1"), &mcp.Call{Method: tt.method}, tt.err))
		if want := `{"jsonrpc":"2.0","id":1,"error":` + tt.want + `}`; got != want {
			t.Errorf("%s\nwant %s", got, want)
		}
	}
}

// FuzzDialect has whatever a client may send taken and answered: what comes out can be read, and what is put into the standard's
// words says of the parameters what they said.
func FuzzDialect(f *testing.F) {
	for _, seed := range []string{
		request("mcp.tool.invoke", `{"toolId":"a","args":{"x":[1,{"y":"\ud83d\ude00"}]},"context":{"rootId":"r"}}`),
		request("mcp.prompt.render", `{"promptId":"p","variables":{"\u0061":1,"b":"\n"}}`),
		request("mcp.resource.read", `{"resourceId":"r","params":{"p":["a","b"]},"ifNoneMatch":"\"e\""}`),
		`{"jsonrpc":"2.0","method":"mcp.event.subscribe","params":{"types":["toolsChanged"]}}`,
		request("mcp.routing", `{"policy":{"a":1},"ifRevision":3}`), request(".", "{}"), request("a.b", `{"_meta":{"x":1}}`),
	} {
		f.Add(seed, `{"content":[{"type":"text","text":"t"}],"_meta":{"io.github.sumun-mcp/sampling":{"topP":1}},"contents":[{"uri":"u","text":"{\"a\":1}","_meta":{"io.github.sumun-mcp/object":true}},{}],"messages":[{"role":"user","content":{"type":"text","text":"x"}}]}`)
	}
	scanner := wire.NewScanner(mcp.Vocabulary(), 512)
	f.Fuzz(func(t *testing.T, raw, result string) {
		m := new(wire.Message)
		if scanner.Request([]byte(raw), m) != nil || !dialect.Speaks(m) {
			return
		}
		args := m.Member("args")
		call := &mcp.Call{Request: m}
		if err := dialect.Take(call, time.Now()); err != nil {
			if !json.Valid(dialect.AppendFailure(nil, []byte("1"), call, err)) {
				t.Errorf("%s: the refusal cannot be read", raw)
			}
			return
		}
		if call.Method == mcp.MethodToolsCall && args.Ok() && string(call.Member("arguments")) != string(m.Bytes(args)) {
			t.Errorf("%s: the arguments are %s", raw, call.Member("arguments"))
		}
		if scanner.Value([]byte(result)) != nil || !strings.HasPrefix(strings.TrimSpace(result), "{") {
			return
		}
		if answer := dialect.AppendAnswer(nil, []byte("1"), call, mcp.Own([]byte(result)), time.Now()); !json.Valid(answer) {
			t.Errorf("%s answered with %s cannot be read: %s", raw, result, answer)
		}
	})
}
