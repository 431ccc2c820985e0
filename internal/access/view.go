package access

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/sumun-mcp/sumun/internal/mcp"
)

// grants are what some scopes grant together, as names and patterns. A scope's
// verb is what stands before its first colon. It matters for resources only: read
// reads and lists them, list lists them, write writes them, and any other grants
// none. Tools and prompts are granted whatever the verb.
//
// The verb deny takes away what it lists, of every kind, whatever other scopes grant.
type grants struct{ names, read, list, write, deny patterns }

func (g *grants) add(scope string, list []string) {
	verb, _, _ := strings.Cut(scope, ":")
	if verb == denyVerb {
		g.deny = append(g.deny, list...)
		return
	}
	g.names = append(g.names, list...)
	switch verb {
	case "read":
		g.read = append(g.read, list...)
		g.list = append(g.list, list...)
	case "list":
		g.list = append(g.list, list...)
	case "write":
		g.write = append(g.write, list...)
	}
}

// view returns the view of the grants. Equal grants give views with equal IDs, in whatever order they were written.
func (g *grants) view() *mcp.View {
	names, read, list, write := g.names.sorted(), g.read.sorted(), g.list.sorted(), g.write.sorted()
	v := &mcp.View{
		ID: identify(names, read, list, write, g.deny.sorted()),
		Allow: func(kind mcp.Kind, name string) bool {
			return granted(kind, name, names, read)
		},
		List: func(kind mcp.Kind, name string) bool {
			return granted(kind, name, names, list)
		},
		Write: write.matchURI,
	}
	if len(g.deny) > 0 {
		v.Deny = newDenial(g.deny.sorted()).denies
	}
	return v
}

// whole returns the view that hides nothing.
func whole() *mcp.View { return &mcp.View{ID: "whole", Whole: true} }

func granted(kind mcp.Kind, name string, names, resources patterns) bool {
	switch kind {
	case mcp.Tool, mcp.Prompt:
		return names.match(name)
	case mcp.Resource, mcp.Template:
		return resources.matchURI(name)
	default:
		return false
	}
}

// identify returns the same short text for the same lists, and for no others.
func identify(lists ...patterns) string {
	h := sha256.New()
	for _, list := range lists {
		fmt.Fprintf(h, "%q", []string(list))
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// patterns are names and patterns with *, of which one suffices.
type patterns []string

func (p patterns) sorted() patterns {
	sorted := slices.Sorted(slices.Values(p))
	return slices.Compact(sorted)
}

func (p patterns) match(name string) bool {
	for _, pattern := range p {
		if mcp.Match(pattern, name) {
			return true
		}
	}
	return false
}

// matchURI is match for URIs. A URI that climbs (..) fits no pattern with *, only
// an entry that is exactly it: where it leads, the pattern cannot tell.
func (p patterns) matchURI(uri string) bool {
	climbs := climbs(uri)
	for _, pattern := range p {
		if pattern == uri || !climbs && mcp.Match(pattern, uri) {
			return true
		}
	}
	return false
}

// climbs reports whether some server might find a segment ".." in the URI:
// written out or with percent signs, even twice, between slashes of either kind.
func climbs(uri string) bool {
	for range 3 {
		if hasParent(uri) {
			return true
		}
		decoded := unescape(uri)
		if decoded == uri {
			return false
		}
		uri = decoded
	}
	return true // percent signs behind percent signs have no good reason
}

func hasParent(uri string) bool {
	for segment := range strings.FieldsFuncSeq(uri, func(r rune) bool { return strings.ContainsRune(`/\?#;`, r) }) {
		if segment == ".." {
			return true
		}
	}
	return false
}

// unescape decodes percent signs once and leaves what is none alone.
func unescape(uri string) string {
	if !strings.Contains(uri, "%") {
		return uri
	}
	decoded := make([]byte, 0, len(uri))
	for i := 0; i < len(uri); i++ {
		if uri[i] == '%' && i+2 < len(uri) {
			if b, err := hex.DecodeString(uri[i+1 : i+3]); err == nil {
				decoded = append(decoded, b[0])
				i += 2
				continue
			}
		}
		decoded = append(decoded, uri[i])
	}
	return string(decoded)
}
