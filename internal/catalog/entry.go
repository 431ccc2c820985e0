package catalog

import (
	"bytes"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// kinds is how many kinds of entries there are.
const kinds = mcp.Template + 1

// A shelf is what differs between the kinds.
type shelf struct {
	member   string // of the list result
	name     string // the member of an element by which it is addressed
	elements func(*mcp.Listing) [][]byte
	fault    func(raw []byte) string // what is wrong with an element, "" if nothing
}

var shelves = [kinds]shelf{
	mcp.Tool:     {"tools", "name", func(l *mcp.Listing) [][]byte { return l.Tools }, toolFault},
	mcp.Prompt:   {"prompts", "name", func(l *mcp.Listing) [][]byte { return l.Prompts }, promptFault},
	mcp.Resource: {"resources", "uri", func(l *mcp.Listing) [][]byte { return l.Resources }, resourceFault},
	mcp.Template: {"resourceTemplates", "uriTemplate", func(l *mcp.Listing) [][]byte { return l.Templates }, resourceFault},
}

// hidden says what of an element must not be shown to clients of some revisions.
type hidden struct {
	output    bool // an outputSchema for something else than an object
	execution bool // execution, from clients of the era that the server does not speak
	task      bool // execution, from everybody: it offers tasks, which the server does not have
	modern    bool // no part: the server speaks the modern era
}

// read appends what the source offers of that kind, each with the name it claims.
func (c *Catalog) read(claims []*claim, s *Source, kind mcp.Kind) []*claim {
	if s.Listing == nil {
		return claims
	}
	elements := shelves[kind].elements(s.Listing)
	seen := make(map[string]bool, len(elements))
	for _, raw := range elements {
		name, fault := elementName(raw, kind)
		if kind == mcp.Tool && name != "" && !s.allows(name) {
			continue
		}
		if fault == "" && seen[name] {
			fault = "the server lists it twice; the first one counts"
		}
		var e *Entry
		if fault == "" {
			e, fault = s.entry(kind, name, raw)
		}
		if fault != "" {
			c.warn(Warning{s.Server, kind, name, "left out: " + fault})
			continue
		}
		seen[name] = true
		if kind == mcp.Tool && c.options.Identify != nil {
			e.meta = c.options.Identify(s.Server, raw)
		}
		if c.options.Held != nil && !s.Own {
			e.Held, e.known = c.options.Held(s.Server, kind, name, raw)
		}
		claims = append(claims, newClaim(s, e))
	}
	return claims
}

// allows reports whether the tool is one of those to offer.
func (s *Source) allows(tool string) bool {
	if s.Allow == nil {
		return true
	}
	for _, pattern := range s.Allow {
		if mcp.Match(pattern, tool) {
			return true
		}
	}
	return false
}

// elementName returns what the server calls an element, and what is wrong with the element.
func elementName(raw []byte, kind mcp.Kind) (name, fault string) {
	if !isObject(raw) {
		return "", "it is not an object"
	}
	member := shelves[kind].name
	if name = text(raw, member); name == "" {
		return "", "its " + member + " is not a string or empty"
	}
	return name, shelves[kind].fault(raw)
}

// entry makes the entry of an element that is fine so far; it still has the server's name.
func (s *Source) entry(kind mcp.Kind, name string, raw []byte) (e *Entry, fault string) {
	e = &Entry{
		Kind: kind, Name: name, Raw: raw, Said: raw,
		Dest: mcp.Destination{Server: s.Server, Name: name, Timeout: s.Timeout, Version: s.Listing.Version},
	}
	if kind != mcp.Tool {
		return e, ""
	}
	schema := wire.Get(raw, "inputSchema")
	if bytes.Contains(raw, []byte("x-mcp-header")) || bytes.Contains(raw, []byte(`\u`)) {
		params, err := mcp.HeaderParams(schema)
		if err != nil && s.HTTP {
			return nil, err.Error()
		}
		e.Dest.Headers = params
	}
	e.inputs = &inputs{schema: schema}
	e.ReadOnly = isTrue(wire.Get(wire.Get(raw, "annotations"), "readOnlyHint"))
	e.Dest.Repeatable = s.TrustAnnotations && isRepeatable(wire.Get(raw, "annotations"))
	e.hidden.execution = wire.Get(raw, "execution") != nil
	e.hidden.modern = speaksModern(s.Listing)
	if output := wire.Get(raw, "outputSchema"); output != nil {
		e.hidden.output = text(output, "type") != "object"
	}
	return e, ""
}

func speaksModern(l *mcp.Listing) bool { return l.Revision != nil && l.Revision.Stateless }

func isRepeatable(annotations []byte) bool {
	return isTrue(wire.Get(annotations, "readOnlyHint")) || isTrue(wire.Get(annotations, "idempotentHint"))
}

// toolFault returns what would make a client refuse the whole list, so that the
// tool is better left out.
func toolFault(raw []byte) string {
	switch input := wire.Get(raw, "inputSchema"); {
	case !isObject(input):
		return "its inputSchema is not an object"
	case text(input, "type") != "object":
		return `the type of its inputSchema is not "object"`
	}
	if output := wire.Get(raw, "outputSchema"); output != nil && !isObject(output) {
		return "its outputSchema is not an object"
	}
	return ""
}

func promptFault(raw []byte) string {
	if arguments := wire.Get(raw, "arguments"); arguments != nil && arguments[0] != '[' {
		return "its arguments are not an array"
	}
	return ""
}

func resourceFault(raw []byte) string {
	if _, ok := wire.Unquote(wire.Get(raw, "name")); !ok {
		return "its name is not a string"
	}
	return ""
}

func isObject(raw []byte) bool {
	return len(raw) > 1 && raw[0] == '{' && raw[len(raw)-1] == '}'
}

func isTrue(raw []byte) bool { return string(raw) == "true" }
