package access

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/sumun-mcp/sumun/internal/keyring"
	"github.com/sumun-mcp/sumun/internal/mcp"
)

// rights are what some scopes grant together, as names and patterns. A scope's
// verb is what stands before its first colon. It matters for resources only: read
// reads and lists them, list lists them, write writes them, and any other grants
// none. Tools and prompts are granted whatever the verb.
//
// The verb deny takes away what it lists, of every kind, whatever other scopes grant.
type rights struct {
	// all grants everything that is not denied.
	all                            bool
	names, read, list, write, deny patterns
	// roots are the names of the directories whose files are offered.
	roots []string
	// clauses are the scopes with conditions.
	clauses []clause
	// steps are scopes that are lacking and can be asked for.
	steps []step

	// id is what no other rights have, and denial what is denied in any case, nil for nothing; settle makes both.
	id     string
	denial *denial
}

// rights returns what the scopes are together; one that does not exist is nothing.
func (a *Access) rights(scopes []string) *rights {
	r := &rights{all: slices.Contains(scopes, keyring.Everything), roots: a.roots}
	for _, scope := range scopes {
		if when := a.when[scope]; when != nil {
			r.clauses = append(r.clauses, newClause(scope, a.scopes[scope].Names, when, a.roots))
			continue
		}
		r.add(scope, a.scopes[scope].Names)
	}
	return r
}

// settle makes of what was added what is asked for.
func (r *rights) settle() {
	for _, p := range []*patterns{&r.names, &r.read, &r.list, &r.write, &r.deny} {
		*p = p.sorted()
	}
	if len(r.deny) > 0 {
		r.denial = newDenial(r.deny, r.roots)
	}
	further := patterns{strconv.FormatBool(r.all)}
	for i := range r.clauses {
		c := &r.clauses[i]
		further = append(further, c.scope+" "+c.id+" "+c.when.String())
	}
	for _, s := range r.steps {
		further = append(further, s.scope+" "+s.view.ID)
	}
	r.id = identify(r.names, r.read, r.list, r.write, r.deny, further)
}

func (r *rights) add(scope string, list []string) {
	verb, _, _ := strings.Cut(scope, ":")
	if verb == denyVerb {
		r.deny = append(r.deny, list...)
		return
	}
	r.names = append(r.names, list...)
	switch verb {
	case "read":
		r.read = append(r.read, list...)
		r.list = append(r.list, list...)
	case "list":
		r.list = append(r.list, list...)
	case "write":
		r.write = append(r.write, list...)
	}
}

// view returns the view of the rights. Equal rights give views with equal IDs, in whatever order they were written. Where there are
// clauses it is the least that they can come to, and At returns what they come to at a call.
func (r *rights) view() *mcp.View {
	r.settle()
	if r.all && len(r.deny)+len(r.clauses) == 0 {
		return whole()
	}
	v := &mcp.View{
		ID:    r.id,
		Allow: func(kind mcp.Kind, name string) bool { return r.plainly(kind, name, mcp.Use(kind)) },
		List:  func(kind mcp.Kind, name string) bool { return r.plainly(kind, name, mcp.ToList) },
		Write: func(uri string) bool { return r.plainly(mcp.Resource, uri, mcp.ToWrite) },
	}
	deny := r.deny
	for i := range r.clauses {
		deny = append(slices.Clip(deny), r.clauses[i].deny...)
	}
	if len(deny) > 0 {
		v.Deny = newDenial(deny, r.roots).denies
	}
	r.offer(v, nil)
	if r.depends() {
		v.At = r.at
	}
	return v
}

// plainly reports whether a scope without a condition grants that.
func (r *rights) plainly(kind mcp.Kind, name string, verb mcp.Verb) bool {
	switch {
	case r.all:
		return true
	case kind == mcp.Tool || kind == mcp.Prompt:
		return r.names.match(name)
	case kind != mcp.Resource && kind != mcp.Template:
		return false
	case verb == mcp.ToWrite:
		return r.write.matchURI(name)
	case verb == mcp.ToList:
		return r.list.matchURI(name)
	}
	return r.read.matchURI(name)
}

// whole returns the view that hides nothing.
func whole() *mcp.View { return &mcp.View{ID: "whole", Whole: true} }

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
