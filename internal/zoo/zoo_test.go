package zoo_test

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/sumun-mcp/sumun/internal/zoo"
	"github.com/sumun-mcp/sumun/trust"
)

// slow says that everything is tested, which takes minutes.
func slow() bool { return os.Getenv("SUMUN_TEST_SLOW") != "" }

// atOnce is how many servers are looked at together; they mostly wait.
const atOnce = 16

// TestZoo scans every animal and every twin: animals are named by the rules that they were put here for, twins are clean.
func TestZoo(t *testing.T) {
	lines := visits(t)
	for i := range lines {
		l := &lines[i]
		t.Run(l.animal.Name+"/"+l.over, func(t *testing.T) {
			l.misses, l.noise = judge(t, &l.animal, l.over, l.hostile), clean(t, l.twin)
		})
	}
	show(t, lines)
}

// visits goes through the whole zoo: over HTTP in this process where there is little time, otherwise in all ways.
func visits(t *testing.T) (lines []line) {
	t.Helper()
	for _, a := range zoo.All() {
		ways := a.Over
		switch {
		case slow():
		case a.Name == "rug-date": // whose date would have to pass within a blink; TestHistory has it
			continue
		default:
			ways = ways[len(ways)-1:]
		}
		for _, over := range ways {
			lines = append(lines, line{animal: a, over: over})
		}
	}
	var work sync.WaitGroup
	free := make(chan struct{}, atOnce)
	for i := range lines {
		l := &lines[i]
		for _, twin := range []bool{false, true} {
			free <- struct{}{}
			work.Go(func() {
				defer func() { <-free }()
				if s := visit(t, l.animal, l.over, twin); twin {
					l.twin = s
				} else {
					l.hostile = s
				}
			})
		}
	}
	work.Wait()
	return lines
}

// judge reports what a scan has not found of an animal, and returns it in a few words.
func judge(t *testing.T, a *zoo.Animal, over string, s *seen) (misses []string) {
	t.Helper()
	if a.Broken {
		if s.took > time.Minute { // it may take 20 s, of a machine that does nothing else
			t.Errorf("the scan took %v", s.took)
		}
		if s.failure == "" && s.verdict.Label == "" {
			t.Error("the scan says neither what it thinks nor what went wrong")
		}
		return nil
	}
	if s.failure != "" {
		t.Errorf("the scan failed: %s", s.failure)
		return []string{"failed"}
	}
	miss := func(format string, with ...any) {
		text := fmt.Sprintf(format, with...)
		misses = append(misses, text)
		if a.Needs == "" {
			t.Errorf("%s: missed: %s", a.Attack, text)
		}
	}
	for _, want := range a.Expect {
		if !slices.ContainsFunc(s.findings, func(f trust.Finding) bool {
			return f.Rule == want.Rule && f.Severity >= want.Severity && f.Band >= want.Band
		}) {
			miss("%s %v %v", want.Rule, want.Severity, want.Band)
		}
	}
	if label := labelOf(a, over); s.verdict.Label != label && (a.Malicious || !s.verdict.Malicious) {
		miss("%s instead of %s", cmp.Or(s.verdict.Label, "no verdict"), label)
	}
	if len(misses) > 0 && a.Needs == "" {
		t.Logf("it found:\n%s", strings.Join(told(s.findings), "\n"))
	}
	return misses
}

// labelOf returns the tier that an animal has to get.
func labelOf(a *zoo.Animal, over string) string {
	tier := 1
	if door := a.Server(&zoo.Habitat{Now: time.Now}).HTTP; over == zoo.HTTP && !door.Open && !door.AnyKey {
		tier = 2
	}
	label := fmt.Sprintf("Tier %d", tier)
	if a.Malicious {
		label += "-Malicious"
	}
	return label
}

// clean reports what a scan has found of a twin that would bother somebody.
func clean(t *testing.T, s *seen) (noise []string) {
	t.Helper()
	if s.failure != "" {
		t.Errorf("the scan of the twin failed: %s", s.failure)
		return []string{"failed"}
	}
	for _, f := range s.findings {
		if f.Band > trust.BandInfo {
			noise = append(noise, f.Rule)
			t.Errorf("the twin has %s", told([]trust.Finding{f})[0])
		}
	}
	if s.verdict.Malicious || s.verdict.Label == "" {
		t.Errorf("the twin is %s", cmp.Or(s.verdict.Label, "without verdict"))
	}
	slices.Sort(noise)
	return slices.Compact(noise)
}

// told returns findings, a line each.
func told(found []trust.Finding) (lines []string) {
	for _, f := range found {
		lines = append(lines, fmt.Sprintf("  %-30s %-8v %-5v %v: %s [%s]", f.Rule, f.Severity, f.Band, f.Where, f.Message, f.Evidence))
	}
	return lines
}

// A line is one animal and its twin on the board.
type line struct {
	animal        zoo.Animal
	over          string
	hostile, twin *seen
	misses, noise []string
}

// show prints what came of all animals.
func show(t *testing.T, lines []line) {
	t.Helper()
	slices.SortStableFunc(lines, func(a, b line) int { return strings.Compare(a.animal.Name, b.animal.Name) })
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "animal\tover\trules\ttier\tscore\tmissed\ttwin\tseconds")
	for _, l := range lines {
		fmt.Fprintln(w, l)
	}
	_ = w.Flush()
	t.Logf("%d animals\n%s", len(lines), text.String())
}

// String returns the line's cells.
func (l line) String() string {
	var expected []string
	for _, e := range l.animal.Expect {
		expected = append(expected, e.Rule)
	}
	if l.animal.Broken {
		expected = []string{"(the scan ends)"}
	}
	missed := strings.Join(l.misses, ", ")
	if missed != "" && l.animal.Needs != "" {
		missed = "needs the " + l.animal.Needs
	}
	return fmt.Sprintf("%s\t%s\t%s\t%s\t%d\t%s\t%s %d\t%.1f", l.animal.Name, l.over, strings.Join(expected, " "), cmp.Or(l.hostile.verdict.Label, "(failed)"), l.hostile.verdict.Score,
		cmp.Or(missed, "-"), cmp.Or(strings.Join(l.noise, " "), "clean"), l.twin.verdict.Score, l.hostile.took.Seconds())
}
