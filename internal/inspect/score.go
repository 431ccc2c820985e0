package inspect

import (
	"math"
	"strings"
	"sync"
	"unicode/utf8"
)

// A passage is a sentence, or it and the one before it, with its score.
type passage struct {
	score      float64
	norm       float64 // what the sum of weights was divided by
	frames     set
	extra      set
	begin, end int
}

// A sum is what the features of a sentence weigh, and how many there are.
type sum struct {
	weight float32
	count  int32
}

// A scorer weighs a text. It belongs to one goroutine at a time.
type scorer struct {
	model *model
	// seen says of each feature in which sentence it was last; sentences are numbered through all texts.
	seen   []uint32
	number uint32
	// own is what the features of the sentence weigh, and both is what those weigh that the sentence before it has too.
	own, both sum
	reader    reader
	normal    []byte
}

// scorers are those that are not in use.
type scorers struct{ pool sync.Pool }

func (s *scorers) get(m *model) *scorer {
	if found, ok := s.pool.Get().(*scorer); ok && found.number < math.MaxUint32/2 {
		return found
	}
	return &scorer{model: m, seen: make([]uint32, len(m.weights)), number: 1}
}

func (s *scorers) put(used *scorer) {
	const most = 1 << 20 // the memory of one large text is not kept
	if cap(used.normal) > most {
		used.normal = nil
	}
	r := &used.reader
	*r = reader{plain: r.plain[:0], hints: r.hints[:0], sentence: sentence{concepts: r.sentence.concepts[:0]}}
	s.pool.Put(used)
}

// score returns the passage with the highest score of a normalized text; one that ends at 0 if there is no sentence.
func (s *scorer) score(text []byte, extra set) passage {
	r := &s.reader
	r.words, r.text, r.extra, r.at, r.framesEnd, r.conceptsEnd, r.hints = s.model.lexicon, text, extra, 0, 0, 0, r.hints[:0]
	s.number++ // the last sentence of another text is none before this one
	var best passage
	var before sum
	var frames set
	begin := 0
	for first := true; r.next(); first = false {
		s.weigh()
		p := s.model.passage(s.own, r.sentence.frames)
		p.begin, p.end, p.extra = r.sentence.begin, r.sentence.end, extra
		if first {
			begin = p.begin
		} else if both := s.model.passage(sum{before.weight + s.own.weight - s.both.weight, before.count + s.own.count - s.both.count}, frames|r.sentence.frames); both.score > p.score {
			both.begin, both.end, both.extra = begin, p.end, extra
			p = both
		}
		if first || p.score > best.score {
			best = p
		}
		s.heed(begin, p.score)
		before, frames, begin = s.own, r.sentence.frames, r.sentence.begin
	}
	return best
}

// ruleFloor is the score of a passage below which no rule is asked: that of what rules find is above it.
const ruleFloor = 0

// heed has rules look at the hints from there on, where a passage has that score.
func (s *scorer) heed(begin int, score float64) {
	hints := s.reader.hints
	for i := len(hints) - 1; score >= ruleFloor && i >= 0 && hints[i].at >= begin; i-- {
		hints[i].near = true
	}
}

// hits returns what rules find in the text that was scored last.
func (s *scorer) hits() []hit { return hits(s.reader.text, s.reader.hints) }

// passage returns the score of what was summed up, with what each two frames add.
func (m *model) passage(all sum, frames set) passage {
	frames.each(func(low int) {
		pairs := &m.two[low]
		(frames &^ (2<<low - 1)).each(func(high int) {
			if n := pairs[high]; n != 0 {
				all.weight += m.weights[n]
				all.count++
			}
		})
	})
	norm := math.Sqrt(float64(all.count + root))
	return passage{score: m.bias + float64(all.weight)/norm, norm: norm, frames: frames}
}

// weigh sums up the sentence.
func (s *scorer) weigh() {
	m, r := s.model, &s.reader
	s.number++
	s.own, s.both = sum{}, sum{}
	s.grams(r.plain)
	r.sentence.frames.each(func(bit int) { s.add(m.one[bit]) })
	tokens := r.sentence.concepts
	for i, t := range tokens {
		s.add(m.concepts[t.concept])
		if t.first {
			s.add(m.first[t.concept])
		}
		for back := 1; back <= min(reach, i); back++ {
			if before := tokens[i-back].concept; before != t.concept {
				s.add(m.order[int(before)*maxConcepts+int(t.concept)])
			}
		}
	}
}

// add counts a feature of the sentence, once.
func (s *scorer) add(n int32) {
	if n == 0 || s.seen[n] == s.number {
		return
	}
	w := s.model.weights[n]
	if s.seen[n] == s.number-1 {
		s.both.weight += w
		s.both.count++
	}
	s.seen[n] = s.number
	s.own.weight += w
	s.own.count++
}

// The hash of words: FNV-1a, 64 bits.
const (
	hashBegin = 14695981039346656037
	hashPrime = 1099511628211
)

// hashOf returns the hash of a word, or of two with a blank between them.
func hashOf(gram string) uint64 {
	if before, behind, two := strings.Cut(gram, " "); two {
		return joined(hashOf(before), hashOf(behind))
	}
	h := uint64(hashBegin)
	for i := range len(gram) {
		h = (h ^ uint64(gram[i])) * hashPrime
	}
	return h
}

// joined returns the hash of two words in a row.
func joined(before, behind uint64) uint64 {
	h := (before>>7 ^ behind) * 0x9e3779b97f4a7c15
	return h ^ h>>29
}

// grams counts what the function of that name yields.
func (s *scorer) grams(plain []byte) {
	words := s.model.words
	var before uint64 // of the word before, 0 without one
	for i := 0; i < len(plain); {
		if plain[i] == ' ' {
			i++
			continue
		}
		if plain[i] >= utf8.RuneSelf {
			i, before = s.eastern(plain, i), 0
			continue
		}
		begin, h := i, uint64(hashBegin)
		for i < len(plain) && plain[i] != ' ' {
			h = (h ^ uint64(plain[i])) * hashPrime
			i++
		}
		if plain[begin] != '^' {
			s.add(words.number(h))
		}
		if before != 0 {
			s.add(words.number(joined(before, h)))
		}
		before = h
	}
}

// eastern counts each letter, two and three letters of a run, and returns where it ends.
func (s *scorer) eastern(plain []byte, i int) int {
	words := s.model.words
	for i < len(plain) && plain[i] != ' ' {
		h, end := uint64(hashBegin), i
		for range longestGram {
			if end == len(plain) || plain[end] == ' ' {
				break
			}
			for {
				h = (h ^ uint64(plain[end])) * hashPrime
				if end++; end == len(plain) || utf8.RuneStart(plain[end]) {
					break
				}
			}
			s.add(words.number(h))
		}
		for i++; i < len(plain) && !utf8.RuneStart(plain[i]); i++ {
		}
	}
	return i
}

// longestGram is of how many letters a gram is made at most where words are not parted by blanks.
const longestGram = 3
