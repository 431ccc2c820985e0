package inspect

import (
	"bytes"
	"math/bits"
)

// window is how many sentences are looked at together.
const window = 3

// A sentence is one of a normalized text, with the frames in it and what its words weigh.
type sentence struct {
	begin, end int
	frames     set
	words      float64
}

// read parts a normalized text into sentences and finds their frames. extra are bits of the whole text; do is called with each sentence
// as plainly leaves it.
func (l *lexicon) read(text []byte, extra set, do func(s *sentence, plain []byte)) []sentence {
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
	var buf []byte
	for i := range all {
		s := &all[i]
		var names set
		buf, names = plainly(buf[:0], text[s.begin:s.end])
		s.frames |= extra | names | quoted(text[s.begin:s.end])
		do(s, buf)
	}
	return all
}

// quoted returns the bit of a sentence that begins with a quotation mark.
func quoted(text []byte) set {
	if text = bytes.TrimSpace(text); len(text) > 1 && (text[0] == '"' || text[0] == '`' || text[0] == '\'') {
		return 1 << bitQuoted
	}
	return 0
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

// A passage is a window of sentences with its score.
type passage struct {
	score      float64
	frames     set
	begin, end int
}

// best returns the passage with the highest score.
func (m *model) best(all []sentence) passage {
	found := passage{score: -1 << 20}
	for i := range all {
		s, last, words := set(0), min(i+window, len(all)), 0.0
		for _, one := range all[i:last] {
			s |= one.frames
			words += one.words
		}
		if v := m.score(s) + words; v > found.score {
			found = passage{v, s, all[i].begin, all[last-1].end}
		}
	}
	return found
}

// each calls do for each bit of the set.
func (s set) each(do func(bit int)) {
	for rest := uint64(s); rest != 0; rest &= rest - 1 {
		do(bits.TrailingZeros64(rest))
	}
}
