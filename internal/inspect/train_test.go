package inspect

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"math"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
)

// Training is logistic regression with an L1 and an L2 penalty, by accelerated proximal gradient descent. Of a sample only the window counts that the
// model of the round before likes best, as in judging. Nothing is drawn at random.
const (
	penalty    = 0.0001 // for the size of each weight
	ridgeFrame = 0.0002 // for the square of a frame's, ...
	ridgePair  = 0.002  // ... of two frames' ...
	ridgeWord  = 0.004  // ... and of a word's: frames come first, as they carry over to what has not been seen
	steps      = 120
	rounds     = 3
	rare       = 4  // what fewer samples have is not weighed
	common     = 12 // nor a word that more than one of so many samples has: it tells length and language
)

// An example is what training sees of a sample.
type example struct {
	windows [][]string // the names of what is in each window
	chosen  int
	active  []int32
	label   float64
	weight  float64
}

func (l *lexicon) example(s *sample) example {
	e := example{label: float64(s.Label)}
	var words [][]string
	all := l.read(normalize(nil, s.Text), shouted(s.Text), func(_ *sentence, plain []byte) {
		var in []string
		grams(plain, func(gram []byte) { in = append(in, wordly+string(gram)) })
		words = append(words, in)
	})
	for i := range all {
		w, names := set(0), []string(nil)
		for n := i; n < min(i+window, len(all)); n++ {
			w |= all[n].frames
			names = append(names, words[n]...)
		}
		e.windows = append(e.windows, append(names, l.pairs(w)...))
		if len(e.windows[i]) > len(e.windows[e.chosen]) {
			e.chosen = i
		}
	}
	return e
}

// pairs returns the names of the frames and of each two of them.
func (l *lexicon) pairs(s set) (all []string) {
	var seen []string
	s.each(func(bit int) {
		all = append(all, l.names[bit])
		for _, other := range seen {
			all = append(all, other+"+"+l.names[bit])
		}
		seen = append(seen, l.names[bit])
	})
	return all
}

// A trainer holds what is trained on.
type trainer struct {
	examples []example
	names    []string
	number   map[string]int32
	weights  []float64
	ridge    []float64 // what the square of each weight costs
	bias     float64
}

// train returns a model of the samples.
func train(l *lexicon, from []sample) *model {
	t := &trainer{number: map[string]int32{}}
	poisoned := 0.0
	for i := range from {
		if e := l.example(&from[i]); len(e.windows) > 0 {
			t.examples = append(t.examples, e)
			poisoned += e.label
		}
	}
	for i := range t.examples { // both kinds weigh the same as a whole
		t.examples[i].weight = 0.5 / (float64(len(t.examples)) - poisoned)
		if t.examples[i].label == 1 {
			t.examples[i].weight = 0.5 / poisoned
		}
	}
	t.choose()
	for round := range rounds {
		if round > 0 {
			t.again()
		}
		for i := range t.examples {
			e := &t.examples[i]
			e.active = t.numbers(e.windows[e.chosen])
		}
		t.fit()
	}
	return t.model(l)
}

// choose finds what is weighed: what enough samples have.
func (t *trainer) choose() {
	count := map[string]int{}
	for _, e := range t.examples {
		in := map[string]bool{}
		for _, w := range e.windows {
			for _, name := range w {
				in[name] = true
			}
		}
		for name := range in {
			count[name]++
		}
	}
	for _, name := range slices.Sorted(maps.Keys(count)) {
		word := strings.HasPrefix(name, wordly)
		if count[name] < rare || word && count[name]*common >= len(t.examples) {
			continue
		}
		ridge := ridgeFrame
		switch {
		case word:
			ridge = ridgeWord
		case strings.Contains(name, "+"):
			ridge = ridgePair
		}
		t.number[name] = int32(len(t.names))
		t.names, t.ridge = append(t.names, name), append(t.ridge, ridge)
	}
	t.weights = make([]float64, len(t.names))
}

func (t *trainer) numbers(names []string) (all []int32) {
	for _, name := range names {
		if n, ok := t.number[name]; ok {
			all = append(all, n)
		}
	}
	return all
}

// again chooses of each sample the window that weighs most.
func (t *trainer) again() {
	for i := range t.examples {
		e, best := &t.examples[i], math.Inf(-1)
		for n, w := range e.windows {
			sum := 0.0
			for _, at := range t.numbers(w) {
				sum += t.weights[at]
			}
			if sum > best {
				best, e.chosen = sum, n
			}
		}
	}
}

// steepest returns how fast the gradient can change at most, by the power method.
func (t *trainer) steepest() (most float64) {
	v := make([]float64, len(t.names))
	for i := range v {
		v[i] = 1
	}
	for range 12 {
		next, length := make([]float64, len(v)), 0.0
		for _, x := range v {
			length += x * x
		}
		length = math.Sqrt(length)
		for _, e := range t.examples {
			sum := 0.0
			for _, n := range e.active {
				sum += v[n]
			}
			for _, n := range e.active {
				next[n] += e.weight * sum / length
			}
		}
		v, most = next, 0
		for _, x := range v {
			most += x * x
		}
		most = math.Sqrt(most)
	}
	return 0.25*most*1.1 + 0.25
}

func (t *trainer) fit() {
	rate := 1 / t.steepest()
	moved, movedBias, before := slices.Clone(t.weights), t.bias, 1.0
	for range steps {
		gradient, down := t.gradient(moved, movedBias)
		next := (1 + math.Sqrt(1+4*before*before)) / 2
		swing := (before - 1) / next
		before = next
		was := t.bias
		t.bias = movedBias - rate*down
		movedBias = t.bias + swing*(t.bias-was)
		for n, g := range gradient {
			was, v := t.weights[n], moved[n]-rate*(g+t.ridge[n]*moved[n])
			t.weights[n] = math.Copysign(max(math.Abs(v)-rate*penalty, 0), v)
			moved[n] = t.weights[n] + swing*(t.weights[n]-was)
		}
	}
}

func (t *trainer) gradient(at []float64, bias float64) (gradient []float64, down float64) {
	gradient = make([]float64, len(at))
	for _, e := range t.examples {
		sum := bias
		for _, n := range e.active {
			sum += at[n]
		}
		d := e.weight * (1/(1+math.Exp(-sum)) - e.label)
		down += d
		for _, n := range e.active {
			gradient[n] += d
		}
	}
	return gradient, down
}

// hiddenWeight is what it weighs that a text was hidden. The samples have no hidden ones, so it is set by hand.
const hiddenWeight = 2

// write returns the model as readModel reads it, without its bands.
func (t *trainer) write() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "bias %.3f\nHIDDEN %d\n", t.bias, hiddenWeight)
	for n, name := range t.names {
		if w := math.Round(t.weights[n]*1000) / 1000; w != 0 {
			fmt.Fprintf(&b, "%s %v\n", name, w)
		}
	}
	return b.Bytes()
}

func (t *trainer) model(l *lexicon) *model {
	m, err := readModel(string(t.write()), l)
	if err != nil {
		panic(err)
	}
	return m
}

// write returns the model as readModel reads it.
func (m *model) write() []byte {
	var b bytes.Buffer
	b.WriteString("# Written by make model from the samples in testdata.\n")
	fmt.Fprintf(&b, "bias %v\nwarn %v\nanswer %v\nblock %v\n", m.bias, m.warn, m.answer, m.block)
	for i := range m.one {
		if m.one[i] != 0 {
			fmt.Fprintf(&b, "%s %v\n", m.names[i], m.one[i])
		}
	}
	for i := range m.two {
		for j := range m.two[i] {
			if m.two[i][j] != 0 {
				fmt.Fprintf(&b, "%s+%s %v\n", m.names[i], m.names[j], m.two[i][j])
			}
		}
	}
	for _, word := range slices.Sorted(maps.Keys(m.words)) {
		fmt.Fprintf(&b, "%s%s %v\n", wordly, word, m.words[word])
	}
	return b.Bytes()
}

// top returns the score of a sample.
func (m *model) top(l *lexicon, s *sample) float64 {
	return m.best(l.read(normalize(nil, s.Text), shouted(s.Text), m.weigh)).score
}

// A scored sample is one with the score of a model that was not trained on it.
type scored struct {
	*sample
	score float64
}

// crossed scores each sample by a model that was trained without a quarter of the groups, the sample's among them.
func crossed(l *lexicon, from []sample) (all []scored) {
	const folds = 4
	var wait sync.WaitGroup
	parts := make([][]scored, folds)
	for fold := range folds {
		wait.Go(func() {
			var in []sample
			for _, s := range from {
				if s.group%folds != uint32(fold) {
					in = append(in, s)
				}
			}
			m := train(l, in)
			for i := range from {
				if from[i].group%folds == uint32(fold) {
					parts[fold] = append(parts[fold], scored{&from[i], m.top(l, &from[i])})
				}
			}
		})
	}
	wait.Wait()
	return slices.Concat(parts...)
}

// The parts of harmless texts on which a band may be reached, in cross-validation over what is trained on.
const (
	warnRate   = 0.008
	answerRate = 0.015
	blockRate  = 0.001
)

// bands sets the least scores of the bands; what is held back has no part in it.
func (m *model) bands(all []scored) {
	at := func(rate float64, counts func(*sample) bool) float64 {
		var scores []float64
		for _, s := range all {
			if s.Label == 0 && counts(s.sample) {
				scores = append(scores, s.score)
			}
		}
		slices.SortFunc(scores, func(a, b float64) int { return cmp.Compare(b, a) })
		return math.Round((scores[int(rate*float64(len(scores)))]+0.01)*100) / 100
	}
	m.warn = at(warnRate, func(s *sample) bool { return s.definition() })
	m.answer = max(m.warn, at(answerRate, func(s *sample) bool { return s.Kind == "answer" }))
	m.block = max(m.answer, at(blockRate, func(*sample) bool { return true }))
}

// TestModel trains the model and compares it with model.txt; with MODEL=1 it writes that file.
func TestModel(t *testing.T) {
	l := words()
	training, _ := parted(samples(t))
	m := train(l, training)
	m.bands(crossed(l, training))
	text := m.write()
	if os.Getenv("MODEL") != "" {
		if err := os.WriteFile("model.txt", text, 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if string(text) != weights {
		t.Error("model.txt is not what training makes of testdata; make model")
	}
}

func TestLexicon(t *testing.T) {
	l := words()
	for _, e := range l.find.entries {
		if got := string(normalize(nil, e.text)); got != strings.TrimSpace(e.text) {
			t.Errorf("the entry %q is never found: text is read as %q", e.text, got)
		}
	}
	t.Logf("%d entries, %d states", len(l.find.entries), len(l.find.entry))
}
