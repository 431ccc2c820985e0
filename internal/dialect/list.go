package dialect

import (
	"strings"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// A Pin is what is known of a tool's description: the checksum of the schema that was
// approved or first seen, and the digest of all that the tool says of itself now.
type Pin struct{ Checksum, Digest string }

// AppendTool appends one tool of mcp.tool.list, given as its server lists it.
func AppendTool(dst []byte, name string, raw []byte, pin Pin) []byte {
	dst = wire.AppendQuote(append(dst, `{"toolId":`...), name)
	dst = copyMembers(dst, raw, "title", "description")
	schema := wire.Get(raw, "inputSchema")
	dst = copyMembers(dst, raw, "inputSchema", "outputSchema")
	dst = appendMember(dst, "schema", orNull(schema))
	dst = wire.AppendQuote(append(dst, `,"checksum":`...), pin.Checksum)
	if pin.Digest != "" {
		dst = wire.AppendQuote(append(dst, `,"digest":`...), pin.Digest)
	}
	return append(copyMembers(dst, raw, "annotations"), '}')
}

// AppendPrompt appends one prompt of mcp.prompt.list.
func AppendPrompt(dst []byte, name string, raw []byte) []byte {
	dst = wire.AppendQuote(append(dst, `{"promptId":`...), name)
	return append(copyMembers(dst, raw, "title", "description", "arguments"), '}')
}

// AppendResource appends one resource of mcp.resource.list.
func AppendResource(dst []byte, uri string, raw []byte) []byte {
	dst = wire.AppendQuote(append(dst, `{"uri":`...), uri)
	dst = copyMembers(dst, raw, "name", "title", "description")
	if kind := Type(uri, raw); kind != "" {
		dst = wire.AppendQuote(append(dst, `,"type":`...), kind)
	}
	return append(appendResourceState(copyMembers(dst, raw, "mimeType", "size"), raw), '}')
}

// AppendNamed appends one named resource of mcp.resource.list: a template that is read
// by its name and the values of its parameters.
func AppendNamed(dst []byte, template string, raw []byte) []byte {
	dst = append(append(dst, `{"resourceId":`...), orNull(wire.Get(raw, "name"))...)
	dst = wire.AppendQuote(append(dst, `,"uriTemplate":`...), template)
	dst = copyMembers(dst, raw, "title", "description")
	if kind := Type(template, raw); kind != "" {
		dst = wire.AppendQuote(append(dst, `,"type":`...), kind)
	}
	return append(copyMembers(dst, raw, "mimeType"), '}')
}

func appendResourceState(dst, raw []byte) []byte {
	meta := wire.Get(raw, "_meta")
	if tag := wire.Get(meta, mcp.MetaETag); tag != nil {
		dst = appendMember(dst, "etag", tag)
	}
	if revision := wire.Get(meta, mcp.MetaRevisionNumber); revision != nil {
		dst = appendMember(dst, "revision", revision)
	}
	return dst
}

// Type returns the kind of a resource: what its server says, or what its scheme tells.
func Type(uri string, raw []byte) string {
	if kind, ok := wire.Unquote(wire.Get(wire.Get(raw, "_meta"), mcp.MetaType)); ok {
		return kind
	}
	switch scheme, _, _ := strings.Cut(uri, ":"); strings.ToLower(scheme) {
	case "file":
		return "file"
	case "http", "https":
		return "web"
	}
	return ""
}

// copyMembers appends those members that the element has.
func copyMembers(dst, raw []byte, names ...string) []byte {
	for _, name := range names {
		if value := wire.Get(raw, name); value != nil {
			dst = appendMember(dst, name, value)
		}
	}
	return dst
}
