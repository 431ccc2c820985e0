// Package load is a closed-loop load generator for MCP over Streamable HTTP. Its clients speak HTTP/1.1 on raw TCP with
// requests rendered beforehand, so that they take as little as possible of the machine that they measure. They check
// every answer: its status, its framing, its id, and that it is a result of the expected length.
package load

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"github.com/sumun-mcp/sumun/internal/mcp"
)

// ToolName is the tool that every upstream here offers.
const ToolName = "echo"

// firstID is the first JSON-RPC id of a connection. All ids have as many digits, so that a request can be rendered once
// and its id be changed in place.
const firstID = 100_000_000

// A Shape is one way of carrying a call: the era that both sides speak, and the form of the answer.
type Shape struct {
	Name   string
	Modern bool // stateless requests of the modern era, else sessions of the legacy era
	Stream bool // the upstream answers tools/call with an event stream of one event, else with JSON
}

// Shapes returns what is measured, in the order of the table.
func Shapes() []Shape {
	return []Shape{
		{Name: "modern", Modern: true},
		{Name: "legacy JSON"},
		{Name: "legacy SSE", Stream: true},
	}
}

// A Size is the length of a request's body; the answer grows with it.
type Size struct {
	Name  string
	Bytes int
}

// Small returns the size of a plain call.
func Small() Size { return Size{"400 B", 400} }

// Large returns the size of a call that carries a file's content, there and back.
func Large() Size { return Size{"16 KB", 16 << 10} }

// A Script renders the HTTP requests that the clients send to one address. The value is immutable.
type Script struct {
	Shape Shape
	Addr  string // host:port
	Key   string // the bearer key; empty for none
}

// A Message is one rendered HTTP request whose JSON-RPC id can be changed in place. It belongs to one client and is not
// safe for concurrent use.
type Message struct {
	bytes []byte
	idAt  int // where the digits of the id begin; 0 in a notification
}

// setID writes the id into the request. It must have as many digits as firstID.
func (m *Message) setID(id uint64) {
	strconv.AppendUint(m.bytes[m.idAt:m.idAt], id, 10)
}

// idMember returns the id as it must stand in the answer. It changes with setID.
func (m *Message) idMember() []byte {
	return m.bytes[m.idAt-len(`"id":`) : m.idAt+9]
}

// Call renders a tools/call whose body has exactly the given length.
func (s Script) Call(session string, z Size) *Message {
	params := func(text string) string {
		return s.meta() + `"name":"` + ToolName + `","arguments":{"text":"` + text + `"}`
	}
	room := z.Bytes - len(envelope("tools/call", params("")))
	return s.post(session, "tools/call", params(Filler(max(room, 0))))
}

// List renders a tools/list.
func (s Script) List(session string) *Message {
	return s.post(session, "tools/list", strings.TrimSuffix(s.meta(), ","))
}

// initialize renders the request that opens a legacy session.
func (s Script) initialize() *Message {
	return s.post("", "initialize", `"protocolVersion":"`+mcp.LatestLegacy().Name+
		`","capabilities":{},"clientInfo":{"name":"bench","version":"1"}`)
}

// initialized renders the notification that completes the handshake.
func (s Script) initialized(session string) *Message {
	return s.http("POST", session, "", `{"jsonrpc":"2.0","method":"notifications/initialized"}`)
}

// end renders the request that ends a legacy session.
func (s Script) end(session string) *Message { return s.http("DELETE", session, "", "") }

// meta renders what every modern request says about its sender, with a comma behind it.
func (s Script) meta() string {
	if !s.Shape.Modern {
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
func (s Script) post(session, method, params string) *Message {
	return s.http("POST", session, method, envelope(method, params))
}

// http renders an HTTP request with the header fields that the shape's era asks for.
func (s Script) http(verb, session, method, body string) *Message {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s /mcp HTTP/1.1\r\nHost: %s\r\n", verb, s.Addr)
	field := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%s: %s\r\n", name, value)
		}
	}
	if s.Key != "" {
		field("Authorization", "Bearer "+s.Key)
	}
	field("Content-Type", "application/json")
	field("Accept", "application/json, text/event-stream")
	field("Mcp-Session-Id", session)
	switch {
	case s.Shape.Modern:
		field("Mcp-Protocol-Version", mcp.Latest().Name)
		field("Mcp-Method", method)
		if method == "tools/call" {
			field("Mcp-Name", ToolName)
		}
	case session != "":
		field("Mcp-Protocol-Version", mcp.LatestLegacy().Name)
	}
	fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n%s", len(body), body)
	m := &Message{bytes: b.Bytes()}
	if i := bytes.LastIndex(m.bytes, fmt.Appendf(nil, `"id":%d`, firstID)); i >= 0 {
		m.idAt = i + len(`"id":`)
	}
	return m
}

// Filler returns the inside of a JSON string of exactly n bytes that looks like a text file: lines, quotes, escapes.
func Filler(n int) string {
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
