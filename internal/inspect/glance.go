package inspect

import (
	_ "embed"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"
)

// A glance decides whether a text is worth to be read: nearly all answers of tools are not. It adds up what their words weigh, one by one, as
// they stand in the text, and forgets a part of the sum at each. It is immutable.
type glance struct {
	words table8
	fades uint8 // of how many words, as a power of two, the sum remembers some
	least int32 // the least sum of a text that is read
}

// A table8 holds small weights by hashes, with open addressing.
type table8 []row8

type row8 struct {
	hash   uint32
	weight int32 // 0 is no entry
}

//go:embed glance.txt
var glanceText string

// glances returns the glance that is part of the program.
var glances = sync.OnceValue(func() *glance {
	g, err := readGlance(glanceText)
	if err != nil {
		panic(err) // a test reads it
	}
	return g
})

// readGlance reads words and their weights as make model writes them.
func readGlance(text string) (*glance, error) {
	g := &glance{words: make(table8, 1<<6)}
	for size := strings.Count(text, "\n"); len(g.words) < 3*size; {
		g.words = make(table8, 2*len(g.words))
	}
	for n, line := range strings.Split(text, "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		word, number, _ := strings.Cut(line, " ")
		weight, err := strconv.ParseInt(number, 10, 16)
		if err != nil || weight == 0 {
			return nil, fmt.Errorf("line %d of the glance: no weight", n+1)
		}
		switch word {
		case "least:":
			g.least = int32(weight)
			continue
		case "fades:":
			g.fades = uint8(weight) //nolint:gosec // a small number
			continue
		}
		h := glanceHash(word)
		at := h
		for g.words[at&uint32(len(g.words)-1)].weight != 0 { //nolint:gosec // its size is a power of two
			at++
		}
		g.words[at&uint32(len(g.words)-1)] = row8{h, int32(weight)} //nolint:gosec // see above
	}
	return g, nil
}

// The hash of a word: FNV-1a, 32 bits, with its halves mixed.
const (
	glanceBegin = 2166136261
	glancePrime = 16777619
)

func glanceHash(word string) uint32 {
	h := uint32(glanceBegin)
	for i := range len(word) {
		h = (h ^ uint32(word[i])) * glancePrime
	}
	return h ^ h>>15
}

// weight returns what a word weighs.
func (g *glance) weight(h uint32) int32 {
	for at := h; ; at++ {
		switch r := g.words[at&uint32(len(g.words)-1)]; { //nolint:gosec // its size is a power of two
		case r.weight == 0:
			return 0
		case r.hash == h:
			return r.weight
		}
	}
}

// What a byte is for a glance.
const (
	glanceOther  = iota // parts words
	glanceLetter        // of a word
	glanceBeyond        // ASCII
	glanceSign          // is a word
	glanceOdd           // is not looked over
)

// glanceClass says what each byte is; small letters stand for capital ones.
var glanceClass = func() (all [256]uint8) {
	for c := range all {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z':
			all[c] = glanceLetter
		case c >= utf8.RuneSelf:
			all[c] = glanceBeyond
		case strings.IndexByte("~<|`$#", byte(c)) >= 0:
			all[c] = glanceSign
		case c == 0x7f, c < ' ' && c != '\n' && c != '\t' && c != '\r':
			all[c] = glanceOdd
		}
	}
	return all
}()

// telling reports whether a text is worth to be read. One with characters that are not looked over always is.
func (g *glance) telling(text []byte) bool {
	sum := int32(0)
	for i := 0; i < len(text); {
		switch glanceClass[text[i]] {
		case glanceOther:
			if i++; i < len(text) && text[i] <= ' ' && text[i-1] <= ' ' {
				if i = blanks(text, i-1); i < 0 {
					return true
				}
			}
			continue
		case glanceLetter:
			h := uint32(glanceBegin)
			for i < len(text) && glanceClass[text[i]] == glanceLetter {
				h = (h ^ uint32(text[i]|0x20)) * glancePrime
				i++
			}
			sum += g.weight(h^h>>15) - sum>>g.fades
		case glanceSign:
			h := (uint32(glanceBegin) ^ uint32(text[i])) * glancePrime
			sum += g.weight(h^h>>15) - sum>>g.fades
			i++
		case glanceOdd:
			return true
		default:
			var odd bool
			if sum, i, odd = g.beyond(text, i, sum); odd {
				return true
			}
		}
		if sum >= g.least {
			return true
		}
	}
	return false
}

// blanks returns where blanks end; -1 if they are so many that what stands behind them is out of sight.
func blanks(text []byte, i int) int {
	begin, lines := i, 0
	for ; i < len(text) && (text[i] == ' ' || text[i] == '\n' || text[i] == '\t' || text[i] == '\r'); i++ {
		if text[i] == '\n' || text[i] == '\r' {
			lines++
		}
	}
	if lines >= tallBlank || i-begin-lines >= wideBlank {
		return -1
	}
	return max(i, begin+1)
}

// beyond adds up what begins with a character beyond ASCII, and returns where it ends: a run of letters of the East, each and each two; a word
// with Latin letters, without their marks; or one mark. It is odd if it is none of these.
func (g *glance) beyond(text []byte, i int, sum int32) (after int32, end int, odd bool) {
	r, n := utf8.DecodeRune(text[i:])
	switch {
	case isEast(r):
		before := uint32(0)
		for isEast(r) {
			h := uint32(glanceBegin)
			for _, c := range text[i : i+n] {
				h = (h ^ uint32(c)) * glancePrime
			}
			if sum += g.weight(h^h>>15) - sum>>g.fades; sum >= g.least {
				return sum, i, false
			}
			if before != 0 {
				two := before
				for _, c := range text[i : i+n] {
					two = (two ^ uint32(c)) * glancePrime
				}
				if sum += g.weight(two^two>>15) - sum>>g.fades; sum >= g.least {
					return sum, i, false
				}
			}
			before, i = h, i+n
			r, n = utf8.DecodeRune(text[i:])
		}
		return sum, i, false
	case accented(r):
		h := uint32(glanceBegin)
		for accented(r) || r < utf8.RuneSelf && glanceClass[r] == glanceLetter {
			h = (h ^ uint32(unmarked(r))) * glancePrime
			i += n
			if r, n = utf8.DecodeRune(text[i:]); n == 0 {
				break
			}
		}
		return sum + g.weight(h^h>>15) - sum>>g.fades, i, false
	case punctuation(r), r >= 0x1f300 && r <= 0x1faff, r == 0xfe0f:
		return sum, i + n, false
	}
	return sum, i, true
}

// accented reports whether the character is a Latin letter with a mark.
func accented(r rune) bool { return r >= firstAccented && r < firstAccented+rune(len(unmarkedLetters)) }

const firstAccented = 0xc0

// unmarkedLetters are the small letters that those with marks are made of.
var unmarkedLetters = func() (all [0xc0]byte) {
	for i := range all {
		all[i] = 'o'
		if r := unaccented(firstAccented + rune(i)); r < utf8.RuneSelf {
			all[i] = byte(r) | 0x20
		}
	}
	return all
}()

func unmarked(r rune) byte {
	if r < utf8.RuneSelf {
		return byte(r) | 0x20 //nolint:gosec // it is ASCII
	}
	return unmarkedLetters[r-firstAccented]
}
