package boxed

import (
	"errors"
	"strings"
	"testing"

	"github.com/sumun-mcp/sumun/internal/sandbox/box"
)

// TestFigures measures everything once where there is a box, and says that there is none elsewhere.
func TestFigures(t *testing.T) {
	tier, _ := box.Available()
	median := map[string]float64{}
	dir := t.TempDir()
	for _, f := range Figures(dir) {
		round, err := f.Open(t.Context())
		switch {
		case errors.Is(err, ErrMissing):
			if tier == box.Full && !strings.Contains(f.Name, "Node") {
				t.Errorf("%s: %v", f.Name, err)
			}
			continue
		case err != nil:
			t.Fatalf("%s: %v", f.Name, err)
		}
		value, err := round(t.Context())
		if err != nil || value <= 0 {
			t.Errorf("%s: %v %s, %v", f.Name, value, f.Unit, err)
		}
		t.Logf("%s: %.2f %s", f.Name, value, f.Unit)
		median[f.Name] = value
	}
	if goals := Goals(median); tier == box.Full && len(goals) < 3 {
		t.Errorf("goals: %q", goals)
	}
}

func TestGoals(t *testing.T) {
	got := strings.Join(Goals(map[string]float64{
		startStatic + asPlain: 1, startStatic: 9, memoryOf20 + asPlain: 1, memoryOf20: 10, callStatic + asPlain: 10, callStatic: 10.5,
	}), "\n")
	for _, want := range []string{
		"static binary, at most 15 ms above a plain process. 8.0: met", "20 servers, at most 8 MB above a plain process. 9.0: not met", "×1.05: met",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing in\n%s", want, got)
		}
	}
	if strings.Contains(got, "Node") {
		t.Errorf("there is a goal without a figure:\n%s", got)
	}
}
