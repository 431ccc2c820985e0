package guard

import (
	"fmt"
	"regexp"
	"regexp/syntax"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// maxProgram is how many instructions a pattern may have: matching takes at most so many steps for each byte.
const maxProgram = 5000

// unicodeEscape is how ECMA-262 writes a code point. Go writes it in another way.
var unicodeEscape = regexp.MustCompile(`\\u(?:([0-9a-fA-F]{4})|\{([0-9a-fA-F]+)\})|\\.`)

// A pattern is a regular expression that pays for its time. One that Go does not have, such as with a look-ahead, matches everything.
type pattern struct {
	source  string
	re      *regexp.Regexp
	program int
	meter   *meter
}

// compilePattern returns the pattern, and why it is left unchecked, nil if it is not.
func compilePattern(source string, m *meter) (*pattern, error) {
	p := &pattern{source: source, meter: m}
	goSource := unicodeEscape.ReplaceAllStringFunc(source, func(escape string) string {
		digits := unicodeEscape.FindStringSubmatch(escape)
		if digits[1]+digits[2] == "" {
			return escape
		}
		return `\x{` + digits[1] + digits[2] + `}`
	})
	tree, err := syntax.Parse(goSource, syntax.Perl)
	if err != nil {
		return p, err
	}
	program, err := syntax.Compile(tree.Simplify())
	if err != nil {
		return p, err
	}
	if p.program = len(program.Inst); p.program > maxProgram {
		return p, fmt.Errorf("it takes %d steps for each byte, more than %d", p.program, maxProgram)
	}
	p.re, err = regexp.Compile(goSource)
	return p, err
}

// MatchString reports whether s has a match.
func (p *pattern) MatchString(s string) bool {
	if p.re == nil {
		return true
	}
	const bytesForOne = 64 // of the program of a pattern, for the price of one step of validation
	p.meter.spend(1 + len(s)*p.program/bytesForOne)
	return p.re.MatchString(s)
}

// String returns the pattern as the schema has it.
func (p *pattern) String() string { return p.source }

// engine returns how package jsonschema is to read patterns, and tells of those that are left unchecked.
func engine(m *meter, unchecked func(source string, err error)) jsonschema.RegexpEngine {
	return func(source string) (jsonschema.Regexp, error) {
		p, err := compilePattern(source, m)
		if err != nil {
			unchecked(source, err)
		}
		return p, nil
	}
}
