package syntax

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestLex: the words of the language, where it is easy to be wrong about them.
func TestLex(t *testing.T) {
	tests := map[string]struct{ src, want string }{
		"strings":             {`'a\'b' "c\n\u{1F600}\x41"`, "a'b|c\n😀A"},
		"a division":          {`a / b / c`, "a|/|b|/|c"},
		"a regular one":       {`x = /[/"']\//g.test(y)`, "x|=||.|test|(|y|)"},
		"after return":        {"return /'/", "return|"},
		"templates":           {"`a${b + `c${d}`}e` f", "a|${|b|+|c|${|d|}||}|e|f"},
		"braces in templates": {"`${{ a: {} }}`", "|${|{|a|:|{|}|}|}|"},
		"comments":            {"a // '\n/* \" */ b", "a|b"},
		"a first line":        {"#!/usr/bin/env node 'x\na", "a"},
		"numbers":             {"1_000 .5e-3 0xFFn a.b", "1000|.5e-3|0xFFn|a|.|b"},
		"names":               {"$a _b 변수 #c", "$a|_b|변수|#c"},
		"operators":           {"a?.b ?? c?.5:1 => ...d", "a|?.|b|??|c|?|.5|:|1|=>|...|d"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			tokens, _, ok := lex(tt.src)
			var got []string
			for _, token := range tokens {
				got = append(got, token.text)
			}
			if diff := cmp.Diff(tt.want+"|", strings.Join(got, "|")); !ok || diff != "" {
				t.Errorf("tokens (-want +got):\n%s", diff)
			}
		})
	}
	for _, src := range []string{"'a", "`a", "`${", "/* a", "x = /a"} {
		if _, _, ok := lex(src); ok {
			t.Errorf("%q is read", src)
		}
	}
}

// TestDoc: what a comment says, in the forms in which it is written.
func TestDoc(t *testing.T) {
	_, comments, ok := lex("/**\n * One.\n *\n *   - {@link Two two} three\n * @param {string} [a=b] - the a\n * @param {number[]} c.d the d\n * @deprecated\n */ x /** @integer @minimum 3 */")
	if !ok || len(comments) != 2 {
		t.Fatalf("comments are %+v", comments)
	}
	d := readDoc(comments[0].text)
	if d.Text != "One.\n\n  - two three" || len(d.Params) != 2 || d.Params[0].Name != "a" || d.Params[0].Value != "b" || d.Params[0].Text != "the a" || !d.Params[0].Optional {
		t.Errorf("the comment is %+v", d)
	}
	if _, below := d.Param("c"); len(below) != 1 || below[0].Name != "d" || below[0].Typ.Form != Array {
		t.Errorf("what is below c is %+v", below)
	}
	if d := readDoc(comments[1].text); d.Tags["minimum"] != "3" || d.Text != "" {
		t.Errorf("the tags are %q", d.Tags)
	}
}

// TestHosts: the hosts of URLs that stand in a source, and no others.
func TestHosts(t *testing.T) {
	got := Hosts("fetch(`https://api.example.com/v1/${x}`); fetch('http://b.example:8080'); fetch(`https://${host}/`); fetch(`https://c.example${x}`);" +
		"'https://127.0.0.1/'; 'http://localhost/'; 'see https://d.example'; 'https://user:secret@e.example/'; 'wss://API.example.com'; // https://f.example")
	if want := []string{"api.example.com:443", "b.example:8080"}; !slices.Equal(got, want) {
		t.Errorf("hosts are %q, want %q", got, want)
	}
}

// TestTooDeep: what people write is not too deep, however much it is; what would overflow a stack is.
func TestTooDeep(t *testing.T) {
	n := 100_000
	for src, want := range map[string]bool{
		strings.Repeat("call(a, { b: [1, 2] });\n", n/10):                  false,
		strings.Repeat("const x = () => { return 1 }\n", n/10):             false,
		"const data = [" + strings.Repeat("1,", n) + "]":                   false,
		"const data = {" + strings.Repeat("'a': [1, 2],", n/5) + "}":       false,
		strings.Repeat("!", n) + "1":                                       true,
		"f(a" + strings.Repeat(",a", n) + ")":                              true,
		"a" + strings.Repeat(".a", n):                                      true,
		"a" + strings.Repeat("()", n):                                      true,
		"a" + strings.Repeat("\n.a()", n):                                  true,
		strings.Repeat("if (a) {} else ", n) + "{}":                        true,
		strings.Repeat("(", 3000) + strings.Repeat(")", 3000):              true,
		strings.Repeat("a({!", 1999) + strings.Repeat("!", n):              true,
		"'" + strings.Repeat("(", n) + "'":                                 false,
		"let a = 'never closed" + strings.Repeat("\n", 3*n) + "((((((((((": true,
	} {
		if got := TooDeep(src); got != want {
			t.Errorf("%.30q… is too deep: %v, want %v", src, got, want)
		}
	}
}
