package mcp

import "github.com/sumun-mcp/sumun/internal/wire"

// ParseRef reads the "ref" of a completion/complete: the kind and name of what is
// referred to. A ref/resource counts as Template, though it may also be the URI of
// one resource. It reports false for anything else.
func ParseRef(ref []byte) (kind Kind, name string, ok bool) {
	var member string
	switch of, _ := wire.Unquote(wire.Get(ref, "type")); of {
	case "ref/prompt":
		kind, member = Prompt, "name"
	case "ref/resource":
		kind, member = Template, "uri"
	default:
		return 0, "", false
	}
	name, ok = wire.Unquote(wire.Get(ref, member))
	return kind, name, ok
}
