//go:build linux

package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

const (
	page      = "../../../docs/sandbox.md"
	markBegin = "<!-- probes:begin -->\n"
	markEnd   = "<!-- probes:end -->"
)

// What a cell of the table says.
const (
	refused = "–"
	through = "**through**"
	unable  = "(untested)"
	untried = "?"
)

// legend says what the cells mean.
const legend = "\n\n" + refused + " it was refused. " + through + " it got through, both as root and as an ordinary user, or only so. " + unable +
	" The machine of the test cannot do it at all, so that nothing is proven. " + untried + " There was nothing to try it with.\n"

// A table is how each probe went, by probe and by tier and user.
type table map[string]map[string]report

// columns are the tiers of the table in their order.
var columns = []string{plain, none, boxed, lite, inContainer, inGVisor}

func key(tier string, user int) string {
	if user == 0 {
		return tier + " as root"
	}
	return tier + " as a user"
}

func (tbl table) add(tier string, user int, reports map[string]report) {
	for name, r := range reports {
		if tbl[name] == nil {
			tbl[name] = map[string]report{}
		}
		tbl[name][key(tier, user)] = r
	}
}

// proves reports the probes that prove nothing, since they do not get through even where nothing stops them, though the kernel can do
// what they ask for.
func (tbl table) proves(t *testing.T) {
	t.Helper()
	n := 0
	for _, p := range probes() {
		switch r, user := tbl.best(p.name); {
		case r.Through:
			n++
		case r.Missing:
			t.Logf("%s: this machine cannot do it, or does not let anybody: %s", p.name, r.Detail)
		case user != 0:
			t.Logf("%s: cannot be tried without root: %s", p.name, r.Detail)
		default:
			t.Errorf("%s does not get through without a box: %s", p.name, r.Detail)
		}
	}
	if t.Logf("%d of %d probes get through without a box", n, len(probes())); n < 50 && os.Getuid() == 0 {
		t.Errorf("%d probes get through without a box, want at least 50", n)
	}
}

// best returns how a probe went for the mightiest user without a box.
func (tbl table) best(name string) (report, int) {
	all := users()
	return tbl[name][key(plain, all[0])], all[0]
}

// cell says how a probe went in a tier.
func (tbl table) cell(name, tier string) string {
	root, asRoot := tbl[name][key(tier, 0)]
	user, asUser := tbl[name][key(tier, stranger)]
	switch best, _ := tbl.best(name); {
	case !asRoot && !asUser:
		return untried
	case !best.Through:
		return unable
	case root.Through && (user.Through || !asUser):
		return through
	case root.Through:
		return "as root"
	case user.Through:
		return "as a user"
	}
	return refused
}

// rows renders the table: a line for each probe, with what is known of those tiers.
func (tbl table) rows(tiers []string) []string {
	rows := []string{
		"| probe | tries to | " + strings.Join(columns, " | ") + " |",
		"| --- | --- |" + strings.Repeat(" --- |", len(columns)),
	}
	for _, p := range probes() {
		cells := []string{p.name, p.what}
		for _, tier := range columns {
			said := untried
			if slices.Contains(tiers, tier) {
				said = tbl.cell(p.name, tier)
			}
			cells = append(cells, said)
		}
		rows = append(rows, "| "+strings.Join(cells, " | ")+" |")
	}
	return rows
}

// compare holds the table of some tiers against the one in the documentation, or writes it there with UPDATE=1. What this machine cannot
// try says nothing: there the documentation is right. Only root can be all users.
func (tbl table) compare(t *testing.T, tiers ...string) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Log("the table is compared as root")
		return
	}
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), markBegin)
	old, after, ok2 := strings.Cut(rest, markEnd)
	if !ok || !ok2 {
		t.Fatalf("%s has no place for the table: %s…%s", page, markBegin, markEnd)
	}
	rows := merge(tbl.rows(tiers), strings.Split(strings.TrimSpace(old), "\n"))
	if fresh := strings.Join(rows, "\n") + legend; fresh != old {
		if os.Getenv("UPDATE") == "" {
			t.Fatalf("%s says something else; UPDATE=1 writes what is true:\n%s", page, difference(rows, old))
		}
		if err := os.WriteFile(page, []byte(before+markBegin+fresh+markEnd+after), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// merge takes from the old rows the cells that could not be tried now.
func merge(rows, old []string) []string {
	was := map[string][]string{}
	for _, row := range old {
		if cells := strings.Split(row, " | "); len(cells) > 2 {
			was[cells[0]] = cells
		}
	}
	merged := make([]string, len(rows))
	for i, row := range rows {
		cells := strings.Split(strings.TrimSuffix(row, " |"), " | ")
		known, helpless := was[cells[0]], cannotTry(cells)
		for n, cell := range cells {
			if (cell == untried || helpless) && n > 1 && n < len(known) {
				cells[n] = strings.TrimSuffix(known[n], " |")
			}
		}
		merged[i] = strings.Join(cells, " | ") + " |"
	}
	return merged
}

// cannotTry reports whether a row is of a probe that proves nothing here.
func cannotTry(cells []string) bool { return len(cells) > 2 && cells[2] == unable }

// difference returns the rows that are not in the old text.
func difference(rows []string, old string) string {
	return strings.Join(slices.DeleteFunc(slices.Clone(rows), func(row string) bool { return strings.Contains(old, row+"\n") }), "\n")
}

// TestMerge keeps what a machine could not try.
func TestMerge(t *testing.T) {
	rows := []string{"| a | tries | **through** | – | ? |", "| b | tries | (untested) | – | ? |"}
	old := []string{"| a | tried | **through** | as root | – |", "| b | tried | **through** | as root | – |"}
	want := []string{"| a | tries | **through** | – | – |", "| b | tries | **through** | as root | – |"}
	if got := merge(rows, old); !slices.Equal(got, want) {
		t.Errorf("merge = %s\nwant %s", fmt.Sprint(got), fmt.Sprint(want))
	}
}
