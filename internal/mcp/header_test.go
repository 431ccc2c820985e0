package mcp

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sumun-mcp/sumun/internal/wire"
)

func TestHeaderParams(t *testing.T) {
	tests := []struct {
		name, schema string
		want         []HeaderParam
		fault        string
	}{
		{"none", `{"type":"object","properties":{"a":{"type":"string"}}}`, nil, ""},
		{
			"one of each type", `{"properties":{"a":{"type":"string","x-mcp-header":"A"},"b":{"type":"integer","x-mcp-header":"B-2"},"c":{"type":"boolean","x-mcp-header":"~c"}}}`,
			[]HeaderParam{{[]string{"a"}, "A", "string"}, {[]string{"b"}, "B-2", "integer"}, {[]string{"c"}, "~c", "boolean"}},
			"",
		},
		{
			"nested", `{"properties":{"o":{"type":"object","properties":{"p":{"x-mcp-header":"P","type":"string"},"q":{"x-mcp-header":"Q","type":"string"}}}}}`,
			[]HeaderParam{{[]string{"o", "p"}, "P", "string"}, {[]string{"o", "q"}, "Q", "string"}},
			"",
		},
		{"an argument of that name", `{"properties":{"x-mcp-header":{"type":"number"}}}`, nil, ""},
		{"in data", `{"properties":{"a":{"default":{"x-mcp-header":"A"},"enum":[{"x-mcp-header":1}]}}}`, nil, ""},
		{"escaped", `{"properties":{"\u0061":{"type":"string","x-mcp-h\u0065ader":"\u0041"}}}`, []HeaderParam{{[]string{"a"}, "A", "string"}}, ""},
		{"not a schema", `true`, nil, ""},

		{"empty", `{"properties":{"a":{"type":"string","x-mcp-header":""}}}`, nil, "not a header name"},
		{"no token", `{"properties":{"a":{"type":"string","x-mcp-header":"a b"}}}`, nil, "not a header name"},
		{"line feed", `{"properties":{"a":{"type":"string","x-mcp-header":"a\nb"}}}`, nil, "not a header name"},
		{"beyond ASCII", `{"properties":{"a":{"type":"string","x-mcp-header":"ä"}}}`, nil, "not a header name"},
		{"no string", `{"properties":{"a":{"type":"string","x-mcp-header":true}}}`, nil, "not a header name"},
		{"number", `{"properties":{"a":{"type":"number","x-mcp-header":"A"}}}`, nil, "must be string, integer or boolean"},
		{"no type", `{"properties":{"a":{"x-mcp-header":"A"}}}`, nil, "must be string"},
		{"types", `{"properties":{"a":{"type":["string","null"],"x-mcp-header":"A"}}}`, nil, "must be string"},
		{"twice but for case", `{"properties":{"a":{"type":"string","x-mcp-header":"A"},"b":{"type":"string","x-mcp-header":"a"}}}`, nil, `is also that of "a"`},
		{"the root", `{"type":"string","x-mcp-header":"A"}`, nil, "only arguments"},
		{"items", `{"properties":{"a":{"items":{"type":"string","x-mcp-header":"A"}}}}`, nil, "only arguments"},
		{"prefixItems", `{"properties":{"a":{"prefixItems":[{"type":"string","x-mcp-header":"A"}]}}}`, nil, "only arguments"},
		{"anyOf", `{"anyOf":[{"properties":{"a":{"type":"string","x-mcp-header":"A"}}}]}`, nil, "only arguments"},
		{"$defs", `{"$defs":{"d":{"properties":{"a":{"type":"string","x-mcp-header":"A"}}}}}`, nil, "only arguments"},
		{"then", `{"then":{"properties":{"a":{"type":"string","x-mcp-header":"A"}}}}`, nil, "only arguments"},
		{"additionalProperties", `{"additionalProperties":{"type":"string","x-mcp-header":"A"}}`, nil, "only arguments"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := HeaderParams([]byte(tt.schema))
			if (err == nil) != (tt.fault == "") || err != nil && !strings.Contains(err.Error(), tt.fault) {
				t.Fatalf("error = %v, want %q", err, tt.fault)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestHeaderValue(t *testing.T) {
	tests := []struct {
		arguments, want string
		ok              bool
	}{
		{`{"o":{"a":"x"}}`, "x", true},
		{`{"o":{"\u0061":"\u00e9"}}`, "é", true},
		{`{"o":{"a":""}}`, "", true},
		{`{"o":{"a":true}}`, "true", true},
		{`{"o":{"a":-7}}`, "-7", true},
		{`{"o":{"a":42.0}}`, "42", true},
		{`{"o":{"a":4.2e1}}`, "42", true},
		{`{"o":{"a":-0}}`, "0", true},
		{`{"o":{"a":9007199254740991}}`, "9007199254740991", true},
		{`{"o":{"a":9007199254740992}}`, "", false},
		{`{"o":{"a":1.5}}`, "", false},
		{`{"o":{"a":1e999}}`, "", false},
		{`{"o":{"a":null}}`, "", false},
		{`{"o":{"a":{}}}`, "", false},
		{`{"o":{"A":"x"}}`, "", false},
		{`{"o":[1]}`, "", false},
		{`{}`, "", false},
		{``, "", false},
	}
	p := HeaderParam{Path: []string{"o", "a"}, Header: "A", Type: "string"}
	for _, tt := range tests {
		got, ok := p.Value([]byte(tt.arguments))
		if ok != tt.ok || ok && got != tt.want {
			t.Errorf("Value(%s) = %q, %v; want %q, %v", tt.arguments, got, ok, tt.want, tt.ok)
		}
	}
}

func TestEncodeHeader(t *testing.T) {
	tests := map[string]string{
		"us-west1":           "us-west1",
		"a b":                "a b",
		"Hello, 世界":          "=?base64?SGVsbG8sIOS4lueVjA==?=",
		" padded ":           "=?base64?IHBhZGRlZCA=?=",
		"line1\nline2":       "=?base64?bGluZTEKbGluZTI=?=",
		"=?base64?literal?=": "=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?=",
		"=?base64?=":         "=?base64?=", // its marks overlap, so it is none
		"":                   "=?base64??=",
	}
	for plain, want := range tests {
		if got := EncodeHeader(plain); got != want {
			t.Errorf("EncodeHeader(%q) = %q, want %q", plain, got, want)
		}
		if got, ok := DecodeHeader(want); !ok || got != plain {
			t.Errorf("DecodeHeader(%q) = %q, %v, want %q", want, got, ok, plain)
		}
	}
	for _, bad := range []string{"=?base64?SGVsbG8?=", "=?base64?*?=", "ä", "a\x7fb", "a\nb"} {
		if got, ok := DecodeHeader(bad); ok {
			t.Errorf("DecodeHeader(%q) = %q, want a refusal", bad, got)
		}
	}
	if got, ok := DecodeHeader("=?BASE64?YQ==?="); !ok || got != "=?BASE64?YQ==?=" {
		t.Errorf("marks in capitals were taken for marks: %q", got)
	}
}

func FuzzEncodeHeader(f *testing.F) {
	f.Add(" ä=?base64?x?=")
	f.Fuzz(func(t *testing.T, s string) {
		encoded := EncodeHeader(s)
		if got, ok := DecodeHeader(encoded); !ok || got != s {
			t.Errorf("DecodeHeader(EncodeHeader(%q)) = %q, %v", s, got, ok)
		}
		if strings.Trim(encoded, " ") != encoded || strings.ContainsAny(encoded, "\r\n\x00") {
			t.Errorf("EncodeHeader(%q) = %q cannot stand in a header", s, encoded)
		}
	})
}

func FuzzHeaderParams(f *testing.F) {
	f.Add([]byte(`{"properties":{"a":{"type":"string","x-mcp-header":"A"}},"items":[{"x-mcp-header":1}]}`), []byte(`{"a":"b"}`))
	scanner := wire.NewScanner(wire.Vocabulary{}, 0)
	f.Fuzz(func(t *testing.T, schema, arguments []byte) {
		if scanner.Value(schema) != nil || scanner.Value(arguments) != nil {
			t.Skip("not JSON")
		}
		params, err := HeaderParams(schema)
		if err != nil {
			return
		}
		h := http.Header{}
		for _, p := range params {
			if value, ok := p.Value(arguments); ok {
				h.Set(ParamHeader+p.Header, EncodeHeader(value))
			}
		}
		if err := CheckHeaders(h, params, arguments); err != nil {
			t.Errorf("the headers that we make are refused: %v", err)
		}
	})
}

func TestCheckHeaders(t *testing.T) {
	params := []HeaderParam{{[]string{"region"}, "Region", "string"}, {[]string{"limit"}, "Limit", "integer"}, {[]string{"dry"}, "Dry", "boolean"}}
	tests := []struct {
		name, arguments string
		header          http.Header
		want            string
	}{
		{"all", `{"region":"eu","limit":42,"dry":false}`, http.Header{"Mcp-Param-Region": {"eu"}, "Mcp-Param-Limit": {"42"}, "Mcp-Param-Dry": {"false"}}, ""},
		{"encoded", `{"region":"é"}`, http.Header{"Mcp-Param-Region": {"=?base64?w6k=?="}}, ""},
		{"numbers", `{"limit":42}`, http.Header{"Mcp-Param-Limit": {"42.0"}}, ""},
		{"none of them", `{}`, http.Header{}, ""},
		{"null", `{"region":null}`, http.Header{}, ""},
		{"unknown header", `{}`, http.Header{"Mcp-Param-Other": {"x"}}, ""},
		{"no arguments", ``, http.Header{}, ""},

		{"missing", `{"region":"eu"}`, http.Header{}, "is missing"},
		{"different", `{"region":"eu"}`, http.Header{"Mcp-Param-Region": {"us"}}, "does not agree"},
		{"case", `{"region":"eu"}`, http.Header{"Mcp-Param-Region": {"EU"}}, "does not agree"},
		{"numbers differ", `{"limit":42}`, http.Header{"Mcp-Param-Limit": {"43"}}, "does not agree"},
		{"no number", `{"limit":42}`, http.Header{"Mcp-Param-Limit": {"0x2a"}}, "does not agree"},
		{"a string is no number", `{"region":"42"}`, http.Header{"Mcp-Param-Region": {"42.0"}}, "does not agree"},
		{"extra", `{}`, http.Header{"Mcp-Param-Region": {"eu"}}, "cannot repeat"},
		{"extra for null", `{"region":null}`, http.Header{"Mcp-Param-Region": {""}}, "cannot repeat"},
		{"twice", `{"region":"eu"}`, http.Header{"Mcp-Param-Region": {"eu", "us"}}, "more than once"},
		{"bad Base64", `{"region":"eu"}`, http.Header{"Mcp-Param-Region": {"=?base64?*?="}}, "badly encoded"},
		{"bad characters", `{"region":"é"}`, http.Header{"Mcp-Param-Region": {"é"}}, "badly encoded"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := CheckHeaders(tt.header, params, []byte(tt.arguments))
			switch {
			case err == nil && tt.want != "":
				t.Fatalf("no error, want %q", tt.want)
			case err == nil:
			case tt.want == "" || !strings.Contains(err.Message, tt.want) || err.Code != CodeHeaderMismatch || err.Reason != Malformed:
				t.Errorf("error = %v (%s), want %q with %d", err, err.Reason, tt.want, CodeHeaderMismatch)
			}
		})
	}
}

func TestMatch(t *testing.T) {
	tests := []struct {
		pattern, name string
		want          bool
	}{
		{"a.b", "a.b", true},
		{"a.b", "a.c", false},
		{"a.*", "a.b", true},
		{"a.*", "a.", true},
		{"a.*", "ab", false},
		{"*", "", true},
		{"", "", true},
		{"", "a", false},
		{"*.read", "files.read", true},
		{"*.read", "files.readx", false},
		{"a*b*c", "a1b2b3c", true},
		{"a*b*c", "a1b2b3", false},
		{"a**b", "ab", true},
		{"file:///docs/*", "file:///docs/a/b", true},
		{"a?", "ab", false},
		{"[a]", "a", false},
		{"A", "a", false},
		{"a*", "a*", true},
	}
	for _, tt := range tests {
		if got := Match(tt.pattern, tt.name); got != tt.want {
			t.Errorf("Match(%q, %q) = %v", tt.pattern, tt.name, got)
		}
	}
}

func TestAbsent(t *testing.T) {
	modern, legacy := Latest(), LatestLegacy()
	if e := Absent(Resource, `x:"1"`, legacy); e.Code != CodeResourceNotFound || string(e.Data) != `{"uri":"x:\"1\""}` {
		t.Errorf("a resource in the legacy era: %v %s", e, e.Data)
	}
	for _, kind := range []Kind{Tool, Prompt, Resource, Template} {
		if e := Absent(kind, "n", modern); e.Code != CodeInvalidParams || e.Reason != NotFound {
			t.Errorf("kind %d in the modern era: %v", kind, e)
		}
	}
	if e := Absent(Tool, "n", legacy); e.Message != "unknown tool: n" {
		t.Errorf("message = %q", e.Message)
	}
}

func TestParseRef(t *testing.T) {
	tests := []struct {
		ref  string
		kind Kind
		name string
		ok   bool
	}{
		{`{"type":"ref/prompt","name":"p"}`, Prompt, "p", true},
		{`{"type":"ref/resource","uri":"x:{a}"}`, Template, "x:{a}", true},
		{`{"type":"ref/prompt","uri":"p"}`, Prompt, "", false},
		{`{"type":"ref/tool","name":"t"}`, 0, "", false},
		{`[]`, 0, "", false},
		{``, 0, "", false},
	}
	for _, tt := range tests {
		kind, name, ok := ParseRef([]byte(tt.ref))
		if kind != tt.kind || name != tt.name || ok != tt.ok {
			t.Errorf("ParseRef(%s) = %v, %q, %v", tt.ref, kind, name, ok)
		}
	}
}
