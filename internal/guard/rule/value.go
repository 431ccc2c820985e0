package rule

import (
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/sumun-mcp/sumun/internal/wire"
)

// A Value is what one part of the arguments or of a result must be like. What is zero demands nothing.
type Value struct {
	// At is the part, as a JSON Pointer (RFC 6901) in which a token * stands for every element of an array and every member of an object.
	// One that is not there, or null, has nothing wrong unless it is Required.
	At       string
	Required bool
	// MinLength and MaxLength bound the characters of a text.
	MinLength, MaxLength int
	// Pattern must match a text as a whole; see [Whole].
	Pattern *regexp.Regexp
	// OneOf are the values that may be there: texts as they read, anything else as it is written.
	OneOf []string
	// Min and Max bound a number.
	Min, Max *float64
	// Forbid are characters that no text may have.
	Forbid string
	// Root holds a text, which is a path, below a directory, and has it rewritten.
	Root *Root
	// URL holds a text, which is a URL, to schemes and hosts.
	URL *URL
	// Schema says what a value has wrong, with pointers into the value; nil for nothing.
	Schema func(value []byte) []Fault
}

// Whole returns the pattern that matches what source matches as a whole, in the syntax of RE2.
func Whole(source string) (*regexp.Regexp, error) {
	if _, err := regexp.Compile(source); err != nil {
		return nil, err
	}
	return regexp.Compile(`\A(?:` + source + `)\z`)
}

// ParsePointer returns the tokens of a JSON Pointer.
func ParsePointer(pointer string) ([]string, error) {
	if pointer == "" {
		return nil, nil
	}
	if pointer[0] != '/' {
		return nil, fmt.Errorf("%q is no JSON Pointer: it begins with a slash", pointer)
	}
	tokens := strings.Split(pointer[1:], "/")
	for i, token := range tokens {
		if strings.Contains(unescapes.Replace(token), "~") && strings.Contains(strings.NewReplacer("~0", "", "~1", "").Replace(token), "~") {
			return nil, fmt.Errorf("%q is no JSON Pointer: ~ stands before 0 or 1", pointer)
		}
		tokens[i] = unescapes.Replace(token)
	}
	return tokens, nil
}

var (
	unescapes = strings.NewReplacer("~1", "/", "~0", "~")
	escapes   = strings.NewReplacer("~", "~0", "/", "~1")
)

// Check takes into the report what the value has wrong, and returns patches with those that rewrite it, in no order.
func (v *Value) Check(value []byte, report *Report, patches []wire.Patch) []wire.Patch {
	tokens, err := ParsePointer(v.At)
	if err != nil { // who made it has parsed it
		return patches
	}
	c := check{of: v, value: value, report: report, patches: patches}
	c.descend(wire.Span{Start: 0, End: len(value)}, tokens, "")
	return c.patches
}

// A check is one look at a value by one rule.
type check struct {
	of      *Value
	value   []byte
	report  *Report
	patches []wire.Patch
}

func (c *check) refuse(pointer, kind, format string, args ...any) {
	c.report.Add(Fault{Pointer: pointer, Kind: kind, Message: fmt.Sprintf(format, args...), Refused: true})
}

// descend goes to the parts that the rest of the pointer names.
func (c *check) descend(at wire.Span, tokens []string, pointer string) {
	part := c.value[at.Start:at.End]
	if len(tokens) == 0 {
		c.part(at, pointer)
		return
	}
	if tokens[0] == "*" {
		c.all(at, tokens[1:], pointer)
		return
	}
	found := false
	for m := range wire.MemberSpans(part) {
		name, _ := wire.Unquote(part[m.Key.Start-1 : m.Key.End+1])
		switch {
		case name == tokens[0]:
			found = true
			c.descend(wire.Span{Start: at.Start + m.Value.Start, End: at.Start + m.Value.End}, tokens[1:], pointer+"/"+escapes.Replace(name))
		case wire.Fold(name) == wire.Fold(tokens[0]):
			c.refuse(pointer+"/"+escapes.Replace(name), "twin", "differs only by case from %s, for which there is a rule", tokens[0])
		}
	}
	if n, err := strconv.Atoi(tokens[0]); err == nil && !found {
		found = c.element(at, n, tokens, pointer)
	}
	if !found && c.of.Required {
		c.refuse(pointer+"/"+escapes.Replace(tokens[0]), "required", "is missing")
	}
}

// all goes to every element or member.
func (c *check) all(at wire.Span, tokens []string, pointer string) {
	part := c.value[at.Start:at.End]
	for m := range wire.MemberSpans(part) {
		name, _ := wire.Unquote(part[m.Key.Start-1 : m.Key.End+1])
		c.descend(wire.Span{Start: at.Start + m.Value.Start, End: at.Start + m.Value.End}, tokens, pointer+"/"+escapes.Replace(name))
	}
	n := 0
	for element := range wire.Elements(part) {
		c.descend(c.span(element), tokens, pointer+"/"+strconv.Itoa(n))
		n++
	}
}

// element goes to one element of an array, and reports whether there is one.
func (c *check) element(at wire.Span, n int, tokens []string, pointer string) bool {
	for element := range wire.Elements(c.value[at.Start:at.End]) {
		if n == 0 {
			c.descend(c.span(element), tokens[1:], pointer+"/"+tokens[0])
			return true
		}
		n--
	}
	return false
}

// span returns where a part of the value stands in it.
func (c *check) span(part []byte) wire.Span {
	start := cap(c.value) - cap(part)
	return wire.Span{Start: start, End: start + len(part)}
}

// part looks at a part that the rule is about.
func (c *check) part(at wire.Span, pointer string) {
	v, raw := c.of, c.value[at.Start:at.End]
	if string(raw) == "null" && !v.Required {
		return
	}
	text, isText := wire.Unquote(raw)
	if isText {
		c.text(at, text, pointer)
	} else if v.wantsText() {
		c.refuse(pointer, "type", "is not a text")
	}
	if !isText {
		text = string(raw)
	}
	if len(v.OneOf) > 0 && !slices.Contains(v.OneOf, text) {
		const most = 10
		c.refuse(pointer, "allow-list", "is none of the values that may be here: %s", strings.Join(v.OneOf[:min(len(v.OneOf), most)], ", "))
	}
	if v.Min != nil || v.Max != nil {
		c.number(raw, pointer)
	}
	if v.Schema != nil {
		for _, f := range v.Schema(raw) {
			f.Pointer = pointer + f.Pointer
			c.report.Add(f)
		}
	}
}

// wantsText reports whether the rule makes sense of texts only.
func (v *Value) wantsText() bool {
	return v.MinLength > 0 || v.MaxLength > 0 || v.Pattern != nil || v.Forbid != "" || v.Root != nil || v.URL != nil
}

// text looks at a text.
func (c *check) text(at wire.Span, text, pointer string) {
	v := c.of
	n := utf8.RuneCountInString(text)
	if n < v.MinLength {
		c.refuse(pointer, "length", "has %d characters, needs %d", n, v.MinLength)
	}
	if v.MaxLength > 0 && n > v.MaxLength {
		c.refuse(pointer, "length", "has %d characters, may have %d", n, v.MaxLength)
	}
	if v.Pattern != nil && !v.Pattern.MatchString(text) {
		c.refuse(pointer, "pattern", "is not of the form that it must have: %s", strings.TrimSuffix(strings.TrimPrefix(v.Pattern.String(), `\A(?:`), `)\z`))
	}
	if i := strings.IndexAny(text, v.Forbid); i >= 0 {
		r, _ := utf8.DecodeRuneInString(text[i:])
		c.refuse(pointer, "character", "has the character %s, which may not be here", strconv.QuoteRune(r))
	}
	if v.URL != nil {
		if why := v.URL.fault(text); why != "" {
			c.refuse(pointer, "url", "%s", why)
		}
	}
	if v.Root == nil {
		return
	}
	path, err := v.Root.Normalize(text)
	if err != nil {
		c.refuse(pointer, "path", "%s", err.Error())
	} else if path != text {
		c.patches = append(c.patches, wire.Patch{Span: at, With: wire.AppendQuote(nil, path)})
	}
}

// maxExponent is how large the exponent of a number may be that is compared.
const maxExponent = 1000

// number looks at a number.
func (c *check) number(raw []byte, pointer string) {
	text := string(raw)
	_, exponent, _ := strings.Cut(strings.ToLower(text), "e")
	if n, err := strconv.Atoi(exponent); exponent != "" && (err != nil || max(n, -n) > maxExponent) || len(text) > maxExponent {
		c.refuse(pointer, "range", "is a number that cannot be compared")
		return
	}
	n, ok := new(big.Rat).SetString(text)
	if !ok || raw[0] == '"' {
		c.refuse(pointer, "type", "is not a number")
		return
	}
	if least := c.of.Min; least != nil && n.Cmp(new(big.Rat).SetFloat64(*least)) < 0 {
		c.refuse(pointer, "range", "is less than %v", *least)
	}
	if most := c.of.Max; most != nil && n.Cmp(new(big.Rat).SetFloat64(*most)) > 0 {
		c.refuse(pointer, "range", "is more than %v", *most)
	}
}
