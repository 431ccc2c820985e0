package catalog

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

var everything = &mcp.View{ID: "whole", Whole: true}

func aTool(name string) []byte {
	return append(wire.AppendQuote([]byte(`{"name":`), name), `,"inputSchema":{"type":"object"}}`...)
}

func offering(names ...string) *mcp.Listing {
	l := &mcp.Listing{Revision: mcp.LatestLegacy()}
	for _, name := range names {
		l.Tools = append(l.Tools, aTool(name))
	}
	return l
}

func aResource(uri string) []byte {
	return append(wire.AppendQuote([]byte(`{"name":"r","uri":`), uri), '}')
}

func aTemplate(uri string) []byte {
	return append(wire.AppendQuote([]byte(`{"name":"r","uriTemplate":`), uri), '}')
}

// where tells the names of a catalogue's entries, each with its destination.
func where(c *Catalog, kind mcp.Kind) []string {
	var all []string
	for _, e := range c.entries[kind] {
		all = append(all, e.Name+" = "+e.Dest.Server+":"+e.Dest.Name)
	}
	return all
}

func problems(c *Catalog) []string {
	var all []string
	for _, w := range c.Warnings() {
		all = append(all, w.Server+":"+w.Name+": "+w.Problem)
	}
	return all
}

func TestNames(t *testing.T) {
	long := strings.Repeat("n", 128)
	tests := []struct {
		name    string
		sources []Source
		want    []string
	}{
		{"prefix", []Source{{Server: "a", Prefix: "a", Listing: offering("x", "y.z")}}, []string{"a.x = a:x", "a.y.z = a:y.z"}},
		{"other prefix", []Source{{Server: "a", Prefix: "p", Listing: offering("x")}}, []string{"p.x = a:x"}},
		{"no prefix leaves names alone", []Source{{Server: "a", Listing: offering("x", "ein Werkzeug!")}}, []string{"x = a:x", "ein Werkzeug! = a:ein Werkzeug!"}},
		{"illegal characters", []Source{{Server: "a", Prefix: "a", Listing: offering("x y/ä")}}, []string{"a.x_y__ = a:x y/ä"}},
		{"rename", []Source{{Server: "a", Prefix: "a", Rename: map[string]string{"x": "better"}, Listing: offering("x")}}, []string{"a.better = a:x"}},
		{"rename without a prefix", []Source{{Server: "a", Rename: map[string]string{"x": "better"}, Listing: offering("x")}}, []string{"better = a:x"}},
		{"allow", []Source{{Server: "a", Prefix: "a", Allow: []string{"list_*", "x"}, Listing: offering("x", "y", "list_all")}}, []string{"a.x = a:x", "a.list_all = a:list_all"}},
		{"allow nothing", []Source{{Server: "a", Allow: []string{}, Listing: offering("x")}}, nil},
		{"file order", []Source{{Server: "a", Order: 2, Listing: offering("x")}, {Server: "b", Order: 1, Listing: offering("y")}}, []string{"y = b:y", "x = a:x"}},
		{"too long", []Source{{Server: "a", Prefix: "a", Listing: offering(long)}}, []string{"a." + long[:116] + suffixOf("a", long) + " = a:" + long}},
		{
			"collision",
			[]Source{{Server: "a", Listing: offering("x", "y")}, {Server: "b", Order: 1, Listing: offering("x")}},
			[]string{"x" + suffixOf("a", "x") + " = a:x", "y = a:y", "x" + suffixOf("b", "x") + " = b:x"},
		},
		{
			"collision within a server",
			[]Source{{Server: "a", Prefix: "a", Listing: offering("x y", "x_y")}},
			[]string{"a.x_y" + suffixOf("a", "x y") + " = a:x y", "a.x_y" + suffixOf("a", "x_y") + " = a:x_y"},
		},
		{
			"our own keep theirs",
			[]Source{{Server: "a", Order: -1, Listing: offering("x")}, {Server: "own", Own: true, Listing: offering("x")}},
			[]string{"x" + suffixOf("a", "x") + " = a:x", "x = own:x"},
		},
		{"a suffix that may be a guess", []Source{{Server: "a", Listing: offering("x_01a2b3c4d")}}, []string{"x_01a2b3c4d" + suffixOf("a", "x_01a2b3c4d") + " = a:x_01a2b3c4d"}},
		{"across a bridge", []Source{{Server: "a", Gateway: true, Listing: offering("x_01a2b3c4d")}}, []string{"x_01a2b3c4d = a:x_01a2b3c4d"}},
		{"no server yet", []Source{{Server: "a"}}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := Build(tt.sources, Options{})
			if diff := cmp.Diff(tt.want, where(c, mcp.Tool)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			for _, e := range c.entries[mcp.Tool] {
				if len(e.Name) > maxName {
					t.Errorf("%s has %d bytes", e.Name, len(e.Name))
				}
				if got := text(e.Raw, "name"); got != e.Name {
					t.Errorf("the element of %s says %s", e.Name, got)
				}
				if got, ok := c.Lookup(mcp.Tool, e.Name); !ok || got != e {
					t.Errorf("Lookup(%s) does not find it", e.Name)
				}
			}
		})
	}
}

// TestAGuessedSuffixTakesNoPlace has a server declare the very name that another's tool gets in a collision.
func TestAGuessedSuffixTakesNoPlace(t *testing.T) {
	guess := "x" + suffixOf("a", "x")
	b := Source{Server: "b", Listing: offering("x", guess)}
	want := []string{"x = b:x", guess + suffixOf("b", guess) + " = b:" + guess}
	if diff := cmp.Diff(want, where(Build([]Source{b}, Options{}), mcp.Tool)); diff != "" {
		t.Errorf("alone (-want +got):\n%s", diff)
	}
	want = []string{"x" + suffixOf("b", "x") + " = b:x", want[1], guess + " = a:x"}
	both := Build([]Source{b, {Server: "a", Order: 1, Listing: offering("x")}}, Options{})
	if diff := cmp.Diff(want, where(both, mcp.Tool)); diff != "" {
		t.Errorf("both (-want +got):\n%s", diff)
	}
}

// TestOrderOfArrival builds the same catalogue from every permutation, and looks
// whether a name ever means something else because a server is missing.
func TestOrderOfArrival(t *testing.T) {
	sources := []Source{
		{Server: "a", Order: 1, Listing: offering("x", "y", "x"+suffixOf("b", "x"))},
		{Server: "b", Order: 2, Listing: offering("x", "z")},
		{Server: "c", Order: 2, Prefix: "c", Listing: offering("x", "x!", "x?")},
		{Server: "own", Own: true, Listing: offering("y")},
	}
	whole := Build(sources, Options{})
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		shuffled := slices.Clone(sources)
		random.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		for n := range shuffled {
			part := Build(shuffled[:n+1], Options{})
			for _, e := range part.entries[mcp.Tool] {
				other, ok := whole.Lookup(mcp.Tool, e.Name)
				// Our own server is always there: what others offer without it does not count.
				if ok && other.Dest.Server != "own" && !cmp.Equal(e.Dest, other.Dest) {
					t.Errorf("%s is %s:%s and becomes %s:%s", e.Name, e.Dest.Server, e.Dest.Name, other.Dest.Server, other.Dest.Name)
				}
			}
		}
		got := Build(shuffled, Options{})
		if diff := cmp.Diff(where(whole, mcp.Tool), where(got, mcp.Tool)); diff != "" {
			t.Fatalf("another order, another catalogue (-first +this):\n%s", diff)
		}
		if !got.Same(mcp.Tool, whole) || string(got.List(mcp.Tool, everything, mcp.Latest(), mcp.FullNames).Value) != string(whole.List(mcp.Tool, everything, mcp.Latest(), mcp.FullNames).Value) {
			t.Fatal("another order, another list")
		}
	}
}

func TestURIs(t *testing.T) {
	c := Build([]Source{
		{Server: "b", Order: 2, Prefix: "b", Listing: &mcp.Listing{Resources: [][]byte{aResource("x:1"), aResource("x:3")}, Templates: [][]byte{aTemplate("x:{id}")}}},
		{Server: "a", Order: 1, Prefix: "a", Listing: &mcp.Listing{Resources: [][]byte{aResource("x:1"), aResource("x:2")}, Templates: [][]byte{aTemplate("x:{id}")}}},
	}, Options{})
	if diff := cmp.Diff([]string{"x:1 = a:x:1", "x:2 = a:x:2", "x:3 = b:x:3"}, where(c, mcp.Resource)); diff != "" {
		t.Errorf("resources (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"x:{id} = a:x:{id}"}, where(c, mcp.Template)); diff != "" {
		t.Errorf("templates (-want +got):\n%s", diff)
	}
	want := []string{"b:x:1: left out: a has that name or URI already", "b:x:{id}: left out: a has that name or URI already"}
	if diff := cmp.Diff(want, problems(c)); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
	if _, ok := c.OnlyResourceServer(); ok {
		t.Error("two servers have resources")
	}
}

func TestMalformedElementsAreLeftOut(t *testing.T) {
	schema := `"inputSchema":{"type":"object"}`
	bad := []string{
		`null`, `[]`, `"x"`, `1`, `{}`, `{"name":1,` + schema + `}`, `{"name":"",` + schema + `}`, `{"name":"a"}`,
		`{"name":"b","inputSchema":true}`, `{"name":"c","inputSchema":{}}`, `{"name":"d","inputSchema":{"type":"string"}}`,
		`{"name":"e",` + schema + `,"outputSchema":[]}`,
		`{"name":"f","inputSchema":{"type":"object","properties":{"p":{"type":"number","x-mcp-header":"P"}}}}`,
		`{"name":"good",` + schema + `,"second":true}`,
	}
	listing := &mcp.Listing{
		Tools:     [][]byte{aTool("good")},
		Prompts:   [][]byte{[]byte(`{"name":"p","arguments":{}}`), []byte(`{"name":"q"}`)},
		Resources: [][]byte{[]byte(`{"uri":"x:1"}`), []byte(`{"name":"r"}`), aResource("x:2")},
		Templates: [][]byte{[]byte(`{"name":"t","uriTemplate":null}`), aTemplate("x:{broken")},
	}
	for _, raw := range bad {
		listing.Tools = append(listing.Tools, []byte(raw))
	}
	c := Build([]Source{{Server: "a", HTTP: true, Listing: listing}}, Options{})
	for kind, want := range []int{mcp.Tool: 1, mcp.Prompt: 1, mcp.Resource: 1, mcp.Template: 1} {
		if got := c.Len(mcp.Kind(kind)); got != want {
			t.Errorf("%d of kind %d, want %d", got, kind, want)
		}
	}
	if got, want := len(c.Warnings()), len(bad)+1+2+2; got != want {
		t.Errorf("%d warnings, want %d:\n%s", got, want, strings.Join(problems(c), "\n"))
	}
	// A server that is not reached over HTTP may have annotations that nobody understands.
	c = Build([]Source{{Server: "a", Listing: &mcp.Listing{Tools: [][]byte{[]byte(bad[12])}}}}, Options{})
	if e, ok := c.Lookup(mcp.Tool, "f"); !ok || e.Dest.Headers != nil {
		t.Errorf("the tool of a pipe = %v, %v", e, ok)
	}
}

func TestRelayOfElements(t *testing.T) {
	raw := `{ "title":"\u00e9", "n\u0061me" : "x" ,"big":9007199254740993.10,"x-vendor":{"a":[1,  2]},"inputSchema":{"type":"object"},"outputSchema":{"type":"array"},"execution":{"taskSupport":"optional"}}`
	c := Build([]Source{{Server: "s", Prefix: "s", Listing: &mcp.Listing{Revision: mcp.LatestLegacy(), Tools: [][]byte{[]byte(raw)}}}},
		Options{ServerInfo: []byte(`{"name":"sumun"}`)})
	start := `{ "title":"\u00e9", "n\u0061me" : "s.x" ,"big":9007199254740993.10,"x-vendor":{"a":[1,  2]},"inputSchema":{"type":"object"},"outputSchema":{"type":"array"},"execution":{"taskSupport":"optional"}}`
	if got := string(c.entries[mcp.Tool][0].Raw); got != start {
		t.Errorf("Raw = %s", got)
	}
	legacy := `{"tools":[{"title":"\u00e9","n\u0061me" : "s.x","big":9007199254740993.10,"x-vendor":{"a":[1,  2]},"inputSchema":{"type":"object"},"execution":{"taskSupport":"optional"}}]}`
	if diff := cmp.Diff(legacy, string(c.List(mcp.Tool, everything, mcp.LatestLegacy(), mcp.FullNames).Value)); diff != "" {
		t.Errorf("legacy (-want +got):\n%s", diff)
	}
	modern := `{"resultType":"complete","tools":[{"title":"\u00e9","n\u0061me" : "s.x","big":9007199254740993.10,"x-vendor":{"a":[1,  2]},"inputSchema":{"type":"object"},"outputSchema":{"type":"array"}}],` +
		`"ttlMs":0,"cacheScope":"public","_meta":{"io.modelcontextprotocol/serverInfo":{"name":"sumun"}}}`
	if diff := cmp.Diff(modern, string(c.List(mcp.Tool, everything, mcp.Latest(), mcp.FullNames).Value)); diff != "" {
		t.Errorf("modern (-want +got):\n%s", diff)
	}
	// What a modern server says of execution is its own affair.
	c = Build([]Source{{Server: "s", Listing: &mcp.Listing{Revision: mcp.Latest(), Tools: [][]byte{[]byte(raw)}}}}, Options{})
	if got := string(c.List(mcp.Tool, everything, mcp.Latest(), mcp.FullNames).Value); !strings.Contains(got, raw) {
		t.Errorf("modern to modern = %s", got)
	}
}

func TestListsFollowTheView(t *testing.T) {
	c := Build([]Source{{Server: "a", Listing: &mcp.Listing{
		Tools:     [][]byte{aTool("x"), aTool("y")},
		Resources: [][]byte{aResource("x:1"), aResource("y:1")},
		Templates: [][]byte{aTemplate("x:{id}")},
	}}}, Options{})
	view := &mcp.View{
		ID:    "v",
		Allow: func(_ mcp.Kind, name string) bool { return strings.HasPrefix(name, "x") },
		List:  func(_ mcp.Kind, name string) bool { return !strings.HasSuffix(name, "}") },
	}
	tests := []struct {
		kind mcp.Kind
		view *mcp.View
		want string
	}{
		{mcp.Tool, view, `{"resultType":"complete","tools":[` + string(aTool("x")) + `,` + string(aTool("y")) + `],"ttlMs":0,"cacheScope":"private"}`},
		{mcp.Template, view, `{"resultType":"complete","resourceTemplates":[],"ttlMs":0,"cacheScope":"private"}`},
		{mcp.Resource, nil, `{"resultType":"complete","resources":[],"ttlMs":0,"cacheScope":"private"}`},
		{mcp.Prompt, everything, `{"resultType":"complete","prompts":[],"ttlMs":0,"cacheScope":"public"}`},
		{mcp.Resource, &mcp.View{Allow: view.Allow}, `{"resultType":"complete","resources":[` + string(aResource("x:1")) + `],"ttlMs":0,"cacheScope":"private"}`},
		{mcp.Template + 1, everything, ``},
	}
	for _, tt := range tests {
		if got := string(c.List(tt.kind, tt.view, mcp.Latest(), mcp.FullNames).Value); got != tt.want {
			t.Errorf("List(%d) = %s\nwant %s", tt.kind, got, tt.want)
		}
	}
}

func TestPagesAreRenderedOnceAndBounded(t *testing.T) {
	c := Build([]Source{{Server: "a", Listing: offering("x")}}, Options{})
	var asked sync.Map
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for i := range 2 * maxPages {
				id := strconv.Itoa(i % 50)
				c.List(mcp.Tool, &mcp.View{ID: id, Allow: func(mcp.Kind, string) bool {
					if _, again := asked.LoadOrStore(id, true); again {
						t.Errorf("view %s was rendered twice", id)
					}
					return true
				}}, mcp.Latest(), mcp.FullNames)
			}
		})
	}
	all.Wait()
	for i := range 2 * maxPages {
		c.List(mcp.Tool, &mcp.View{ID: fmt.Sprint("n", i)}, mcp.Latest(), mcp.FullNames)
	}
	if n := len(c.pages.kept); n > maxPages {
		t.Errorf("%d pages are kept, want at most %d", n, maxPages)
	}
	size := 0
	for _, p := range c.pages.kept {
		size += len(p.result.Value)
	}
	if size != c.pages.size {
		t.Errorf("size = %d, want %d", c.pages.size, size)
	}
}

func TestTemplates(t *testing.T) {
	tests := []struct {
		template     string
		fits, misses []string
	}{
		{"x://{id}", []string{"x://1", "x://", "x://a%20b"}, []string{"x://1/2", "x://1?q", "y://1", "X://1"}},
		{"x://{id}/raw", []string{"x://1/raw"}, []string{"x://1", "x://1/2/raw", "x://1/raw/"}},
		{"x://{a,b}", []string{"x://1,2"}, nil},
		{"x://{id:3}", []string{"x://abc"}, nil},
		{"x://{list*}", []string{"x://a,b"}, []string{"x://a/b"}},
		{"file:///{+path}", []string{"file:///a/b?c#d", "file:///"}, []string{"file://a"}},
		{"x:{#frag}", []string{"x:", "x:#a/b"}, []string{"x:a"}},
		{"x:a{.ext}", []string{"x:a", "x:a.txt"}, []string{"x:atxt"}},
		{"x:{/a,b}", []string{"x:", "x:/1", "x:/1/2"}, []string{"x:1"}},
		{"x:{/a*}", []string{"x:/1/2/3"}, nil},
		{"x:{;a,b}", []string{"x:", "x:;a=1;b=2", "x:;b"}, []string{"x:;c=1"}},
		{"x:s{?q,lang}", []string{"x:s", "x:s?q=1", "x:s?lang=de&q=a%26b"}, []string{"x:s?other=1", "x:s?q=1&other=2", "x:s?q=1#f"}},
		{"x:s{?q*}", []string{"x:s?any=1&other=2"}, nil},
		{"x:s?a=1{&b}", []string{"x:s?a=1", "x:s?a=1&b=2"}, []string{"x:s?a=1&c=2"}},
		{"x:{a}.{b}", []string{"x:1.2"}, []string{"x:12"}},
		{"x:.*[a]", []string{"x:.*[a]"}, []string{"x:bca"}},
	}
	for _, tt := range tests {
		c := Build([]Source{{Server: "a", Listing: &mcp.Listing{Templates: [][]byte{aTemplate(tt.template)}}}}, Options{})
		for _, uri := range tt.fits {
			e, ok := c.Lookup(mcp.Resource, uri)
			if !ok || e.Kind != mcp.Resource || e.Name != uri || e.Dest.Name != uri || e.Dest.Server != "a" {
				t.Errorf("%s does not fit %s: %+v", uri, tt.template, e)
			}
		}
		for _, uri := range tt.misses {
			if _, ok := c.Lookup(mcp.Resource, uri); ok {
				t.Errorf("%s fits %s", uri, tt.template)
			}
		}
	}
	for _, bad := range []string{"x:{", "x:}", "x:{}", "x:{a", "x:{a}}", "x:{{a}}", "x:{a b}", "x:{=a}", "x:{a,}", "x:{a:0}", strings.Repeat("x", maxTemplate+1)} {
		if _, ok := compileTemplate(&Entry{Dest: mcp.Destination{Name: bad}}); ok {
			t.Errorf("%.20s was taken for a template", bad)
		}
	}
}

func TestTheMostSpecificTemplateWins(t *testing.T) {
	c := Build([]Source{
		{Server: "loose", Order: 1, Listing: &mcp.Listing{Templates: [][]byte{aTemplate("x:{+all}"), aTemplate("x:{+two}")}}},
		{Server: "exact", Order: 3, Listing: &mcp.Listing{Resources: [][]byte{aResource("x:docs/index")}}},
		{Server: "close", Order: 2, Listing: &mcp.Listing{Templates: [][]byte{aTemplate("x:docs/{id}")}}},
	}, Options{})
	for uri, want := range map[string]string{"x:1": "loose", "x:docs/1": "close", "x:docs/index": "exact", "x:docs/1/2": "loose"} {
		if e, ok := c.Lookup(mcp.Resource, uri); !ok || e.Dest.Server != want {
			t.Errorf("%s goes to %+v, want %s", uri, e, want)
		}
	}
	if c.templates[0].entry.Name != "x:docs/{id}" || c.templates[1].entry.Name != "x:{+all}" {
		t.Error("the order of the file does not decide between equals")
	}
}

func TestRef(t *testing.T) {
	c := Build([]Source{{Server: "a", Prefix: "a", Listing: &mcp.Listing{
		Prompts:   [][]byte{[]byte(`{"name":"p"}`)},
		Resources: [][]byte{aResource("x:1")},
		Templates: [][]byte{aTemplate("x:t/{id}")},
	}}}, Options{})
	tests := []struct {
		ref  string
		want string
		fail string
	}{
		{`{"type":"ref/prompt","name":"a.p"}`, "a:p", ""},
		{`{"type":"ref/resource","uri":"x:t/{id}"}`, "a:x:t/{id}", ""},
		{`{"type":"ref/resource","uri":"x:1"}`, "a:x:1", ""},
		{`{"type":"ref/resource","uri":"x:t/7"}`, "a:x:t/7", ""},
		{`{"type":"ref/prompt","name":"p"}`, "", "unknown prompt: p"},
		{`{"type":"ref/resource","uri":"y:1"}`, "", "unknown resource template: y:1"},
		{`{"type":"ref/tool","name":"p"}`, "", "ref must be"},
		{`[]`, "", "ref must be"},
		{``, "", "ref must be"},
	}
	for _, tt := range tests {
		e, err := c.Ref([]byte(tt.ref), "")
		switch {
		case err != nil:
			if tt.fail == "" || !strings.HasPrefix(err.Message, tt.fail) || err.Code != mcp.CodeInvalidParams {
				t.Errorf("Ref(%s) = %v, want %q", tt.ref, err, tt.fail)
			}
		case tt.want != e.Dest.Server+":"+e.Dest.Name:
			t.Errorf("Ref(%s) = %+v, want %s", tt.ref, e, tt.want)
		}
	}
}

func TestSame(t *testing.T) {
	build := func(names ...string) *Catalog {
		return Build([]Source{{Server: "a", Listing: offering(names...)}}, Options{})
	}
	c := build("x", "y")
	if !c.Same(mcp.Tool, build("x", "y")) || !c.Same(mcp.Prompt, build()) {
		t.Error("equal lists differ")
	}
	if c.Same(mcp.Tool, build("y", "x")) || c.Same(mcp.Tool, build("x")) || c.Same(mcp.Tool, nil) {
		t.Error("different lists are the same")
	}
	with := func(uri string) *Catalog {
		return Build([]Source{{Server: "a", Listing: &mcp.Listing{Templates: [][]byte{aTemplate(uri)}}}}, Options{})
	}
	if with("x:{a}").Same(mcp.Resource, with("x:{b}")) || !with("x:{a}").Same(mcp.Resource, with("x:{a}")) {
		t.Error("a change of templates is none of resources")
	}
	other := Build([]Source{{Server: "b", Listing: offering("x", "y")}}, Options{})
	if c.Same(mcp.Tool, other) {
		t.Error("tools of another server are the same")
	}
}

func TestRepeatable(t *testing.T) {
	for annotations, want := range map[string]bool{
		`{"readOnlyHint":true}`: true, `{"idempotentHint":true}`: true, `{"readOnlyHint":"true"}`: false, `{"destructiveHint":false}`: false, `null`: false,
	} {
		raw := []byte(`{"name":"x","inputSchema":{"type":"object"},"annotations":` + annotations + `}`)
		for _, trusted := range []bool{true, false} {
			c := Build([]Source{{Server: "a", TrustAnnotations: trusted, Listing: &mcp.Listing{Tools: [][]byte{raw}}}}, Options{})
			if e, _ := c.Lookup(mcp.Tool, "x"); e.Dest.Repeatable != (want && trusted) {
				t.Errorf("%s, trusted %v: repeatable = %v", annotations, trusted, e.Dest.Repeatable)
			}
		}
	}
}

func TestSummary(t *testing.T) {
	own := Source{Server: "own", Own: true, Listing: &mcp.Listing{Capabilities: []byte(`{"resources":{"subscribe":true}}`), Instructions: " mine "}}
	other := Source{Server: "b", Prefix: "b", Order: 1, Listing: &mcp.Listing{Capabilities: []byte(`{"logging":{},"completions":{},"resources":{}}`), Instructions: "b's"}}
	c := Build([]Source{other, own, {Server: "away"}}, Options{})
	want := `{"tools":{"listChanged":true},"prompts":{"listChanged":true},"resources":{"listChanged":true,"subscribe":true},"logging":{},"completions":{}}`
	if got := string(c.Capabilities(mcp.Latest())); got != want {
		t.Errorf("Capabilities = %s\nwant %s", got, want)
	}
	if got, want := c.Instructions(), "# own\n\nmine\n\n# b\n\nb's"; got != want {
		t.Errorf("Instructions = %q, want %q", got, want)
	}
	if got, ok := c.OnlyResourceServer(); !ok || got != "b" {
		t.Errorf("OnlyResourceServer = %q, %v", got, ok)
	}
	if got := string(Build(nil, Options{}).Capabilities(mcp.Latest())); got != `{"tools":{"listChanged":true},"prompts":{"listChanged":true},"resources":{"listChanged":true}}` {
		t.Errorf("Capabilities of nobody = %s", got)
	}
	alone := Source{Server: "a", Listing: &mcp.Listing{Instructions: strings.Repeat("é", maxInstructions)}}
	if got := Build([]Source{alone}, Options{}).Instructions(); len(got) > maxInstructions || !strings.HasSuffix(got, "é…") {
		t.Errorf("%d bytes of instructions, ending in %q", len(got), got[len(got)-5:])
	}
	var many []Source
	for i := range 100 {
		many = append(many, Source{Server: strconv.Itoa(i), Prefix: "p", Listing: alone.Listing})
	}
	if got := len(Build(many, Options{}).Instructions()); got > maxInstructions+100 {
		t.Errorf("%d bytes of instructions together", got)
	}
}

func TestMatches(t *testing.T) {
	c := Build([]Source{{Server: "a", Prefix: "a", Listing: offering("x")}}, Options{})
	for pattern, want := range map[string]bool{"a.x": true, "a.*": true, "*": true, "b.*": false, "x": false} {
		if got := c.Matches(mcp.Tool, pattern); got != want {
			t.Errorf("Matches(%s) = %v", pattern, got)
		}
	}
	if c.Matches(mcp.Prompt, "*") {
		t.Error("there are no prompts")
	}
}

// FuzzBuild looks for elements that break a list, or the builder.
func FuzzBuild(f *testing.F) {
	f.Add([]byte(`{"name":"x","inputSchema":{"type":"object","properties":{"a":{"x-mcp-header":"A"}}}}`), []byte(`{"uri":"x","name":"","uriTemplate":"x:{a}"}`))
	scanner := wire.NewScanner(wire.Vocabulary{}, 0)
	f.Fuzz(func(t *testing.T, a, b []byte) {
		if scanner.Value(a) != nil || scanner.Value(b) != nil {
			t.Skip("not JSON")
		}
		a, b = []byte(strings.TrimSpace(string(a))), []byte(strings.TrimSpace(string(b)))
		elements := [][]byte{a, b}
		l := &mcp.Listing{Tools: elements, Prompts: elements, Resources: elements, Templates: elements}
		c := Build([]Source{{Server: "a", Listing: l}, {Server: "b", Prefix: "b", HTTP: true, Listing: l}, {Server: "c", Own: true, Listing: l}}, Options{})
		for kind := range kinds {
			for _, rev := range mcp.Revisions() {
				list := c.List(kind, everything, rev, mcp.FullNames).Value
				if err := scanner.Value(list); err != nil {
					t.Fatalf("List(%d) = %s: %v", kind, list, err)
				}
				n := 0
				for element := range wire.Elements(wire.Get(list, shelves[kind].member)) {
					n++
					if name := text(element, shelves[kind].name); c.names[kind][name].entry == nil {
						t.Errorf("%q is listed but not found", name)
					}
				}
				if n != c.Len(kind) {
					t.Errorf("%d are listed, %d are there", n, c.Len(kind))
				}
			}
			for _, e := range c.entries[kind] {
				e.Twin(a)
			}
		}
	})
}
