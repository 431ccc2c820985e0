package inspect

import (
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"

	"github.com/sumun-mcp/sumun/trust"
)

type tally struct{ warned, blocked, all int }

func (t *tally) add(m *model, s scored) {
	t.all++
	if s.score >= m.least[s.kind()] || s.ruled >= trust.BandWarn {
		t.warned++
	}
	if s.score >= m.block || s.ruled == trust.BandBlock {
		t.blocked++
	}
}

func (t *tally) String() string {
	return fmt.Sprintf("%4d   warn %5.1f %%   block %5.1f %%", t.all, percent(t.warned, t.all), percent(t.blocked, t.all))
}

func percent(n, of int) float64 { return 100 * float64(n) / float64(max(of, 1)) }

// TestEval judges what was held back. With EVAL=1 it also prints the tables, with one category after the other left out of training, and
// how cross-validation judges what is trained on; with DEFINITIONS=FILE also what record_definitions.py has written there.
func TestEval(t *testing.T) {
	l, m := words(), judge()
	all := samples(t)
	training, judging := parted(all)
	also := composed(t)
	tables(t, "held back", m, scores(m, judging))
	if os.Getenv("EVAL") == "" {
		return
	}
	if file := os.Getenv("DEFINITIONS"); file != "" {
		tables(t, "recorded", m, scores(m, read(t, file)))
	}
	tables(t, "trained on, by cross-validation", m, crossed(l, training, also))
	names := categories(all)
	left := make([]tally, len(names))
	var wait sync.WaitGroup
	turns := make(chan struct{}, 2) // each takes a core and some seconds
	for i, category := range names {
		wait.Go(func() {
			turns <- struct{}{}
			left[i] = without(m, slices.Concat(all, also), category)
			<-turns
		})
	}
	wait.Wait()
	for i, category := range names {
		t.Logf("never trained on: %-26s %v", category, &left[i])
	}
}

// without judges the poisoned samples of a category by a model that was trained without them; the bands stay where they are.
func without(m *model, all []sample, category string) (sum tally) {
	var training, only []sample
	for _, s := range all {
		switch {
		case s.Label == 1 && s.Category == category && s.composed:
		case s.Label == 1 && s.Category == category:
			only = append(only, s)
		case !s.held:
			training = append(training, s)
		}
	}
	blind := train(m.lexicon, training).model()
	blind.least, blind.block, blind.rules = m.least, m.block, map[string]trust.Band{}
	for _, s := range scores(blind, only) {
		sum.add(blind, s)
	}
	return sum
}

func scores(m *model, of []sample) (all []scored) {
	s := new(scorers).get(m)
	for i := range of {
		all = append(all, s.judge(&of[i]))
	}
	return all
}

// tables prints how often the bands are reached, in all and by category, language and kind.
func tables(t *testing.T, what string, m *model, of []scored) {
	t.Helper()
	sums := map[string]*tally{}
	var names []string
	for _, s := range of {
		label := [...]string{"benign  ", "poisoned"}[s.Label]
		in := []string{label, label + " category " + s.Category, label + " language " + s.Language, label + " kind " + s.Kind}
		if s.definition() {
			in = append(in, label+" definitions of tools")
			if s.Family == "" {
				in = append(in, label+" definitions of tools, each written by itself")
			}
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
		t.Logf("%s: %-52s %v", what, name, sums[name])
	}
}
