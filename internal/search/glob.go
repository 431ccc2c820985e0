package search

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// A glob is a pattern of paths as git has them: * and ? stop at slashes, ** does not, [a-z] is one of several. It is matched by a
// regular expression, so that no pattern takes more than linear time. As in git a character is a byte.
type glob struct {
	literal string         // the whole of it, where nothing in it is special
	suffix  string         // what follows a star, where there is nothing else
	re      *regexp.Regexp // anything else
}

// never matches nothing: what a broken pattern of git does.
var never = regexp.MustCompile(`[^\x00-\x{10FFFF}]`)

// newGlob compiles a pattern. pathname says that it stands for a path with slashes, not for a name; braces, that {a,b} is one of two.
func newGlob(pattern string, pathname, braces bool) (*glob, error) {
	special := `*?[\`
	if braces {
		special += "{}"
	}
	first := strings.IndexAny(pattern, special)
	if first < 0 {
		return &glob{literal: pattern}, nil
	}
	if rest := pattern[1:]; !pathname && pattern[0] == '*' && rest != "" && !strings.ContainsAny(rest, special) {
		return &glob{suffix: rest}, nil
	}
	t := &translation{pathname: pathname, braces: braces, rest: pattern[first:]}
	t.out.WriteString(`(?s)\A` + quote(pattern[:first]))
	for t.rest != "" {
		if !t.step() {
			return &glob{re: never}, nil
		}
	}
	if t.open > 0 {
		return nil, errors.New("a { has no }")
	}
	re, err := regexp.Compile(t.out.String() + `\z`)
	if err != nil {
		return nil, fmt.Errorf("the pattern is too large: %w", err)
	}
	return &glob{re: re}, nil
}

// match reports whether a path, or a name, fits.
func (g *glob) match(name string) bool {
	switch {
	case g.re != nil:
		return g.re.MatchString(latin(name))
	case g.suffix != "":
		return strings.HasSuffix(name, g.suffix)
	}
	return name == g.literal
}

// A translation makes a regular expression of a pattern.
type translation struct {
	pathname, braces bool

	rest   string // what is to be translated
	before byte   // what stood before it; 0 at the beginning, also after text without special characters, as git has it
	open   int    // braces
	out    strings.Builder
}

// step translates what comes next; false says that the pattern matches nothing.
func (t *translation) step() bool {
	c := t.rest[0]
	switch {
	case c == '*':
		t.star()
		return true
	case c == '?':
		t.write(t.one(""), 1)
	case c == '[':
		return t.class()
	case c == '\\' && len(t.rest) == 1:
		return false
	case c == '\\':
		t.write(quote(t.rest[1:2]), 2)
	case t.braces && c == '{':
		t.open++
		t.write(`(?:`, 1)
	case t.braces && c == ',' && t.open > 0:
		t.write(`|`, 1)
	case t.braces && c == '}' && t.open > 0:
		t.open--
		t.write(`)`, 1)
	default:
		t.write(quote(t.rest[:1]), 1)
	}
	return true
}

// write appends to the expression and goes on n bytes.
func (t *translation) write(text string, n int) {
	t.out.WriteString(text)
	t.before, t.rest = t.rest[n-1], t.rest[n:]
}

// one returns what stands for one byte, which is a slash only where slashes are not special.
func (t *translation) one(times string) string {
	if t.pathname {
		return `[^/]` + times
	}
	return `.` + times
}

// star translates stars: two between slashes, or at an end, stand for any number of directories.
func (t *translation) star() {
	stars := len(t.rest) - len(strings.TrimLeft(t.rest, "*"))
	after := t.rest[stars:]
	whole := stars > 1 && (t.before == 0 || t.before == '/') && (after == "" || after[0] == '/')
	switch {
	case whole && t.pathname && after != "":
		t.write(`(?:.*/)?`, stars+1)
	case whole || !t.pathname:
		t.write(`.*`, stars)
	default:
		t.write(t.one(`*`), stars)
	}
}

// posix are the classes that have names, for ASCII as in the C locale.
var posix = map[string]string{
	"alnum": `0-9A-Za-z`, "alpha": `A-Za-z`, "blank": ` \t`, "cntrl": `\x00-\x1f\x7f`, "digit": `0-9`, "graph": `!-~`, "lower": `a-z`,
	"print": ` -~`, "punct": `!-/:-@\[-` + "`" + `{-~`, "space": ` \t-\r`, "upper": `A-Z`, "xdigit": `0-9A-Fa-f`,
}

// class translates [abc], [a-z], [!a] and [[:alpha:]].
func (t *translation) class() bool {
	s, at := t.rest, 1
	negated := len(s) > at && (s[at] == '!' || s[at] == '^')
	if negated {
		at++
	}
	var set strings.Builder
	for first := true; ; first = false {
		if at >= len(s) {
			return false
		}
		if s[at] == ']' && !first {
			break
		}
		text, next, ok := member(s, at)
		if !ok {
			return false
		}
		set.WriteString(text)
		at = next
	}
	switch {
	case negated && set.Len() == 0:
		t.write(t.one(""), at+1)
	case negated && t.pathname:
		t.write(`[^/`+set.String()+`]`, at+1)
	case negated:
		t.write(`[^`+set.String()+`]`, at+1)
	case set.Len() == 0:
		return false
	case t.pathname:
		// No class has a slash in it, whatever it says.
		t.write(withoutSlash(set.String()), at+1)
	default:
		t.write(`[`+set.String()+`]`, at+1)
	}
	return true
}

// withoutSlash returns a class less the slash.
func withoutSlash(set string) string {
	if re, err := regexp.Compile(`[` + set + `]`); err != nil || !re.MatchString("/") {
		return `[` + set + `]`
	}
	return `[^/` + complement(set) + `]`
}

// complement returns the members, below 256, that a set has not.
func complement(set string) string {
	re := regexp.MustCompile(`[` + set + `]`)
	var out strings.Builder
	for r := range rune(256) {
		if !re.MatchString(string(r)) {
			fmt.Fprintf(&out, `\x{%x}`, r)
		}
	}
	return out.String()
}

// member translates one member of a class, which stands at an index, and returns the index of the next.
func member(s string, at int) (text string, next int, ok bool) {
	if strings.HasPrefix(s[at:], "[:") {
		if name, _, closed := strings.Cut(s[at+2:], ":]"); closed && !strings.Contains(name, "]") {
			set, known := posix[name]
			return set, at + len(name) + 4, known
		}
	}
	from, at, ok := single(s, at)
	if !ok {
		return "", 0, false
	}
	if at+1 < len(s) && s[at] == '-' && s[at+1] != ']' {
		to, next, ok := single(s, at+1)
		if !ok {
			return "", 0, false
		}
		if to < from {
			return "", next, true // no byte is in it
		}
		return fmt.Sprintf(`\x{%x}-\x{%x}`, from, to), next, true
	}
	return fmt.Sprintf(`\x{%x}`, from), at, true
}

// single reads a byte that may be escaped.
func single(s string, at int) (b byte, next int, ok bool) {
	if s[at] == '\\' {
		at++
	}
	if at >= len(s) {
		return 0, 0, false
	}
	return s[at], at + 1, true
}

func quote(text string) string { return regexp.QuoteMeta(latin(text)) }

// latin makes each byte a character, so that an expression counts bytes.
func latin(text string) string {
	for i := range len(text) {
		if text[i] >= 0x80 {
			var out strings.Builder
			for j := range len(text) {
				out.WriteRune(rune(text[j]))
			}
			return out.String()
		}
	}
	return text
}
