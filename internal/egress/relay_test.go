package egress

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

func overHTTP(modern bool) func(t *testing.T) (config.Server, *sdk.Server) {
	return func(t *testing.T) (config.Server, *sdk.Server) {
		t.Helper()
		return atURL("srv", sdkHTTP(t, newSDK(), modern)), nil
	}
}

// TestMatrix calls servers of the official SDK over every transport, from clients of both eras.
func TestMatrix(t *testing.T) {
	t.Parallel()
	servers := map[string]func(t *testing.T) (config.Server, *sdk.Server){
		"stdio": func(*testing.T) (config.Server, *sdk.Server) {
			return stdio("srv", func(c *config.Server) { c.Args = []string{"serve-sdk"} }), nil
		},
		"legacy stdio": func(*testing.T) (config.Server, *sdk.Server) { return stdio("srv"), nil },
		"http legacy":  overHTTP(false),
		"http modern":  overHTTP(true),
		"in process":   func(*testing.T) (config.Server, *sdk.Server) { return config.Server{}, newSDK() },
	}
	for name, server := range servers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, in := server(t)
			p, _ := newPool(t)
			if in != nil {
				p.Update(nil, map[string]*sdk.Server{"srv": in})
			} else {
				p.Update([]config.Server{c}, nil)
			}
			for _, revision := range []string{legacy, modern, "2025-03-26"} {
				if got := do(t, p, toolCall(t, revision, "echo")); got != "hi" && !strings.Contains(got, `"name":"echo"`) {
					t.Errorf("%s: answer = %q, want hi", revision, got)
				}
			}
			l, err := p.List(t.Context(), "srv", mcp.LegacyPlain)
			if err != nil || len(l.Tools) != 2 || len(l.Resources) != 1 {
				t.Errorf("List = %+v, %v", l, err)
			}
		})
	}
}

// TestRequests looks at what servers are sent.
func TestRequests(t *testing.T) {
	t.Parallel()
	const sampling = `{"sampling":{"tools":{}},"elicitation":{"url":{}},"x":1}`
	tests := map[string]struct {
		server, client string
		params         string
		change         func(c *mcp.Call)
		want           string
	}{
		"legacy to legacy": {
			legacy, legacy, `{ "name":"srv.echo", "arguments":{"n":9007199254740993,"f":1.10}, "_meta":{"progressToken":"mine","v":[ 1 ]} }`, nil,
			`{ "name":"echo", "arguments":{"n":9007199254740993,"f":1.10}, "_meta":{"progressToken":ID,"v":[ 1 ]} }`,
		},
		"modern to modern": {
			modern, modern, `{"_meta":{` + modernMeta + `,"progressToken":7},"name":"srv.echo","x":{}}`, nil,
			`{"_meta":{` + modernMeta + `,"progressToken":ID},"name":"echo","x":{}}`,
		},
		"modern to legacy": {
			legacy, modern, `{"_meta":{"a":1,` + modernMeta + `,"progressToken":7},"name":"srv.echo"}`, nil,
			`{"_meta":{"a":1,"progressToken":ID},"name":"echo"}`,
		},
		"modern to legacy, nothing left": {
			legacy, modern, `{"_meta":{` + modernMeta + `} , "name":"srv.echo"}`, nil, `{ "name":"echo"}`,
		},
		"modern to legacy, nothing left at the end": {
			legacy, modern, `{"name":"srv.echo", "_meta":{` + modernMeta + `}}`, nil, `{"name":"echo"}`,
		},
		"legacy to modern": {
			modern, legacy, `{"name":"srv.echo"}`, func(c *mcp.Call) { c.LogLevel = "info" },
			`{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},` +
				`"io.modelcontextprotocol/clientInfo":{"name":"c","version":"1"},"io.modelcontextprotocol/logLevel":"info"},"name":"echo"}`,
		},
		"legacy to modern, with _meta": {
			modern, legacy, `{"name":"srv.echo","_meta":{"v":1,"progressToken":7}}`, func(c *mcp.Call) { c.Capabilities = []byte(sampling) },
			`{"name":"echo","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":` +
				sampling + `,"io.modelcontextprotocol/clientInfo":{"name":"c","version":"1"},"v":1,"progressToken":ID}}`,
		},
		"older legacy to modern": {
			modern, "2025-06-18", `{"name":"srv.echo"}`, func(c *mcp.Call) { c.Capabilities = []byte(sampling) },
			`{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":` +
				`{"sampling":{},"elicitation":{},"x":1},"io.modelcontextprotocol/clientInfo":{"name":"c","version":"1"}},"name":"echo"}`,
		},
		"oldest legacy to modern": {
			modern, "2025-03-26", `{"name":"srv.echo"}`, func(c *mcp.Call) { c.Capabilities = []byte(sampling) },
			`{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":` +
				`{"sampling":{},"x":1},"io.modelcontextprotocol/clientInfo":{"name":"c","version":"1"}},"name":"echo"}`,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := &recorder{t: t, modern: tt.server == modern}
			p, _ := newPool(t, atURL("srv", f.serve()))
			c := newCall(t, tt.client, mcp.MethodToolsCall, tt.params)
			c.Name = "srv.echo"
			if tt.change != nil {
				tt.change(c)
			}
			if got := do(t, p, c); got != "ok" {
				t.Errorf("answer = %q", got)
			}
			got := string(wire.Get([]byte(f.body), "params"))
			want := strings.ReplaceAll(tt.want, "ID", string(wire.Get([]byte(f.body), "id")))
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("params (-want +got):\n%s", diff)
			}
		})
	}
}

// TestCompletion patches the name in a reference.
func TestCompletion(t *testing.T) {
	f := &recorder{t: t, modern: true}
	p, _ := newPool(t, atURL("srv", f.serve()))
	c := newCall(t, modern, mcp.MethodComplete, `{"ref":{"type":"ref/prompt", "name":"srv.p"},"argument":{"name":"a","value":"b"},"_meta":{`+modernMeta+`}}`)
	c.Name = "srv.p"
	do(t, p, c)
	want := `{"ref":{"type":"ref/prompt", "name":"p"},"argument":{"name":"a","value":"b"},"_meta":{` + modernMeta + `}}`
	if diff := cmp.Diff(want, string(wire.Get([]byte(f.body), "params"))); diff != "" {
		t.Errorf("params (-want +got):\n%s", diff)
	}
}

// TestHeaders looks at the headers of modern requests.
func TestHeaders(t *testing.T) {
	f := &recorder{t: t, modern: true}
	p, _ := newPool(t, atURL("srv", f.serve()))
	c := toolCall(t, modern, "echo")
	c.Header = http.Header{"Mcp-Param-Text": {"old"}, "Mcp-Param-Other": {"x"}, "Traceparent": {"00-1"}, "Authorization": {"secret"}}
	d := to(c)
	d.Headers = []mcp.HeaderParam{{Path: []string{"text"}, Header: "Text", Type: "string"}}
	if err := p.Do(t.Context(), d, c, &reply{}); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"Mcp-Name": "echo", "Mcp-Method": "tools/call", "Mcp-Param-Text": "hi", "Mcp-Param-Other": "x", "Traceparent": "00-1", "Authorization": "",
	} {
		if got := f.header.Get(name); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
}

// A recorder is a server over HTTP that remembers the last call.
type recorder struct {
	t      *testing.T
	modern bool
	body   string
	header http.Header
	tool   func(w http.ResponseWriter, id string) // answers instead, if set
}

func (f *recorder) serve() string {
	web := httptest.NewServer(f)
	f.t.Cleanup(web.Close)
	return web.URL
}

func (f *recorder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	method, _ := wire.Unquote(wire.Get(body, "method"))
	id := string(wire.Get(body, "id"))
	w.Header().Set("Content-Type", "application/json")
	switch {
	case r.Method != http.MethodPost:
		w.WriteHeader(http.StatusMethodNotAllowed)
	case method == mcp.MethodDiscover && f.modern:
		fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":{"tools":{}}}}`, id)
	case method == mcp.MethodInitialize && !f.modern:
		fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":{"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{"name":"f","version":"1"}}}`, id)
	case method == mcp.MethodListen && f.modern:
		fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":{}}`, id)
	case method == mcp.MethodToolsCall || method == mcp.MethodComplete || method == mcp.MethodRead:
		f.body, f.header = string(body), r.Header.Clone()
		if f.tool != nil {
			f.tool(w, id)
			return
		}
		fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":{"content":[{"type":"text","text":"ok"}]}}`, id)
	case id == "":
		w.WriteHeader(http.StatusAccepted)
	default:
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"error":{"code":-32601,"message":"no such method"}}`, id)
	}
}

// TestWholeAnswer relays the answer as it came, and errors too.
func TestWholeAnswer(t *testing.T) {
	const result = `{"content":[{"type":"video","n":9007199254740993}], "future" : 1.10}`
	f := &recorder{t: t, modern: true, tool: func(w http.ResponseWriter, id string) {
		fmt.Fprintf(w, `{"result":%s,"jsonrpc":"2.0","id":%s}`, result, id)
	}}
	p, _ := newPool(t, atURL("srv", f.serve()))
	c, r := toolCall(t, modern, "x"), &reply{}
	if err := p.Do(t.Context(), to(c), c, r); err != nil {
		t.Fatal(err)
	}
	if r.result != result || !strings.HasPrefix(r.raw, `{"result":`) {
		t.Errorf("result = %s\nin %s", r.result, r.raw)
	}
	const object = `{"code":-32602, "message":"bad", "data":{"x":1}, "y":2}`
	f.tool = func(w http.ResponseWriter, id string) {
		fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"error":%s}`, id, object)
	}
	e := mcp.AsError(p.Do(t.Context(), to(c), c, r))
	if e == nil || string(e.Raw) != object || e.Code != -32602 || string(e.Data) != `{"x":1}` || !e.Revision.Stateless {
		t.Errorf("error = %+v", e)
	}
}
