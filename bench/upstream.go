package main

import (
	"bytes"
	"cmp"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/sumun-mcp/sumun/bench/load"
	"github.com/sumun-mcp/sumun/internal/mcp"
)

// An upstream is yardstick E: the least that an MCP server on net/http can do. It parses the id and the method of a
// request and answers with bytes that were rendered at the start. Safe for concurrent use.
type upstream struct {
	modern, legacy bool // the eras it speaks
	stream         bool // tools/call is answered with an event stream
	buffers        sync.Pool
	tails          map[tailKey][]byte // everything behind the id in an answer
}

// A tailKey says which rendered answer is meant.
type tailKey struct {
	method string
	modern bool
	large  bool
}

// largeBody is the length of a request from which a call is answered with the large answer.
const largeBody = 4 << 10

// newUpstream returns an E with so many tools, in the eras named: "modern", "legacy" or "both".
func newUpstream(era string, stream bool, tools int) *upstream {
	u := &upstream{modern: era != "legacy", legacy: era != "modern", stream: stream, tails: map[tailKey][]byte{}}
	u.buffers.New = func() any { return new(bytes.Buffer) }
	for _, modern := range []bool{false, true} {
		add := func(method string, large bool, result string) {
			if modern {
				result = `"resultType":"complete",` + result
			}
			u.tails[tailKey{method, modern, large}] = []byte(`,"result":{` + strings.TrimSuffix(result, ",") + `}}`)
		}
		add("tools/call", false, `"content":[{"type":"text","text":"`+load.Filler(150)+`"}],"isError":false`)
		add("tools/call", true, `"content":[{"type":"text","text":"`+load.Filler(16<<10)+`"}],"isError":false`)
		add("ping", false, "")
		hints := ""
		if modern {
			hints = `,"ttlMs":60000,"cacheScope":"public"`
		}
		add("tools/list", false, `"tools":[`+renderTools(tools)+`]`+hints)
		add("server/discover", false, `"supportedVersions":["`+mcp.Latest().Name+`"],"capabilities":{"tools":{}}`+hints+
			`,"_meta":{"io.modelcontextprotocol/serverInfo":{"name":"upstream","version":"1"}}`)
		add("initialize", false, `"protocolVersion":"`+mcp.LatestLegacy().Name+
			`","capabilities":{"tools":{}},"serverInfo":{"name":"upstream","version":"1"}`)
	}
	return u
}

// renderTools renders n tools, the first of which is the one that is called.
func renderTools(n int) string {
	var b strings.Builder
	for i := range max(n, 1) {
		name := load.ToolName
		if i > 0 {
			name = fmt.Sprintf("%s_%04d", load.ToolName, i)
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"name":"%s","description":"Returns a text of fixed length, whatever it is given.","inputSchema":{"type":"object",`+
			`"properties":{"text":{"type":"string","description":"Anything."},"limit":{"type":"integer","minimum":1,"maximum":100}},`+
			`"required":["text"]},"annotations":{"readOnlyHint":true,"openWorldHint":false}}`, name)
	}
	return b.String()
}

// ServeHTTP answers one request.
func (u *upstream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.Method {
	case http.MethodPost:
	case http.MethodDelete:
		return
	default:
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	buf, _ := u.buffers.Get().(*bytes.Buffer)
	buf.Reset()
	defer u.buffers.Put(buf)
	if _, err := buf.ReadFrom(r.Body); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	id, method, ok := identify(buf.Bytes())
	modern := mcp.NamesModern(r.Header.Get("Mcp-Protocol-Version"))
	switch {
	case !ok:
		refuse(w, nil, http.StatusBadRequest, mcp.CodeParse)
	case id == nil:
		w.WriteHeader(http.StatusAccepted)
	case modern && !u.modern:
		refuse(w, id, http.StatusBadRequest, mcp.CodeInvalidRequest)
	case !modern && !u.legacy:
		refuse(w, id, http.StatusBadRequest, mcp.CodeUnsupportedRevision)
	default:
		u.answer(w, id, tailKey{string(method), modern, buf.Len() > largeBody && string(method) == "tools/call"})
	}
}

// answer writes the rendered answer under the request's id.
func (u *upstream) answer(w http.ResponseWriter, id []byte, key tailKey) {
	tail, ok := u.tails[key]
	if !ok {
		status := http.StatusOK
		if key.modern {
			status = http.StatusNotFound
		}
		refuse(w, id, status, mcp.CodeMethodNotFound)
		return
	}
	if key.method == "initialize" {
		w.Header().Set("Mcp-Session-Id", "upstream")
	}
	buf, _ := u.buffers.Get().(*bytes.Buffer)
	buf.Reset()
	defer u.buffers.Put(buf)
	stream := u.stream && key.method == "tools/call"
	if stream {
		buf.WriteString("event: message\ndata: ")
	}
	buf.WriteString(`{"jsonrpc":"2.0","id":`)
	buf.Write(id)
	buf.Write(tail)
	if stream {
		buf.WriteString("\n\n")
		w.Header().Set("Content-Type", "text/event-stream")
	} else {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", strconv.Itoa(buf.Len()))
	}
	_, err := w.Write(buf.Bytes()) //nolint:gosec // JSON or events, never a page
	if flusher, ok := w.(http.Flusher); ok && stream && err == nil {
		flusher.Flush() // as a server does that streams: chunked, the event before the end
	}
}

// refuse answers with a JSON-RPC error.
func refuse(w http.ResponseWriter, id []byte, status, code int) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	data := ""
	if code == mcp.CodeUnsupportedRevision {
		data = `,"data":{"supported":["` + mcp.Latest().Name + `"]}`
	}
	_, _ = fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"error":{"code":%d,"message":"refused"%s}}`, //nolint:gosec // JSON, never a page
		cmp.Or(string(id), "null"), code, data)
}
