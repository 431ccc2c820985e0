package gateway_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
)

// A crossing is a call of a client of one era that goes to a server of the other.
type crossing struct {
	name   string
	method string
	params string // the client's; $META stands for its envelope
	server string // the params that the server must get; $META stands for its envelope, $TOKEN for our progress token
	answer string // what the server answers; by default what peers answer
	want   string // the result or error object that the client must get
	status int    // of the answer to a modern client
}

// toModern are calls of legacy clients to a modern server.
var toModern = []crossing{
	{
		name: "tool", method: "tools/call", params: `{"name":"t","arguments":{"n":1.10}}`,
		server: `{"_meta":{$META},"name":"t","arguments":{"n":1.10}}`,
		answer: `{"jsonrpc":"2.0","id":$ID,"result":{"resultType":"complete","content":[{"type":"odd","n":1.10}],"structuredContent":{"b":1,"a":9007199254740993},"vendor":[]}}`,
		want:   `{"content":[{"type":"odd","n":1.10}],"structuredContent":{"b":1,"a":9007199254740993},"vendor":[]}`,
	},
	{
		name: "tool with _meta", method: "tools/call", params: `{"name":"t","_meta":{"com.example/x":1.10,"progressToken":"tok"}}`,
		server: `{"name":"t","_meta":{$META,"com.example/x":1.10,"progressToken":$TOKEN}}`,
		answer: `{"jsonrpc":"2.0","id":$ID,"result":{"content":[],"structuredContent":[1],"resultType":"complete","_meta":{"io.modelcontextprotocol/serverInfo":{"name":"p"},"com.example/y":2}}}`,
		want:   `{"content":[],"_meta":{"com.example/y":2}}`,
	},
	{
		name: "only an envelope in _meta", method: "tools/call", params: `{"name":"t"}`, server: `{"_meta":{$META},"name":"t"}`,
		answer: `{"jsonrpc":"2.0","id":$ID,"result":{"_meta":{"io.modelcontextprotocol/serverInfo":{"name":"p"}},"content":[],"isError":true,"resultType":"complete"}}`,
		want:   `{"content":[],"isError":true}`,
	},
	{
		name: "prompt", method: "prompts/get", params: `{"name":"greet","arguments":{"who":"x"}}`,
		server: `{"_meta":{$META},"name":"greet","arguments":{"who":"x"}}`,
		want:   `{"messages":[{"role":"user","content":{"type":"text","text":"hello"}}]}`,
	},
	{
		name: "resource", method: "resources/read", params: `{"uri":"test://one"}`, server: `{"_meta":{$META},"uri":"test://one"}`,
		want: `{"contents":[{"uri":"test://one","text":"the text"}]}`,
	},
	{
		name: "completion", method: "completion/complete",
		params: `{"ref":{"type":"ref/prompt","name":"greet"},"argument":{"name":"who","value":"x"}}`,
		server: `{"_meta":{$META},"ref":{"type":"ref/prompt","name":"greet"},"argument":{"name":"who","value":"x"}}`,
		want:   `{"completion":{"values":["a","b"]}}`,
	},
	{
		name: "missing resource", method: "resources/read", params: `{"uri":"test://item/missing"}`, server: `{"_meta":{$META},"uri":"test://item/missing"}`,
		want: `{"code":-32002,"message":"Resource not found"}`,
	},
	{
		name: "missing capability", method: "tools/call", params: `{"name":"t"}`, server: `{"_meta":{$META},"name":"t"}`,
		answer: `{"jsonrpc":"2.0","id":$ID,"error":{"code":-32021,"message":"needs elicitation","data":{"requiredCapabilities":{"elicitation":{}}}}}`,
		want:   `{"code":-32602,"message":"needs elicitation","data":{"requiredCapabilities":{"elicitation":{}}}}`,
	},
	{
		name: "header mismatch", method: "tools/call", params: `{"name":"t"}`, server: `{"_meta":{$META},"name":"t"}`,
		answer: `{"jsonrpc":"2.0","id":$ID,"error":{"code":-32020,"message":"header"}}`,
		want:   `{"code":-32603,"message":"header"}`,
	},
	{
		name: "own error", method: "tools/call", params: `{"name":"t"}`, server: `{"_meta":{$META},"name":"t"}`,
		answer: `{"jsonrpc":"2.0","id":$ID,"error":{"message":"own","code":-31999,"data":{"n":1.10},"more":1}}`,
		want:   `{"message":"own","code":-31999,"data":{"n":1.10},"more":1}`,
	},
}

// toLegacy are calls of modern clients to a legacy server.
var toLegacy = []crossing{
	{
		name: "tool", method: "tools/call", params: `{"_meta":{$META},"name":"t","arguments":{"n":1.10}}`, server: `{"name":"t","arguments":{"n":1.10}}`,
		answer: `{"jsonrpc":"2.0","id":$ID,"result":{"content":[{"type":"odd","n":1.10}],"vendor":[]}}`,
		want:   `{"resultType":"complete","content":[{"type":"odd","n":1.10}],"vendor":[],"_meta":{$INFO}}`, status: 200,
	},
	{
		name: "tool with _meta", method: "tools/call", params: `{"name":"t","_meta":{"com.example/x":1.10,$META,"progressToken":"tok"}}`,
		server: `{"name":"t","_meta":{"com.example/x":1.10,"progressToken":$TOKEN}}`,
		answer: `{"jsonrpc":"2.0","id":$ID,"result":{"_meta":{"com.example/y":2},"content":[]}}`,
		want:   `{"resultType":"complete","content":[],"_meta":{$INFO,"com.example/y":2}}`, status: 200,
	},
	{
		name: "prompt", method: "prompts/get", params: `{"name":"greet","_meta":{$META}}`, server: `{"name":"greet"}`,
		want: `{"resultType":"complete","messages":[{"role":"user","content":{"type":"text","text":"hello"}}],"_meta":{$INFO}}`, status: 200,
	},
	{
		name: "resource", method: "resources/read", params: `{"uri":"test://one","_meta":{$META}}`, server: `{"uri":"test://one"}`,
		want: `{"resultType":"complete","ttlMs":0,"cacheScope":"private","contents":[{"uri":"test://one","text":"the text"}],"_meta":{$INFO}}`, status: 200,
	},
	{
		name: "completion", method: "completion/complete",
		params: `{"_meta":{$META},"ref":{"type":"ref/resource","uri":"test://item/{id}"},"argument":{"name":"id","value":"x"}}`,
		server: `{"ref":{"type":"ref/resource","uri":"test://item/{id}"},"argument":{"name":"id","value":"x"}}`,
		want:   `{"resultType":"complete","completion":{"values":["a","b"]},"_meta":{$INFO}}`, status: 200,
	},
	{
		name: "missing resource", method: "resources/read", params: `{"_meta":{$META},"uri":"test://item/missing"}`, server: `{"uri":"test://item/missing"}`,
		want: `{"code":-32602,"message":"Resource not found"}`, status: 400,
	},
	{
		name: "url elicitation", method: "tools/call", params: `{"_meta":{$META},"name":"t"}`, server: `{"name":"t"}`,
		answer: `{"jsonrpc":"2.0","id":$ID,"error":{"code":-32042,"message":"visit"}}`,
		want:   `{"code":-32603,"message":"visit"}`, status: 200,
	},
	{
		name: "unknown to the server", method: "completion/complete",
		params: `{"_meta":{$META},"ref":{"type":"ref/prompt","name":"greet"},"argument":{"name":"a","value":"x"}}`,
		server: `{"ref":{"type":"ref/prompt","name":"greet"},"argument":{"name":"a","value":"x"}}`,
		answer: `{"jsonrpc":"2.0","id":$ID,"error":{"code":-32601,"message":"Method not found"}}`,
		want:   `{"code":-32601,"message":"Method not found"}`, status: 404,
	},
}

// TestCross makes calls across the eras, over HTTP: what the server gets and what the client gets is exactly what the
// other era wants (research on the protocol, section 2.4).
func TestCross(t *testing.T) {
	t.Parallel()
	t.Run("legacy to modern", func(t *testing.T) {
		t.Parallel()
		p := startPeer(t, true)
		p.setList("tools/list", `{"tools":[{"name":"t","inputSchema":{"type":"object"}}],"resultType":"complete"}`)
		g := open(t, p.server("up"))
		meta := fmt.Sprintf(`"%[1]sprotocolVersion":%[2]q,"%[1]sclientCapabilities":{"roots":{"listChanged":true}},`+
			`"%[1]sclientInfo":{"name":"test","version":"1"}`, metaPrefix, modernRevision)
		cross(t, p, g.legacy(t, `{"roots":{"listChanged":true},"tasks":{}}`), toModern, meta)
	})
	t.Run("modern to legacy", func(t *testing.T) {
		t.Parallel()
		p := startPeer(t, false)
		p.setList("tools/list", `{"tools":[{"name":"t","execution":{"taskSupport":"optional"},"inputSchema":{"type":"object"}}]}`)
		g := open(t, p.server("up"))
		cross(t, p, g.modernClient("{}"), toLegacy, "")
	})
}

func cross(t *testing.T, p *httpPeer, c *client, all []crossing, meta string) {
	t.Helper()
	for _, x := range all {
		var call message
		_ = json.Unmarshal([]byte(`{"params":`+c.params(x.params)+`}`), &call)
		name := strings.Trim(call.param("name")+call.param("uri")+call.param("ref", "name")+call.param("ref", "uri"), `"`)
		p.mu.Lock()
		p.answers = map[string]string{}
		if x.answer != "" {
			p.answers[x.method+" "+name] = x.answer
		}
		p.mu.Unlock()
		in, id := c.start(t, x.method, x.params, nil)
		answer := in.last(t)
		calls := p.got(x.method)
		if len(calls) == 0 {
			t.Errorf("%s: did not reach the server: %s", x.name, answer)
			continue
		}
		got := calls[len(calls)-1]
		want := strings.ReplaceAll(strings.Replace(x.server, "$META", meta, 1), "$TOKEN", got.param("_meta", "progressToken"))
		if string(got.Params) != want {
			t.Errorf("%s: the server got\n%s\nwant\n%s", x.name, got.Params, want)
		}
		crossedHeaders(t, x, got, name)
		var parts struct {
			ID            json.RawMessage
			Result, Error json.RawMessage
		}
		_ = json.Unmarshal([]byte(answer), &parts)
		info := `"` + metaPrefix + `serverInfo":{"name":"sumun","title":"Sumun","version":"1.2.3"}`
		if want := strings.Replace(x.want, "$INFO", info, 1); string(parts.Result)+string(parts.Error) != want || string(parts.ID) != strconv.Itoa(id) {
			t.Errorf("%s: the client got\n%s\nwant\n%s", x.name, answer, want)
		}
		if status := max(x.status, http.StatusOK); in.status != status {
			t.Errorf("%s: status %d, want %d", x.name, in.status, status)
		}
	}
}

// crossedHeaders checks the headers of the era of the server.
func crossedHeaders(t *testing.T, x crossing, got received, name string) {
	t.Helper()
	h := got.header
	if !got.modern() {
		if h.Get("Mcp-Session-Id") == "" || h.Get("Mcp-Protocol-Version") != legacyRevision || h.Get("Mcp-Method") != "" {
			t.Errorf("%s: headers of a legacy request: %v", x.name, h)
		}
		return
	}
	if x.method == "completion/complete" {
		name = ""
	}
	if h.Get("Mcp-Session-Id") != "" || h.Get("Mcp-Protocol-Version") != modernRevision ||
		h.Get("Mcp-Method") != x.method || h.Get("Mcp-Name") != name {
		t.Errorf("%s: headers of a modern request: %v", x.name, h)
	}
}

func (r received) modern() bool { return strings.Contains(r.raw, metaPrefix+"protocolVersion") }

// TestCrossLists asks for lists across the eras.
func TestCrossLists(t *testing.T) {
	t.Parallel()
	old, young := startPeer(t, false), startPeer(t, true)
	old.setList("tools/list", `{"tools":[{"execution":{"taskSupport":"optional"},"name":"old","inputSchema":{"type":"object"},"outputSchema":{"type":"object"}}]}`)
	young.setList("tools/list", `{"tools":[{"name":"young","x":1.10,"inputSchema":{"type":"object"},"outputSchema":{"type":"array"}}],"resultType":"complete"}`)
	g := open(t, old.server("old"), young.server("young"))
	legacy := faithful(g.legacy(t, "{}").ask(t, "tools/list", "{}"))
	want := `"result":{"tools":[{"execution":{"taskSupport":"optional"},"name":"old","inputSchema":{"type":"object"},"outputSchema":{"type":"object"}},` +
		`{"name":"young","x":1.10,"inputSchema":{"type":"object"}}]}`
	if !strings.Contains(legacy, want) {
		t.Errorf("a legacy client gets %s\nwant %s", legacy, want)
	}
	modern := faithful(g.modernClient("{}").ask(t, "tools/list", "{}"))
	for _, part := range []string{
		`{"name":"old","inputSchema":{"type":"object"},"outputSchema":{"type":"object"}}`, `"outputSchema":{"type":"array"}`,
		`"resultType":"complete"`, `"ttlMs":`, `"cacheScope":"p`,
	} {
		if !strings.Contains(modern, part) {
			t.Errorf("a modern client gets %s\nwithout %s", modern, part)
		}
	}
}

// TestCrossNotices has a server of the other era tell of progress and log.
func TestCrossNotices(t *testing.T) {
	t.Parallel()
	for _, modernServer := range []bool{false, true} {
		t.Run(eraName(!modernServer)+" to "+eraName(modernServer), func(t *testing.T) {
			t.Parallel()
			p := startPeer(t, modernServer)
			g := open(t, p.server("up"))
			c := g.modernClient("{}")
			c.logLevel = "info"
			if modernServer {
				c = g.legacy(t, "{}")
				if answer := c.ask(t, "logging/setLevel", `{"level":"info"}`); !strings.Contains(answer, `"result":{}`) {
					t.Errorf("setLevel: %s", answer)
				}
			}
			checkProgress(t, c, []string{"log 1", "log 2"})
			if modernServer && p.got("tools/call")[0].param("_meta", metaPrefix+"logLevel") != `"info"` {
				t.Error("the server was not told of the level")
			}
			silent := g.modernClient("{}")
			if !modernServer {
				checkProgress(t, silent, nil)
			}
		})
	}
}

// checkProgress calls the tool progress and checks that progress comes under the client's token, and those log messages.
func checkProgress(t *testing.T, c *client, logs []string) {
	t.Helper()
	in, _ := c.start(t, "tools/call", `{"_meta":{$META,"progressToken":"tok"},"name":"progress"}`, nil)
	all := in.all()
	var progress, logged []string
	for _, raw := range all[:max(0, len(all)-1)] {
		switch {
		case strings.Contains(raw, `"notifications/progress"`):
			progress = append(progress, raw)
		case strings.Contains(raw, `"notifications/message"`):
			logged = append(logged, raw)
		}
	}
	if len(progress) != 3 {
		t.Errorf("progress: %q", progress)
	}
	for i, raw := range progress {
		if want := fmt.Sprintf(`"params":{"progressToken":"tok","progress":%d,"x":1.10}`, i); !strings.Contains(raw, want) {
			t.Errorf("got %s, want %s", raw, want)
		}
	}
	if len(logged) != len(logs) {
		t.Errorf("log messages %q, want %q", logged, logs)
		return
	}
	for i, want := range logs {
		if !strings.Contains(logged[i], want) {
			t.Errorf("got %s, want %s", logged[i], want)
		}
	}
	if len(all) == 0 || textOf(all[len(all)-1]) != "progressed" {
		t.Errorf("the answer is not last: %q", all)
	}
}
