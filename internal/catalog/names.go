package catalog

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// How tools and prompts get their names (design/protocol.md, guarantee 7).
//
// A name that only one entry claims is given as it is. A name that several claim
// is given to none of them: each gets it with a suffix made of its server and its
// own name. So a name never comes to mean something else because a server came
// or went, and the result does not depend on who came first. Only our own
// server keeps its names whatever others claim.
//
// A name that looks as if it had such a suffix gets one of its own in any case,
// so that nobody can take the place of another by guessing its suffix.
//
// URIs cannot be changed, since they stand in results too: the first server in
// file order keeps a URI, and the others' entries are left out.

// maxName is how long a tool's name may be (server/tools, "Tool Names").
const maxName = 128

// A claim is an entry that asks for a name.
type claim struct {
	entry     *Entry
	own       bool
	vouched   bool   // its suffix, if it has one, is no guess
	plain     string // the name it asks for
	suffixed  string // the name it gets when others ask for that one too
	contested bool
	void      bool // it gets neither name
}

func newClaim(s *Source, e *Entry) *claim {
	cl := &claim{entry: e, own: s.Own, vouched: s.Own || s.Gateway, plain: e.Name}
	if e.Kind != mcp.Tool && e.Kind != mcp.Prompt {
		return cl
	}
	if ours, ok := s.Rename[e.Name]; ok && e.Kind == mcp.Tool {
		cl.plain = ours
	}
	suffix := suffixOf(s.Server, e.Dest.Name)
	if s.Prefix != "" && (!s.Dotted || !strings.Contains(cl.plain, ".")) {
		cl.plain = legal(s.Prefix + "." + cl.plain)
		if len(cl.plain) > maxName {
			cl.plain = withSuffix(cl.plain, suffix, maxName)
		}
	}
	cl.suffixed = withSuffix(cl.plain, suffix, maxName)
	return cl
}

// suffixMark begins a suffix; digits of base 16 follow. A zero is rare there in names that people give.
const (
	suffixMark   = "_0"
	suffixDigits = 8
)

// suffixOf depends on the server and on its own name for the thing, and on nothing else.
func suffixOf(server, name string) string {
	sum := sha256.Sum256([]byte(server + "\x00" + name))
	return suffixMark + hex.EncodeToString(sum[:suffixDigits/2])
}

// looksSuffixed reports whether the name ends as suffixed names do.
func looksSuffixed(name string) bool {
	at := len(name) - len(suffixMark) - suffixDigits
	if at < 0 || !strings.HasPrefix(name[at:], suffixMark) {
		return false
	}
	return strings.Trim(name[at+len(suffixMark):], "0123456789abcdef") == ""
}

// withSuffix returns the name with the suffix, cut before it to at most that many bytes in all.
func withSuffix(name, suffix string, most int) string {
	keep := min(len(name), most-len(suffix))
	return strings.ToValidUTF8(name[:keep], "") + suffix
}

// legal returns the name with every character that a tool's name may not have replaced by an underscore.
func legal(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', r == '_', r == '-', r == '.':
			return r
		default:
			return '_'
		}
	}, name)
}

// settle gives the claims their names and takes them into the catalogue.
func (c *Catalog) settle(kind mcp.Kind, claims []*claim) {
	if kind == mcp.Tool || kind == mcp.Prompt {
		contest(claims)
	}
	taken := make(map[string]named, len(claims))
	for _, own := range [...]bool{true, false} {
		for _, cl := range claims {
			if cl.own == own {
				c.give(taken, cl)
			}
		}
	}
	c.names[kind] = taken
	c.entries[kind] = make([]*Entry, 0, len(taken))
	for _, cl := range claims {
		if taken[cl.entry.Name].entry == cl.entry {
			c.entries[kind] = append(c.entries[kind], cl.entry)
		}
	}
}

// contest finds out which claims do not get the name that they ask for.
func contest(claims []*claim) {
	first := make(map[string]*claim, len(claims))
	for _, cl := range claims {
		cl.contested = !cl.vouched && looksSuffixed(cl.plain)
		switch other := first[cl.plain]; {
		case other == nil:
			first[cl.plain] = cl
		case other.own:
			cl.contested = true
		case cl.own:
			other.contested = true
			first[cl.plain] = cl
		default:
			cl.contested, other.contested = true, true
		}
	}
	suffixed := map[string]*claim{}
	for _, cl := range claims {
		if !cl.contested {
			continue
		}
		if other := suffixed[cl.suffixed]; other != nil { // by chance once in four billion, or by malice
			cl.void, other.void = true, true
		}
		suffixed[cl.suffixed] = cl
	}
}

// give gives the claim its name, unless that is taken.
func (c *Catalog) give(taken map[string]named, cl *claim) {
	e, name := cl.entry, cl.plain
	if cl.contested {
		name = cl.suffixed
	}
	warn := func(problem string) { c.warn(Warning{e.Dest.Server, e.Kind, e.Dest.Name, problem}) }
	if cl.void {
		warn("left out: another one has the same name with the same suffix")
		return
	}
	if other := taken[name].entry; other != nil {
		warn("left out: " + other.Dest.Server + " has that name or URI already")
		return
	}
	if name != cl.plain {
		warn(cl.plain + " is not its alone, so it is offered as " + name)
	}
	taken[name] = named{entry: e}
	e.Name = name
	if name != e.Dest.Name {
		e.Raw = renamed(e.Raw, shelves[e.Kind].name, name)
	}
}

// renamed returns the element with another value of the member that names it, and otherwise byte for byte the same.
func renamed(raw []byte, member, name string) []byte {
	for m := range wire.MemberSpans(raw) {
		if wire.KeyEqual(raw[m.Key.Start:m.Key.End], member) {
			quoted := wire.AppendQuote(make([]byte, 0, len(name)+2), name)
			return wire.AppendPatched(make([]byte, 0, len(raw)+len(quoted)), raw, wire.Patch{Span: m.Value, With: quoted})
		}
	}
	return raw
}
