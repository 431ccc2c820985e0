package terminal

import (
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/sumun-mcp/sumun/internal/wire"
)

// Text returns a string member of an object, harmless; empty where it has none.
func Text(object []byte, member string) string {
	s, _ := wire.Unquote(wire.Get(object, member))
	return Harmless(s)
}

// Elements returns the elements of a member of an object; none where it is no array.
func Elements(object []byte, member string) [][]byte {
	var all [][]byte
	list := wire.Get(object, member)
	if len(list) == 0 || list[0] != '[' {
		return nil
	}
	for e := range wire.Elements(list) {
		all = append(all, e)
	}
	return all
}

// AppendArray appends a JSON array of elements that are JSON already.
func AppendArray(out []byte, elements [][]byte) []byte {
	out = append(out, '[')
	for i, e := range elements {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, e...)
	}
	return append(out, ']')
}

// Summary returns the first line of what a tool, prompt or resource says of itself.
func Summary(thing []byte) string {
	s := Text(thing, "description")
	if s == "" {
		s = Text(thing, "title")
	}
	s, _, _ = strings.Cut(strings.TrimSpace(s), "\n")
	const longest = 90
	if runes := []rune(s); len(runes) > longest {
		s = string(runes[:longest]) + "…"
	}
	return s
}

// Block tells a content block of a result or a message in text. Of pictures and sounds it tells the type and size.
func Block(block []byte) string {
	switch kind := Text(block, "type"); kind {
	case "text":
		return Text(block, "text")
	case "resource":
		return embedded(wire.Get(block, "resource"))
	case "resource_link":
		return Text(block, "uri")
	default:
		return fmt.Sprintf("[%s %s, %d bytes]", kind, Text(block, "mimeType"), base64.StdEncoding.DecodedLen(len(wire.Get(block, "data"))))
	}
}

// embedded tells the contents of a resource in text.
func embedded(contents []byte) string {
	if blob := wire.Get(contents, "blob"); blob != nil {
		return fmt.Sprintf("[%s %s, %d bytes]", Text(contents, "uri"), Text(contents, "mimeType"), base64.StdEncoding.DecodedLen(len(blob)))
	}
	return strings.TrimSpace(Text(contents, "text"))
}

// Contents returns the contents of a resource as they are, not harmless: a text with its line breaks, or the bytes of a blob.
func Contents(contents []byte) ([]byte, error) {
	blob, ok := wire.Unquote(wire.Get(contents, "blob"))
	if !ok {
		s, _ := wire.Unquote(wire.Get(contents, "text"))
		return []byte(s), nil
	}
	data, err := base64.StdEncoding.DecodeString(blob)
	if err != nil {
		return nil, fmt.Errorf("reading a blob: %w", err)
	}
	return data, nil
}
