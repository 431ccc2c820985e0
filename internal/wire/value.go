package wire

import "bytes"

// value reads any value. depth counts the arrays and objects around it; r is its role if it is an object.
func (p *pass) value(i, depth int, r role) int {
	switch p.at(i) {
	case '"':
		end := ordinary(p.data, i+1)
		if p.at(end) == '"' {
			return end + 1
		}
		return p.text(end)
	case '{':
		return p.object(i, depth+1, r)
	case '[':
		return p.array(i, depth+1)
	case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		return p.number(i)
	case 't':
		return p.literal(i, "true")
	case 'f':
		return p.literal(i, "false")
	case 'n':
		return p.literal(i, "null")
	default:
		return p.unexpected(i, "a value")
	}
}

func (p *pass) object(i, depth int, r role) int {
	if depth > p.depth {
		return p.fail(i, "it is nested too deeply")
	}
	first := len(p.keys)
	if i = p.space(i + 1); p.at(i) == '}' {
		return i + 1
	}
	for {
		if i = p.member(i, depth, r); i == failed {
			return failed
		}
		switch i = p.space(i); p.at(i) {
		case ',':
			i = p.space(i + 1)
		case '}':
			p.unique(first)
			return i + 1
		default:
			return p.unexpected(i, "a comma or the end of the object")
		}
	}
}

// member reads a name, a colon and a value.
func (p *pass) member(i, depth int, r role) int {
	if p.at(i) != '"' {
		return p.unexpected(i, "a member name")
	}
	end := p.key(i)
	if end == failed {
		return failed
	}
	key := Span{i + 1, end - 1}
	if i = p.space(end); p.at(i) != ':' {
		return p.unexpected(i, "a colon")
	}
	i = p.space(i + 1)
	if r == rolePlain {
		return p.value(i, depth, rolePlain)
	}
	inner := p.child(r, key)
	if end = p.value(i, depth, inner); end != failed {
		p.note(r, inner, Member{key, Span{i, end}})
	}
	return end
}

func (p *pass) array(i, depth int) int {
	if depth > p.depth {
		return p.fail(i, "it is nested too deeply")
	}
	if i = p.space(i + 1); p.at(i) == ']' {
		return i + 1
	}
	for {
		if i = p.value(i, depth, rolePlain); i == failed {
			return failed
		}
		switch i = p.space(i); p.at(i) {
		case ',':
			i = p.space(i + 1)
		case ']':
			return i + 1
		default:
			return p.unexpected(i, "a comma or the end of the array")
		}
	}
}

// number reads a number by the grammar of RFC 8259, section 6.
func (p *pass) number(i int) int {
	if p.at(i) == '-' {
		i++
	}
	start := i
	if i = p.digits(i); i == start {
		return p.unexpected(i, "a digit")
	}
	if p.data[start] == '0' && i > start+1 {
		return p.fail(start, "a number begins with a needless zero")
	}
	if p.at(i) == '.' {
		start = i + 1
		if i = p.digits(start); i == start {
			return p.unexpected(i, "a digit")
		}
	}
	if c := p.at(i); c == 'e' || c == 'E' {
		return p.exponent(i + 1)
	}
	return i
}

func (p *pass) exponent(i int) int {
	if c := p.at(i); c == '+' || c == '-' {
		i++
	}
	end := p.digits(i)
	if end == i {
		return p.unexpected(i, "a digit")
	}
	return end
}

// digits returns the offset of the first byte from i on that is not a digit.
func (p *pass) digits(i int) int {
	for i < len(p.data) && isDigit(p.data[i]) {
		i++
	}
	return i
}

func (p *pass) literal(i int, word string) int {
	end := i + len(word)
	if end > len(p.data) || string(p.data[i:end]) != word {
		return p.unexpected(i, "a value")
	}
	return end
}

// space returns the offset of the first byte from i on that is not white space.
func (p *pass) space(i int) int {
	for i < len(p.data) && isSpace(p.data[i]) {
		i++
	}
	return i
}

func (p *pass) unexpected(i int, want string) int {
	switch {
	case i >= len(p.data):
		return p.fail(len(p.data), "it ends where "+want+" was expected")
	case i == 0 && bytes.HasPrefix(p.data, []byte(byteOrderMark)):
		return p.fail(0, "it begins with a byte order mark")
	default:
		return p.fail(i, want+" was expected, not "+shown(p.data[i:i+1]))
	}
}

const byteOrderMark = "\uFEFF"

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isSpace(c byte) bool { return c <= ' ' && (c == ' ' || c == '\n' || c == '\r' || c == '\t') }
