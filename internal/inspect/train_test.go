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

	"github.com/sumun-mcp/sumun/trust"
)

// Training is logistic regression with an L2 penalty, by accelerated gradient descent. What is rare, and so tells more, costs less to weigh; so do
// frames. First whole texts are trained on; then, of a poisoned text, the window that the model likes best, and of a harmless one all windows, as
// in judging. What is composed counts less than what was written. Nothing is drawn at random.
const (
	fidelity      = 30.0 // how much the samples count beside the penalty
	rare          = 2    // what fewer samples have is not weighed
	rarePair      = 3    // nor two words, or two concepts, that fewer have
	scale         = 6.0
	steps         = 250
	composedShare = 0.4 // how much a text that was composed counts
	otherShare    = 0.4 // how much windows of a harmless text count that are not the one the model likes best
	frameScale    = 2.0
	pairScale     = 1.5
)

// An example is what training sees of a sample: the numbers of what is in each window, and in the whole text.
type example struct {
	windows [][]int32
	whole   []int32
	label   float64
	weight  float64
	kind    Kind
}

// A trainer holds what is trained on.
type trainer struct {
	lexicon  *lexicon
	numbers  map[string]int32
	names    []string
	examples []example
	value    []float64 // of each feature, before the length of the window counts
	weights  []float64
	bias     [kinds]float64
}

// train trains on the samples.
func train(l *lexicon, from []sample) *trainer {
	t := &trainer{lexicon: l, numbers: map[string]int32{}}
	for i := range from {
		t.examples = append(t.examples, t.example(&from[i]))
	}
	t.choose()
	t.fit(func(e *example, add func(features []int32, weight float64)) { add(e.whole, 1) }, fidelity)
	t.fit(func(e *example, add func(features []int32, weight float64)) {
		best := t.best(e)
		for i, w := range e.windows {
			switch {
			case i == best:
				add(w, 1)
			case e.label == 0:
				add(w, otherShare)
			}
		}
	}, fidelity)
	return t
}

// model returns what came of it, without bands.
func (t *trainer) model() *model {
	m, err := readModel(string(t.write()), t.lexicon)
	if err != nil {
		panic(err)
	}
	return m
}

// example returns a sample with its features numbered, known or not.
func (t *trainer) example(s *sample) example {
	e := example{label: float64(s.Label), weight: 1, kind: s.kind()}
	if s.composed {
		e.weight = composedShare
	}
	r := reader{words: t.lexicon, text: normalize(nil, s.Text), extra: shouted(s.Text)}
	var frames []set
	var all [][]string
	for r.next() {
		var names []string
		t.lexicon.features(&r.sentence, r.plain, func(name string) { names = append(names, name) })
		all, frames = append(all, names), append(frames, r.sentence.frames)
	}
	whole := map[string]bool{}
	for i := range all {
		for first := max(0, i-1); first <= i; first++ { // the sentence with the one before it, and alone
			in, both := map[string]bool{}, set(0)
			for n := first; n <= i; n++ {
				both |= frames[n]
				for _, name := range all[n] {
					in[name] = true
				}
			}
			t.lexicon.pairs(both, func(name string) { in[name] = true })
			maps.Copy(whole, in)
			e.windows = append(e.windows, t.number(in))
		}
	}
	e.whole = t.number(whole)
	return e
}

func (t *trainer) number(names map[string]bool) (all []int32) {
	for _, name := range slices.Sorted(maps.Keys(names)) {
		n, ok := t.numbers[name]
		if !ok {
			n = int32(len(t.names))
			t.numbers[name], t.names = n, append(t.names, name)
		}
		all = append(all, n)
	}
	return all
}

// choose leaves of all features those that enough samples have, numbered by their names, and finds their values.
func (t *trainer) choose() {
	count := make([]int, len(t.names))
	for _, e := range t.examples {
		for _, n := range e.whole {
			count[n]++
		}
	}
	known := map[int32]int32{}
	var names []string
	for _, name := range slices.Sorted(maps.Keys(t.numbers)) {
		n := t.numbers[name]
		least, times := rare, 1.0
		switch {
		case strings.HasPrefix(name, wordly) && strings.Contains(name, " "), strings.HasPrefix(name, meant) && strings.Contains(name, ">"):
			least = rarePair
		case strings.HasPrefix(name, wordly), strings.HasPrefix(name, meant):
		case strings.Contains(name, "+"):
			times = pairScale
		default:
			times = frameScale
		}
		if count[n] < least {
			continue
		}
		known[n] = int32(len(names))
		names = append(names, name)
		t.value = append(t.value, times/scale*(1+math.Log(float64(len(t.examples)+1)/float64(count[n]+1))))
	}
	keep := func(features []int32) []int32 {
		kept := features[:0]
		for _, n := range features {
			if k, ok := known[n]; ok {
				kept = append(kept, k)
			}
		}
		slices.Sort(kept)
		return kept
	}
	for i := range t.examples {
		e := &t.examples[i]
		e.whole = keep(e.whole)
		for n := range e.windows {
			e.windows[n] = keep(e.windows[n])
		}
	}
	t.names, t.weights = names, make([]float64, len(names))
}

// best returns the window that weighs most.
func (t *trainer) best(e *example) (best int) {
	most := math.Inf(-1)
	for i, w := range e.windows {
		sum := 0.0
		for _, n := range w {
			sum += float64(t.weights[n] * t.value[n])
		}
		if sum /= math.Sqrt(float64(len(w) + root)); sum > most {
			most, best = sum, i
		}
	}
	return best
}

// A point is what is trained on in one round: features that count so much together.
type point struct {
	features []int32
	norm     float64
	label    float64
	weight   float64
	kind     Kind
}

// fit trains on the points that each example gives. Both labels count the same as a whole.
func (t *trainer) fit(of func(e *example, add func(features []int32, weight float64)), fidelity float64) {
	var points []point
	var number [2]float64
	for i := range t.examples {
		e := &t.examples[i]
		of(e, func(features []int32, weight float64) {
			weight *= e.weight
			points = append(points, point{features, 1 / math.Sqrt(float64(len(features)+root)), e.label, weight, e.kind})
			number[int(e.label)] += weight
		})
	}
	for i := range points {
		p := &points[i]
		p.weight *= fidelity * (number[0] + number[1]) / (2 * number[int(p.label)])
	}
	t.descend(points)
}

// descend goes down the slope, with momentum that is dropped whenever it leads up.
func (t *trainer) descend(points []point) {
	rate := 1 / t.steepest(points)
	moved, movedBias, before := slices.Clone(t.weights), t.bias, 1.0
	for range steps {
		gradient, down := t.gradient(points, moved, movedBias)
		against := 0.0
		was, wasBias := slices.Clone(t.weights), t.bias
		for n, g := range gradient {
			t.weights[n] = moved[n] - float64(rate*g)
			against += float64(g * (t.weights[n] - was[n]))
		}
		for k, g := range down {
			t.bias[k] = movedBias[k] - float64(rate*g)
		}
		if against > 0 {
			before = 1
		}
		next := (1 + math.Sqrt(1+4*before*before)) / 2
		swing := (before - 1) / next
		before = next
		for n := range moved {
			moved[n] = t.weights[n] + float64(swing*(t.weights[n]-was[n]))
		}
		for k := range movedBias {
			movedBias[k] = t.bias[k] + float64(swing*(t.bias[k]-wasBias[k]))
		}
	}
}

// gradient returns the slope at some weights: of what is wrong with them, and of half their square.
func (t *trainer) gradient(points []point, at []float64, bias [kinds]float64) (gradient []float64, down [kinds]float64) {
	gradient = slices.Clone(at)
	for i := range points {
		p := &points[i]
		sum := 0.0
		for _, n := range p.features {
			sum += float64(at[n] * t.value[n])
		}
		d := p.weight * (1/(1+math.Exp(-bias[p.kind]-float64(sum*p.norm))) - p.label)
		down[p.kind] += d
		d *= p.norm
		for _, n := range p.features {
			gradient[n] += float64(d * t.value[n])
		}
	}
	return gradient, down
}

// steepest returns how fast the gradient can change at most, by the power method.
func (t *trainer) steepest(points []point) (most float64) {
	v := make([]float64, len(t.names)+1)
	for i := range v {
		v[i] = 1
	}
	bias := len(t.names)
	for range 12 {
		next, length := make([]float64, len(v)), 0.0
		for _, x := range v {
			length += float64(x * x)
		}
		length = math.Sqrt(length)
		for i := range points {
			p := &points[i]
			sum := v[bias]
			for _, n := range p.features {
				sum += float64(v[n] * t.value[n] * p.norm)
			}
			sum *= p.weight / length
			next[bias] += sum
			for _, n := range p.features {
				next[n] += float64(sum * t.value[n] * p.norm)
			}
		}
		v, most = next, 0
		for _, x := range v {
			most += float64(x * x)
		}
		most = math.Sqrt(most)
	}
	return most/4*1.1 + 1 // the slope of the logistic function is 1/4 at most; the penalty has 1
}

// hiddenWeight is what it weighs that a text was hidden. The samples have no hidden ones, so it is set by hand.
const hiddenWeight = 8

// write returns the model as readModel reads it, without its bands.
func (t *trainer) write() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "bias %.2f\nHIDDEN %d\n", t.bias[Description], hiddenWeight)
	for n, name := range t.names {
		if name != "HIDDEN" {
			fmt.Fprintf(&b, "%s %.2f\n", name, t.weights[n]*t.value[n])
		}
	}
	return b.Bytes()
}

// A scored sample is one with the score of a model that was not trained on it, and with what rules say.
type scored struct {
	*sample
	score float64
	ruled trust.Band
}

func (s *scorer) judge(of *sample) scored {
	text := normalize(nil, of.Text)
	best := s.score(text, shouted(of.Text))
	found := scored{of, best.score, trust.BandInfo}
	for _, h := range s.hits() {
		if h.rule.finding == injection {
			found.ruled = max(found.ruled, s.model.bandOf(h))
		}
	}
	return found
}

// crossed scores each sample by a model that was trained without a quarter of the groups, the sample's among them, and with what else there is.
func crossed(l *lexicon, from, also []sample) (all []scored) {
	const folds = 4
	var wait sync.WaitGroup
	parts := make([][]scored, folds)
	for fold := range folds {
		wait.Go(func() {
			in := slices.Clone(also)
			for _, s := range from {
				if s.group%folds != uint32(fold) {
					in = append(in, s)
				}
			}
			s := new(scorers).get(train(l, in).model())
			for i := range from {
				if from[i].group%folds == uint32(fold) {
					parts[fold] = append(parts[fold], s.judge(&from[i]))
				}
			}
		})
	}
	wait.Wait()
	return slices.Concat(parts...)
}

// The parts of harmless texts on which a band may be reached, in cross-validation over what is trained on. They are less than what is aimed at: what is
// composed was written by somebody who had seen which of those texts were taken for orders.
const (
	warnRate   = 0.0045
	answerRate = 0.012
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
	for kind := range m.least {
		rate := warnRate
		if Kind(kind) == Answer {
			rate = answerRate
		}
		m.least[kind] = at(rate, func(s *sample) bool { return alike(s.kind(), Kind(kind)) })
	}
	m.block = max(slices.Max(m.least[:]), at(blockRate, func(*sample) bool { return true }))
}

// alike reports whether two kinds have one least score: what stands in the definition of a tool does.
func alike(a, b Kind) bool { return a == b || a <= Argument && b <= Argument }

// calibrate sets how far each rule may go: to info once it matches what is harmless, and is not a quotation.
func (m *model) calibrate(l *lexicon, harmless []sample) (matched map[string][]string) {
	matched = map[string][]string{}
	for _, r := range rules() {
		m.rules[r.name] = r.band
	}
	for i := range harmless {
		for _, h := range ruledOf(l, harmless[i].Text) {
			if !h.quoted {
				m.rules[h.rule.name] = trust.BandInfo
				matched[h.rule.name] = append(matched[h.rule.name], harmless[i].Text)
			}
		}
	}
	return matched
}

func harmless(all []sample) (only []sample) {
	for _, s := range all {
		if s.Label == 0 {
			only = append(only, s)
		}
	}
	return only
}

// ruledOf returns what rules match in a text.
func ruledOf(l *lexicon, text string) []hit {
	r := reader{words: l, text: normalize(nil, text)}
	for r.next() {
	}
	for i := range r.hints {
		r.hints[i].near = true
	}
	return hits(r.text, r.hints)
}

// file returns the model with its bands as readModel reads it.
func (t *trainer) file(m *model) []byte {
	var b bytes.Buffer
	b.WriteString("# Written by make model from the samples in testdata.\n")
	for kind, least := range m.least {
		fmt.Fprintf(&b, "%s %v\n", kindNames[kind], least)
	}
	fmt.Fprintf(&b, "block %v\n", m.block)
	for _, r := range rules() {
		fmt.Fprintf(&b, "%s%s %d\n", ruled, r.name, m.rules[r.name])
	}
	b.Write(t.write())
	return b.Bytes()
}

// TestModel trains the model and compares it with model.txt; with MODEL=1 it writes that file.
func TestModel(t *testing.T) {
	if raced || testing.Short() {
		t.Skip("training takes too long here")
	}
	l := words()
	training, _ := parted(samples(t))
	also := composed(t)
	trained := train(l, slices.Concat(training, also))
	m := trained.model()
	m.bands(crossed(l, training, also))
	for rule, texts := range m.calibrate(l, harmless(training)) {
		t.Logf("%s is demoted; it matches %d harmless texts, such as %q", rule, len(texts), texts[0])
	}
	text := trained.file(m)
	if os.Getenv("MODEL") != "" {
		if err := os.WriteFile("model.txt", text, 0o600); err != nil {
			t.Fatal(err)
		}
		if m, err := readModel(string(text), l); err != nil {
			t.Fatal(err)
		} else if err := os.WriteFile("glance.txt", trainGlance(&Detector{judge: m, idle: new(scorers)}, samples(t)), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if string(text) != weights {
		t.Error("model.txt is not what training makes of testdata; make model")
	}
	if string(trainGlance(New(), samples(t))) != glanceText {
		t.Error("glance.txt is not what training makes of testdata; make model")
	}
}

func TestLexicon(t *testing.T) {
	l := words()
	for _, file := range []string{frames, concepts} {
		entries, err := readEntries(nil, file, func(_, text, _ string) ([]entry, error) { return []entry{{text: text}}, nil })
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if got := string(normalize(nil, e.text)); got != strings.TrimSpace(e.text) {
				t.Errorf("the entry %q is never found: text is read as %q", e.text, got)
			}
		}
	}
	t.Logf("%d frames, %d concepts, %d states", len(l.bits), len(l.concepts), len(l.find.ends))
}
