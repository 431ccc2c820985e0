package inspect

import (
	"encoding/base64"
	"encoding/hex"
	"html"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxDecoded bounds what is decoded of one text, in bytes; maxDepth is how many times what was decoded is looked at again.
const (
	maxDecoded = 64 << 10
	maxDepth   = 3
)

// The forms in which a text can stand so that a reader does not read it. Each is long enough that identifiers and hashes are rare among them.
var (
	base64Form  = regexp.MustCompile(`[A-Za-z0-9+/_-]{24,}={0,2}`)
	hexForm     = regexp.MustCompile(`(?:[0-9A-Fa-f]{2}[ :]?){16,}`)
	percentForm = regexp.MustCompile(`(?:%[0-9A-Fa-f]{2}[^%\s]{0,2}){5,}`)
	entityForm  = regexp.MustCompile(`(?:&#?\w+;[^&\s]{0,2}){4,}`)
	unicodeForm = regexp.MustCompile(`(?:\\u[0-9A-Fa-f]{4}){4,}|(?:\\x[0-9A-Fa-f]{2}){4,}`)
)

// coded reports whether a text may have one of the forms; nearly none has.
func coded(text string) bool {
	run := 0
	for i := range len(text) {
		switch c := text[i]; {
		case c == '%' || c == '&' || c == '\\':
			return true
		case c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z' || c == '+' || c == '/' || c == '_' || c == '-':
			if run++; run >= 24 {
				return true
			}
		default:
			run = 0
		}
	}
	return spacedHex(text)
}

// spacedHex reports whether pairs of hexadecimal digits stand in a row.
func spacedHex(text string) bool {
	pairs := 0
	for i := 0; i+2 < len(text); {
		if isHex(text[i]) && isHex(text[i+1]) && (text[i+2] == ' ' || text[i+2] == ':') {
			if pairs++; pairs >= 16 {
				return true
			}
			i += 3
			continue
		}
		pairs = 0
		i++
	}
	return false
}

func isHex(c byte) bool { return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f' }

// decoded returns the texts that stand in a text in another form.
func decoded(text string) (all []string) {
	if len(text) > maxDecoded {
		text = text[:maxDecoded]
	}
	all = append(all, spelt(text)...)
	if !coded(text) {
		return all
	}
	add := func(form *regexp.Regexp, decode func(string) string) {
		for _, found := range form.FindAllString(text, 16) {
			if plain := decode(found); plain != found && readable(plain) {
				all = append(all, plain)
			}
		}
	}
	add(base64Form, unbase64)
	add(hexForm, unhex)
	add(percentForm, func(s string) string { plain, _ := url.PathUnescape(s); return plain })
	add(entityForm, html.UnescapeString)
	add(unicodeForm, unescape)
	return all
}

// backward are pieces of sentences that are written from right to left.
var backward = [...]string{"snoitcurtsni", "resu eht", "erongi", "tnatsissa", "drowssap", "tpmorp", "asr_di", "hss./~"}

// spelt returns what is written as one long name, or backwards.
func spelt(text string) (all []string) {
	if strings.IndexByte(text, ' ') < 0 && len(text) < maxName && strings.Count(text, "_")+strings.Count(text, "-") > 3 {
		all = append(all, strings.Map(func(r rune) rune {
			if r == '_' || r == '-' {
				return ' '
			}
			return r
		}, text))
	}
	for _, piece := range backward {
		if strings.Contains(text, piece) {
			runes := []rune(text)
			slices.Reverse(runes)
			return append(all, string(runes))
		}
	}
	return all
}

// maxName is how long a name of a parameter can be so that it is taken for one.
const maxName = 200

func unbase64(s string) string {
	s = strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(s, "="))
	plain, err := base64.RawStdEncoding.DecodeString(s[:len(s)-len(s)%4])
	if err != nil {
		return ""
	}
	return string(plain)
}

func unhex(s string) string {
	plain, err := hex.DecodeString(strings.NewReplacer(" ", "", ":", "").Replace(s))
	if err != nil {
		return ""
	}
	return string(plain)
}

func unescape(s string) string {
	plain, err := strconv.Unquote(`"` + s + `"`)
	if err != nil {
		return ""
	}
	return plain
}

// readable reports whether what was decoded is a text: most of it letters and blanks, none of it noise.
func readable(text string) bool {
	if len(text) < 8 || !utf8.ValidString(text) {
		return false
	}
	letters, all := 0, 0
	for _, r := range text {
		all++
		switch {
		case unicode.IsLetter(r) || unicode.IsSpace(r):
			letters++
		case !unicode.IsPrint(r):
			return false
		}
	}
	return letters*10 >= all*7
}
