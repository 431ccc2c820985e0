package inspect

import (
	"fmt"
	"os"
	"slices"
	"testing"
)

type tally struct{ warned, blocked, all int }

func (t *tally) add(m *model, s scored) {
	t.all++
	if s.score >= m.floor(s.kind()) {
		t.warned++
	}
	if s.score >= m.block {
		t.blocked++
	}
}

func (t *tally) String() string {
	return fmt.Sprintf("%4d   warn %5.1f %%   block %5.1f %%", t.all, percent(t.warned, t.all), percent(t.blocked, t.all))
}

func percent(n, of int) float64 { return 100 * float64(n) / float64(max(of, 1)) }

// TestEval judges what was held back. With EVAL=1 it also prints the tables, with one category after the other left out of training, and
// how cross-validation judges what is trained on.
func TestEval(t *testing.T) {
	l, m := words(), judge()
	all := samples(t)
	training, judging := parted(all)
	table(t, "held back", m, scores(l, m, judging))
	if os.Getenv("EVAL") == "" {
		return
	}
	table(t, "trained on, by cross-validation", m, crossed(l, training))
	for _, category := range categories(all) {
		var without, only []sample
		for _, s := range all {
			switch {
			case s.Label == 1 && s.Category == category:
				only = append(only, s)
			case !s.held:
				without = append(without, s)
			}
		}
		var sum tally
		for _, s := range scores(l, train(l, without), only) {
			sum.add(m, s)
		}
		t.Logf("never trained on: %-26s %v", category, &sum)
	}
}

func scores(l *lexicon, m *model, of []sample) (all []scored) {
	for i := range of {
		all = append(all, scored{&of[i], m.top(l, &of[i])})
	}
	return all
}

// table prints how often the bands are reached, in all and by category, language and kind.
func table(t *testing.T, what string, m *model, of []scored) {
	t.Helper()
	sums := map[string]*tally{}
	var names []string
	for _, s := range of {
		label := [...]string{"benign  ", "poisoned"}[s.Label]
		in := []string{label, label + " category " + s.Category, label + " language " + s.Language, label + " kind " + s.Kind}
		if s.definition() {
			in = append(in, label+" definitions of tools")
		}
		for _, name := range in {
			if sums[name] == nil {
				sums[name] = &tally{}
				names = append(names, name)
			}
			sums[name].add(m, s)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		t.Logf("%s: %-44s %v", what, name, sums[name])
	}
}
