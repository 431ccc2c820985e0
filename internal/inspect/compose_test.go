package inspect

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// A grammar composes texts for training, as testdata/composed has them.
type grammar struct {
	language string
	slots    map[string][]string
}

// composed returns the texts that are composed. Nothing is drawn at random: which of the things that may stand somewhere do is told by hashes.
func composed(tb testing.TB) (all []sample) {
	tb.Helper()
	files, err := filepath.Glob("testdata/composed/*.txt")
	if err != nil || len(files) == 0 {
		tb.Fatalf("nothing is composed: %v", err)
	}
	seen := map[string]bool{}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			tb.Fatal(err)
		}
		g := grammar{strings.TrimSuffix(filepath.Base(file), ".txt"), map[string][]string{}}
		patterns, err := g.read(string(data))
		if err != nil {
			tb.Fatalf("%s: %v", file, err)
		}
		for _, pattern := range patterns {
			for _, s := range g.samples(tb, pattern) {
				if !seen[s.Text] {
					seen[s.Text] = true
					all = append(all, s)
				}
			}
		}
	}
	return all
}

// read reads the slots, and returns the lines of patterns.
func (g *grammar) read(text string) (patterns []string, err error) {
	slot := ""
	for n, line := range strings.Split(text, "\n") {
		entry, indented := strings.CutPrefix(line, "  ")
		times, empty := strings.CutPrefix(entry, "* ")
		switch {
		case line == "" || line[0] == '#':
		case line[0] == '0' || line[0] == '1':
			patterns = append(patterns, line)
		case !indented:
			slot = line
		case slot == "":
			return nil, fmt.Errorf("line %d stands below no name", n+1)
		case empty:
			count, err := strconv.Atoi(times)
			if err != nil {
				return nil, fmt.Errorf("line %d: %w", n+1, err)
			}
			g.slots[slot] = append(g.slots[slot], make([]string, count)...)
		default:
			g.slots[slot] = append(g.slots[slot], entry)
		}
	}
	return patterns, nil
}

// samples returns the texts of a line "label kind category count: pattern".
func (g *grammar) samples(tb testing.TB, line string) (all []sample) {
	tb.Helper()
	s := sample{Language: g.language, composed: true}
	head, pattern, _ := strings.Cut(line, ": ")
	count := 0
	if _, err := fmt.Sscan(head, &s.Label, &s.Kind, &s.Category, &count); err != nil {
		tb.Fatalf("%s: %v", line, err)
	}
	for n := range count {
		drawn := 0
		s.Text = strings.Join(strings.Fields(g.fill(pattern, func(of int) int {
			drawn++
			return int(hash(fmt.Sprintf("%d %d %s", n, drawn, pattern))>>4) % of
		})), " ")
		all = append(all, s)
	}
	return all
}

// fill puts something in for each name in a pattern. Angle brackets around anything else are text.
func (g *grammar) fill(pattern string, draw func(of int) int) string {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(pattern, "<")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		name, behind, _ := strings.Cut(rest, ">")
		if entries := g.slots[name]; len(entries) > 0 {
			b.WriteString(g.fill(entries[draw(len(entries))], draw))
			pattern = behind
			continue
		}
		b.WriteByte('<')
		pattern = rest
	}
}

func TestComposed(t *testing.T) {
	t.Parallel()
	judged := map[string]bool{}
	for _, s := range samples(t) {
		judged[strings.ToLower(s.Text)] = true
	}
	var labels [2]int
	for _, s := range composed(t) {
		if labels[s.Label]++; judged[strings.ToLower(s.Text)] {
			t.Errorf("is a sample too: %s", s.Text)
		}
	}
	t.Logf("%d harmless texts and %d poisoned ones are composed", labels[0], labels[1])
}
