package inspect

import (
	"bytes"
	"math/bits"
)

// window is how many sentences are looked at together.
const window = 3

// A sentence is one of a normalized text, and the frames in it.
type sentence struct {
	begin, end int
	frames     set
}

// read parts a normalized text into sentences and finds their frames. extra are bits of the whole text.
func (l *lexicon) read(text []byte, extra set) []sentence {
	all := split(text)
	if len(all) == 0 {
		return nil
	}
	at := 0
	l.find.find(text, func(e *entry, end int) {
		for end > all[at].end && at < len(all)-1 {
			at++
		}
		all[at].frames |= 1 << e.frame
	})
	if len(all) > longText {
		extra |= 1 << bitLong
	}
	for i := range all {
		all[i].frames |= extra | shape(text[all[i].begin:all[i].end])
	}
	return all
}

// longText is how many sentences a long text has.
const longText = 6

// shape returns the bits of how a sentence is written.
func shape(text []byte) (s set) {
	text = bytes.TrimSpace(text)
	if n := len(text); n > 1 && (text[0] == '"' || text[0] == '`' || text[0] == '\'') {
		s |= 1 << bitQuoted
	}
	for _, c := range text {
		if c >= 0xe3 && c <= 0xed { // Kana, Han and Hangul begin with these in UTF-8
			return s | 1<<bitEast
		}
	}
	return s
}

// split parts a normalized text into sentences.
func split(text []byte) (all []sentence) {
	begin := 0
	for i, c := range text {
		ends := c == '\n' || (c == '.' || c == '!' || c == '?' || c == ';') && (i+1 == len(text) || text[i+1] == ' ' || text[i+1] == '\n')
		if ends && i > begin {
			all = append(all, sentence{begin: begin, end: i + 1})
			begin = i + 1
		}
	}
	if len(bytes.TrimSpace(text[begin:])) > 0 {
		all = append(all, sentence{begin: begin, end: len(text)})
	}
	return all
}

// best returns the window of sentences with the highest score.
func (m *model) best(all []sentence) (score float64, frames set, begin, end int) {
	score = -1 << 20
	for i := range all {
		s, last := set(0), min(i+window, len(all))
		for _, one := range all[i:last] {
			s |= one.frames
		}
		if v := m.score(s); v > score {
			score, frames, begin, end = v, s, all[i].begin, all[last-1].end
		}
	}
	return score, frames, begin, end
}

// each calls do for each bit of the set.
func (s set) each(do func(bit int)) {
	for rest := uint64(s); rest != 0; rest &= rest - 1 {
		do(bits.TrailingZeros64(rest))
	}
}
