package access_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/sumun-mcp/sumun/internal/access"
	"github.com/sumun-mcp/sumun/internal/catalog"
	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// TestListsShowExactlyWhatMayBeUsed makes catalogues and scopes by chance. What a
// list shows must be what Lookup finds and the view sees, name by name, in both
// eras; only a scope with the verb list may show resources that it does not read.
func TestListsShowExactlyWhatMayBeUsed(t *testing.T) {
	for seed := range uint64(300) {
		random := rand.New(rand.NewPCG(seed, 7))
		names := universe(random)
		c := generate(random, names)
		view, listing := scopes(t, random, names)
		for kind, list := range map[mcp.Kind]string{mcp.Tool: "tools", mcp.Prompt: "prompts", mcp.Resource: "resources", mcp.Template: "resourceTemplates"} {
			for _, rev := range []*mcp.Revision{mcp.Latest(), mcp.LatestLegacy()} {
				shown := shownIn(c.List(kind, view, rev, mcp.FullNames).Value, list)
				for _, name := range slices.Concat(names, shown) {
					e, found := c.Lookup(kind, name)
					if kind == mcp.Resource && found && !slices.Contains(shownIn(c.List(kind, everything(), rev, mcp.FullNames).Value, list), e.Name) {
						continue // found by a template: nobody lists it
					}
					usable := found && view.Sees(kind, name)
					switch is := slices.Contains(shown, name); {
					case is == usable:
					case is && found && listing && kind >= mcp.Resource:
					default:
						t.Fatalf("seed %d: %s %q is listed: %v, usable: %v", seed, list, name, is, usable)
					}
				}
			}
		}
	}
}

func everything() *mcp.View { return &mcp.View{ID: "whole", Whole: true} }

// shownIn returns the names in a list.
func shownIn(result []byte, list string) []string {
	var names []string
	for element := range wire.Elements(wire.Get(result, list)) {
		for _, member := range []string{"uriTemplate", "uri", "name"} {
			if name, ok := wire.Unquote(wire.Get(element, member)); ok {
				names = append(names, name)
				break
			}
		}
	}
	return names
}

// universe returns names of which some will be there, some granted, and some both.
func universe(random *rand.Rand) []string {
	var names []string
	for range 12 {
		names = append(names,
			fmt.Sprintf("%c.%c", 'a'+random.IntN(3), 'x'+random.IntN(3)),
			fmt.Sprintf("%c%c", 'x'+random.IntN(3), 'x'+random.IntN(3)),
			fmt.Sprintf("f:/%c/%c", 'a'+random.IntN(3), 'x'+random.IntN(3)),
			fmt.Sprintf("f:/%c/../%c", 'a'+random.IntN(3), 'x'+random.IntN(3)),
			fmt.Sprintf("f:/%c/{v}", 'a'+random.IntN(3)))
	}
	return names
}

func generate(random *rand.Rand, names []string) *catalog.Catalog {
	var sources []catalog.Source
	for i := range 1 + random.IntN(4) {
		l := &mcp.Listing{Revision: mcp.LatestLegacy()}
		for range random.IntN(8) {
			name := names[random.IntN(len(names))]
			quoted := string(wire.AppendQuote(nil, name))
			l.Tools = append(l.Tools, []byte(`{"name":`+quoted+`,"inputSchema":{"type":"object"}}`))
			l.Prompts = append(l.Prompts, []byte(`{"name":`+quoted+`}`))
			l.Resources = append(l.Resources, []byte(`{"name":"r","uri":`+quoted+`}`))
			l.Templates = append(l.Templates, []byte(`{"name":"r","uriTemplate":`+quoted+`}`))
		}
		s := catalog.Source{Server: fmt.Sprint("server", i), Order: i, Listing: l, Own: i == 0}
		if random.IntN(2) == 0 {
			s.Prefix = string(rune('a' + random.IntN(3)))
		}
		sources = append(sources, s)
	}
	return catalog.Build(sources, catalog.Options{})
}

// scopes returns the view of a key with scopes made by chance, and whether one of them has the verb list.
func scopes(t *testing.T, random *rand.Rand, names []string) (view *mcp.View, listing bool) {
	t.Helper()
	granted := map[string]config.Scope{}
	var held []string
	for i, verb := range []string{"read", "list", "write", "invoke", "", "deny"} {
		if random.IntN(2) == 0 {
			continue
		}
		scope := fmt.Sprint(verb, ":", i)
		listing = listing || verb == "list"
		held = append(held, scope)
		list := []string{}
		for range random.IntN(5) {
			pattern := names[random.IntN(len(names))]
			if cut := random.IntN(len(pattern)); random.IntN(2) == 0 {
				pattern = pattern[:cut] + "*"
			}
			list = append(list, pattern)
		}
		granted[scope] = config.Scope{Names: list}
	}
	if held == nil {
		held = []string{}
	}
	a, err := access.New(access.Options{Keys: []access.Key{{Name: "k", Hash: access.HashKey("k"), Scopes: held}}, Scopes: granted})
	if err != nil {
		t.Fatal(err)
	}
	caller, refused := a.Bearer("k")
	if refused != nil {
		t.Fatal(refused)
	}
	return caller.View, listing
}
