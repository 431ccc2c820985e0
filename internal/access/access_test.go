package access

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

func mustNew(tb testing.TB, o Options) *Access {
	tb.Helper()
	a, err := New(o)
	if err != nil {
		tb.Fatal(err)
	}
	return a
}

func TestAuthenticate(t *testing.T) {
	key := NewKey()
	keys := []Key{{Name: "local", Hash: HashKey(key)}, {Name: "old", Hash: HashKey("a-key-of-the-seed")}}
	strict := mustNew(t, Options{Keys: keys})
	open := mustNew(t, Options{Keys: keys, Anonymous: true})
	tests := []struct {
		name    string
		access  *Access
		headers []string
		want    string
		fail    string
	}{
		{"good", strict, []string{"Bearer " + key}, "local", ""},
		{"other key", strict, []string{"Bearer a-key-of-the-seed"}, "old", ""},
		{"scheme in capitals", strict, []string{"BEARER " + key}, "local", ""},
		{"spaces", strict, []string{"bearer   " + key + " "}, "local", ""},
		{"a key where none is needed", open, []string{"Bearer " + key}, "local", ""},
		{"anonymous", open, nil, "anonymous", ""},

		{"no header", strict, nil, "", "send the header Authorization"},
		{"wrong key", strict, []string{"Bearer " + NewKey()}, "", "not known"},
		{"wrong key where none is needed", open, []string{"Bearer nonsense"}, "", "not known"},
		{"cut off", strict, []string{"Bearer " + key[:len(key)-1]}, "", "not known"},
		{"longer", strict, []string{"Bearer " + key + "x"}, "", "not known"},
		{"much too long", strict, []string{"Bearer " + strings.Repeat("x", 1<<20)}, "", "not known"},
		{"empty key", strict, []string{"Bearer "}, "", "empty"},
		{"only the scheme", strict, []string{"Bearer"}, "", "empty"},
		{"no scheme", strict, []string{key}, "", "no other scheme"},
		{"empty header", strict, []string{""}, "", "no other scheme"},
		{"other scheme", strict, []string{"Basic " + key}, "", "no other scheme"},
		{"two headers", strict, []string{"Bearer " + key, "Bearer " + key}, "", "more than one"},
		{"two headers where none is needed", open, []string{"Bearer " + key, "x"}, "", "more than one"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodPost, "/mcp?access_token="+key+"&key="+key, nil)
			for _, h := range tt.headers {
				r.Header.Add("Authorization", h)
			}
			caller, err := tt.access.Authenticate(r)
			switch {
			case err != nil:
				if tt.fail == "" || !strings.Contains(err.Message, tt.fail) || err.Reason != mcp.Unauthenticated {
					t.Errorf("error = %v (%s), want %q", err, err.Reason, tt.fail)
				}
				if strings.Contains(err.Message, key) {
					t.Error("the error tells the key")
				}
			case caller.ID != tt.want:
				t.Errorf("caller = %s, want %q", caller.ID, tt.want)
			}
		})
	}
}

func TestAuthenticateAllocatesNothing(t *testing.T) {
	key := NewKey()
	a := mustNew(t, Options{Keys: []Key{{Name: "local", Hash: HashKey(key)}}})
	r := httptest.NewRequest(http.MethodPost, "/mcp", nil)
	r.Header.Set("Authorization", "Bearer "+key)
	if n := testing.AllocsPerRun(100, func() {
		if _, err := a.Authenticate(r); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkAuthenticate(b *testing.B) {
	key := NewKey()
	a := mustNew(b, Options{Keys: []Key{{Name: "local", Hash: HashKey(key)}}})
	r := httptest.NewRequest(http.MethodPost, "/mcp", nil)
	r.Header.Set("Authorization", "Bearer "+key)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := a.Authenticate(r); err != nil {
			b.Fatal(err)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	one, two := HashKey("one"), HashKey("two")
	tests := []struct {
		name string
		o    Options
		want string
	}{
		{"the same key twice", Options{Keys: []Key{{Name: "a", Hash: one}, {Name: "b", Hash: one}}}, "the keys a and b are the same"},
		{"the same name twice", Options{Keys: []Key{{Name: "a", Hash: one}, {Name: "a", Hash: two}}}, `two keys are named "a"`},
		{"no name", Options{Keys: []Key{{Hash: one}}}, "no name"},
		{"a name that is ours", Options{Keys: []Key{{Name: "anonymous", Hash: one}}}, `"anonymous"`},
		{"an unknown scope", Options{Keys: []Key{{Name: "a", Hash: one, Scopes: []string{"read:x"}}}}, "has the scope read:x"},
	}
	for _, tt := range tests {
		if _, err := New(tt.o); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error = %v, want %q", tt.name, err, tt.want)
		}
	}
}

// named returns scopes that list names and say no more.
func named(lists map[string][]string) map[string]config.Scope {
	scopes := map[string]config.Scope{}
	for name, list := range lists {
		scopes[name] = config.Scope{Names: list}
	}
	return scopes
}

// viewOf returns the view of a key with all of the scopes.
func viewOf(t *testing.T, scopes map[string][]string) *mcp.View {
	t.Helper()
	names := []string{}
	for name := range scopes {
		names = append(names, name)
	}
	a := mustNew(t, Options{Keys: []Key{{Name: "k", Hash: HashKey("k"), Scopes: names}}, Scopes: named(scopes)})
	caller, err := a.Bearer("k")
	if err != nil {
		t.Fatal(err)
	}
	return caller.View
}

func TestScopes(t *testing.T) {
	const sees, lists, both = "sees", "lists", "sees and lists"
	tests := []struct {
		scope, pattern string
		kind           mcp.Kind
		name           string
		want           string
	}{
		{"invoke:x", "file.read", mcp.Tool, "file.read", both},
		{"read:x", "file.read", mcp.Tool, "file.read", both},
		{"list:x", "file.read", mcp.Tool, "file.read", both},
		{"x", "file.*", mcp.Tool, "file.read", both},
		{"read:x", "file.*", mcp.Prompt, "file.summarize", both},
		{"read:x", "file.read", mcp.Tool, "file.readx", ""},
		{"read:x", "file.read", mcp.Tool, "File.read", ""},

		{"read:x", "file:///docs/*", mcp.Resource, "file:///docs/a/b.txt", both},
		{"read:x", "file:///docs/*", mcp.Template, "file:///docs/{path}", both},
		{"list:x", "file:///docs/*", mcp.Resource, "file:///docs/a", lists},
		{"write:x", "file:///docs/*", mcp.Resource, "file:///docs/a", ""},
		{"invoke:x", "file:///docs/*", mcp.Resource, "file:///docs/a", ""},
		{"read", "file:///docs/*", mcp.Resource, "file:///docs/a", both},
		{"reads:x", "file:///docs/*", mcp.Resource, "file:///docs/a", ""},

		{"read:x", "file:///docs/*", mcp.Resource, "file:///docs/../etc/passwd", ""},
		{"read:x", "file:///docs/*", mcp.Resource, "file:///docs/%2e%2E/etc", ""},
		{"read:x", "file:///docs/*", mcp.Resource, "file:///docs/%252e%252e%252fetc", ""},
		{"read:x", "file:///docs/*", mcp.Resource, "file:///docs/%25252525252e", ""},
		{"read:x", "file:///docs/*", mcp.Resource, `file:///docs/..\etc`, ""},
		{"read:x", "file:///docs/*", mcp.Resource, "file:///docs/..", ""},
		{"read:x", "file:///docs/*", mcp.Resource, "file:///docs/a..b/...", both},
		{"read:x", "file:///docs/*", mcp.Resource, "file:///docs/100%", both},
		{"read:x", "file:///a/../b", mcp.Resource, "file:///a/../b", both},
		{"read:x", "*", mcp.Kind(9), "x", ""},
	}
	for _, tt := range tests {
		view := viewOf(t, map[string][]string{tt.scope: {tt.pattern}})
		got := ""
		switch s, l := view.Sees(tt.kind, tt.name), view.Lists(tt.kind, tt.name); {
		case s && l:
			got = both
		case s:
			got = sees
		case l:
			got = lists
		}
		if got != tt.want {
			t.Errorf("%s: [%s] and %s: %q, want %q", tt.scope, tt.pattern, tt.name, got, tt.want)
		}
	}
	none := viewOf(t, map[string][]string{})
	if none.Whole || none.Sees(mcp.Tool, "x") || none.Lists(mcp.Resource, "x") {
		t.Error("a key without scopes sees something")
	}
}

func TestEqualViewsShareAnID(t *testing.T) {
	a := viewOf(t, map[string][]string{"read:a": {"x", "y"}, "read:b": {"y"}})
	b := viewOf(t, map[string][]string{"read:other": {"y", "x", "x"}})
	if a.ID != b.ID {
		t.Error("equal grants have different IDs")
	}
	for _, scopes := range []map[string][]string{{"list:a": {"x", "y"}}, {"read:a": {"x"}}, {"read:a": {"xy"}}, {"read:a": {"x\x00y"}}, {"a": {"x", "y"}}} {
		if viewOf(t, scopes).ID == a.ID {
			t.Errorf("%v has the ID of another view", scopes)
		}
	}
}

// call makes a call with a caller of that view.
func call(t *testing.T, view *mcp.View, method, params string) *mcp.Call {
	t.Helper()
	request := new(wire.Message)
	raw := `{"jsonrpc":"2.0","id":1,"method":"` + method + `","params":` + params + `}`
	if err := wire.NewScanner(mcp.Vocabulary(), 0).Request([]byte(raw), request); err != nil {
		t.Fatal(err)
	}
	c := &mcp.Call{Caller: &mcp.Caller{ID: "k", View: view}, Revision: mcp.LatestLegacy(), Method: method, Request: request}
	if m, ok := mcp.MethodByName(method); ok && m.NameMember != "" {
		c.Name, _ = wire.Unquote(c.Member(m.NameMember))
	}
	return c
}

func TestMiddleware(t *testing.T) {
	view := viewOf(t, map[string][]string{"read:x": {"seen", "x:seen", "x:{seen}"}})
	tests := []struct {
		name, method, params string
		want                 string // the error's message; empty if the call passes
		code                 int
	}{
		{"tool", mcp.MethodToolsCall, `{"name":"seen"}`, "", 0},
		{"hidden tool", mcp.MethodToolsCall, `{"name":"hidden"}`, "unknown tool: hidden", mcp.CodeInvalidParams},
		{"no name", mcp.MethodToolsCall, `{}`, "unknown tool: ", mcp.CodeInvalidParams},
		{"prompt", mcp.MethodPromptsGet, `{"name":"seen"}`, "", 0},
		{"hidden prompt", mcp.MethodPromptsGet, `{"name":"hidden"}`, "unknown prompt: hidden", mcp.CodeInvalidParams},
		{"resource", mcp.MethodRead, `{"uri":"x:seen"}`, "", 0},
		{"hidden resource", mcp.MethodRead, `{"uri":"x:hidden"}`, "resource not found: x:hidden", mcp.CodeResourceNotFound},
		{"hidden subscription", mcp.MethodSubscribe, `{"uri":"x:hidden"}`, "resource not found: x:hidden", mcp.CodeResourceNotFound},
		{"completion", mcp.MethodComplete, `{"ref":{"type":"ref/prompt","name":"seen"}}`, "", 0},
		{"hidden completion", mcp.MethodComplete, `{"ref":{"type":"ref/prompt","name":"hidden"}}`, "unknown prompt: hidden", mcp.CodeInvalidParams},
		{"template", mcp.MethodComplete, `{"ref":{"type":"ref/resource","uri":"x:{seen}"}}`, "", 0},
		{"hidden template", mcp.MethodComplete, `{"ref":{"type":"ref/resource","uri":"x:{h}"}}`, "unknown resource template: x:{h}", mcp.CodeInvalidParams},
		{"no reference", mcp.MethodComplete, `{"ref":{"type":"ref/tool","name":"hidden"}}`, "", 0}, // refused where it is looked up
		{"list", mcp.MethodToolsList, `{}`, "", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			passed := false
			h := new(Access).Middleware(mcp.HandlerFunc(func(context.Context, *mcp.Call, mcp.Reply) error { passed = true; return nil }))
			err := h.Handle(t.Context(), call(t, view, tt.method, tt.params), nil)
			if passed != (tt.want == "") {
				t.Fatalf("passed = %v, error = %v", passed, err)
			}
			if tt.want == "" {
				if err != nil {
					t.Errorf("error = %v", err)
				}
				return
			}
			if e := mcp.AsError(err); e == nil || e.Message != tt.want || e.Code != tt.code || e.Reason != mcp.NotFound {
				t.Errorf("error = %#v, want %q (%d)", err, tt.want, tt.code)
			}
		})
	}
}

func TestHiddenEqualsAbsent(t *testing.T) {
	nothing := viewOf(t, map[string][]string{})
	hidden := authorize(call(t, nothing, mcp.MethodRead, `{"uri":"x:1"}`))
	if diff := cmp.Diff(Absent(call(t, nothing, mcp.MethodRead, `{"uri":"x:1"}`)), mcp.AsError(hidden)); diff != "" {
		t.Errorf("(-absent +hidden):\n%s", diff)
	}
}

func TestMiddlewareFailsClosed(t *testing.T) {
	h := new(Access).Middleware(mcp.HandlerFunc(func(context.Context, *mcp.Call, mcp.Reply) error { t.Error("it passed"); return nil }))
	refused := mcp.Errorf(mcp.CodeParse, mcp.Malformed, "refused at the door")
	for name, c := range map[string]*mcp.Call{
		"no caller": {Method: mcp.MethodToolsList},
		"no view":   {Method: mcp.MethodToolsList, Caller: &mcp.Caller{ID: "x"}},
		"refused":   {Method: mcp.MethodToolsList, Caller: &mcp.Caller{ID: "x", View: whole()}, Refused: refused},
	} {
		if mcp.AsError(h.Handle(t.Context(), c, nil)) == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestUnused(t *testing.T) {
	a := mustNew(t, Options{Scopes: map[string]config.Scope{"read:b": {Names: []string{"gone", "file.read"}}, "invoke:a": {Names: []string{"x:*", "y:*"}}}})
	got := a.Unused(func(kind mcp.Kind, pattern string) bool {
		return kind == mcp.Tool && pattern == "file.read" || kind == mcp.Template && pattern == "x:*"
	})
	if diff := cmp.Diff([]string{"invoke:a: y:*", "read:b: gone"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
