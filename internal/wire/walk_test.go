package wire

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestMembers(t *testing.T) {
	const object = ` { "a" : 1 , "b\"}":[1,{"x":"]"}], "c":{"d":"}"} ,"":"\\" } `
	var got []string
	for key, value := range Members([]byte(object)) {
		got = append(got, string(key)+"="+string(value))
	}
	if want := []string{`a=1`, `b\"}=[1,{"x":"]"}]`, `c={"d":"}"}`, `="\\"`}; !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	for range Members([]byte(object)) {
		break // an iterator must stop when told to
	}
	for _, other := range []string{``, `{}`, ` { } `, `[1]`, `"a"`, `null`, `{`, `{"`, `{"a`, `{"a"`, `{"a":`} {
		for key := range Members([]byte(other)) {
			t.Errorf("%s yields %s", other, key)
		}
	}
}

func TestElements(t *testing.T) {
	const array = ` [ 1 , "a,]" ,[2,[3]],{"x":[","]},null,-1.5e3 ] `
	var got []string
	for value := range Elements([]byte(array)) {
		got = append(got, string(value))
	}
	if want := []string{`1`, `"a,]"`, `[2,[3]]`, `{"x":[","]}`, `null`, `-1.5e3`}; !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	for range Elements([]byte(array)) {
		break
	}
	for _, other := range []string{``, `[]`, ` [ ] `, `{}`, `"a"`, `[`, `[,`} {
		for value := range Elements([]byte(other)) {
			t.Errorf("%s yields %s", other, value)
		}
	}
}

func TestGet(t *testing.T) {
	const object = `{"name":"x","\u0061rguments":{"name":"inner"},"n":null,"\ud800":1}`
	for name, want := range map[string]string{
		"name": `"x"`, "arguments": `{"name":"inner"}`, "n": `null`, "�": `1`, "absent": "", "Name": "",
	} {
		if got := Get([]byte(object), name); string(got) != want || (want == "") != (got == nil) {
			t.Errorf("Get(%s) = %q, want %q", name, got, want)
		}
	}
	if got := Get([]byte(`[{"a":1}]`), "a"); got != nil {
		t.Errorf("Get of an array = %q", got)
	}
}

func TestKeyEqual(t *testing.T) {
	for _, tt := range []struct {
		raw, name string
		want      bool
	}{
		{`a`, "a", true},
		{`a`, "b", false},
		{``, "", true},
		{`\u0061`, "a", true},
		{`\u0061b`, "a", false},
		{`\u0061`, "ab", false},
		{`\n\t\r\b\f\/\\\"`, "\n\t\r\b\f/\\\"", true},
		{`\ud83d\ude00`, "😀", true},
		{`\uD83D\uDE00`, "😀", true},
		{`\ud83d`, "�", true},
		{`é\u00e9`, "éé", true},
		{`\u0041`, "a", false},
		{`longer`, "long", false},
	} {
		if got := KeyEqual([]byte(tt.raw), tt.name); got != tt.want {
			t.Errorf("KeyEqual(%s, %q) = %v", tt.raw, tt.name, got)
		}
	}
}

func TestUnquote(t *testing.T) {
	for raw, want := range map[string]string{
		`""`: "", `"a"`: "a", `"\u0061\n"`: "a\n", `"\ud83d\ude00!"`: "😀!", `"\ud83d!"`: "�!", `"\ud83d\ud83d\ude00"`: "�😀",
		`"\ude00\ud83d"`: "��", `"\ud83d\n"`: "�\n", `"\/"`: "/", `"수문"`: "수문", `"\\u0061"`: `\u0061`,
	} {
		if got, ok := Unquote([]byte(raw)); !ok || got != want {
			t.Errorf("Unquote(%s) = %q, %v", raw, got, ok)
		}
	}
	for _, raw := range []string{``, `"`, `1`, `null`, `{}`, `a"`, `"a`} {
		if got, ok := Unquote([]byte(raw)); ok {
			t.Errorf("Unquote(%s) = %q", raw, got)
		}
	}
}

func TestAppendQuote(t *testing.T) {
	for s, want := range map[string]string{
		"": `""`, "a": `"a"`, "<&>\u2028": "\"<&>\u2028\"", "a\"b\\": `"a\"b\\"`, "\b\f\n\r\t": `"\b\f\n\r\t"`,
		"\x00\x1f\x7f": "\"\\u0000\\u001f\x7f\"", "수문😀": `"수문😀"`, "a\xffb\xed\xa0\x80": `"a�b���"`, "�": `"�"`,
	} {
		if got := string(AppendQuote([]byte("x"), s)); got != "x"+want {
			t.Errorf("AppendQuote(%q) = %s", s, got)
		}
	}
}

func TestFold(t *testing.T) {
	for _, tt := range [][2]string{
		{"name", "name"}, {"NAME", "name"}, {"\u212Aey", "key"}, {"param\u017F", "params"}, {"ÉÜ", "Éü"}, {"ΣΑΣ", "σας"}, {"", ""},
	} {
		if a, b := Fold(tt[0]), Fold(tt[1]); a != b {
			t.Errorf("Fold(%q) = %q, Fold(%q) = %q", tt[0], a, tt[1], b)
		}
	}
	for _, tt := range [][2]string{{"a", "b"}, {"e", "é"}, {"i", "ı"}, {"ss", "ß"}} {
		if Fold(tt[0]) == Fold(tt[1]) {
			t.Errorf("Fold(%q) == Fold(%q)", tt[0], tt[1])
		}
	}
}

// FuzzFold compares with strings.EqualFold, and the folding of escaped keys with that of plain ones.
func FuzzFold(f *testing.F) {
	f.Add("name", "NAME")
	f.Add("\u212A", "k")
	f.Add("ǅ", "ǆ")
	f.Fuzz(func(t *testing.T, a, b string) {
		if !utf8.ValidString(a) || !utf8.ValidString(b) {
			return
		}
		if got, want := Fold(a) == Fold(b), strings.EqualFold(a, b); got != want {
			t.Errorf("Fold(%q) = %q, Fold(%q) = %q, EqualFold %v", a, Fold(a), b, Fold(b), want)
		}
		quoted := AppendQuote(nil, a)
		if got := appendFolded(nil, quoted[1:len(quoted)-1], 1<<20); string(got) != Fold(a) {
			t.Errorf("appendFolded(%s) = %q, want %q", quoted, got, Fold(a))
		}
	})
}
