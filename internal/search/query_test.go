package search

import (
	"bytes"
	"math/rand/v2"
	"regexp"
	"regexp/syntax"
	"strings"
	"testing"
)

// TestQuery wants patterns to match within lines, whatever they say.
func TestQuery(t *testing.T) {
	for _, tt := range []struct {
		query      string
		pattern    bool
		ignoreCase bool
		text       string
		want       string // the lines that match, as numbers
	}{
		{"a.c", false, false, "abc\na.c\n", "2"},
		{"a.c", true, false, "abc\na.c\naxxc", "1 2"},
		{"a.c", true, false, "a\nc\n", ""},
		{`a\sc`, true, false, "a\nc\na c", "3"},
		{`a[^x]c`, true, false, "a\nc\nabc", "3"},
		{`(?s)a.c`, true, false, "a\nc\nabc", "3"},
		{`^b$`, true, false, "a\nb\nab", "2"},
		{`\Ab\z`, true, false, "a\nb\nab", "2"},
		{`^$`, true, false, "a\n\nb\n\n", "2 4"},
		{`^$`, true, false, "a\n", ""},
		{`x*`, true, false, "a\nb\n", "1 2"},
		{`\bfoo\b`, true, false, "food\na foo b\n", "2"},
		{"ABC", false, true, "xabcx\nAbC\n", "1 2"},
		{"straSSe", false, true, "STRAẞE\nstrasse", "2"},
		{"한글", false, true, "한글\n", "1"},
		{"-e", false, false, "a -e b\n", "1"},
		{"$(touch x)", false, false, "`ls`\n$(touch x)\n", "2"},
		{"K", false, true, "\u212A\nk\n", "1 2"},
		{"a|b|", true, false, "x\n", "1"},
		{`\x61`, true, false, "a\n", "1"},
		{"b\r", false, false, "", "-"},
		{`a\nb`, true, false, "a\nb", "-"},
		{"(", true, false, "", "-"},
		{"", false, false, "", "-"},
	} {
		q, err := newQuery(tt.query, tt.pattern, tt.ignoreCase)
		if err != nil {
			if tt.want != "-" {
				t.Errorf("%q: %v", tt.query, err)
			}
			continue
		}
		var got []string
		for _, m := range scan(t.Context(), []byte(tt.text), request{query: q, limit: 100}, "f") {
			got = append(got, string(rune('0'+m.Line)))
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%q in %q: lines %q, want %s", tt.query, tt.text, got, tt.want)
		}
		if tt.want != "" && !q.need.met(sign([]byte(tt.text), new(bitmap)).has) {
			t.Errorf("%q in %q: the index excludes what matches", tt.query, tt.text)
		}
	}
}

// TestHostileQueries wants patterns that would take long, or much memory, refused or answered soon.
func TestHostileQueries(t *testing.T) {
	text := []byte(strings.Repeat(strings.Repeat("a", 200)+"\n", 40))
	for name, query := range map[string]string{
		"nested repeats": "(a*)*b", "alternatives": "(a|aa)+$b", "huge repeat": "a{1000000}", "repeats of repeats": "((a{100}){100}){100}",
		"large": "(x{900}){1}" + "(y{900})", "many classes": strings.Repeat(`[\pL\pN]`, 120), "long": strings.Repeat("a", MaxQuery+1),
		"deep": strings.Repeat("(", 400) + "a" + strings.Repeat(")", 400), "backreference": `(a)\1`, "lookahead": `(?=a)`, "named": `(?P<a`,
		"zero byte": "a\x00b", "newline": "a\nb", "broken UTF-8": "a\xff", "unending class": "[a-", "reversed class": "[z-a]", "stars": strings.Repeat("a*", 400) + "b",
		"possible repeats": strings.Repeat("a?", 300) + strings.Repeat("a", 150),
	} {
		t.Run(name, func(t *testing.T) {
			q, err := newQuery(query, true, false)
			if err != nil {
				if len(err.Error()) > 300 {
					t.Errorf("a long error: %v", err)
				}
				return
			}
			scan(t.Context(), text, request{query: q, limit: 1}, "f")
		})
	}
}

// randomPattern writes a regular expression over a small alphabet.
func randomPattern(r *rand.Rand, depth int) string {
	atoms := []string{"a", "b", "c", "ab", "abc", "[ab]", "[^a]", ".", "\\s", "k", "S", "한", "^", "$", "\\b", "é", "(?i:ks)", "x", "[a-c]"}
	if depth == 0 {
		return atoms[r.IntN(len(atoms))]
	}
	switch r.IntN(8) {
	case 0:
		return "(" + randomPattern(r, depth-1) + "|" + randomPattern(r, depth-1) + ")"
	case 1:
		return "(?:" + randomPattern(r, depth-1) + ")" + []string{"*", "+", "?", "{2}", "{0,2}", "{1,3}"}[r.IntN(6)]
	case 2:
		return atoms[r.IntN(len(atoms))]
	default:
		return randomPattern(r, depth-1) + randomPattern(r, depth-1)
	}
}

// TestRandomPatterns compares with line by line matching, and wants the index never to exclude what matches.
func TestRandomPatterns(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	words := []string{"a", "b", "c", "ab", "abc", "x", " ", "\n", "k", "K", "S", "s", "ſ", "\u212A", "한", "é", "É", "\t", "\xff", "A", "aba"}
	excluded, seen := 0, new(bitmap)
	for i := range 600 {
		pattern, ignoreCase := randomPattern(r, 3), i%2 == 0
		q, err := newQuery(pattern, true, ignoreCase)
		if err != nil {
			t.Fatalf("%q: %v", pattern, err)
		}
		var text strings.Builder
		for range r.IntN(30) {
			text.WriteString(words[r.IntN(len(words))])
		}
		want := matchLines(t, pattern, ignoreCase, text.String())
		var got []int
		for _, m := range scan(t.Context(), []byte(text.String()), request{query: q, limit: 1000}, "") {
			got = append(got, m.Line)
		}
		if !equal(got, want) {
			t.Fatalf("%q (case ignored: %v) in %q: lines %v, want %v", pattern, ignoreCase, text.String(), got, want)
		}
		met := q.need.met(sign([]byte(text.String()), seen).has)
		if !met && len(want) > 0 {
			t.Fatalf("%q in %q: the index excludes what matches", pattern, text.String())
		}
		if !met {
			excluded++
		}
	}
	if excluded < 50 {
		t.Errorf("the index has excluded only %d of 600", excluded)
	}
}

// matchLines is the oracle: the numbers of the lines that match alone.
func matchLines(t *testing.T, pattern string, ignoreCase bool, text string) []int {
	t.Helper()
	if ignoreCase {
		pattern = "(?i)" + pattern
	}
	re := regexp.MustCompile(pattern)
	var out []int
	if text == "" {
		return nil
	}
	for i, line := range bytes.Split(bytes.TrimSuffix([]byte(text), []byte("\n")), []byte("\n")) {
		if re.Match(line) {
			out = append(out, i+1)
		}
	}
	return out
}

func equal(a, b []int) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// TestNeed looks at what is needed for some patterns.
func TestNeed(t *testing.T) {
	for _, tt := range []struct {
		pattern  string
		has      string
		excluded bool
	}{
		{"hello", "say hello", false},
		{"hello", "say help", true},
		{"HELLO", "say hello", false}, // case is not in the index
		{"foo(bar|baz)", "foobar", false},
		{"foo(bar|baz)", "fooba", true},
		{"foo.*quux", "foo quux", false},
		{"foo.*quux", "foo and no bar", true},
		{"(?i)mask", "MASK", false},
		{"(?i)mask", "mas", true},
		{"(abc)+", "abc", false},
		{"(abc)+", "ab", true},
		{"(abc)*", "", false},
		{"ab", "", false},
		{"[ab]cd", "acd", false},
		{"[ab]cd", "ccd", true},
		{"abc|d", "", false},
	} {
		tree, err := syntax.Parse(tt.pattern, syntax.Perl)
		if err != nil {
			t.Fatal(err)
		}
		if got := !needOf(tree).met(sign([]byte(tt.has), new(bitmap)).has); got != tt.excluded {
			t.Errorf("%q excludes %q = %v", tt.pattern, tt.has, got)
		}
	}
}

// FuzzQuery compiles any pattern, and wants the index never to exclude what matches.
func FuzzQuery(f *testing.F) {
	f.Add("a(b|c)+d", "xabbd\n", true)
	f.Add("(?i)ſtraße", "STRASSE", false)
	f.Add(`\pL{3}`, "한글어", false)
	seen := new(bitmap)
	f.Fuzz(func(t *testing.T, pattern, text string, ignoreCase bool) {
		q, err := newQuery(pattern, true, ignoreCase)
		if err != nil || len(text) > 1000 {
			return
		}
		if len(scan(t.Context(), []byte(text), request{query: q, limit: 1}, "")) > 0 && !q.need.met(sign([]byte(text), seen).has) {
			t.Errorf("%q in %q: the index excludes what matches", pattern, text)
		}
	})
}
