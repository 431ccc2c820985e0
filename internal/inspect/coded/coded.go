// Package coded finds texts that stand in a text in another form: encoded, written backwards, or as one long name.
package coded

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"html"
	"iter"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxDecoded is how much of one text is decoded from other forms than base64, in bytes.
const maxDecoded = 64 << 10

// The forms in which a text can stand so that a reader does not read it. Each is long enough that identifiers and hashes are rare among them.
var (
	hexForm     = regexp.MustCompile(`(?:[0-9A-Fa-f]{2}[ :]?){16,}`)
	percentForm = regexp.MustCompile(`(?:%[0-9A-Fa-f]{2}[^%\s]{0,2}){5,}`)
	entityForm  = regexp.MustCompile(`(?:&#?\w+;[^&\s]{0,2}){4,}`)
	unicodeForm = regexp.MustCompile(`(?:\\u[0-9A-Fa-f]{4}){4,}|(?:\\x[0-9A-Fa-f]{2}){4,}`)
)

// In returns the texts that stand in a text in another form: in base64 wherever they stand, in others within its first 64 KiB. They are no
// longer than the text in all.
func In(text string) (all []string) {
	looked := []byte(text)
	if !May(looked) {
		return nil
	}
	for run := range runs(looked) {
		if plain := unbase64(string(run)); readable(plain) {
			all = append(all, plain)
		}
	}
	looked = looked[:min(len(looked), maxDecoded)]
	add := func(form *regexp.Regexp, decode func(string) string) {
		for _, found := range form.FindAll(looked, -1) {
			if plain := decode(string(found)); plain != string(found) && readable(plain) {
				all = append(all, plain)
			}
		}
	}
	if hexadecimal(looked) {
		add(hexForm, unhex)
	}
	if bytes.Count(looked, []byte("%")) > 4 {
		add(percentForm, func(s string) string { plain, _ := url.PathUnescape(s); return plain })
	}
	if bytes.Count(looked, []byte("&")) > 3 {
		add(entityForm, html.UnescapeString)
	}
	if bytes.Count(looked, []byte(`\`)) > 3 {
		add(unicodeForm, unescape)
	}
	return all
}

// May reports whether a text may have one of the forms; nearly none has.
func May(text []byte) bool {
	for range runs(text) {
		return true
	}
	return hexadecimal(text) || bytes.Count(text, []byte("%")) > 4 || bytes.Count(text, []byte("&")) > 3 || bytes.Count(text, []byte(`\`)) > 3
}

// shortest is how long a run in base64 is at least; identifiers are seldom longer.
const shortest = 24

// base64Letter says which bytes base64 is made of (RFC 4648, sections 4 and 5).
var base64Letter = func() (all [256]bool) {
	for c := range all {
		b := byte(c)
		all[c] = b >= '0' && b <= '9' || b|0x20 >= 'a' && b|0x20 <= 'z' || b == '+' || b == '/' || b == '_' || b == '-'
	}
	return all
}()

// runs yields the long runs of base64 whose beginning may be text. Only one byte of as many as a run has is looked at where there is none.
func runs(text []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		done := 0
		for i := shortest - 1; i < len(text); i += shortest {
			if !base64Letter[text[i]] {
				continue
			}
			begin, end := i, i+1
			for begin > done && base64Letter[text[begin-1]] {
				begin--
			}
			for end < len(text) && base64Letter[text[end]] {
				end++
			}
			if done, i = end, max(i, end-1); end-begin >= shortest && begins64(text[begin:end]) && !yield(text[begin:end]) {
				return
			}
		}
	}
}

// begins64 reports whether what a run begins with is text.
func begins64(run []byte) bool {
	var buf [8]byte
	n, err := base64.RawStdEncoding.Decode(buf[:], []byte{plus(run[0]), plus(run[1]), plus(run[2]), plus(run[3]), plus(run[4]), plus(run[5]), plus(run[6]), plus(run[7])})
	if err != nil {
		return false
	}
	if r, size := utf8.DecodeRune(buf[:n]); r == utf8.RuneError && size == 1 {
		return false
	}
	for _, c := range buf[:n] {
		if c < ' ' && c != '\n' && c != '\r' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

func plus(c byte) byte {
	switch c {
	case '-':
		return '+'
	case '_':
		return '/'
	}
	return c
}

// hexadecimal reports whether digits of 16 bytes may stand in a row, parted or not.
func hexadecimal(text []byte) bool {
	const least = 32
	done := 0
	for i := least - 1; i < len(text); i += least {
		if !hexish(text[i]) {
			continue
		}
		begin, end := i, i+1
		for begin > done && hexish(text[begin-1]) {
			begin--
		}
		for end < len(text) && hexish(text[end]) {
			end++
		}
		if end-begin >= least {
			return true
		}
		done, i = end, max(i, end-1)
	}
	return false
}

func hexish(c byte) bool { return isHex(c) || c == ' ' || c == ':' }

func isHex(c byte) bool { return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f' }

// backward are pieces of sentences that are written from right to left.
var backward = [...]string{"snoitcurtsni", "resu eht", "erongi", "tnatsissa", "drowssap", "tpmorp", "asr_di", "hss./~"}

// Spelt returns what is written as one long name, or backwards.
func Spelt(text string) (all []string) {
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
