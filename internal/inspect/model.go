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

// A model weighs what stands in two sentences: their words and each two in a row, their frames and each two of them, their concepts and the
// order of those that stand near one another. Each counts once. The sum of their weights, divided by the root of how many of them the model
// knows, is the score: it is linear, so what each has added can be told. A model is immutable.
type model struct {
	bias  float64
	least [kinds]float64 // the least scores of the warning band, by kind
	block float64        // of the blocking band
	// Features are numbered from 1. What is not known is 0, which weighs nothing.
	weights  []float32
	words    table
	one      [64]int32
	two      [64][64]int32 // [lower bit][higher bit]
	concepts []int32
	first    []int32
	order    []int32 // [before * maxConcepts + behind]
	lexicon  *lexicon
	rules    map[string]trust.Band // at most, as they were calibrated
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

// What the names of words, of concepts and of rules in a model begin with.
const (
	wordly = "word:"
	meant  = "means:"
	ruled  = "rule:"
)

// root is what is added to the number of features below the root, so that a sentence of two words has no great score.
const root = 4

// readModel reads a model as make model writes it: a name and a weight on each line.
func readModel(text string, l *lexicon) (*model, error) {
	m := &model{
		weights: make([]float32, 1, 1+strings.Count(text, "\n")), words: newTable(strings.Count(text, "\n"+wordly)),
		concepts: make([]int32, len(l.concepts)), first: make([]int32, len(l.concepts)), order: make([]int32, len(l.concepts)*maxConcepts), lexicon: l, rules: map[string]trust.Band{},
	}
	n := 0
	for line := range strings.SplitSeq(text, "\n") {
		n++
		if line == "" || line[0] == '#' {
			continue
		}
		at := strings.LastIndexByte(line, ' ')
		weight, err := strconv.ParseFloat(line[at+1:], 64)
		if err != nil || at < 1 || math.IsNaN(weight) || math.IsInf(weight, 0) {
			return nil, fmt.Errorf("line %d of the model: no weight", n)
		}
		if err := m.set(line[:at], weight); err != nil {
			return nil, fmt.Errorf("line %d of the model: %w", n, err)
		}
	}
	return m, nil
}

func (m *model) set(name string, weight float64) error {
	if rule, ok := strings.CutPrefix(name, ruled); ok {
		m.rules[rule] = trust.Band(weight)
		return nil
	}
	if number := m.number(name); number != nil {
		*number = weight
		return nil
	}
	at, err := m.feature(name)
	if err != nil {
		return err
	}
	*at = int32(len(m.weights)) //nolint:gosec // a model has some ten thousand
	m.weights = append(m.weights, float32(weight))
	return nil
}

// number returns what is no weight; nil if the name is not that of one.
func (m *model) number(name string) *float64 {
	switch name {
	case "bias":
		return &m.bias
	case "block":
		return &m.block
	}
	if kind := slices.Index(kindNames[:], name); kind >= 0 {
		return &m.least[kind]
	}
	return nil
}

// feature returns where the number of a feature stands.
func (m *model) feature(name string) (*int32, error) {
	l := m.lexicon
	if word, ok := strings.CutPrefix(name, wordly); ok {
		return m.words.place(hashOf(word)), nil
	}
	if concept, ok := strings.CutPrefix(name, meant); ok {
		before, behind, two := strings.Cut(concept, ">")
		before, first := strings.CutPrefix(before, "^")
		a, ok := l.numbers[before]
		b, also := l.numbers[behind]
		switch {
		case !ok || two && !also:
			return nil, fmt.Errorf("there is no concept %q", concept)
		case two:
			return &m.order[a*maxConcepts+b], nil
		case first:
			return &m.first[a], nil
		}
		return &m.concepts[a], nil
	}
	low, high, two := strings.Cut(name, "+")
	a, ok := l.bits[low]
	b, also := l.bits[high]
	switch {
	case !ok || two && !also:
		return nil, fmt.Errorf("there is no frame %q", name)
	case two:
		return &m.two[min(a, b)][max(a, b)], nil
	}
	return &m.one[a], nil
}

// A table numbers words and pairs of words by their hashes, with open addressing.
type table []row

type row struct {
	hash   uint32 // the upper half; the lower one is the place
	number int32
}

func newTable(size int) table {
	n := 16
	for n < 2*size {
		n *= 2
	}
	return make(table, n)
}

// place returns where the number for a hash is, or would be.
func (t table) place(hash uint64) *int32 {
	at, high := int(hash), uint32(hash>>32) //nolint:gosec // halves of it
	for {
		r := &t[at&(len(t)-1)]
		if r.number == 0 || r.hash == high {
			r.hash = high
			return &r.number
		}
		at++
	}
}

// number returns the number for a hash, 0 without one.
func (t table) number(hash uint64) int32 {
	at, high := int(hash), uint32(hash>>32) //nolint:gosec // halves of it
	for {
		r := t[at&(len(t)-1)]
		if r.number == 0 || r.hash == high {
			return r.number
		}
		at++
	}
}

// explain returns what the score of a passage is made of, the heaviest first.
func (m *model) explain(text []byte, p passage) (all []trust.Contribution) {
	names := map[string]bool{}
	r := reader{words: m.lexicon, text: text[:p.end], extra: p.extra, at: p.begin}
	for r.next() {
		m.lexicon.features(&r.sentence, r.plain, func(name string) { names[name] = true })
	}
	m.lexicon.pairs(p.frames, func(name string) { names[name] = true })
	for name := range names {
		if n := m.known(name); n != 0 {
			all = append(all, trust.Contribution{What: name, Weight: math.Round(float64(m.weights[n])/p.norm*1000) / 1000})
		}
	}
	slices.SortFunc(all, func(a, b trust.Contribution) int {
		return cmp.Or(cmp.Compare(math.Abs(b.Weight), math.Abs(a.Weight)), strings.Compare(a.What, b.What))
	})
	if rest := all[min(mostReasons, len(all)):]; len(rest) > 0 {
		sum := trust.Contribution{What: fmt.Sprintf("%d others", len(rest))}
		for _, c := range rest {
			sum.Weight += c.Weight
		}
		sum.Weight = math.Round(sum.Weight*1000) / 1000
		all = append(all[:mostReasons], sum)
	}
	return all
}

// mostReasons is how many contributions a finding lists; the others are one sum.
const mostReasons = 16

// known returns the number of a feature, 0 if the model does not know it.
func (m *model) known(name string) int32 {
	if word, ok := strings.CutPrefix(name, wordly); ok {
		return m.words.number(hashOf(word))
	}
	at, err := m.feature(name)
	if err != nil {
		return 0
	}
	return *at
}
