package rule

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/sumun-mcp/sumun/internal/wire"
)

func whole(t *testing.T, source string) (v Value) {
	t.Helper()
	re, err := Whole(source)
	if err != nil {
		t.Fatal(err)
	}
	return Value{Pattern: re}
}

// told writes faults on a line.
func told(faults []Fault) string {
	var b strings.Builder
	for _, f := range faults {
		fmt.Fprintf(&b, "%s %s %s; ", f.Pointer, f.Kind, f.Message)
	}
	return b.String()
}

func TestValue(t *testing.T) {
	t.Parallel()
	at := func(at string, v Value) Value { v.At = at; return v }
	for _, tt := range []struct {
		rule  Value
		value string
		want  string
	}{
		{Value{At: "/a", MinLength: 2, MaxLength: 3}, `{"a":"가나"}`, ""},
		{Value{At: "/a", MinLength: 2, MaxLength: 3}, `{"a":"가"}`, "/a length has 1 characters, needs 2; "},
		{Value{At: "/a", MaxLength: 3}, `{"a":"abcd"}`, "/a length has 4 characters, may have 3; "},
		{Value{At: "/a", MaxLength: 3}, `{"a":["abcd"]}`, "/a type is not a text; "},
		{Value{At: "/a", MaxLength: 3}, `{"a":null}`, ""},
		{Value{At: "/a", MaxLength: 3}, `{"b":"abcd"}`, ""},
		{Value{At: "/a", Required: true}, `{"b":1}`, "/a required is missing; "},
		{Value{At: "/a", MaxLength: 3, Required: true}, `{"a":null}`, "/a type is not a text; "},
		{Value{At: "/a", MaxLength: 3}, `{"A":"abcd"}`, "/A twin differs only by case from a, for which there is a rule; "},
		{Value{At: "/task", MaxLength: 3}, `{"\u0074as\u212a":"abcd"}`, "/tas\u212a twin differs only by case from task, for which there is a rule; "},
		{at("/a", whole(t, "a|b+")), `{"a":"bb"}`, ""},
		{at("/a", whole(t, "a|b+")), `{"a":"bb\n"}`, "/a pattern is not of the form that it must have: a|b+; "},
		{at("/a", whole(t, "a|b+")), `{"a":"xa"}`, "/a pattern is not of the form that it must have: a|b+; "},
		{Value{At: "/a", OneOf: []string{"x", "2"}}, `{"a":2}`, ""},
		{Value{At: "/a", OneOf: []string{"x", "2"}}, `{"a":"\u0078"}`, ""},
		{Value{At: "/a", OneOf: []string{"x", "2"}}, `{"a":"y"}`, "/a allow-list is none of the values that may be here: x, 2; "},
		{Value{At: "/a", Min: new(1.0), Max: new(2.5)}, `{"a":2.5}`, ""},
		{Value{At: "/a", Min: new(1.0)}, `{"a":0.99999999999999999999}`, "/a range is less than 1; "},
		{Value{At: "/a", Max: new(2.5)}, `{"a":25e-1}`, ""},
		{Value{At: "/a", Max: new(2.5)}, `{"a":26e-1}`, "/a range is more than 2.5; "},
		{Value{At: "/a", Max: new(2.5)}, `{"a":1e999999999}`, "/a range is a number that cannot be compared; "},
		{Value{At: "/a", Max: new(2.5)}, `{"a":"1"}`, "/a type is not a number; "},
		{Value{At: "/a", Forbid: ";|`"}, `{"a":"x\u003by"}`, "/a character has the character ';', which may not be here; "},
		{Value{At: "/l/*/n", MaxLength: 1}, `{"l":[{"n":"a"},{"n":"bb"},3,{"m":"cc"}]}`, "/l/1/n length has 2 characters, may have 1; "},
		{Value{At: "/*", MaxLength: 1}, `{"a":"bb","c/d":"ee"}`, "/a length has 2 characters, may have 1; /c~1d length has 2 characters, may have 1; "},
		{Value{At: "/l/1", MaxLength: 1}, `{"l":["aa","bb"]}`, "/l/1 length has 2 characters, may have 1; "},
		{Value{At: "/c~1d", MaxLength: 1}, `{"c/d":"ee"}`, "/c~1d length has 2 characters, may have 1; "},
		{Value{At: "", OneOf: []string{"x"}}, `"y"`, " allow-list is none of the values that may be here: x; "},
		{Value{At: "/a", Schema: func([]byte) []Fault {
			return []Fault{{Pointer: "/b", Kind: "schema", Message: "is bad", Refused: true}}
		}}, `{"a":{}}`, "/a/b schema is bad; "},
		{Value{At: "/u", URL: &URL{Schemes: []string{"https"}}}, `{"u":"http://x"}`, "/u url has none of the schemes that may be here: https; "},
	} {
		var report Report
		tt.rule.Check([]byte(tt.value), &report, nil)
		if got := told(report.Faults); got != tt.want || (got != "") != (report.Refused > 0) {
			t.Errorf("%s\nhas  %s\nwant %s", tt.value, got, tt.want)
		}
	}
}

func TestRewrite(t *testing.T) {
	t.Parallel()
	root := tree(t)
	rule := Value{At: "/paths/*", Root: &Root{Under: root, Relative: true}}
	value := []byte(`{"x": 1.50, "paths":["docs/./read.md","docs/read.md" , "a\u0020b/c.txt","..", "docs%2Fread.md" ],"y":"docs/./read.md"}`)
	var report Report
	patches := rule.Check(value, &report, nil)
	slices.SortFunc(patches, func(a, b wire.Patch) int { return a.Start - b.Start })
	got := string(wire.AppendPatched(nil, value, patches...))
	want := `{"x": 1.50, "paths":["docs/read.md","docs/read.md" , "a\u0020b/c.txt","..", "docs/read.md" ],"y":"docs/./read.md"}`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if told := told(report.Faults); told != "/paths/3 path leads out of the directory that it must stay in; " {
		t.Error(told)
	}
}

func TestURL(t *testing.T) {
	t.Parallel()
	u := &URL{Schemes: []string{"https", "http"}, Hosts: []string{"example.com", "*.api.example.com", "local.test:8080", "[::1]:9000", "10.0.0.1"}}
	for text, ok := range map[string]bool{
		"https://example.com/x?y#z": true, "https://EXAMPLE.com.": true, "http://example.com:80/": true, "https://example.com:443": true,
		"https://a.api.example.com": true, "https://a.b.api.example.com": true, "http://local.test:8080/": true, "http://[::1]:9000/": true, "http://10.0.0.1/": true,
		"https://api.example.com": false, "https://example.com:8443": false, "https://example.com.evil.test": false, "https://evil.test/example.com": false,
		"https://example.com@evil.test": false, "https://user:pass@example.com": false, "https://evil.test\\@example.com": false, "https://evil.test#@example.com": false,
		"ftp://example.com": false, "//example.com": false, "example.com": false, "https:example.com": false, "javascript:alert(1)": false, "file:///etc/passwd": false,
		"https://ex%61mple.com": false, "https://exаmple.com": false, "https://example。com": false, "https://example.com\n": false, "https://exam ple.com": false,
		"http://[::1]": false, "http://local.test": false, "http://167772161/": false, "http://0x0a.0.0.1": false, "": false, "https://": false,
	} {
		if got := u.fault(text); (got == "") != ok {
			t.Errorf("%q: %q", text, got)
		}
	}
	if (&URL{}).fault("gopher://anything") != "" {
		t.Error("a rule without schemes and hosts refuses")
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	for pointer, want := range map[string]string{"": "", "/": "", "/a/b": "a|b", "/~1/~0": "/|~", "/a//b": "a||b", "/~01": "~1"} {
		tokens, err := ParsePointer(pointer)
		if got := strings.Join(tokens, "|"); err != nil || got != want {
			t.Errorf("%q: %q, %v", pointer, got, err)
		}
	}
	for _, bad := range []string{"a", "/~", "/~2", "/a~"} {
		if tokens, err := ParsePointer(bad); err == nil {
			t.Errorf("%q: %q", bad, tokens)
		}
	}
	if _, err := Whole("("); err == nil {
		t.Error("( is a pattern")
	}
	if _, err := Whole("a)|(b"); err == nil {
		t.Error("a)|(b is a pattern")
	}
	if ParseAction("flag", Off) != Flag || ParseAction("", Refuse) != Refuse || ParseAction("off", Flag) != Off || ParseAction("refuse", Off) != Refuse {
		t.Error("actions are read wrongly")
	}
}

func FuzzValue(f *testing.F) {
	f.Add("/a/*/b", `{"a":[{"b":"x"}]}`)
	f.Add("/0", `["x"]`)
	scanner := wire.NewScanner(wire.Vocabulary{}, 0)
	f.Fuzz(func(t *testing.T, at, value string) {
		if scanner.Value([]byte(value)) != nil {
			return
		}
		if _, err := ParsePointer(at); err != nil {
			return
		}
		v := Value{At: at, Required: true, MaxLength: 1, OneOf: []string{"x"}, Min: new(0.0), Root: &Root{Under: "/nowhere"}, URL: &URL{Hosts: []string{"x"}}}
		var report Report
		patches := v.Check([]byte(value), &report, nil)
		slices.SortFunc(patches, func(a, b wire.Patch) int { return a.Start - b.Start })
		if patched := wire.AppendPatched(nil, []byte(value), patches...); len(patches) > 0 && scanner.Value(patched) != nil {
			t.Fatalf("%s becomes %s", value, patched)
		}
	})
}
