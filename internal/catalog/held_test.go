package catalog_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sumun-mcp/sumun/internal/catalog"
	"github.com/sumun-mcp/sumun/internal/mcp"
)

// holding makes a catalogue in which what is described as new or changed is held back.
func holding(sources ...catalog.Source) *catalog.Catalog {
	return catalog.Build(sources, catalog.Options{
		Held: func(_ string, _ mcp.Kind, name string, said []byte) (string, bool) {
			switch text := string(said); {
			case strings.Contains(text, `"new"`):
				return "alert-" + name, false
			case strings.Contains(text, `"changed"`):
				return "alert-" + name, true
			}
			return "", false
		},
		HeldInstructions: func(server, _ string) bool { return server == "bad" },
	})
}

func held(server, prefix string, tools ...string) catalog.Source {
	l := &mcp.Listing{Instructions: "advice of " + server}
	for _, tool := range tools {
		name, description, _ := strings.Cut(tool, " ")
		l.Tools = append(l.Tools, []byte(`{"name":"`+name+`","description":"`+description+`","inputSchema":{"type":"object"}}`))
	}
	return catalog.Source{Server: server, Prefix: prefix, Listing: l}
}

// TestHeld holds back tools: no list shows them, no name finds them, and the names of others do not change because of a new one.
func TestHeld(t *testing.T) {
	t.Parallel()
	names := func(c *catalog.Catalog) (all []string) {
		for e := range c.Seen(mcp.Tool, &mcp.View{Whole: true}) {
			all = append(all, e.Name)
		}
		slices.Sort(all)
		return all
	}
	c := holding(held("one", "", "search fine", "a.b changed"), held("bad", "", "search new", "other fine"))
	if d := cmp.Diff([]string{"other", "search"}, names(c)); d != "" {
		t.Errorf("listed, -want +got\n%s", d)
	}
	if e, ok := c.Lookup(mcp.Tool, "search"); !ok || e.Dest.Server != "one" {
		t.Errorf("search is %+v", e)
	}
	for name, want := range map[string]string{"a.b": "alert-a.b", "a__b": "alert-a.b", "search": "", "other": "", "nothing": ""} {
		e, ok := c.HeldBack(mcp.Tool, name)
		if ok != (want != "") || ok && e.Held != want {
			t.Errorf("%s is held back: %t, %+v", name, ok, e)
		}
		if _, found := c.Lookup(mcp.Tool, name); found && ok {
			t.Errorf("%s is held back and can be called", name)
		}
		if _, found := c.Resolve(mcp.Tool, name, mcp.ShortNames); found && ok {
			t.Errorf("%s is held back and has a full name", name)
		}
	}
	things := slices.Collect(c.Held())
	if len(things) != 2 || things[0].Kind != "tool" || things[0].Name == things[1].Name {
		t.Errorf("held back: %+v", things)
	}
	// A changed tool keeps its claim: the other's name does not come to mean something else.
	c = holding(held("one", "", "search changed"), held("two", "", "search fine"))
	if e, ok := c.Lookup(mcp.Tool, "search"); ok {
		t.Errorf("search is %+v", e)
	}
	if got := names(c); len(got) != 1 || !strings.HasPrefix(got[0], "search_0") {
		t.Errorf("listed: %v", got)
	}
	if advice := holding(held("good", "g", "a fine"), held("bad", "b", "b fine")).Instructions(); strings.Contains(advice, "of bad") || !strings.Contains(advice, "of good") {
		t.Errorf("instructions: %s", advice)
	}
}

// TestHeldTemplate holds back a template: what fits it is held back too, unless something else has it.
func TestHeldTemplate(t *testing.T) {
	t.Parallel()
	s := catalog.Source{Server: "s", Listing: &mcp.Listing{
		Resources: [][]byte{[]byte(`{"uri":"note://1","name":"n"}`)},
		Templates: [][]byte{[]byte(`{"uriTemplate":"note://{id}","name":"n","description":"changed"}`)},
	}}
	c := holding(s)
	if _, ok := c.HeldBack(mcp.Resource, "note://1"); ok {
		t.Error("a resource that is listed is held back")
	}
	if e, ok := c.HeldBack(mcp.Resource, "note://2"); !ok || e.Held == "" {
		t.Error("what fits the template is not held back")
	}
	if _, ok := c.Lookup(mcp.Resource, "note://2"); ok {
		t.Error("what fits the template is found")
	}
}
