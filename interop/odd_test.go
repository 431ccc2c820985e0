package interop

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// An oddServer is a server of the legacy era whose tools have odd schemas, written byte by byte, and change when they are told to.
type oddServer struct {
	URL string

	mu      sync.Mutex
	schemas []string
	changed chan struct{} // closed when the schemas change
}

// newOddServer serves 50 tools, odd.00 to odd.49 behind a gateway that calls the server odd.
func newOddServer(t *testing.T) *oddServer {
	t.Helper()
	s := &oddServer{schemas: oddSchemas(), changed: make(chan struct{})}
	web := httptest.NewServer(s)
	s.URL = web.URL
	t.Cleanup(func() {
		web.CloseClientConnections()
		web.Close()
	})
	return s
}

// oddSchemas returns 50 JSON Schemas that a careless implementation of a checksum gets wrong.
func oddSchemas() []string {
	values := []string{
		// Text: beyond ASCII, beyond the first plane, escapes that Python writes otherwise or not at all.
		`"한국어 설명"`, `"날씨 ☀️ 🌤 👩‍👩‍👧‍👦"`, `"\u0000\u001f\u007f\u0080"`, `"\u2028\u2029"`, `"\/ and /"`, `"\"\\\b\f\n\r\t"`, `"\ud83d\ude00"`, `"e\u0301 é"`,
		`""`, `"</script>&"`, "\"\u00a0\ufeff\uffff\"", `"𝒳 \ud835\udcb3"`,
		// Numbers: as Python's repr writes floats, and integers of any size.
		`1.0`, `1.10`, `-0.0`, `0.1`, `1e5`, `1E+5`, `1e16`, `1e15`, `123456789012345680.0`, `1e-5`, `0.0001`, `5e-324`, `1.7976931348623157e308`,
		`18446744073709551616`, `-9223372036854775809`, `123456789012345678901234567890123456789012345678901234567890`, `0`, `-0`, `3.141592653589793238462643383`,
		`9007199254740993`, `9007199254740993.0`, `0.30000000000000004`, `1e23`, `1e22`,
		// The rest: nothing, much, and deep.
		`null`, `true`, `[]`, `{}`, `[[],{},[{}]]`, `[1,1.0,"1",true,null]`,
	}
	schemas := []string{
		`{"type":"object"}`,
		`{"properties":{},"type":"object","required":[],"additionalProperties":{}}`,
		"{ \"type\" : \"object\" ,\n\t\"properties\" : { } }",
		// Names: sorted by code point, which is not the order of UTF-16, of bytes escaped, or of letters.
		`{"type":"object","properties":{"b":{},"a":{},"B":{},"가":{},"나":{},"\uffff":{},"😀":{},"é":{},"":{},"_":{},"a b":{},"10":{},"9":{}}}`,
		`{"type":"object","properties":{"\u0061":{"title":"escaped name"},"\ud83d\ude00":{}}}`,
		`{"type":"object","properties":{"deep":` + strings.Repeat(`{"type":"object","properties":{"안":`, 40) + `{}` + strings.Repeat(`}}`, 40) + `}}`,
		`{"type":"object","properties":{"x":{"enum":[` + strings.Join(values, ",") + `]}}}`,
		`{"type":"object","description":"` + strings.Repeat("긴 설명 ", 500) + `"}`,
	}
	for i, value := range values {
		schemas = append(schemas, fmt.Sprintf(`{"type":"object","properties":{"값%d":{"default":%s,"title":"t"}},"required":[]}`, i, value))
	}
	return schemas[:50]
}

// change puts another schema into the place of one, and says that the list has changed.
func (s *oddServer) change(n int, schema string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.schemas[n] = schema
	close(s.changed)
	s.changed = make(chan struct{})
}

// ServeHTTP answers one message, or keeps the stream on which changes are told.
func (s *oddServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.Method {
	case http.MethodGet:
		s.tell(w, r)
		return
	case http.MethodDelete:
		return
	}
	var q struct {
		ID     json.RawMessage
		Method string
		Params struct {
			Name      string
			Arguments json.RawMessage
		}
	}
	if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if q.ID == nil {
		w.WriteHeader(http.StatusAccepted)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	answer := func(format string, args ...any) {
		_, _ = fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,%s}`, q.ID, fmt.Sprintf(format, args...))
	}
	switch q.Method {
	case "initialize":
		w.Header().Set("Mcp-Session-Id", "odd")
		answer(`"result":{"protocolVersion":"2025-11-25","capabilities":{"tools":{"listChanged":true}},"serverInfo":{"name":"odd","version":"1"}}`)
	case "tools/list":
		answer(`"result":{"tools":[%s]}`, s.tools())
	case "tools/call":
		answer(`"result":{"content":[{"type":"text","text":%s}]}`, strconv.Quote(q.Params.Name))
	case "ping":
		answer(`"result":{}`)
	default:
		answer(`"error":{"code":-32601,"message":"no"}`)
	}
}

// tools returns the elements of the list.
func (s *oddServer) tools() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []string
	for i, schema := range s.schemas {
		list = append(list, fmt.Sprintf(`{"name":"%02d","description":"도구 %d","inputSchema":%s}`, i, i, schema))
	}
	return strings.Join(list, ",")
}

// tell says when the list changes, as long as the client listens.
func (s *oddServer) tell(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	out := http.NewResponseController(w)
	for {
		s.mu.Lock()
		changed := s.changed
		s.mu.Unlock()
		_ = out.Flush()
		select {
		case <-changed:
			_, _ = fmt.Fprint(w, "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/tools/list_changed\"}\n\n")
		case <-r.Context().Done():
			return
		}
	}
}
