package inspect

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// normalize appends a text to dst as the lexicon reads it: small letters without accents, one blank for several, one end of line for
// several, wide and mathematical letters as plain ones, nothing that cannot be seen.
func normalize(dst []byte, text string) []byte {
	for i := range len(text) {
		switch c := text[i]; {
		case c >= utf8.RuneSelf:
			return unfold(dst, text[i:])
		case c >= 'A' && c <= 'Z':
			dst = append(dst, c+'a'-'A')
		case c > ' ' && c < 0x7f:
			dst = append(dst, c)
		default:
			dst = blank(dst, c)
		}
	}
	return dst
}

// blank appends what parts words: an end of line in place of blanks before it.
func blank(dst []byte, c byte) []byte {
	last := len(dst) - 1
	switch {
	case last < 0 || dst[last] == '\n':
		return dst
	case c != '\n' && dst[last] == ' ':
		return dst
	case c == '\n' && dst[last] == ' ':
		dst[last] = '\n'
		return dst
	case c == '\n':
		return append(dst, '\n')
	}
	return append(dst, ' ')
}

// unfold is normalize for text beyond ASCII: characters that stand by themselves first, and all behind the first one that may not.
func unfold(dst []byte, text string) []byte {
	for i := 0; i < len(text); {
		if c := text[i]; c < utf8.RuneSelf {
			dst = normalize(dst, text[i:i+1])
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(text[i:])
		if isEast(r) {
			dst = append(dst, text[i:i+n]...)
		} else if plain := single(r); plain == " " {
			dst = blank(dst, ' ')
		} else if plain != "" {
			dst = append(dst, plain...)
		} else {
			return compose(dst, text[i:])
		}
		i += n
	}
	return dst
}

// The blocks of characters that stand by themselves: Latin letters with marks, general punctuation, that of the East, and what is wide.
var singles = [...]struct {
	first rune
	plain []string
}{singlesOf(0xa1, 0x17f), singlesOf(0x2010, 0x2027), singlesOf(0x3000, 0x3020), singlesOf(0xff01, 0xff5e)}

func singlesOf(first, last rune) (block struct {
	first rune
	plain []string
},
) {
	block.first = first
	for r := first; r <= last; r++ {
		plain := string(compose([]byte{'|'}, string(r))[1:])
		if strings.TrimSpace(plain) == "" && plain != " " {
			plain = "" // left to compose
		}
		block.plain = append(block.plain, plain)
	}
	return block
}

// single returns what stands for a character; "" for one that compose has to look at.
func single(r rune) string {
	for i := range singles {
		if at := int(r - singles[i].first); at >= 0 && at < len(singles[i].plain) {
			return singles[i].plain[at]
		}
	}
	return ""
}

// compose is normalize for any text.
func compose(dst []byte, text string) []byte {
	for _, r := range norm.NFKC.String(text) {
		if isEast(r) {
			dst = utf8.AppendRune(dst, r)
			continue
		}
		if r > ' ' && r < 0x7f {
			if r >= 'A' && r <= 'Z' {
				r += 'a' - 'A'
			}
			dst = append(dst, byte(r))
			continue
		}
		r = unaccented(unicode.ToLower(r))
		switch {
		case r < utf8.RuneSelf && r > ' ' && r != 0x7f:
			dst = append(dst, byte(r))
		case r < utf8.RuneSelf:
			dst = blank(dst, byte(r)) //nolint:gosec // it is ASCII
		case invisible(r):
		case unicode.IsSpace(r):
			dst = blank(dst, ' ')
		case r == '。':
			dst = append(dst, ". "...)
		default:
			dst = utf8.AppendRune(dst, latin(r))
		}
	}
	return dst
}

// unaccented returns the letter that a Latin letter with a mark is made of.
func unaccented(r rune) rune {
	if r < 0xc0 || r > 0x24f {
		return r
	}
	var buf [utf8.UTFMax]byte
	if d := norm.NFD.Properties(utf8.AppendRune(buf[:0], r)).Decomposition(); len(d) > 0 && d[0] < utf8.RuneSelf {
		return rune(d[0])
	}
	return r
}

// invisible reports whether a reader does not see the character, and a model does.
func invisible(r rune) bool {
	return unicode.In(r, unicode.Cf, unicode.Co, unicode.Variation_Selector) || r == 0x115f || r == 0x1160 || r == 0x3164 || r == 0xffa0 || r == 0x34f || unicode.Is(unicode.Mn, r) && r < 0x370
}

// lookalikes are letters of other alphabets that are drawn like Latin ones.
var lookalikes = map[rune]rune{
	'а': 'a', 'в': 'b', 'е': 'e', 'к': 'k', 'м': 'm', 'н': 'h', 'о': 'o', 'р': 'p', 'с': 'c', 'т': 't', 'у': 'y', 'х': 'x', 'і': 'i', 'ј': 'j', 'ѕ': 's', 'ԁ': 'd', 'ԛ': 'q', 'ԝ': 'w', 'һ': 'h', 'ӏ': 'l',
	'α': 'a', 'ε': 'e', 'ι': 'i', 'κ': 'k', 'ν': 'v', 'ο': 'o', 'ρ': 'p', 'τ': 't', 'υ': 'u', 'χ': 'x', 'ϲ': 'c', 'ı': 'i', 'ɡ': 'g', 'ɑ': 'a', 'ʟ': 'l', 'ɪ': 'i', 'ᴏ': 'o', 'ᴀ': 'a', 'ᴇ': 'e',
}

func latin(r rune) rune {
	if plain, ok := lookalikes[r]; ok {
		return plain
	}
	return r
}
