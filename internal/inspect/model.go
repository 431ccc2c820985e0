package inspect

import (
	"cmp"
	_ "embed"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/sumun-mcp/sumun/trust"
)

// A model weighs a few sentences: one weight for each frame in them, one for each two frames that stand together, and one for each word
// and two words in a row that it knows. It is linear, so what each adds can be told. It is immutable.
type model struct {
	bias        float64
	warn, block float64 // the least scores of the two bands
	answer      float64 // of the warning band, for what a tool has answered
	one         [64]float64
	two         [64][64]float64 // [lower bit][higher bit]
	names       []string
	words       map[string]float64 // by what grams gives
}

//go:embed model.txt
var weights string

// judge returns the model that is part of the program.
var judge = sync.OnceValue(func() *model {
	m, err := readModel(weights, words())
	if err != nil {
		panic(err) // a test reads it
	}
	return m
})

// wordly begins the names of words in a model.
const wordly = "word:"

// readModel reads a model as make model writes it: a name, or two with a plus between them, and a weight on each line.
func readModel(text string, l *lexicon) (*model, error) {
	m := &model{names: l.names, words: map[string]float64{}}
	for n, line := range strings.Split(text, "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		at := strings.LastIndexByte(line, ' ')
		name := strings.TrimSpace(line[:max(at, 0)])
		weight, err := strconv.ParseFloat(line[at+1:], 64)
		if err != nil || math.IsNaN(weight) || math.IsInf(weight, 0) {
			return nil, fmt.Errorf("line %d of the model: no weight", n+1)
		}
		if err := m.set(name, weight, l); err != nil {
			return nil, fmt.Errorf("line %d of the model: %w", n+1, err)
		}
	}
	return m, nil
}

func (m *model) set(name string, weight float64, l *lexicon) error {
	switch name {
	case "bias":
		m.bias = weight
		return nil
	case "warn":
		m.warn = weight
		return nil
	case "block":
		m.block = weight
		return nil
	case "answer":
		m.answer = weight
		return nil
	}
	if word, ok := strings.CutPrefix(name, wordly); ok {
		m.words[word] = weight
		return nil
	}
	first, second, pair := strings.Cut(name, "+")
	a, ok := l.bits[first]
	if !ok {
		return fmt.Errorf("there is no frame %q", first)
	}
	if !pair {
		m.one[a] = weight
		return nil
	}
	b, ok := l.bits[second]
	if !ok {
		return fmt.Errorf("there is no frame %q", second)
	}
	m.two[min(a, b)][max(a, b)] = weight
	return nil
}

// score returns how much sentences with those frames are like orders to a model.
func (m *model) score(s set) float64 {
	sum := m.bias
	var seen [64]int
	n := 0
	s.each(func(bit int) {
		sum += m.one[bit]
		for _, other := range seen[:n] {
			sum += m.two[other][bit]
		}
		seen[n] = bit
		n++
	})
	return sum
}

// weigh sets what the words of a sentence weigh.
func (m *model) weigh(s *sentence, plain []byte) {
	grams(plain, func(gram []byte) { s.words += m.words[string(gram)] })
}

// floor returns the least score of the warning band.
func (m *model) floor(kind Kind) float64 {
	if kind == Answer {
		return m.answer
	}
	return m.warn
}

// explain returns what the score of sentences with those frames is made of, the heaviest first; text are the sentences, normalized.
func (m *model) explain(s set, text []byte) (all []trust.Contribution) {
	add := func(name string, weight float64) {
		if weight != 0 {
			all = append(all, trust.Contribution{What: name, Weight: math.Round(weight*100) / 100})
		}
	}
	var seen []int
	s.each(func(bit int) {
		add(m.names[bit], m.one[bit])
		for _, other := range seen {
			add(m.names[other]+"+"+m.names[bit], m.two[other][bit])
		}
		seen = append(seen, bit)
	})
	var buf []byte
	for _, one := range split(text) {
		buf, _ = plainly(buf[:0], text[one.begin:one.end])
		grams(buf, func(gram []byte) { add(wordly+string(gram), m.words[string(gram)]) })
	}
	slices.SortStableFunc(all, func(a, b trust.Contribution) int { return cmp.Compare(math.Abs(b.Weight), math.Abs(a.Weight)) })
	return all
}
