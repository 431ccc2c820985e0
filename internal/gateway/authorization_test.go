package gateway_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/config/offer"
	"github.com/sumun-mcp/sumun/internal/gateway"
	"github.com/sumun-mcp/sumun/internal/keyring"
	"github.com/sumun-mcp/sumun/internal/store"
)

// This file decides who may do what a second time, by the text of docs/scopes.md and of nothing else, and compares: a key with scopes by
// chance × what there is, and what is only nearly there × what is done × how it is asked for, through the gateway over HTTP. It shares no
// code with package access.

// The things of the matrix. Some differ by a dot, a slash, a letter's case or its look, or are the beginning of others.
var (
	matrixTools     = []string{"pay.now", "pay.nowhere", "payment.now", "Pay.now", "pay", "file.read", "file.delete", "a/b.c", "a.b", "secret.plan", "SECRET.list"}
	matrixPrompts   = []string{"sum.up", "sum.upper", "secret.poem", "greet"}
	matrixResources = []string{
		"file:///docs/a.txt", "file:///docs/secret/k", "file:///docs2/a.txt", "file:///Docs/a.txt", "file:///docs/%73ecret/x", "file:///docs/x/../secret/k", "test://one",
	}
	matrixTemplates = []string{"tpl://open/{id}", "tpl://secret/{id}"}
	// What nobody lists, but a template may have it, or which is nothing at all.
	matrixAbsent = map[string][]string{
		"tool":   {"pay.", "pay.now ", "pay.nоw", "PAY.NOW", "../pay.now", "pay%2Enow", "calc.evaluаte", ""},
		"prompt": {"sum", "sum.Up", "ѕum.up"},
		"resource": {
			"tpl://open/1", "tpl://secret/1", "tpl://open/../secret/1", "tpl://open/%2e%2e/secret/1", "tpl://Secret/1", "TPL://secret/1", "tpl://open//1", "file:///docs/none",
			"cache://notes/a", "cache://notes/../notes/a", "cache://diary/a",
		},
	}
)

// matrixScopes are the scopes that keys are given by chance.
var matrixScopes = map[string]config.Scope{
	"invoke:pay":     {Names: []string{"pay.*"}},
	"invoke:exact":   {Names: []string{"pay.now", "greet", "file:///docs/a.txt"}},
	"read:docs":      {Names: []string{"file:///docs/*", "file.read"}},
	"read:climb":     {Names: []string{"file:///docs/x/../secret/k"}},
	"list:docs":      {Names: []string{"file:///*", "tpl://*"}},
	"read:tpl":       {Names: []string{"tpl://*"}},
	"read:one":       {Names: []string{"tpl://open/1", "test://one", "tpl://open/{id}"}},
	"write:notes":    {Names: []string{"cache://notes/*"}},
	"read:notes":     {Names: []string{"cache://*"}},
	"write:all":      {Names: []string{"cache://*", "pay"}},
	"plain":          {Names: []string{"sum.*", "a/*", "file:///docs2/*"}},
	"invoke:all":     {Names: []string{"*"}},
	"deny:secret":    {Names: []string{"*secret*"}},
	"deny:now":       {Names: []string{"pay.NOW", "tpl://open/*", "cache://notes/a"}},
	"invoke:small":   {Names: []string{"pay*", "sum.up"}, When: "args.amount < 100"},
	"invoke:mine":    {Names: []string{"secret.*", "file.delete"}, When: "caller.id.endsWith('0') || 'even' in caller.roles"},
	"invoke:named":   {Names: []string{"*"}, When: "kind == 'tool' && name.startsWith('a') || kind == 'prompt' && verb != 'invoke'"},
	"read:listing":   {Names: []string{"file:///docs2/*", "test://*"}, When: "verb == 'list'"},
	"invoke:never":   {Names: []string{"*"}, When: "now < timestamp('2020-01-01T00:00:00Z')"},
	"invoke:broken":  {Names: []string{"*"}, When: "caller.claims.missing == 1"},
	"deny:large":     {Names: []string{"pay.now"}, When: "args.amount > 50"},
	"deny:broken":    {Names: []string{"a.b", "test://one"}, When: "caller.claims.missing == 1"},
	"deny:elsewhere": {Names: []string{"file.read"}, When: "remote != '127.0.0.1'"},
}

// A subject is a key of the matrix.
type subject struct {
	name   string
	scopes []string // its own and those of its roles
	roles  []string
	key    string
}

// An oracle decides by the documentation.
type oracle struct{ subject }

// pattern says whether a pattern with * fits a name.
func pattern(p, name string) bool {
	parts := strings.Split(p, "*")
	for i := range parts {
		parts[i] = regexp.QuoteMeta(parts[i])
	}
	return regexp.MustCompile(`(?s)\A` + strings.Join(parts, ".*") + `\z`).MatchString(name)
}

// climbing says whether a URI has .. in it, however encoded.
func climbing(uri string) bool {
	for range 4 {
		if slices.Contains(regexp.MustCompile(`[/\\?#;]+`).Split(uri, -1), "..") {
			return true
		}
		decoded, err := url.PathUnescape(uri)
		if err != nil || decoded == uri {
			return false
		}
		uri = decoded
	}
	return true
}

// alike is a URI as denials compare it.
func alike(uri string) string {
	for range 3 {
		if decoded, err := url.PathUnescape(uri); err == nil {
			uri = decoded
		}
	}
	uri = strings.ToLower(strings.ReplaceAll(uri, `\`, "/"))
	scheme, rest, ok := strings.Cut(uri, "://")
	if !ok {
		return uri
	}
	rest = regexp.MustCompile(`(/\.)+(/|$)`).ReplaceAllString(rest, "/")
	head, tail := "", rest
	if strings.HasPrefix(rest, "/") {
		head, tail = "/", rest[1:]
	}
	return scheme + "://" + head + regexp.MustCompile(`/+`).ReplaceAllString(strings.TrimLeft(tail, "/"), "/")
}

// when says what a condition comes to: true, false, or unknown as long as amount is nil, for a thing that has arguments.
func (o *oracle) when(scope, kind, name, verb string, amount *int) (holds, known bool) {
	has := kind == "tool" || kind == "prompt"
	switch scope {
	case "invoke:small":
		switch {
		case !has:
			return false, true
		case amount == nil:
			return false, false
		}
		return *amount < 100 && kind == "tool", true // the arguments of prompts are texts, which are not less than a number
	case "deny:large":
		switch {
		case !has:
			return true, true // there is no amount: it cannot be worked out, and denies
		case amount == nil:
			return false, false
		}
		return *amount > 50, true
	case "invoke:mine":
		return strings.HasSuffix(o.name, "0") || slices.Contains(o.roles, "even"), true
	case "invoke:named":
		return kind == "tool" && strings.HasPrefix(name, "a"), true
	case "read:listing":
		return verb == "list", true
	case "invoke:never", "invoke:broken", "deny:elsewhere":
		return false, true
	case "deny:broken":
		return true, true
	}
	return true, true
}

// may says whether the key may do that: yes, no, or only with the right arguments.
func (o *oracle) may(kind, name, verb string, amount *int) (allowed, open bool) {
	for _, scope := range o.scopes {
		if scope == "*" {
			allowed = true
			continue
		}
		v, _, _ := strings.Cut(scope, ":")
		if v == "deny" || !o.grants(v, scope, kind, name, verb) {
			continue
		}
		holds, known := o.when(scope, kind, name, verb, amount)
		allowed, open = allowed || holds, open || !known
	}
	for _, scope := range o.scopes {
		if !strings.HasPrefix(scope, "deny:") || !o.denies(scope, kind, name) {
			continue
		}
		holds, known := o.when(scope, kind, name, verb, amount)
		if holds {
			return false, false
		}
		if !known && allowed {
			allowed, open = false, true
		}
	}
	return allowed, open && !allowed
}

func (o *oracle) grants(verb, scope, kind, name, want string) bool {
	if kind == "resource" || kind == "template" {
		if verb != want && (verb != "read" || want != "list") {
			return false
		}
	}
	for _, p := range matrixScopes[scope].Names {
		if p == name || pattern(p, name) && ((kind != "resource" && kind != "template") || !climbing(name)) {
			return true
		}
	}
	return false
}

func (o *oracle) denies(scope, kind, name string) bool {
	for _, p := range matrixScopes[scope].Names {
		switch kind {
		case "tool", "prompt":
			if pattern(strings.ToLower(p), strings.ToLower(name)) {
				return true
			}
		default:
			if climbing(name) || pattern(alike(p), alike(name)) {
				return true
			}
		}
	}
	return false
}

// matrixServer offers the things.
func matrixServer() *sdk.Server {
	s := sdk.NewServer(&sdk.Implementation{Name: "matrix", Version: "1"}, nil)
	for _, name := range matrixTools {
		s.AddTool(&sdk.Tool{Name: name, InputSchema: json.RawMessage(`{"type":"object"}`)}, func(context.Context, *sdk.CallToolRequest) (*sdk.CallToolResult, error) {
			return &sdk.CallToolResult{Content: []sdk.Content{&sdk.TextContent{Text: "did " + name}}}, nil
		})
	}
	for _, name := range matrixPrompts {
		s.AddPrompt(&sdk.Prompt{Name: name, Arguments: []*sdk.PromptArgument{{Name: "amount"}}}, func(context.Context, *sdk.GetPromptRequest) (*sdk.GetPromptResult, error) {
			return &sdk.GetPromptResult{Messages: []*sdk.PromptMessage{{Role: "user", Content: &sdk.TextContent{Text: "did " + name}}}}, nil
		})
	}
	read := func(_ context.Context, r *sdk.ReadResourceRequest) (*sdk.ReadResourceResult, error) {
		return &sdk.ReadResourceResult{Contents: []*sdk.ResourceContents{{URI: r.Params.URI, Text: "did " + r.Params.URI}}}, nil
	}
	for _, uri := range matrixResources {
		s.AddResource(&sdk.Resource{Name: "r", URI: uri}, read)
	}
	for _, uri := range matrixTemplates {
		s.AddResourceTemplate(&sdk.ResourceTemplate{Name: "t", URITemplate: uri}, read)
	}
	return s
}

// openMatrix opens the gate of the matrix, with keys that have scopes by chance.
func openMatrix(t *testing.T, random *rand.Rand, keys int) (*gate, []subject) {
	t.Helper()
	cfg := configured(t)
	cfg.Anonymous, cfg.Builtin = false, true
	cfg.Scopes = matrixScopes
	cfg.Roles = map[string][]string{"even": {"invoke:mine", "read:docs"}, "quiet": {"deny:secret"}, "payer": {"invoke:small"}}
	cfg.Resources = []offer.Resource{
		{Name: "notes", Type: "cache", Write: true, TTL: time.Hour, Entries: 100, Bytes: 1 << 20},
		{Name: "diary", Type: "cache", Write: true, TTL: time.Hour, Entries: 100, Bytes: 1 << 20},
	}
	g := openParts(t, cfg, gateway.Parts{Own: map[string]*sdk.Server{"matrix": matrixServer()}})
	s, err := store.Open(t.Context(), cfg.Store)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	names, roles := slices.Sorted(maps.Keys(matrixScopes)), slices.Sorted(maps.Keys(cfg.Roles))
	var all []subject
	for i := range keys {
		one := subject{name: fmt.Sprint("key-", i)}
		k := keyring.Key{ID: keyring.NewID(), Name: one.name, Created: time.Now()}
		for range 1 + random.IntN(5) {
			k.Scopes = append(k.Scopes, names[random.IntN(len(names))])
		}
		switch random.IntN(6) {
		case 0:
			k.Scopes = append(k.Scopes, "*")
		case 1, 2:
			k.Roles = append(k.Roles, roles[random.IntN(len(roles))])
		}
		one.key = keyring.Mint(k.ID)
		k.Secrets = []keyring.Secret{{Hash: keyring.Hash(one.key)}}
		if err := s.AddKey(t.Context(), &k); err != nil {
			t.Fatal(err)
		}
		one.scopes, one.roles = slices.Clone(k.Scopes), k.Roles
		for _, role := range k.Roles {
			one.scopes = append(one.scopes, cfg.Roles[role]...)
		}
		all = append(all, one)
	}
	return g, all
}

// A door is a way to ask for things.
type matrixDoor struct {
	name string
	// list returns what is listed of a kind, and do whether that was done with a thing, with the answer.
	list func(kind string) []string
	do   func(kind, verb, name string, amount int) (bool, string)
}

// within finds all values of a member of that name in an answer.
func within(t *testing.T, answer, list, member string) []string {
	t.Helper()
	var m struct{ Result json.RawMessage }
	if err := json.Unmarshal([]byte(answer), &m); err != nil {
		t.Fatalf("%v: %s", err, answer)
	}
	var elements []map[string]any
	if err := json.Unmarshal(m.Result, &elements); err != nil {
		var lists map[string]json.RawMessage
		if err := json.Unmarshal(m.Result, &lists); err != nil {
			t.Fatalf("%v: %s", err, answer)
		}
		if err := json.Unmarshal(lists[list], &elements); err != nil && lists[list] != nil {
			t.Fatalf("%v: %s", err, answer)
		}
	}
	names := []string{}
	for _, e := range elements {
		if name, ok := e[member].(string); ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// succeeded reports whether an answer has a result.
func succeeded(answer string) bool {
	var m struct{ Result json.RawMessage }
	return json.Unmarshal([]byte(answer), &m) == nil && m.Result != nil
}

// standardDoor asks as the standard has it.
func standardDoor(t *testing.T, c *client, name string) *matrixDoor {
	t.Helper()
	lists := map[string][3]string{
		"tool": {"tools/list", "tools", "name"}, "prompt": {"prompts/list", "prompts", "name"},
		"resource": {"resources/list", "resources", "uri"}, "template": {"resources/templates/list", "resourceTemplates", "uriTemplate"},
	}
	return &matrixDoor{
		name: name,
		list: func(kind string) []string {
			return within(t, c.ask(t, lists[kind][0], "{}"), lists[kind][1], lists[kind][2])
		},
		do: func(kind, _, name string, amount int) (bool, string) {
			quoted, _ := json.Marshal(name)
			answer := c.ask(t, map[string]string{"tool": "tools/call", "prompt": "prompts/get", "resource": "resources/read"}[kind], map[string]string{
				"tool":     fmt.Sprintf(`{"name":%s,"arguments":{"amount":%d}}`, quoted, amount),
				"prompt":   fmt.Sprintf(`{"name":%s,"arguments":{"amount":"%d"}}`, quoted, amount),
				"resource": fmt.Sprintf(`{"uri":%s}`, quoted),
			}[kind])
			return succeeded(answer), answer
		},
	}
}

// dialectDoor asks in the dialect.
func dialectDoor(t *testing.T, g *gate, key string) *matrixDoor {
	t.Helper()
	exchange := overHTTPWith(t, g, key)
	ask := func(method, params string) string {
		return exchange(`{"jsonrpc":"2.0","id":1,"method":"` + method + `","params":` + params + `}`)
	}
	lists := map[string][3]string{
		"tool": {"mcp.tools.list", "", "toolId"}, "prompt": {"mcp.prompts.list", "", "promptId"},
		"resource": {"mcp.resources.list", "resources", "uri"}, "template": {"mcp.resources.list", "named", "uriTemplate"},
	}
	return &matrixDoor{
		name: "dialect",
		list: func(kind string) []string {
			return within(t, ask(lists[kind][0], "{}"), lists[kind][1], lists[kind][2])
		},
		do: func(kind, verb, name string, amount int) (bool, string) {
			quoted, _ := json.Marshal(name)
			var answer string
			switch {
			case kind == "tool":
				answer = ask("mcp.tool.invoke", fmt.Sprintf(`{"toolId":%s,"args":{"amount":%d}}`, quoted, amount))
			case kind == "prompt":
				answer = ask("mcp.prompt.render", fmt.Sprintf(`{"promptId":%s,"variables":{"amount":"%d"}}`, quoted, amount))
			case verb == "write":
				answer = ask("mcp.resource.write", fmt.Sprintf(`{"uri":%s,"content":"x"}`, quoted))
			default:
				answer = ask("mcp.resource.read", fmt.Sprintf(`{"uri":%s}`, quoted))
			}
			return succeeded(answer), answer
		},
	}
}

// doors returns the ways in which a holder of a key can ask.
func doors(t *testing.T, g *gate, key string) []*matrixDoor {
	t.Helper()
	modern := g.modernClient("{}")
	modern.key = key
	return []*matrixDoor{standardDoor(t, g.legacyWithKey(t, "{}", key), "legacy"), standardDoor(t, modern, "modern"), dialectDoor(t, g, key)}
}

// matrixSeed makes the keys and the arguments.
const matrixSeed = 2

// TestAuthorizationMatrix compares what the gateway lets do with what the oracle says, over all doors: for ten keys, and for eighteen
// with SUMUN_TEST_SLOW=1.
func TestAuthorizationMatrix(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(matrixSeed, 1))
	keys := 10
	if slow() {
		keys = 18
	}
	g, subjects := openMatrix(t, random, keys)
	there, exists := whole(t, g)
	cases, yes, listed := 0, 0, 0
	for i := range subjects {
		o := &oracle{subjects[i]}
		for _, door := range doors(t, g, o.key) {
			shown := map[string][]string{}
			for kind, all := range there {
				want := []string{}
				for _, name := range all {
					verb := map[string]string{"tool": "invoke", "prompt": "invoke"}[kind]
					if allowed, open := o.may(kind, name, cmp.Or(verb, "list"), nil); allowed || open {
						want = append(want, name)
					}
				}
				shown[kind] = door.list(kind)
				if listed += len(all); !slices.Equal(shown[kind], want) {
					t.Errorf("%s (%v), %s: %ss listed\n got %q\nwant %q", o.name, o.scopes, door.name, kind, shown[kind], want)
				}
			}
			for kind, names := range exists {
				for name, is := range names {
					n, allowed := o.compare(t, door, thing{kind, name, is, 10 + random.IntN(3)*60}, shown[kind])
					if cases += n; allowed {
						yes++
					}
				}
			}
		}
	}
	t.Logf("%d keys, %d cases of use, of which %d were allowed, and %d of listing; seed %d", len(subjects), cases, yes, listed, matrixSeed)
	if cases < 110*keys || yes < cases/20 || yes > cases*9/10 {
		t.Errorf("the cases are too few or all alike")
	}
}

// whole returns what there is: what the key that sees everything is listed, and whether each name of the matrix can be used by it.
func whole(t *testing.T, g *gate) (there map[string][]string, exists map[string]map[string]bool) {
	t.Helper()
	everything := dialectDoor(t, g, g.localKey(t))
	for _, uri := range []string{"cache://notes/a", "cache://diary/a"} {
		if ok, answer := everything.do("resource", "write", uri, 0); !ok {
			t.Fatal(answer)
		}
	}
	eventually(t, "both entries are listed", func() bool {
		listed := everything.list("resource")
		return slices.Contains(listed, "cache://notes/a") && slices.Contains(listed, "cache://diary/a")
	})
	there, exists = map[string][]string{}, map[string]map[string]bool{}
	for _, kind := range []string{"tool", "prompt", "resource", "template"} {
		there[kind] = everything.list(kind)
	}
	for kind, names := range map[string][]string{"tool": matrixTools, "prompt": matrixPrompts, "resource": matrixResources} {
		exists[kind] = map[string]bool{}
		for _, name := range slices.Concat(names, matrixAbsent[kind]) {
			exists[kind][name], _ = everything.do(kind, "", name, 1)
			if slices.Contains(names, name) && !exists[kind][name] {
				t.Fatalf("%s %q is not there", kind, name)
			}
		}
	}
	return there, exists
}

// A thing is used under a name that exists or not, with an argument.
type thing struct {
	kind, name string
	is         bool
	amount     int
}

// compare uses one thing in all ways that the door has, and returns in how many.
func (o *oracle) compare(t *testing.T, door *matrixDoor, of thing, shown []string) (n int, allowed bool) {
	t.Helper()
	kind, name, is, amount := of.kind, of.name, of.is, of.amount
	verb := map[string]string{"resource": "read"}[kind]
	may, _ := o.may(kind, name, cmp.Or(verb, "invoke"), &amount)
	_, open := o.may(kind, name, cmp.Or(verb, "invoke"), nil)
	want := may && is
	got, answer := door.do(kind, verb, name, amount)
	switch {
	case got != want:
		t.Errorf("%s (%v), %s: %s %q with %d: %v, want %v: %s", o.name, o.scopes, door.name, kind, name, amount, got, want, answer)
	case !got && is && !open && !strings.Contains(answer, "not found") && !strings.Contains(answer, "unknown"):
		t.Errorf("%s, %s: %s %q is hidden, and the refusal says more: %s", o.name, door.name, kind, name, answer)
	case !got && is && open && !strings.Contains(answer, "with these arguments"):
		t.Errorf("%s, %s: %s %q is listed, and the refusal does not say why: %s", o.name, door.name, kind, name, answer)
	case kind != "resource" && is && !open && slices.Contains(shown, name) != got:
		t.Errorf("%s, %s: %s %q is listed: %v, and allowed: %v", o.name, door.name, kind, name, !got, got)
	}
	if door.name != "dialect" || !strings.HasPrefix(name, "cache://") {
		return 1, got
	}
	may, _ = o.may(kind, name, "write", nil)
	wrote, answer := door.do(kind, "write", name, 0)
	if wrote = wrote || strings.Contains(answer, `"reason":"conflict"`); wrote != (may && is) { // it is there already: who may not write is not told
		t.Errorf("%s (%v): %q is written: %v, want %v: %s", o.name, o.scopes, name, wrote, may && is, answer)
	}
	return 2, got
}
