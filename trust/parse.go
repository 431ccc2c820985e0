package trust

import (
	"bytes"
	"errors"
	"fmt"
	"unicode/utf8"
)

// A parser reads one JSON document (RFC 8259), as Python does where that differs: escapes of lone surrogates are kept.
type parser struct {
	text []byte
	at   int
}

// parse reads a document.
func parse(document []byte) (value, error) {
	p := parser{text: document}
	v, err := p.value(0)
	if err == nil {
		if p.blank(); p.at < len(p.text) {
			err = p.fault("the document ends before this")
		}
	}
	return v, err
}

func (p *parser) fault(what string) error {
	if p.at >= len(p.text) {
		return errors.New("not JSON: the document ends too early")
	}
	return fmt.Errorf("not JSON: %s, at byte %d", what, p.at)
}

func (p *parser) blank() {
	for p.at < len(p.text) && bytes.IndexByte([]byte(" \t\r\n"), p.text[p.at]) >= 0 {
		p.at++
	}
}

// next reports whether the next byte is c, and steps over it.
func (p *parser) next(c byte) bool {
	if p.at < len(p.text) && p.text[p.at] == c {
		p.at++
		return true
	}
	return false
}

func (p *parser) value(depth int) (v value, err error) {
	if depth > maxDepth {
		return v, fmt.Errorf("the document nests deeper than %d", maxDepth)
	}
	p.blank()
	switch {
	case p.next('{'):
		v.kind = '{'
		err = p.elements('}', func() error { return p.member(&v, depth) })
	case p.next('['):
		v.kind = '['
		err = p.elements(']', func() error {
			e, err := p.value(depth + 1)
			v.list = append(v.list, e)
			return err
		})
	case p.next('"'):
		v.kind = 's'
		v.text, err = p.str()
	default:
		v.kind = 'l'
		v.literal, err = p.literal()
	}
	return v, err
}

// elements reads what stands between brackets, the first of which has been read.
func (p *parser) elements(end byte, element func() error) error {
	if p.blank(); p.next(end) {
		return nil
	}
	for {
		if err := element(); err != nil {
			return err
		}
		switch p.blank(); {
		case p.next(end):
			return nil
		case !p.next(','):
			return p.fault("a comma or a closing bracket is missing")
		}
	}
}

func (p *parser) member(v *value, depth int) error {
	if p.blank(); !p.next('"') {
		return p.fault("the name of a member is missing")
	}
	name, err := p.str()
	if err != nil {
		return err
	}
	if p.blank(); !p.next(':') {
		return p.fault("a colon is missing")
	}
	of, err := p.value(depth + 1)
	v.members = append(v.members, member{name, of})
	return err
}

// literal reads null, true, false or a number.
func (p *parser) literal() ([]byte, error) {
	rest := p.text[p.at:]
	for _, word := range [...]string{"null", "true", "false"} {
		if bytes.HasPrefix(rest, []byte(word)) {
			p.at += len(word)
			return rest[:len(word)], nil
		}
	}
	n := number(rest)
	if n == 0 {
		return nil, p.fault("a value is missing")
	}
	p.at += n
	return rest[:n], nil
}

// number returns how many bytes of a number stand at the beginning of text; 0 if there is none.
func number(text []byte) int {
	digits := func(i int) int {
		for i < len(text) && '0' <= text[i] && text[i] <= '9' {
			i++
		}
		return i
	}
	start := 0
	if len(text) > 0 && text[0] == '-' {
		start = 1
	}
	end := digits(start)
	switch {
	case end == start:
		return 0
	case text[start] == '0':
		end = start + 1
	}
	if end < len(text) && text[end] == '.' {
		if fraction := digits(end + 1); fraction > end+1 {
			end = fraction
		}
	}
	if end < len(text) && (text[end] == 'e' || text[end] == 'E') {
		sign := end + 1
		if sign < len(text) && (text[sign] == '+' || text[sign] == '-') {
			sign++
		}
		if exponent := digits(sign); exponent > sign {
			end = exponent
		}
	}
	return end
}

// str reads a string whose opening quote has been read.
func (p *parser) str() ([]byte, error) {
	var dst []byte
	for p.at < len(p.text) {
		switch c := p.text[p.at]; {
		case c == '"':
			p.at++
			return dst, nil
		case c < ' ':
			return nil, p.fault("a control character in a string")
		case c == '\\':
			r, err := p.escape()
			if err != nil {
				return nil, err
			}
			dst = appendRune(dst, r)
		default:
			r, size := utf8.DecodeRune(p.text[p.at:])
			if r == utf8.RuneError && size < 2 {
				return nil, p.fault("a string is not UTF-8")
			}
			dst = append(dst, p.text[p.at:p.at+size]...)
			p.at += size
		}
	}
	return nil, p.fault("")
}

// escape reads one escape, or two that are a surrogate pair.
func (p *parser) escape() (rune, error) {
	p.at++
	if p.at >= len(p.text) {
		return 0, p.fault("")
	}
	c := p.text[p.at]
	if i := bytes.IndexByte([]byte(`"\/bfnrt`), c); i >= 0 {
		p.at++
		return rune("\"\\/\b\f\n\r\t"[i]), nil
	}
	high, ok := p.unit()
	if !ok {
		return 0, p.fault("an escape is unknown")
	}
	if high < 0xd800 || high > 0xdbff || p.at+1 >= len(p.text) || p.text[p.at] != '\\' {
		return high, nil
	}
	back := p.at
	p.at++
	if low, ok := p.unit(); ok && low >= 0xdc00 && low <= 0xdfff {
		return 0x10000 + (high-0xd800)<<10 + low - 0xdc00, nil
	}
	p.at = back
	return high, nil
}

// unit reads u and four digits.
func (p *parser) unit() (unit rune, ok bool) {
	const length = 5
	if len(p.text)-p.at < length || p.text[p.at] != 'u' {
		return 0, false
	}
	for _, c := range p.text[p.at+1 : p.at+length] {
		switch {
		case '0' <= c && c <= '9':
			unit = unit<<4 | rune(c-'0')
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			unit = unit<<4 | rune(c|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	p.at += length
	return unit, true
}

// appendRune appends a code point, a lone surrogate among them, so that order by bytes is order by code points.
func appendRune(dst []byte, r rune) []byte {
	if r < 0xd800 || r > 0xdfff {
		return utf8.AppendRune(dst, r)
	}
	return append(dst, 0xe0|byte(r>>12&0x0f), 0x80|byte(r>>6&0x3f), 0x80|byte(r&0x3f))
}
