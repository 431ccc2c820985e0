package redact

import (
	"bytes"
	"sync"

	"github.com/sumun-mcp/sumun/internal/wire"
)

const (
	// minWord is how long a word is in which there may be a secret: the shortest are the names before an AWS secret.
	minWord = 15
	// minDigits is how many digits a card has at least.
	minDigits = 13
	// stride is the distance of the bytes that are looked at. A secret is longer.
	stride = 12
	// minSecret is the length of a text below which there is nothing to look for.
	minSecret = minDigits
)

// What a byte may be part of.
const (
	word     = 1 << iota // letters, digits, _ and -
	alnum                // letters and digits
	upper                // capital letters and digits
	hexSmall             // digits and small a to f
	digit
	token68     // RFC 9110, section 11.2
	base64Class // of RFC 4648, section 4
)

// classes says of each byte what it may be part of.
var classes = func() (all [256]uint8) {
	for c := range all {
		switch b := byte(c); {
		case '0' <= b && b <= '9':
			all[c] = word | alnum | upper | hexSmall | digit | token68 | base64Class
		case 'A' <= b && b <= 'Z':
			all[c] = word | alnum | upper | token68 | base64Class
		case 'a' <= b && b <= 'f':
			all[c] = word | alnum | hexSmall | token68 | base64Class
		case 'g' <= b && b <= 'z':
			all[c] = word | alnum | token68 | base64Class
		case b == '_' || b == '-':
			all[c] = word | token68
		case b == '+' || b == '/' || b == '=':
			all[c] = token68 | base64Class
		case b == '.' || b == '~':
			all[c] = token68
		}
	}
	return all
}()

// A scan is one look for secrets.
type scan struct {
	found []Finding
	// buf holds a text unescaped.
	buf []byte
	// named says that the last word was the name of an AWS secret, which may follow in the next text.
	named bool
	// suspect says that there was a word after which a secret may stand, at whatever distance.
	suspect bool
}

// scans are those that are not in use.
var scans = sync.Pool{New: func() any { return new(scan) }}

func (s *scan) release() {
	const most = 4 << 20
	if s.found, s.named = nil, false; cap(s.buf) > most {
		s.buf = nil
	}
	scans.Put(s)
}

func (s *scan) add(start, end int, kind string) {
	s.found = append(s.found, Finding{Span: wire.Span{Start: start, End: end}, Kind: kind})
}

// json looks at a JSON value. What has no backslash reads as it stands, and is looked at as it stands, many texts at a time: quotes,
// commas and brackets are no part of a secret. A text with a backslash is looked at unescaped.
func (s *scan) json(value []byte) {
	for i := 0; i < len(value); {
		n := bytes.IndexByte(value[i:], '\\')
		if n < 0 {
			s.plain(value, i, len(value))
			return
		}
		open := bytes.LastIndexByte(value[i:i+n], '"') // of the text that has it: no quote before is escaped
		if open < 0 {
			return // no JSON
		}
		start := i + open + 1
		s.plain(value, i, start)
		end, none := s.apart(value, start)
		if !none {
			end = stringEnd(value, end)
			s.decoded(value, start, end, s.text)
		}
		i = min(end+1, len(value))
	}
}

// apart looks at a text with backslashes, from its first byte to its quote, without unescaping it, which takes most of the time where
// there is nothing to find: escapes of characters that are no part of a secret are blanks as long as they are. It reports where the text
// ends, and whether it is clear of secrets. Otherwise the text has to be looked at as it reads, and its end is that, or before it.
func (s *scan) apart(value []byte, start int) (end int, none bool) {
	s.buf = s.buf[:0]
	closing, i := start, start
	for {
		n := bytes.IndexByte(value[i:], '\\')
		if n < 0 {
			n = len(value) - i
		}
		if closing < i || closing == start {
			if closing = bytes.IndexByte(value[i:], '"') + i; closing < i {
				return len(value), false // no JSON
			}
		}
		if closing < i+n {
			s.buf = append(s.buf, value[i:closing]...)
			return closing, s.nothing()
		}
		s.buf = append(s.buf, value[i:i+n]...)
		if i += n + 1; i >= len(value) || value[i] == 'u' || value[i] == '/' {
			return i - 1, false
		}
		s.buf = append(s.buf, '\n', unescaped(value[i]))
		i++
	}
}

// unescaped returns what stands for an escape of one letter: the character, or some white space.
func unescaped(c byte) byte {
	if c == '"' || c == '\\' {
		return c
	}
	return '\n'
}

// nothing reports whether there is surely nothing in buf, in which escapes are blanks.
func (s *scan) nothing() bool {
	before, after := len(s.found), s.named
	s.suspect = after || bytes.Contains(s.buf, begin)
	if !s.suspect {
		s.text(s.buf)
	}
	nothing := !s.suspect && len(s.found) == before
	s.found, s.named = s.found[:before], after
	return nothing
}

// plain looks at a part of a JSON value that has no backslash and begins between texts.
func (s *scan) plain(value []byte, start, end int) {
	before := len(s.found)
	s.text(value[start:end])
	quotes, at := 0, start
	for i := before; i < len(s.found); i++ {
		f := &s.found[i]
		f.Start, f.End = f.Start+start, f.End+start
		if f.Kind != kindCard {
			continue
		}
		quotes += bytes.Count(value[at:f.Start], quote) // cards are found in their order
		at = f.Start
		if f.Number = quotes%2 == 0; f.Number && f.Start > 0 && value[f.Start-1] == '-' {
			f.Start--
		}
	}
}

var quote = []byte{'"'}

// decoded has a text of a JSON value looked at unescaped, and puts what is found there in its place in the value.
func (s *scan) decoded(value []byte, start, end int, look func([]byte)) {
	before := len(s.found)
	if raw := value[start:end]; bytes.IndexByte(raw, '\\') < 0 {
		look(raw)
		for i := before; i < len(s.found); i++ {
			s.found[i].Start, s.found[i].End = s.found[i].Start+start, s.found[i].End+start
		}
		return
	}
	s.buf = wire.AppendUnquoted(s.buf[:0], value[start-1:min(end+1, len(value))])
	look(s.buf)
	if len(s.found) > before {
		place(s.found[before:], value, start, end)
	}
}

// stringEnd returns the offset of the quote that ends the text in which i stands, len(b) if there is none.
func stringEnd(b []byte, i int) int {
	for i < len(b) {
		n := bytes.IndexAny(b[i:], `"\`)
		if n < 0 {
			break
		}
		if i += n; b[i] == '"' {
			return i
		}
		i += 2
	}
	return len(b)
}

// text looks at a text as it reads.
func (s *scan) text(text []byte) {
	s.continued(text)
	s.keys(text)
	s.words(text)
	s.numbers(text)
}

// words looks at the long words of a text. A word that is long enough has one of the bytes that are looked at, wherever it begins.
func (s *scan) words(text []byte) {
	done := 0 // where the last word ended
	for i := stride - 1; i < len(text); i += stride {
		if classes[text[i]]&word == 0 {
			continue
		}
		start := i
		for start > done && classes[text[start-1]]&word != 0 {
			start--
		}
		end := run(text, i, word)
		if end-start >= minWord {
			s.word(text, start, end)
		}
		done, i = end, end-1
	}
}

// run returns where what begins at i ends that has only bytes of a class.
func run(text []byte, i int, class uint8) int {
	for i < len(text) && classes[text[i]]&class != 0 {
		i++
	}
	return i
}
