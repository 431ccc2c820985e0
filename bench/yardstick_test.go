package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/sumun-mcp/sumun/bench/load"
	"github.com/sumun-mcp/sumun/internal/mcp"
)

// front starts a handler for the test and returns its address.
func front(t *testing.T, h http.Handler) string {
	t.Helper()
	s, err := serve(t.Context(), h)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.close() })
	return s.addr
}

// yardsticks starts E, B and C of a shape and returns their addresses.
func yardsticks(t *testing.T, sh load.Shape) map[string]string {
	t.Helper()
	era := "legacy"
	if sh.Modern {
		era = "modern"
	}
	addrs := map[string]string{}
	for _, c := range []childConfig{{kind: "E", era: era, tools: 30}, {kind: "B"}, {kind: "C"}} {
		c.shape = sh
		c.upstream = "http://" + addrs["E"] + "/mcp"
		h, err := c.handler(t.Context())
		if err != nil {
			t.Fatalf("%s: %v", c.kind, err)
		}
		if n, ok := h.(*naive); ok {
			t.Cleanup(func() { _ = n.Close() })
		}
		addrs[c.kind] = front(t, h)
	}
	return addrs
}

func TestYardsticksAnswer(t *testing.T) {
	for _, sh := range load.Shapes() {
		t.Run(sh.Name, func(t *testing.T) {
			for who, addr := range yardsticks(t, sh) {
				for _, w := range []work{callWork(load.Small()), callWork(load.Large()), listWork()} {
					if w.Tools > 1 {
						w.AtLeast = 30 * 300
					}
					clients, err := load.Open(t.Context(), w.task(load.Script{Shape: sh, Addr: addr}), 2)
					if err != nil {
						t.Fatalf("%s: %v", who, err)
					}
					got := clients.Drive(t.Context(), patience, 7)
					clients.Close()
					if got.Calls != 7 || got.Failed != 0 {
						t.Errorf("%s, %s: %d of 7 calls, %d failed, first %v", who, w.Name, got.Calls, got.Failed, got.First)
					}
				}
			}
		})
	}
}

// request renders a JSON-RPC request.
func request(method string) string {
	return `{"jsonrpc":"2.0","id":7,"method":"` + method + `","params":{}}`
}

// ask sends one request to E and returns its answer.
func ask(t *testing.T, addr string, header map[string]string, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+addr+"/mcp", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range header {
		req.Header.Set(name, value)
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var b bytes.Buffer
	if _, err := b.ReadFrom(res.Body); err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, b.String()
}

func TestUpstreamKeepsToItsEra(t *testing.T) {
	modern := map[string]string{"Mcp-Protocol-Version": mcp.Latest().Name}
	discover, initialize := request("server/discover"), request("initialize")
	tests := []struct {
		name, era string
		header    map[string]string
		body      string
		status    int
		want      string
	}{
		{"discover, modern", "modern", modern, discover, 200, `"supportedVersions":["` + mcp.Latest().Name},
		{"discover, both", "both", modern, discover, 200, `"resultType":"complete"`},
		{"discover, legacy", "legacy", modern, discover, 400, `-32600`},
		{"initialize, legacy", "legacy", nil, initialize, 200, `"protocolVersion":"` + mcp.LatestLegacy().Name},
		{"initialize, modern", "modern", nil, initialize, 400, `-32022`},
		{"unknown, modern", "both", modern, request("roots/list"), 404, `-32601`},
		{"unknown, legacy", "both", nil, request("roots/list"), 200, `-32601`},
		{"ping", "legacy", nil, `{"method":"ping","jsonrpc":"2.0","id":"a\"b"}`, 200, `"id":"a\"b","result":{}`},
		{"notification", "legacy", nil, `{"jsonrpc":"2.0","method":"notifications/initialized"}`, 202, ``},
		{"nonsense", "both", nil, `[]`, 400, `-32700`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			addr := front(t, newUpstream(tt.era, false, 1))
			status, body := ask(t, addr, tt.header, tt.body)
			if status != tt.status || !strings.Contains(body, tt.want) {
				t.Errorf("%d %s, want %d and %s", status, body, tt.status, tt.want)
			}
			if body != "" && !json.Valid([]byte(body)) {
				t.Errorf("not JSON: %s", body)
			}
		})
	}
}

func TestUpstreamHasNoStream(t *testing.T) {
	res, err := http.Get("http://" + front(t, newUpstream("both", false, 1)) + "/mcp")
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("GET: %s", res.Status)
	}
}

func TestIdentify(t *testing.T) {
	tests := []struct {
		in, id, method string
		ok             bool
	}{
		{`{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"id":8,"method":"no"}}`, `7`, `tools/call`, true},
		{`{"params":{"a":[{"id":8},"}\"]\\"],"b":"{"}, "method" : "ping" , "id" : "x,\"y" }`, `"x,\"y"`, `ping`, true},
		{`{"method":"notifications/initialized"}`, ``, `notifications/initialized`, true},
		{`{"id":1}`, `1`, ``, false},
		{`{"id":1,"method":"x`, `1`, `x`, true},
		{`{`, ``, ``, false},
		{``, ``, ``, false},
	}
	for _, tt := range tests {
		id, method, ok := identify([]byte(tt.in))
		if string(id) != tt.id || string(method) != tt.method || ok != tt.ok {
			t.Errorf("identify(%s) = %s, %s, %v", tt.in, id, method, ok)
		}
	}
}

func FuzzIdentify(f *testing.F) {
	f.Add(7, "ping", `{"id":8,"a":["}\\"]}`)
	f.Fuzz(func(t *testing.T, n int, name, params string) {
		identify([]byte(params)) // anything at all must end
		method, err := json.Marshal(name)
		if err != nil || !json.Valid([]byte(params)) || name == "" || strings.Contains(name, `"`) {
			return
		}
		id, got, ok := identify(fmt.Appendf(nil, `{"params":%s,"id":%d,"method":%s}`, params, n, method))
		if string(id) != strconv.Itoa(n) || string(got) != string(method[1:len(method)-1]) || !ok {
			t.Errorf("id %s, method %s, ok %v, want %d and %s", id, got, ok, n, method)
		}
	})
}
