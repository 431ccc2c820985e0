package catalog

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

func TestShortOf(t *testing.T) {
	suffixed := func(head, full string) string { return head + suffixOf("", full) }
	l50, l51, l53 := strings.Repeat("n", 50), strings.Repeat("n", 51), strings.Repeat("n", 53)
	tests := []struct{ full, want string }{
		{"files.read_file", "files__read_file"},
		{"google-drive.search", "google-drive__search"},
		{"calc.evaluate", "calc__evaluate"},
		{"a.b.c", "a__b__c"},
		{"echo", "echo"},
		{"a_b-C9", "a_b-C9"},
		{"a__b", "a__b"},
		{"a._b", "a___b"},
		{"a_.b", suffixed("a___b", "a_.b")},
		{"a.b__c", suffixed("a__b__c", "a.b__c")},
		{"a..b", "a____b"},
		{".", "__"},
		{l50 + "..", suffixed(l50[:42], l50+"..")},
		{"a." + l50[:49], "a__" + l50[:49]},
		{"a." + l50, suffixed("a__"+l50[:39], "a."+l50)},
		{l51 + "n", l51 + "n"},
		{l53, suffixed(l53[:42], l53)},
		{"ein Werkzeug!", suffixed("ein_Werkzeug_", "ein Werkzeug!")},
		{"도구", suffixed("__", "도구")},
		{"a.x_01a2b3c4d", "a__x_01a2b3c4d"},
	}
	for _, tt := range tests {
		if got := shortOf(tt.full); got != tt.want {
			t.Errorf("shortOf(%q) = %q, want %q", tt.full, got, tt.want)
		}
	}
}

// shorts tells the short names of a catalogue's entries, each with its destination.
func shorts(c *Catalog, kind mcp.Kind) []string {
	var all []string
	for _, e := range c.entries[kind] {
		all = append(all, e.Short+" = "+e.Dest.Server+":"+e.Dest.Name)
	}
	return all
}

func TestShortNames(t *testing.T) {
	suffix := func(full string) string { return suffixOf("", full) }
	tests := []struct {
		name    string
		sources []Source
		want    []string
	}{
		{"prefix", []Source{{Server: "a", Prefix: "a", Listing: offering("x", "y.z", "y_z")}}, []string{"a__x = a:x", "a__y__z = a:y.z", "a__y_z = a:y_z"}},
		{"no prefix", []Source{{Server: "a", Listing: offering("x", "y.z")}}, []string{"x = a:x", "y__z = a:y.z"}},
		{"rename", []Source{{Server: "a", Prefix: "a", Rename: map[string]string{"x": "better"}, Listing: offering("x")}}, []string{"a__better = a:x"}},
		{
			"where one server's name ends",
			[]Source{{Server: "a", Prefix: "a", Listing: offering("b__c")}, {Server: "a__b", Prefix: "a__b", Order: 1, Listing: offering("c")}},
			[]string{"a__b__c" + suffix("a.b__c") + " = a:b__c", "a__b__c" + suffix("a__b.c") + " = a__b:c"},
		},
		{
			"contested in full",
			[]Source{{Server: "a", Listing: offering("x")}, {Server: "b", Order: 1, Listing: offering("x")}},
			[]string{"x" + suffixOf("a", "x") + " = a:x", "x" + suffixOf("b", "x") + " = b:x"},
		},
		{
			"the full name of something else",
			[]Source{{Server: "a", Prefix: "a", Listing: offering("x")}, {Server: "b", Order: 1, Listing: offering("a__x")}},
			[]string{"a__x" + suffix("a.x") + " = a:x", "a__x" + suffix("a__x") + " = b:a__x"},
		},
		{
			"the full name of something else, even of our own",
			[]Source{{Server: "own", Own: true, Listing: offering("x.y", "z__z")}, {Server: "b", Order: 1, Listing: offering("x__y", "z.z")}},
			[]string{"x__y" + suffix("x.y") + " = own:x.y", "z__z" + suffix("z__z") + " = own:z__z", "x__y" + suffix("x__y") + " = b:x__y", "z__z" + suffix("z.z") + " = b:z.z"},
		},
		{
			"taken by who contests the full one",
			[]Source{{Server: "a", Prefix: "a", Listing: offering("x")}, {Server: "b", Order: 1, Listing: offering("a.x", "a__x")}},
			[]string{"a__x" + suffixOf("a", "x") + " = a:x", "a__x" + suffixOf("b", "a.x") + " = b:a.x", "a__x" + suffix("a__x") + " = b:a__x"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := Build(tt.sources, Options{})
			if diff := cmp.Diff(tt.want, shorts(c, mcp.Tool)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			checkNames(t, c, mcp.Tool)
		})
	}
}

// TestShortNamesAcrossABridge shows names through two gateways, of which either may shorten.
func TestShortNamesAcrossABridge(t *testing.T) {
	first := Build([]Source{
		{Server: "files", Prefix: "files", Listing: offering("read", "read.all", "a__b", strings.Repeat("long", 15))},
		{Server: "b", Order: 1, Listing: offering("x", "files.read")},
		{Server: "c", Order: 1, Listing: offering("x")},
	}, Options{})
	want := make([]string, 0, 8)
	for _, e := range first.entries[mcp.Tool] {
		want = append(want, e.Short)
	}
	for _, naming := range []mcp.Naming{mcp.FullNames, mcp.ShortNames} {
		l := &mcp.Listing{}
		for raw := range wire.Elements(wire.Get(first.List(mcp.Tool, everything, mcp.Latest(), naming).Value, "tools")) {
			l.Tools = append(l.Tools, raw)
		}
		second := Build([]Source{{Server: "gateway", Gateway: true, Listing: l}}, Options{})
		var got []string
		for _, e := range second.entries[mcp.Tool] {
			got = append(got, e.Short)
			if naming == mcp.ShortNames && e.Name != e.Short {
				t.Errorf("%s is shown as %s", e.Short, e.Name)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("given %s names (-want +got):\n%s", naming, diff)
		}
	}
}

// TestFullNamesWin calls a name that is the short one of a tool and the full one of another.
func TestFullNamesWin(t *testing.T) {
	victim := Source{Server: "a", Prefix: "a", Listing: offering("x")}
	rival := Source{Server: "b", Order: 1, Listing: offering("a__x")}
	c := Build([]Source{victim, rival}, Options{})
	if full, ok := c.Resolve(mcp.Tool, "a__x", mcp.FullNames); !ok || full != "a__x" {
		t.Errorf("to who is shown full names it is %q, %v", full, ok)
	}
	if full, ok := c.Resolve(mcp.Tool, "a__x", mcp.ShortNames); ok {
		t.Errorf("to who is shown short names it has come to mean %q", full)
	}
	if full, ok := Build([]Source{victim}, Options{}).Resolve(mcp.Tool, "a__x", mcp.FullNames); !ok || full != "a.x" {
		t.Errorf("alone it is %q, %v", full, ok)
	}
}

// checkNames looks whether all names of a kind, of either form, are legal, lead to their entry whoever asks, and to no other.
func checkNames(t *testing.T, c *Catalog, kind mcp.Kind) {
	t.Helper()
	owner := map[string]*Entry{}
	for _, e := range c.entries[kind] {
		if e.Short == "" || len(e.Short) > 52 || strings.Trim(e.Short, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") != "" {
			t.Errorf("the short name of %q is %q", e.Name, e.Short)
		}
		for _, name := range []string{e.Name, e.Short} {
			if other := owner[name]; other != nil && other != e {
				t.Errorf("%q is a name of %+v and of %+v", name, e.Dest, other.Dest)
			}
			owner[name] = e
		}
	}
	for name, e := range owner {
		for _, naming := range []mcp.Naming{mcp.FullNames, mcp.ShortNames, ""} {
			full, ok := c.Resolve(kind, name, naming)
			if contested := c.names[kind][name].contested && name == e.Name && naming == mcp.ShortNames; ok == contested || ok && full != e.Name {
				t.Errorf("Resolve(%q, %s) = %q, %v, want %q", name, naming, full, ok, e.Name)
			}
		}
		if got, ok := c.Lookup(kind, name); ok != (name == e.Name) || ok && got != e {
			t.Errorf("Lookup(%q) = %v, %v", name, got, ok)
		}
	}
}

// anyName returns a name such as servers have, and such as they should not have.
func anyName(random *rand.Rand) string {
	parts := []string{"a", "b", "x", "_", "__", ".", "-", "é", " ", "read", strings.Repeat("long", 11), suffixOf("a", "x")}
	var name strings.Builder
	for range 1 + random.IntN(4) {
		name.WriteString(parts[random.IntN(len(parts))])
	}
	return name.String()
}

func anyListing(random *rand.Rand) *mcp.Listing {
	l := &mcp.Listing{}
	for range random.IntN(8) {
		name := anyName(random)
		l.Tools = append(l.Tools, aTool(name))
		l.Prompts = append(l.Prompts, append(wire.AppendQuote([]byte(`{"name":`), name), '}'))
	}
	return l
}

// TestNoTwoShareAName makes catalogues by chance.
func TestNoTwoShareAName(t *testing.T) {
	for seed := range uint64(500) {
		random := rand.New(rand.NewPCG(seed, 1))
		sources := []Source{{Server: "built in", Own: true, Listing: anyListing(random)}}
		for i, server := range []string{"a", "b", "a__b", "a_"} {
			s := Source{Server: server, Order: i, Listing: anyListing(random)}
			s.Prefix = []string{server, "", "p"}[random.IntN(3)]
			sources = append(sources, s)
		}
		c := Build(sources, Options{})
		checkNames(t, c, mcp.Tool)
		checkNames(t, c, mcp.Prompt)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// TestOthersChangeNoName adds and removes servers. With prefixes of their own, as by
// default, no name of either form changes; with any, no name that was shown comes to
// mean something else.
func TestOthersChangeNoName(t *testing.T) {
	for seed := range uint64(300) {
		random := rand.New(rand.NewPCG(seed, 2))
		own := Source{Server: "built in", Own: true, Listing: anyListing(random)}
		var prefixed, free []Source
		for i, server := range []string{"a", "b", "a__b", "a_", "x-long-name-of-a-server-that-leaves-little-room-for-its-tools"} {
			s := Source{Server: server, Prefix: server, Order: i, Listing: anyListing(random)}
			prefixed = append(prefixed, s)
			s.Prefix = []string{"", "a", "b"}[random.IntN(3)]
			free = append(free, s)
		}
		whole := Build(prefixed, Options{})
		for _, s := range prefixed {
			alone := Build([]Source{s}, Options{})
			names := slices.Concat(where(whole, mcp.Tool), shorts(whole, mcp.Tool))
			for _, name := range slices.Concat(where(alone, mcp.Tool), shorts(alone, mcp.Tool)) {
				if !slices.Contains(names, name) {
					t.Fatalf("seed %d: %s is no more when others are there", seed, name)
				}
			}
		}
		all := Build(append(free, own), Options{})
		for n := range free {
			random.Shuffle(len(free), func(i, j int) { free[i], free[j] = free[j], free[i] })
			part := Build(append(slices.Clone(free[:n]), own), Options{})
			sameMeaning(t, part, all)
			sameMeaning(t, all, part)
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// sameMeaning looks whether what clients were shown under a name is that or nothing
// afterwards. A full name that is gone may become a short one, which those who are
// shown full names are not shown.
func sameMeaning(t *testing.T, before, after *Catalog) {
	t.Helper()
	for _, e := range before.entries[mcp.Tool] {
		for naming, name := range map[mcp.Naming]string{mcp.FullNames: e.Name, mcp.ShortNames: e.Short} {
			full, ok := after.Resolve(mcp.Tool, name, naming)
			if !ok || naming == mcp.FullNames && full != name {
				continue
			}
			if now, _ := after.Lookup(mcp.Tool, full); now.Dest.Server != e.Dest.Server || now.Dest.Name != e.Dest.Name {
				t.Errorf("%s, shown by %s names, was %s:%s and is %s:%s", name, naming, e.Dest.Server, e.Dest.Name, now.Dest.Server, now.Dest.Name)
			}
		}
	}
}

func TestListsWithShortNames(t *testing.T) {
	listing := offering("x", "y")
	listing.Tools = append(listing.Tools, []byte(`{"n\u0061me" : "z","inputSchema":{"type":"object"},"execution":{},"big":1.0}`))
	listing.Prompts = [][]byte{[]byte(`{"name":"p"}`)}
	listing.Resources = [][]byte{aResource("x:1")}
	c := Build([]Source{{Server: "a", Prefix: "a", Listing: listing}}, Options{})
	view := &mcp.View{ID: "v", Allow: func(_ mcp.Kind, name string) bool { return name != "a.y" && !strings.Contains(name, "__") }}
	tests := []struct {
		kind mcp.Kind
		rev  *mcp.Revision
		want string
	}{
		{mcp.Tool, mcp.LatestLegacy(), `{"tools":[` + string(aTool("a__x")) + `,{"n\u0061me" : "a__z","inputSchema":{"type":"object"},"execution":{},"big":1.0}]}`},
		{mcp.Tool, mcp.Latest(), `{"resultType":"complete","tools":[` + string(aTool("a__x")) + `,{"n\u0061me" : "a__z","inputSchema":{"type":"object"},"big":1.0}],"ttlMs":0,"cacheScope":"private"}`},
		{mcp.Prompt, mcp.LatestLegacy(), `{"prompts":[{"name":"a__p"}]}`},
		{mcp.Resource, mcp.LatestLegacy(), `{"resources":[` + string(aResource("x:1")) + `]}`},
	}
	for _, tt := range tests {
		before := string(c.List(tt.kind, view, tt.rev, mcp.FullNames).Value)
		if diff := cmp.Diff(tt.want, string(c.List(tt.kind, view, tt.rev, mcp.ShortNames).Value)); diff != "" {
			t.Errorf("kind %d (-want +got):\n%s", tt.kind, diff)
		}
		if after := string(c.List(tt.kind, view, tt.rev, "").Value); after != before || strings.Contains(after, "__") {
			t.Errorf("kind %d with full names: %s", tt.kind, after)
		}
	}
	if n := testing.AllocsPerRun(100, func() { c.List(mcp.Tool, view, mcp.Latest(), mcp.ShortNames) }); n != 0 {
		t.Errorf("%v allocations in the second list", n)
	}
}

// TestShortNamesAreNews compares catalogues in which nothing but a short name differs.
func TestShortNamesAreNews(t *testing.T) {
	prompts := func(names ...string) *mcp.Listing {
		l := &mcp.Listing{}
		for _, name := range names {
			l.Prompts = append(l.Prompts, append(wire.AppendQuote([]byte(`{"name":`), name), '}'))
		}
		return l
	}
	c := Build([]Source{{Server: "a", Prefix: "a", Listing: prompts("x")}}, Options{})
	c.entries[mcp.Prompt][0].Short = "other"
	if c.Same(mcp.Prompt, Build([]Source{{Server: "a", Prefix: "a", Listing: prompts("x")}}, Options{})) {
		t.Error("another short name is the same list")
	}
}

// FuzzShortOf looks for names whose short forms are illegal, too long, or one.
func FuzzShortOf(f *testing.F) {
	f.Add("a.b", "a__b")
	f.Add("a_.b", "a._b")
	f.Add("도구.\xff", strings.Repeat("x", 53))
	f.Fuzz(func(t *testing.T, a, b string) {
		l := offering()
		for _, name := range []string{a, b, a + "." + b, a + "__" + b} {
			if name != "" {
				l.Tools = append(l.Tools, aTool(name))
			}
		}
		for _, prefix := range []string{"", "p"} {
			c := Build([]Source{{Server: "p", Prefix: prefix, Listing: l}, {Server: "q", Listing: l, Order: 1}}, Options{})
			checkNames(t, c, mcp.Tool)
		}
	})
}

func BenchmarkResolve(b *testing.B) {
	c := Build([]Source{{Server: "s", Prefix: "s", Listing: many(1000)}}, Options{})
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := c.Resolve(mcp.Tool, "s__tool_500", mcp.ShortNames); !ok {
			b.Fatal("not found")
		}
	}
}
