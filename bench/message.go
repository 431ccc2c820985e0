package main

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"github.com/sumun-mcp/sumun/internal/mcp"
)

// toolName is the tool that every upstream here offers.
const toolName = "echo"

// firstID is the first JSON-RPC id of a connection. All ids have as many digits, so that a request can be rendered once
// and its id be changed in place.
const firstID = 100_000_000

// A shape is one way of carrying a call: the era that both sides speak, and the form of the answer.
type shape struct {
	Name   string
	Modern bool // stateless requests of the modern era, else sessions of the legacy era
	Stream bool // the upstream answers tools/call with an event stream of one event, else with JSON
}

// shapes returns what is measured, in the order of the table.
func shapes() []shape {
	return []shape{
		{Name: "modern", Modern: true},
		{Name: "legacy JSON"},
		{Name: "legacy SSE", Stream: true},
	}
}

// A size is the length of a request's body; the answer grows with it.
type size struct {
	Name  string
	Bytes int
}

// The two sizes of the table: a small call, and one that carries a file's content.
func small() size { return size{"400 B", 400} }
func large() size { return size{"16 KB", 16 << 10} }

// A script renders the HTTP requests that one client sends to one address. The value is immutable.
type script struct {
	shape shape
	addr  string // host:port
	key   string // the bearer key; empty for none
}

// A message is one rendered HTTP request whose JSON-RPC id can be changed in place. Not safe for concurrent use.
type message struct {
	bytes []byte
	idAt  int // where the digits of the id begin; 0 in a notification
}

// setID writes the id into the request. It must have as many digits as firstID.
func (m *message) setID(id uint64) {
	strconv.AppendUint(m.bytes[m.idAt:m.idAt], id, 10)
}

// idMember returns the id as it must stand in the answer. It changes with setID.
func (m *message) idMember() []byte {
	return m.bytes[m.idAt-len(`"id":`) : m.idAt+9]
}

// call renders a tools/call whose body has exactly the given length.
func (s script) call(session string, z size) *message {
	params := func(text string) string {
		return s.meta() + `"name":"` + toolName + `","arguments":{"text":"` + text + `"}`
	}
	room := z.Bytes - len(envelope("tools/call", params("")))
	return s.post(session, "tools/call", params(filler(max(room, 0))))
}

// list renders a tools/list.
func (s script) list(session string) *message {
	return s.post(session, "tools/list", strings.TrimSuffix(s.meta(), ","))
}

// initialize renders the request that opens a legacy session.
func (s script) initialize() *message {
	return s.post("", "initialize", `"protocolVersion":"`+mcp.LatestLegacy().Name+
		`","capabilities":{},"clientInfo":{"name":"bench","version":"1"}`)
}

// initialized renders the notification that completes the handshake.
func (s script) initialized(session string) *message {
	return s.http("POST", session, "", `{"jsonrpc":"2.0","method":"notifications/initialized"}`)
}

// end renders the request that ends a legacy session.
func (s script) end(session string) *message { return s.http("DELETE", session, "", "") }

// meta renders what every modern request says about its sender, with a comma behind it.
func (s script) meta() string {
	if !s.shape.Modern {
		return ""
	}
	return `"_meta":{"io.modelcontextprotocol/protocolVersion":"` + mcp.Latest().Name +
		`","io.modelcontextprotocol/clientInfo":{"name":"bench","version":"1"},"io.modelcontextprotocol/clientCapabilities":{}},`
}

// envelope renders a JSON-RPC request with the first id.
func envelope(method, params string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"%s","params":{%s}}`, firstID, method, params)
}

// post renders a JSON-RPC request.
func (s script) post(session, method, params string) *message {
	return s.http("POST", session, method, envelope(method, params))
}

// http renders an HTTP request with the header fields that the shape's era asks for.
func (s script) http(verb, session, method, body string) *message {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s /mcp HTTP/1.1\r\nHost: %s\r\n", verb, s.addr)
	field := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%s: %s\r\n", name, value)
		}
	}
	if s.key != "" {
		field("Authorization", "Bearer "+s.key)
	}
	field("Content-Type", "application/json")
	field("Accept", "application/json, text/event-stream")
	field("Mcp-Session-Id", session)
	switch {
	case s.shape.Modern:
		field("Mcp-Protocol-Version", mcp.Latest().Name)
		field("Mcp-Method", method)
		if method == "tools/call" {
			field("Mcp-Name", toolName)
		}
	case session != "":
		field("Mcp-Protocol-Version", mcp.LatestLegacy().Name)
	}
	fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n%s", len(body), body)
	m := &message{bytes: b.Bytes()}
	if i := bytes.LastIndex(m.bytes, fmt.Appendf(nil, `"id":%d`, firstID)); i >= 0 {
		m.idAt = i + len(`"id":`)
	}
	return m
}

// filler returns the inside of a JSON string of exactly n bytes that looks like a text file: lines, quotes, escapes.
func filler(n int) string {
	var b strings.Builder
	for line := 1; ; line++ {
		text := fmt.Sprintf(`%04d  if name == \"gate\" { return open(path, mode) }\n`, line)
		if b.Len()+len(text) > n {
			break
		}
		b.WriteString(text)
	}
	b.WriteString(strings.Repeat(".", n-b.Len()))
	return b.String()
}
