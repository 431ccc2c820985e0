package dialect

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// An answer is the result of a call, on its way into the dialect's words.
type answer struct {
	call   *mcp.Call
	result *mcp.Result
	now    time.Time
}

// member returns a member of the result, nil where it has none.
func (a *answer) member(name string) []byte { return wire.Get(a.result.Value, name) }

// meta returns a member of the result's _meta.
func (a *answer) meta(name string) []byte { return wire.Get(a.member("_meta"), name) }

// AppendAnswer appends the answer to a call of the dialect under the client's id.
func AppendAnswer(dst, id []byte, call *mcp.Call, result *mcp.Result, now time.Time) []byte {
	dst = append(append(append(dst, `{"jsonrpc":"2.0","id":`...), id...), `,"result":`...)
	if m := methods[call.Dialect]; m != nil && m.answer != nil {
		dst = m.answer(dst, &answer{call: call, result: result, now: now})
	} else {
		dst = append(dst, result.Value...)
	}
	return append(dst, '}')
}

// appendOutput appends what a tool has put out, and what is known of the call.
func appendOutput(dst []byte, a *answer) []byte {
	dst = append(append(dst, `{"output":`...), output(a)...)
	dst = wire.AppendQuote(append(dst, `,"metadata":{"toolId":`...), a.call.Name)
	dst = wire.AppendQuote(append(dst, `,"server":`...), a.call.Server)
	dst = wire.AppendInt(append(dst, `,"durationMs":`...), a.now.Sub(a.call.Began).Milliseconds())
	revision := a.call.Revision
	if a.result.Revision != nil {
		revision = a.result.Revision
	}
	dst = wire.AppendQuote(append(dst, `,"revision":`...), revision.Name)
	dst = append(dst, `,"isError":`...)
	if string(a.member("isError")) == "true" {
		dst = append(dst, "true"...)
	} else {
		dst = append(dst, "false"...)
	}
	dst = appendMember(dst, "sampling", orEmpty(a.call.Sampling))
	if at := a.meta(mcp.MetaRemembered); at != nil {
		dst = appendMember(dst, "remembered", at)
	}
	dst = wire.AppendQuote(append(dst, `,"traceId":`...), traceID(a.call))
	return append(dst, "}}"...)
}

func orEmpty(object []byte) []byte {
	if object == nil {
		return []byte("{}")
	}
	return object
}

// output is structuredContent where the tool gives it, else the text of a single text
// block, else the content.
func output(a *answer) []byte {
	if structured := a.member("structuredContent"); structured != nil && string(structured) != "null" {
		return structured
	}
	content := a.member("content")
	var blocks [][]byte
	for block := range wire.Elements(content) {
		blocks = append(blocks, block)
	}
	if len(blocks) == 1 {
		if text := onlyText(blocks[0]); text != nil {
			return text
		}
	}
	return orNull(content)
}

// onlyText returns the text of a text block, as a JSON string; nil for another block.
func onlyText(block []byte) []byte {
	if !wire.IsString(wire.Get(block, "type"), "text") {
		return nil
	}
	return wire.Get(block, "text")
}

// traceID is the id of the client's trace (W3C Trace Context, section 3.2), or else that
// under which the call is on record.
func traceID(call *mcp.Call) string {
	if parts := strings.Split(call.Header.Get("Traceparent"), "-"); len(parts) == 4 && len(parts[1]) == 32 {
		return parts[1]
	}
	return call.ID
}

// appendContent appends what a resource holds.
func appendContent(dst []byte, a *answer) []byte {
	var contents [][]byte
	for element := range wire.Elements(a.member("contents")) {
		contents = append(contents, element)
	}
	wanted, _ := wire.Unquote(a.call.Meta(mcp.MetaIfNoneMatch))
	if string(a.meta(mcp.MetaNotModified)) == "true" || len(contents) == 1 && wanted != "" && etagOf(contents[0]) == wanted {
		return append(wire.AppendQuote(append(dst, `{"notModified":true,"etag":`...), wanted), '}')
	}
	if len(contents) == 0 {
		return append(dst, "null"...)
	}
	dst = appendState(appendDocument(append(dst, '{'), contents[0], a.call.Asked != ""), contents[0])
	if len(contents) > 1 {
		dst = append(dst, `,"contents":[`...)
		for i, element := range contents {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(appendState(appendDocument(append(dst, '{'), element, false), element), '}')
		}
		dst = append(dst, ']')
	}
	return append(dst, '}')
}

// appendDocument appends the members of one document, each with a comma behind it. Of a named resource that answers
// with an object they are the object's.
func appendDocument(dst, element []byte, named bool) []byte {
	text := wire.Get(element, "text")
	if named && string(wire.Get(wire.Get(element, "_meta"), mcp.MetaObject)) == "true" {
		object, _ := wire.Unquote(text)
		if raw := bytes.TrimSpace([]byte(object)); scanner.Value(raw) == nil && raw[0] == '{' {
			return appendOwn(dst, raw)
		}
	}
	if uri := wire.Get(element, "uri"); uri != nil && !named {
		dst = append(append(append(dst, `"uri":`...), uri...), ',')
	}
	if kind := wire.Get(element, "mimeType"); kind != nil && !named {
		dst = append(append(append(dst, `"mimeType":`...), kind...), ',')
	}
	if text != nil {
		return append(append(append(dst, `"content":`...), text...), ',')
	}
	return append(append(append(dst, `"blob":`...), orNull(wire.Get(element, "blob"))...), ',')
}

// orNull stands in for what a server should have said.
func orNull(value []byte) []byte {
	if value == nil {
		return []byte("null")
	}
	return value
}

// appendOwn appends the members of a handler's object. What is said of its state beside
// them is not the object's.
func appendOwn(dst, object []byte) []byte {
	for key, value := range wire.Members(object) {
		if !wire.KeyEqual(key, "etag") && !wire.KeyEqual(key, "revision") {
			dst = append(append(append(append(dst, '"'), key...), `":`...), value...)
			dst = append(dst, ',')
		}
	}
	return dst
}

// appendState appends in which state a document is.
func appendState(dst, element []byte) []byte {
	dst = wire.AppendQuote(append(dst, `"etag":`...), etagOf(element))
	if revision := wire.Get(wire.Get(element, "_meta"), mcp.MetaRevisionNumber); revision != nil {
		dst = appendMember(dst, "revision", revision)
	}
	return dst
}

// etagOf returns a document's etag: what its server says, or else a digest of what it
// holds.
func etagOf(element []byte) string {
	if tag, ok := wire.Unquote(wire.Get(wire.Get(element, "_meta"), mcp.MetaETag)); ok {
		return tag
	}
	h := sha256.New()
	h.Write(wire.Get(element, "text"))
	h.Write(wire.Get(element, "blob"))
	return `"` + hex.EncodeToString(h.Sum(nil)[:16]) + `"`
}

// appendMessages appends the messages of a prompt, and the sampling parameters for them.
func appendMessages(dst []byte, a *answer) []byte {
	dst = append(dst, `{"messages":[`...)
	first := true
	for message := range wire.Elements(a.member("messages")) {
		if !first {
			dst = append(dst, ',')
		}
		first = false
		content := wire.Get(message, "content")
		if text := onlyText(content); text != nil {
			content = text
		}
		dst = append(append(dst, `{"role":`...), orNull(wire.Get(message, "role"))...)
		dst = append(appendMember(dst, "content", orNull(content)), '}')
	}
	dst = append(dst, ']')
	sampling := a.meta(mcp.MetaSampling)
	if sampling == nil {
		sampling = a.call.Sampling
	}
	return append(appendMember(dst, "sampling", orEmpty(sampling)), '}')
}

// appendMember appends a further member of an object.
func appendMember(dst []byte, name string, value []byte) []byte {
	dst = append(append(append(dst, `,"`...), name...), `":`...)
	return append(dst, value...)
}
