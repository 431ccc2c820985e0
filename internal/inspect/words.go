package inspect

import (
	"bytes"
	"unicode/utf8"
)

// The names that stand for what is a name itself: which server, file or parameter it is says nothing about the sentence around it.
const (
	nameOfURL  = "<url>"
	nameOfMail = "<mail>"
	nameOfHost = "<host>"
	nameOfPath = "<path>"
	nameOfTool = "<name>"
	nameOfHole = "<hole>" // of a template
)

// plainly appends a sentence of a normalized text with one blank between its words and without punctuation; addresses, paths, identifiers
// and numbers become what they are. The bits say which there were.
func plainly(dst, text []byte) ([]byte, set) {
	var s set
	dst = append(dst, '^')
	for i := 0; i < len(text); {
		c := text[i]
		switch {
		case c <= ' ' || c == 0x7f:
			i++
		case c < utf8.RuneSelf:
			end := i + 1
			for end < len(text) && text[end] > ' ' && text[end] < utf8.RuneSelf {
				end++
			}
			var seen set
			dst, seen = chunk(dst, text[i:end])
			s |= seen
			i = end
		default:
			end := i
			for end < len(text) && text[end] >= utf8.RuneSelf {
				end++
			}
			dst = letters(dst, text[i:end])
			i = end
		}
	}
	return dst, s
}

// letters appends runs of letters beyond ASCII as words, without the marks between them.
func letters(dst, text []byte) []byte {
	parted := true
	for len(text) > 0 {
		r, n := utf8.DecodeRune(text)
		if isEast(r) {
			if parted {
				dst = append(dst, ' ')
			}
			parted = false
			dst = append(dst, text[:n]...)
		} else {
			parted = true
		}
		text = text[n:]
	}
	return dst
}

// isEast reports whether the character is a letter of Hangul, Han or Kana.
func isEast(r rune) bool {
	return r >= 0x3041 && r <= 0x3096 || r >= 0x30a1 && r <= 0x30fa || r >= 0x3400 && r <= 0x9fff || r >= 0xac00 && r <= 0xd7a3
}

// marks stand around words.
const marks = "'\"`.,;:!?()[]{}<>*"

// telling reports whether a text has a mark that only names have inside.
func telling(text []byte) bool {
	for i, c := range text {
		switch c {
		case '/', '@', '_', '{', '}':
			return true
		case '.':
			if i+1 < len(text) && i > 0 {
				return true
			}
		}
	}
	return false
}

// chunk appends what stands between two blanks.
func chunk(dst, text []byte) ([]byte, set) {
	if telling(text) {
		if name, bit := named(bytes.Trim(text, marks), text); name != "" {
			return append(append(dst, ' '), name...), 1 << bit
		}
	}
	for len(text) > 0 {
		n := 0
		for n < len(text) && (isWord(text[n]) || text[n] == '\'' && n > 0) {
			n++
		}
		if n == 0 {
			text = text[1:]
			continue
		}
		dst = append(dst, ' ')
		switch word := bytes.TrimRight(text[:n], "'"); {
		case word[0] >= '0' && word[0] <= '9':
			dst = append(dst, '#')
		default:
			dst = append(dst, word...)
		}
		text = text[n:]
	}
	return dst, 0
}

// named tells what name a text is: an address, a path, an identifier.
func named(core, text []byte) (name string, bit int) {
	dot, under, slash, at := bytes.IndexByte(core, '.'), bytes.IndexByte(core, '_'), bytes.IndexByte(text, '/'), bytes.IndexByte(core, '@')
	switch {
	case bytes.Contains(text, []byte("://")):
		return nameOfURL, bitURL
	case at > 0 && dot > at:
		return nameOfMail, bitMail
	case bytes.Contains(text, []byte("{{")) || bytes.Contains(text, []byte("}}")):
		return nameOfHole, bitHole
	case slash >= 0 && (bytes.HasPrefix(text, []byte("~/")) || slash+1 < len(text) && bytes.Count(core, []byte("/")) > 1 || bytes.HasPrefix(core, []byte("/")) && len(core) > 2):
		return nameOfPath, bitPath
	case under > 0 && under < len(core)-1:
		return nameOfTool, bitName
	case dot > 0 && dot < len(core)-1 && isHost(core, dot):
		return nameOfHost, bitHost
	}
	return "", 0
}

// isHost reports whether the text, in which a dot stands there, is like the name of a server or its number.
func isHost(text []byte, dot int) bool {
	for i, c := range text {
		if !isWord(c) && c != '.' && c != '-' && (c != '/' || i < dot) {
			return false
		}
	}
	return dot > 1 && bytes.Count(text, []byte(".")) != 0 && len(text)-dot > 2 && text[0] != '-'
}

// grams calls do for each word of a plain sentence and for each two that follow one another; where words are not parted by blanks, for
// each letter, two and three letters.
func grams(text []byte, do func(gram []byte)) {
	before := -1
	for i := 0; i < len(text); {
		if text[i] == ' ' {
			i++
			continue
		}
		end := bytes.IndexByte(text[i:], ' ')
		if end < 0 {
			end = len(text)
		} else {
			end += i
		}
		if text[i] >= utf8.RuneSelf {
			letterGrams(text[i:end], do)
			before = -1
		} else {
			if text[i] != '^' {
				do(text[i:end])
			}
			if before >= 0 {
				do(text[before:end])
			}
			before = i
		}
		i = end
	}
}

func letterGrams(text []byte, do func(gram []byte)) {
	for i := 0; i < len(text); {
		_, first := utf8.DecodeRune(text[i:])
		for end, n := i, 0; end < len(text) && n < longestGram; n++ {
			_, size := utf8.DecodeRune(text[end:])
			end += size
			do(text[i:end])
		}
		i += first
	}
}
