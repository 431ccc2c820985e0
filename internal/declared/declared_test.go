package declared

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/sumun-mcp/sumun/internal/config/offer"
)

func TestTemplate(t *testing.T) {
	value := func(p Placeholder) (string, bool, error) {
		if p.Path {
			return "<+" + p.Name + ">", true, nil
		}
		return "<" + p.Name + ">", p.Name != "gone", nil
	}
	tests := []struct {
		text, want string
		names      []string
	}{
		{"", "", nil},
		{"plain", "plain", nil},
		{"{a}", "<a>", []string{"a"}},
		{"x{a}y{+b}{a}z", "x<a>y<+b><a>z", []string{"a", "b"}},
		{"{{a}} {{{a}}}", "{a} {<a>}", []string{"a"}},
		{"{한글}{a.b-c_d}{x[y]}", "<한글><a.b-c_d><x[y]>", []string{"한글", "a.b-c_d", "x[y]"}},
		{"a{gone}b", "", []string{"gone"}},
	}
	for _, tt := range tests {
		p, err := Parse(tt.text)
		if err != nil {
			t.Errorf("%q: %v", tt.text, err)
			continue
		}
		got, ok, err := p.Fill(value)
		if got != tt.want || ok != !slices.Contains(tt.names, "gone") || err != nil || !slices.Equal(p.Names(), tt.names) {
			t.Errorf("%q: %q, %v, %v, %q", tt.text, got, ok, err, p.Names())
		}
		if name, whole := p.Whole(); whole != (tt.text == "{a}") || whole && name != "a" {
			t.Errorf("%q: whole %q, %v", tt.text, name, whole)
		}
	}
	for _, bad := range []string{"{", "}", "{}", "{a", "a}", "{a}}", "{a b}", `{"a": 1}`, "{+}", "{a{b}}", "{a/b}", "{?a}", "{a,b}", "{\n}"} {
		if _, err := Parse(bad); err == nil {
			t.Errorf("%q is a template", bad)
		}
	}
}

func TestRead(t *testing.T) {
	s, err := Compile(json.RawMessage(`{"type":"object","properties":{"id":{"type":"integer"},"q":{"type":"string","maxLength":3,"default":"x"},"deep":{"properties":{"a/b":{"type":"string"}}}},"required":["id"],"additionalProperties":false}`))
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct{ arguments, want string }{
		{`{"id":18446744073709551617}`, `{"id":18446744073709551617,"q":"x"}`},
		{`{"id":1.0,"q":""}`, `{"id":1.0,"q":""}`},
		{``, `the arguments do not fit: /: missing property 'id'`},
		{`{}`, `the arguments do not fit: /: missing property 'id'`},
		{`[]`, `the arguments are not a JSON object; give deep, id, q`},
		{`null`, `the arguments are not a JSON object; give deep, id, q`},
		{`{"id":"1","q":"long","deep":{"a/b":1}}`, `the arguments do not fit: /deep/a~1b: got number, want string; /id: got string, want integer; /q: maxLength: got 4, want 3`},
		{`{"id":1,"x":1}`, `the arguments do not fit: /: additional properties 'x' not allowed`},
	}
	for _, tt := range tests {
		args, err := s.Read(json.RawMessage(tt.arguments))
		got := ""
		if err != nil {
			parts := strings.Split(strings.TrimPrefix(err.Error(), "the arguments do not fit: "), "; ")
			if strings.HasPrefix(err.Error(), "the arguments do not fit: ") {
				slices.Sort(parts)
				got = "the arguments do not fit: "
			}
			got += strings.Join(parts, "; ")
		} else if out, err := json.Marshal(args); err == nil {
			got = string(out)
		}
		if got != tt.want {
			t.Errorf("%s: %s\nwant %s", tt.arguments, got, tt.want)
		}
	}
}

func TestCompileRefuses(t *testing.T) {
	for _, bad := range []string{
		``, `[]`, `true`, `{}`, `{"type":"string"}`, `{"type":"object","properties":{"a":{"type":"strange"}}}`, `{"type":"object","properties":{"a":{"pattern":"("}}}`,
		`{"type":"object","$ref":"https://evil.example/x.json"}`, `{"type":"object","properties":{"a":{"$ref":"file:///etc/passwd"}}}`, `{"type":"object","properties":{"a":{"$ref":"#/nowhere"}}}`,
	} {
		if _, err := Compile(json.RawMessage(bad)); err == nil {
			t.Errorf("%s is taken", bad)
		}
	}
	if _, err := Compile(Infer([]string{"a", "b"})); err != nil {
		t.Error(err)
	}
}

func TestArguments(t *testing.T) {
	args := Arguments{
		"text": json.RawMessage(`"a\"b"`), "number": json.RawMessage(`1.50`), "true": json.RawMessage(`true`), "null": json.RawMessage(`null`),
		"list": json.RawMessage(`["a",1,false]`), "object": json.RawMessage(`{"a":1}`), "deep": json.RawMessage(`[["a"]]`), "empty": json.RawMessage(`[]`), "holes": json.RawMessage(`[null]`),
	}
	tests := []struct {
		name  string
		text  string // of Text, "!" for an error, "-" when it was not given
		texts string
	}{
		{"text", `a"b`, `a"b`},
		{"number", "1.50", "1.50"},
		{"true", "true", "true"},
		{"null", "-", "-"},
		{"absent", "-", "-"},
		{"list", "!", "a|1|false"},
		{"object", "!", "!"},
		{"deep", "!", "!"},
		{"empty", "!", ""},
		{"holes", "!", "!"},
	}
	say := func(text string, ok bool, err error) string {
		switch {
		case err != nil:
			return "!"
		case !ok:
			return "-"
		}
		return text
	}
	for _, tt := range tests {
		if got := say(args.Text(tt.name)); got != tt.text {
			t.Errorf("Text(%s) = %q, want %q", tt.name, got, tt.text)
		}
		texts, ok, err := args.Texts(tt.name)
		if got := say(strings.Join(texts, "|"), ok, err); got != tt.texts {
			t.Errorf("Texts(%s) = %q, want %q", tt.name, got, tt.texts)
		}
	}
	if string(args["list"]) != `["a",1,false]` {
		t.Errorf("reading has changed an argument: %s", args["list"])
	}
}

func TestJSON(t *testing.T) {
	const doc = `{"a":[{"b/c":1e400},{"~":"<&>"}],"":{"x":null},"0":"zero"}`
	tests := []struct{ pointer, want string }{
		{"", doc},
		{"/a/0/b~1c", "1e400"},
		{"/a/1/~0", `"<&>"`},
		{"/", `{"x":null}`},
		{"//x", "null"},
		{"/0", `"zero"`},
		{"/a/2", ""},
		{"/a/-1", ""},
		{"/a/x", ""},
		{"/b", ""},
		{"/a/0/b~1c/d", ""},
		{"//x/y", ""},
	}
	for _, tt := range tests {
		result, err := JSON([]byte(doc), map[string]string{"m": tt.pointer})
		if err != nil {
			t.Fatal(err)
		}
		want := `{}`
		if tt.want != "" {
			want = `{"m":` + tt.want + `}`
		}
		raw, _ := result.StructuredContent.(json.RawMessage)
		if diff := cmp.Diff(want, string(raw)); diff != "" {
			t.Errorf("%q (-want +got)\n%s", tt.pointer, diff)
		}
	}
}

// TestAdd refuses what clients could not use.
func TestAdd(t *testing.T) {
	server := NewServer("Test", "1", false)
	input, err := Compile(json.RawMessage(`{"type":"object","properties":{"a":{"type":"string","x-mcp-header":"bad header"}}}`))
	if err != nil {
		t.Fatal(err)
	}
	if err := Add(server, &Tool{About: &mcp.Tool{Name: "a"}, Input: input}); err == nil {
		t.Error("a header that cannot be one is taken")
	}
	if input, err = Compile(Infer(nil)); err != nil {
		t.Fatal(err)
	}
	about := About(&offer.Tool{Name: "b", OutputSchema: json.RawMessage(`{"type":1}`)}, mcp.ToolAnnotations{})
	if err := Add(server, &Tool{About: about, Input: input}); err == nil {
		t.Error("an outputSchema that is none is taken")
	}
}

func FuzzTemplate(f *testing.F) {
	for _, s := range []string{"", "{a}", "{{a}}", "x{+a}y", "{", "}}{{", "{{{a}}}"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := Parse(text)
		if err != nil {
			return
		}
		// What is filled in again as it was written is the text.
		escape := strings.NewReplacer("{", "{{", "}", "}}")
		var again strings.Builder
		for _, part := range p.parts {
			switch {
			case part.place.Path:
				again.WriteString("{+" + part.place.Name + "}")
			case part.place.Name != "":
				again.WriteString("{" + part.place.Name + "}")
			default:
				again.WriteString(escape.Replace(part.text))
			}
		}
		if again.String() != text {
			t.Errorf("%q becomes %q", text, again.String())
		}
	})
}

func FuzzClean(f *testing.F) {
	f.Add("a\x00b\u202e c\n\n")
	f.Fuzz(func(t *testing.T, text string) {
		got := Clean(text)
		if strings.ContainsFunc(got, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) }) || len([]rune(got)) > 1100 {
			t.Errorf("%q becomes %q", text, got)
		}
	})
}

func FuzzPointer(f *testing.F) {
	f.Add([]byte(`{"a":[1,{"b":2}]}`), "/a/1/b")
	f.Fuzz(func(t *testing.T, value []byte, pointer string) {
		if pointer != "" && pointer[0] != '/' || !json.Valid(value) {
			return
		}
		if part, ok := at(value, pointer); ok && !json.Valid(part) {
			t.Errorf("%q in %s is %q", pointer, value, part)
		}
	})
}
