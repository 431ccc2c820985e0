package inspect

import (
	"bytes"
	"math/bits"
)

// A sentence is one of a normalized text.
type sentence struct {
	begin, end int
	frames     set
	concepts   []token
}

// A token is a concept in a sentence.
type token struct {
	concept uint8
	first   bool // a clause begins with it
}

// reach is how many concepts ahead the order of two is looked at.
const reach = 3

// A reader goes through the sentences of a normalized text.
type reader struct {
	words *lexicon
	text  []byte
	// extra are bits of the whole text.
	extra set
	at    int
	// framesEnd and conceptsEnd are where the last entries ended: one inside of another does not count.
	framesEnd, conceptsEnd int
	sentence               sentence
	// plain is the sentence as plainly leaves it.
	plain []byte
	// hints are where rules have to look.
	hints []hint
}

// next reads the next sentence; what it leaves is valid until the one after it.
func (r *reader) next() bool {
	begin := r.at
	for begin < len(r.text) && r.text[begin] <= ' ' {
		begin++
	}
	if begin == len(r.text) {
		return false
	}
	r.at = sentenceEnd(r.text, begin)
	s := &r.sentence
	s.begin, s.end, s.frames, s.concepts = begin, r.at, r.extra|quoted(r.text[begin:r.at]), s.concepts[:0]
	r.find(s)
	var names set
	r.plain, names = plainly(r.plain[:0], r.text[begin:r.at])
	s.frames |= names
	return true
}

// sentenceEnd returns where the sentence ends that begins there.
func sentenceEnd(text []byte, begin int) int {
	for i := begin; i < len(text); i++ {
		switch text[i] {
		case '\n':
			return i + 1
		case '.', '!', '?', ';':
			if i+1 == len(text) || text[i+1] == ' ' || text[i+1] == '\n' {
				return i + 1
			}
		}
	}
	return len(text)
}

// find finds the frames and concepts that begin in a sentence.
func (r *reader) find(s *sentence) {
	for i := s.begin; i < s.end; i++ {
		if !begins(r.text, i) {
			continue
		}
		m := r.words.find.at(r.text, i)
		if m.rules != 0 {
			r.hint(i, m.rules)
		}
		if m.frameEnd > r.framesEnd {
			s.frames |= 1 << m.frame
			r.framesEnd = m.frameEnd
		}
		if m.conceptsEnd > r.conceptsEnd {
			r.conceptsEnd = m.conceptsEnd
			first := clause(r.text[s.begin:i])
			for _, c := range r.words.find.lists[m.concepts] {
				s.concepts = append(s.concepts, token{c, first})
			}
		}
	}
}

// hint notes that rules have to look at a place.
func (r *reader) hint(at int, rules uint32) {
	last := len(r.hints) - 1
	if last+1 == mostHints || last >= 0 && at-r.hints[last].at < apart && rules&^r.hints[last].rules == 0 {
		return
	}
	r.hints = append(r.hints, hint{at: at, rules: rules})
}

// clause reports whether a clause may begin behind that part of a sentence.
func clause(before []byte) bool {
	before = bytes.TrimRight(before, " ")
	if len(before) == 0 || bytes.IndexByte([]byte(",:;->)*\"'"), before[len(before)-1]) >= 0 {
		return true
	}
	return bytes.HasSuffix(before, []byte(" and")) || bytes.HasSuffix(before, []byte(" then")) || bytes.HasSuffix(before, []byte("please"))
}

// quoted returns the bit of a sentence that begins with a quotation mark.
func quoted(text []byte) set {
	if len(text) > 1 && (text[0] == '"' || text[0] == '`' || text[0] == '\'') {
		return 1 << bitQuoted
	}
	return 0
}

// each calls do for each bit of the set.
func (s set) each(do func(bit int)) {
	for rest := uint64(s); rest != 0; rest &= rest - 1 {
		do(bits.TrailingZeros64(rest))
	}
}

// features calls do with the name of each thing in a sentence that a model may know, some more than once: its words and each two in a row, its
// frames, its concepts, and each two concepts that stand near one another.
func (l *lexicon) features(s *sentence, plain []byte, do func(name string)) {
	grams(plain, func(gram []byte) { do(wordly + string(gram)) })
	s.frames.each(func(bit int) { do(l.names[bit]) })
	for i, t := range s.concepts {
		do(meant + l.concepts[t.concept])
		if t.first {
			do(meant + "^" + l.concepts[t.concept])
		}
		for back := 1; back <= min(reach, i); back++ {
			if before := s.concepts[i-back].concept; before != t.concept {
				do(meant + l.concepts[before] + ">" + l.concepts[t.concept])
			}
		}
	}
}

// pairs calls do with the name of each two frames of a window.
func (l *lexicon) pairs(s set, do func(name string)) {
	s.each(func(low int) {
		s.each(func(high int) {
			if low < high {
				do(l.names[low] + "+" + l.names[high])
			}
		})
	})
}
