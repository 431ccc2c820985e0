package inspect

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/sumun-mcp/sumun/trust"
)

// A sample is one text of testdata, written for this purpose.
type sample struct {
	Text     string `json:"text"`
	Category string `json:"category"`
	Language string `json:"language"`
	Kind     string `json:"kind"`
	Label    int    `json:"label"` // 1: it gives orders to the model that reads it
}

func (s *sample) kind() Kind {
	switch s.Kind {
	case "argument":
		return Argument
	case "answer":
		return Answer
	}
	return Description
}

// heldBack reports whether the sample is for judging only: three of ten, by their text alone.
func (s *sample) heldBack() bool {
	h := fnv.New32a()
	_, _ = h.Write([]byte(s.Text))
	return h.Sum32()%10 < 3
}

func samples(t testing.TB) (all []sample) {
	t.Helper()
	files, err := filepath.Glob("testdata/*.jsonl")
	if err != nil || len(files) == 0 {
		t.Fatalf("there are no samples: %v", err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(bytes.NewReader(data))
		lines.Buffer(nil, 1<<20)
		for n := 1; lines.Scan(); n++ {
			var s sample
			if err := json.Unmarshal(lines.Bytes(), &s); err != nil || s.Text == "" || s.Category == "" || s.Language == "" {
				t.Fatalf("%s:%d: %v", file, n, err)
			}
			all = append(all, s)
		}
	}
	return all
}

// An example is what training sees of a sample: the frames of each of its windows.
type example struct {
	windows []set
	label   float64
	weight  float64
}

func (l *lexicon) example(s *sample) example {
	e := example{label: float64(s.Label)}
	all := l.read(normalize(nil, s.Text), s.kind().bits()|shouted(s.Text))
	for i := range all {
		w := set(0)
		for _, one := range all[i:min(i+window, len(all))] {
			w |= one.frames
		}
		e.windows = append(e.windows, w)
	}
	return e
}

// Training: logistic regression with an L1 penalty, by proximal gradient descent. Of a sample the window that the model of the round
// before likes best counts, as in judging.
const (
	penalty = 0.0012
	steps   = 400
	rounds  = 4
	rare    = 4 // pairs in fewer samples are not weighed
)

// train returns a model of the samples. It draws nothing at random.
func train(l *lexicon, from []sample) *model {
	examples := make([]example, 0, len(from))
	poisoned := 0.0
	for i := range from {
		e := l.example(&from[i])
		if len(e.windows) > 0 {
			examples = append(examples, e)
			poisoned += e.label
		}
	}
	for i := range examples { // both kinds weigh the same as a whole
		examples[i].weight = 0.5 / (float64(len(examples)) - poisoned)
		if examples[i].label == 1 {
			examples[i].weight = 0.5 / poisoned
		}
	}
	features := pairs(examples)
	m := &model{names: l.names}
	chosen := make([]set, len(examples))
	for i, e := range examples {
		for _, w := range e.windows {
			if chosen[i] == 0 || bitsIn(w) > bitsIn(chosen[i]) {
				chosen[i] = w
			}
		}
	}
	for range rounds {
		m = fit(l, examples, chosen, features)
		for i, e := range examples {
			chosen[i] = slices.MaxFunc(e.windows, func(a, b set) int { return cmpFloat(m.score(a), m.score(b)) })
		}
	}
	return m
}

func cmpFloat(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func bitsIn(s set) (n int) {
	s.each(func(int) { n++ })
	return n
}

// pairs returns the features: single frames, and pairs that are frequent enough.
func pairs(examples []example) []set {
	count := map[set]int{}
	for _, e := range examples {
		inIt := map[set]bool{}
		for _, w := range e.windows {
			var seen []int
			w.each(func(bit int) {
				inIt[1<<bit] = true
				for _, other := range seen {
					inIt[1<<bit|1<<other] = true
				}
				seen = append(seen, bit)
			})
		}
		for f := range inIt {
			count[f]++
		}
	}
	var all []set
	for f, n := range count {
		if n >= rare || bitsIn(f) == 1 {
			all = append(all, f)
		}
	}
	slices.Sort(all)
	return all
}

func fit(l *lexicon, examples []example, chosen, features []set) *model {
	active := make([][]int, len(examples))
	for i := range examples {
		for n, f := range features {
			if chosen[i]&f == f {
				active[i] = append(active[i], n)
			}
		}
	}
	weights, bias := make([]float64, len(features)), 0.0
	momentum, before := slices.Clone(weights), 1.0
	const rate = 1.2
	for range steps {
		gradient, down := make([]float64, len(features)), 0.0
		for i, e := range examples {
			sum := bias
			for _, n := range active[i] {
				sum += momentum[n]
			}
			d := e.weight * (1/(1+math.Exp(-sum)) - e.label)
			down += d
			for _, n := range active[i] {
				gradient[n] += d
			}
		}
		bias -= rate * down
		next := (1 + math.Sqrt(1+4*before*before)) / 2
		for n := range weights {
			was := weights[n]
			v := momentum[n] - rate*gradient[n]
			weights[n] = math.Copysign(max(math.Abs(v)-rate*penalty, 0), v)
			momentum[n] = weights[n] + (before-1)/next*(weights[n]-was)
		}
		before = next
	}
	m := &model{names: l.names, bias: bias}
	for n, f := range features {
		var is []int
		f.each(func(bit int) { is = append(is, bit) })
		w := math.Round(weights[n]*1000) / 1000
		if w > 0 {
			m.able |= f
		}
		if len(is) == 1 {
			m.one[is[0]] = w
		} else {
			m.two[is[0]][is[1]] = w
		}
	}
	m.bias = math.Round(bias*1000) / 1000
	return m
}

// write returns the model as readModel reads it.
func (m *model) write() []byte {
	var b bytes.Buffer
	b.WriteString("# Written by make model from the samples in testdata. The first three are the constant, and the least scores of the bands.\n")
	fmt.Fprintf(&b, "bias %v\nwarn %v\nblock %v\n", m.bias, m.warn, m.block)
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
	return b.Bytes()
}

// top returns the score of a sample.
func (m *model) top(l *lexicon, s *sample) float64 {
	score, _, _, _ := m.best(l.read(normalize(nil, s.Text), s.kind().bits()|shouted(s.Text)))
	return score
}

// bands sets the least scores of the bands so that, of harmless samples that the model was not trained on, that part is at or above
// each. The model is trained five times without a fifth for that, so that what is held back stays unseen.
func (m *model) bands(l *lexicon, from []sample, warn, block float64) {
	const folds = 5
	var scores []float64
	for fold := range folds {
		var in, out []sample
		for i, s := range from {
			if i%folds == fold {
				out = append(out, s)
			} else {
				in = append(in, s)
			}
		}
		part := train(l, in)
		for i := range out {
			if out[i].Label == 0 {
				scores = append(scores, part.top(l, &out[i]))
			}
		}
	}
	slices.Sort(scores)
	at := func(rate float64) float64 {
		n := len(scores) - 1 - int(rate*float64(len(scores)))
		return math.Round((scores[max(n, 0)]+0.01)*100) / 100
	}
	m.warn, m.block = at(warn), at(block)
}

// parted returns the samples for training and those that are held back.
func parted(all []sample) (training, judging []sample) {
	for _, s := range all {
		if s.heldBack() {
			judging = append(judging, s)
		} else {
			training = append(training, s)
		}
	}
	return training, judging
}

// TestModel trains the model and compares it with model.txt; with MODEL=1 it writes that file.
func TestModel(t *testing.T) {
	l := words()
	training, _ := parted(samples(t))
	m := train(l, training)
	m.bands(l, training, 0.008, 0.0015)
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

// TestEval judges what was held back, and prints recall and false alarms by category. The goals are those of the project.
func TestEval(t *testing.T) {
	l := words()
	all := samples(t)
	training, judging := parted(all)
	m := judge()
	report(t, "held back", l, m, judging)
	if testing.Verbose() {
		report(t, "trained on", l, m, training)
		for _, category := range categories(all) {
			var without, only []sample
			for _, s := range all {
				switch {
				case s.Label == 1 && s.Category == category:
					only = append(only, s)
				case !s.heldBack():
					without = append(without, s)
				}
			}
			other := train(l, without)
			other.warn, other.block = m.warn, m.block
			report(t, "without "+category, l, other, only)
		}
	}
}

func categories(all []sample) (names []string) {
	for _, s := range all {
		if s.Label == 1 && !slices.Contains(names, s.Category) {
			names = append(names, s.Category)
		}
	}
	slices.Sort(names)
	return names
}

type tally struct{ warned, blocked, all int }

func report(t *testing.T, what string, l *lexicon, m *model, of []sample) {
	t.Helper()
	byCategory := map[string]*tally{}
	var total [2]tally
	for i := range of {
		s := &of[i]
		name := fmt.Sprintf("%d %s", s.Label, s.Category)
		if byCategory[name] == nil {
			byCategory[name] = &tally{}
		}
		score := m.top(l, s)
		for _, c := range []*tally{byCategory[name], &total[s.Label]} {
			c.all++
			if score >= m.warn {
				c.warned++
			}
			if score >= m.block {
				c.blocked++
			}
		}
	}
	t.Logf("%s: recall %.1f %% (block %.1f %%) of %d, false alarms %.2f %% (block %.2f %%) of %d", what,
		percent(total[1].warned, total[1].all), percent(total[1].blocked, total[1].all), total[1].all,
		percent(total[0].warned, total[0].all), percent(total[0].blocked, total[0].all), total[0].all)
	if what != "held back" {
		return
	}
	names := make([]string, 0, len(byCategory))
	for name := range byCategory {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		c := byCategory[name]
		t.Logf("  %-32s %3d  warn %3d  block %3d", name, c.all, c.warned, c.blocked)
	}
}

func percent(n, of int) float64 { return 100 * float64(n) / float64(max(of, 1)) }

func TestLexicon(t *testing.T) {
	l := words()
	for _, e := range l.find.entries {
		if got := string(normalize(nil, e.text)); got != e.text {
			t.Errorf("the entry %q is never found: text is read as %q", e.text, got)
		}
	}
	t.Logf("%d entries, %d states", len(l.find.entries), len(l.find.entry))
	_ = trust.Place{}
}
