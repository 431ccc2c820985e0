package access

import (
	"slices"
	"strings"

	"github.com/sumun-mcp/sumun/internal/mcp"
)

// denyVerb is the verb of scopes that take away.
const denyVerb = "deny"

// A denial is what is withheld. Where a grant must fit exactly, a denial fits whatever a server might take for the same thing: it
// compares without case, decodes percent signs, and looks past empty segments and dots in URIs.
type denial struct {
	names, uris patterns
	roots       []string // of files, see spellings
}

func newDenial(list patterns, roots []string) *denial {
	d := &denial{names: make(patterns, len(list)), uris: make(patterns, len(list)), roots: roots}
	for i, pattern := range list {
		d.names[i] = strings.ToLower(pattern)
		d.uris[i] = plain(pattern)
	}
	return d
}

// denies reports whether the thing of that kind and name is withheld. It implements mcp.View.Deny: the verb makes no difference.
func (d *denial) denies(kind mcp.Kind, name string, _ mcp.Verb) bool {
	if kind == mcp.Tool || kind == mcp.Prompt {
		return d.names.match(strings.ToLower(name))
	}
	all, ok := spellings(name, d.roots)
	return !ok || slices.ContainsFunc(all, d.deniesURI)
}

func (d *denial) deniesURI(name string) bool {
	if climbs(name) { // where it leads, nobody can tell
		return true
	}
	uri := plain(name)
	if cut := strings.IndexAny(uri, "?#"); cut >= 0 && d.uris.match(uri[:cut]) {
		return true
	}
	return d.uris.match(uri)
}

// plain returns one form for the URIs that a server might take for the same.
func plain(uri string) string {
	for range 3 {
		decoded := unescape(uri)
		if decoded == uri {
			break
		}
		uri = decoded
	}
	uri = strings.ReplaceAll(strings.ToLower(uri), `\`, "/")
	scheme, rest, ok := strings.Cut(uri, "://")
	if !ok {
		scheme, rest = "", uri
	}
	segments := strings.Split(rest, "/")
	kept := segments[:0]
	for i, s := range segments {
		if s == "." || s == "" && i > 0 && i < len(segments)-1 {
			continue
		}
		kept = append(kept, s)
	}
	if rest = strings.Join(kept, "/"); ok {
		return scheme + "://" + rest
	}
	return rest
}
