package catalog

import (
	"strings"

	"github.com/sumun-mcp/sumun/internal/mcp"
)

// The short form of names is for hosts that hand names on to the API of a model as
// they are: those take letters, digits, _ and - only, and 64 characters with what
// the host has put before (design/protocol.md, guarantee 7).
//
// A short name is made of the full one and of nothing else: dots become two
// underscores, and where that would be ambiguous, too long or still not legal, the
// name is cut and gets a suffix. So it holds across restarts, is the same seen
// through another gateway, and changes when the full name changes.
//
// Full names come first. A short name that is the full name of something else is
// given to neither: it keeps its full name, and both get suffixes to their short
// ones. Who is shown short names finds nothing under the contested one, which may
// have meant the one before the other came; who is shown full names finds what has it.

const (
	// modelLimit is how long a name may be for the APIs of models.
	modelLimit = 64
	// hostPrefix is what Claude Code puts before a name, and Codex too, when the host
	// knows the gateway as `sumun client add` has it; other hosts put less.
	hostPrefix = "mcp__sumun__"
	// maxShort is what that leaves.
	maxShort = modelLimit - len(hostPrefix)
	// shortDot stands for a dot in a short name.
	shortDot = "__"
)

// shortOf returns the short form of a full name. Two names have the same only if
// one of them has no dot, or by a chance of one in four billion.
func shortOf(full string) string {
	short := strings.ReplaceAll(full, ".", shortDot)
	plain := short == full || strings.ReplaceAll(short, shortDot, ".") == full
	if plain && len(short) <= maxShort && legal(short) == short {
		return short
	}
	return shortSuffixed(full)
}

// shortSuffixed returns the short form that is given where the plain one cannot be.
func shortSuffixed(full string) string {
	short := legal(strings.ReplaceAll(full, ".", shortDot))
	return withSuffix(short, suffixOf("", full), maxShort)
}

// A named is what clients reach under one name.
type named struct {
	// entry has the name as its full or its short one.
	entry *Entry
	// contested says that the name would also be the short one of something else.
	contested bool
}

// Resolve returns the full name of the tool or prompt that a client calls by either
// form of its name. Naming is the form that the client is shown.
func (c *Catalog) Resolve(kind mcp.Kind, name string, naming mcp.Naming) (full string, ok bool) {
	if kind >= kinds {
		return "", false
	}
	n := c.names[kind][name]
	if n.entry == nil || n.contested && naming == mcp.ShortNames {
		return "", false
	}
	return n.entry.Name, true
}

// shorten gives the entries of a kind their short names; all have their full ones.
// What a claim asked for in vain counts too: its short form must not come to mean
// something else either.
func (c *Catalog) shorten(kind mcp.Kind, claims []*claim) {
	names, entries := c.names[kind], c.entries[kind]
	full := make(map[string]bool, len(claims))
	for _, cl := range claims {
		full[cl.plain], full[cl.entry.Name] = true, true
	}
	wanted := make(map[string]int, len(full))
	for name := range full {
		wanted[shortOf(name)]++
	}
	given := make(map[string]int, len(entries))
	for _, e := range entries {
		if e.Short = shortOf(e.Name); wanted[e.Short] > 1 {
			names[e.Short] = named{names[e.Short].entry, true}
			e.Short = shortSuffixed(e.Name)
		}
		given[e.Short]++
	}
	for _, e := range entries {
		if n := names[e.Short]; given[e.Short] == 1 && !n.contested && (n.entry == nil || n.entry == e) {
			names[e.Short] = named{entry: e}
			continue
		}
		names[e.Short] = named{names[e.Short].entry, true}
		c.warn(Warning{e.Dest.Server, kind, e.Dest.Name, "left out where short names are shown: " + e.Short + " would not be its alone"})
		e.Short = ""
	}
}
