package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/sumun-mcp/sumun/bench/load"
)

// aRun is a result with known figures: two rounds in which S costs 0.9 times B and 3 times E.
func aRun() *result {
	c := &cell{Shape: "modern", Work: load.Small().Name, Conns: 16}
	for round, spread := range []float64{1, 1.2} {
		for _, s := range []sample{
			{Who: "S", Rate: 20_000, P50: 50, P99: 400, CPU: 27, Allocs: 60, Bytes: 5000},
			{Who: "B", Rate: 18_000, P50: 60, P99: 500, CPU: 30, Allocs: 90, Bytes: 7700},
			{Who: "E", Rate: 60_000, P50: 12, P99: 90, CPU: 9, Allocs: 32, Bytes: 2500, Dropped: 1},
		} {
			s.Round, s.Rate, s.CPU = round+1, s.Rate*spread, s.CPU*spread
			c.Samples = append(c.Samples, s)
		}
	}
	return &result{Machine: machine{CPU: "Abacus", Cores: 2, Go: "go1", OS: "linux/amd64", GOGC: 100, Date: time.Unix(0, 0).UTC()}, Setting: "How.", Cells: []*cell{c}}
}

func TestTableText(t *testing.T) {
	var b bytes.Buffer
	if err := aRun().text(&b); err != nil {
		t.Fatal(err)
	}
	want := strings.Join([]string{
		"Abacus, 2 cores, go1 linux/amd64, GOGC 100, 1970-01-01 00:00 UTC",
		"How.",
		"shape   body   conns     req/s                              p50 µs                     p99 µs                  CPU µs/call                        allocs/call          bytes/call            failed/dropped",
		"modern  400 B  16     E  66.0k (60.0k–72.0k)                12.0 (12.0–12.0)           90.0 (90.0–90.0)        9.90 (9.00–10.8)                   32.0                 2500                  0/2",
		"                      B  19.8k (18.0k–21.6k) ×0.30E         60.0 (60.0–60.0) ×5.00E    500 (500–500) ×5.56E    33.0 (30.0–36.0) ×3.33E            90.0 ×2.81E          7700 ×3.08E           0/0",
		"                      S  22.0k (20.0k–24.0k) ×1.11B ×0.33E  50.0 (50.0–50.0) ×0.83B ×4.17E  400 (400–400) ×0.80B ×4.44E  29.7 (27.0–32.4) ×0.90B ×3.00E  60.0 ×0.67B ×1.88E  5000 ×0.65B ×2.00E  0/0",
	}, "\n")
	if got := squeeze(b.String()); got != squeeze(want) {
		t.Errorf("got\n%s\nwant\n%s", got, squeeze(want))
	}
	lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
	if at := strings.Index(lines[3], "E  "); at < 0 || strings.Index(lines[4], "B  ") != at || strings.Index(lines[5], "S  ") != at {
		t.Errorf("the columns do not stand below each other:\n%s", b.String())
	}
}

// squeeze makes each run of blanks one blank.
func squeeze(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	for i, line := range lines {
		lines[i] = strings.Join(strings.Fields(line), " ")
	}
	return strings.Join(lines, "\n")
}

func TestMarkdownReplacesOnlyTheTable(t *testing.T) {
	page := "# Title\n" + markBegin + "old\n" + markEnd + "end\n"
	got, err := between(page, aRun().markdown())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"# Title\n" + markBegin + "Abacus", "| modern | 400 B | 16 | E | 66.0k (60.0k–72.0k) |", "\n* goal: ", markEnd + "end\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing in\n%s", want, got)
		}
	}
	if strings.Contains(got, "old") {
		t.Errorf("the old table is still there:\n%s", got)
	}
	again, err := between(got, aRun().markdown())
	if err != nil || again != got {
		t.Errorf("a second time it is different (%v):\n%s", err, again)
	}
	if _, err := between("no marks", ""); err == nil {
		t.Error("a page without marks was accepted")
	}
}

func TestGoals(t *testing.T) {
	r := aRun()
	if got := strings.Join(r.goals(), "\n"); !strings.Contains(got, "0.90: met") || !strings.Contains(got, "Worst cell 60: met") {
		t.Errorf("goals:\n%s", got)
	}
	for i := range r.Cells[0].Samples {
		if s := &r.Cells[0].Samples[i]; s.Who == "S" {
			s.CPU, s.Allocs = 50, 121
		}
	}
	if got := strings.Join(r.goals(), "\n"); strings.Count(got, "not met") != 2 {
		t.Errorf("goals:\n%s", got)
	}
	for i := range r.Cells[0].Samples {
		if s := &r.Cells[0].Samples[i]; s.Who == "S" {
			s.Who = "C"
		}
	}
	if got := r.goals(); len(got) != 0 {
		t.Errorf("goals without the gateway: %q", got)
	}
}

func TestShort(t *testing.T) {
	for v, want := range map[float64]string{0.256: "0.26", 9.5: "9.50", 12.34: "12.3", 123.4: "123", 9999: "9999", 12_340: "12.3k", 123_400: "123k", 1_234_000: "1.23M"} {
		if got := short(v); got != want {
			t.Errorf("short(%v) = %s, want %s", v, got, want)
		}
	}
}
