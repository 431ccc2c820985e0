package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A result is everything that one run of the table has measured; it is what -json keeps.
type result struct {
	Machine machine `json:"machine"`
	Note    string  `json:"note,omitempty"`
	Foreign float64 `json:"foreignShare"`
	Setting string  `json:"setting"`
	Cells   []*cell `json:"cells"`
	// Figures are what no cell shows.
	Figures []*figure `json:"figures,omitempty"`
}

// A column is one measured figure of the table.
type column struct {
	title  string
	ranged bool // also shows its least and greatest value over the rounds
	value  func(*sample) float64
}

// columns returns the figures of the table in their order.
func columns() []column {
	return []column{
		{"req/s", true, func(s *sample) float64 { return s.Rate }},
		{"p50 µs", true, func(s *sample) float64 { return s.P50 }},
		{"p99 µs", true, func(s *sample) float64 { return s.P99 }},
		{"CPU µs/call", true, func(s *sample) float64 { return s.CPU }},
		{"allocs/call", false, func(s *sample) float64 { return s.Allocs }},
		{"bytes/call", false, func(s *sample) float64 { return s.Bytes }},
	}
}

// of returns the values of a figure for one target, smallest first; unmeasured ones are left out.
func (c *cell) of(who string, value func(*sample) float64) []float64 {
	var all []float64
	for i := range c.Samples {
		if s := &c.Samples[i]; s.Who == who && value(s) != 0 {
			all = append(all, value(s))
		}
	}
	slices.Sort(all)
	return all
}

// median returns the median of one target's figure over the rounds, and 0 when it was not measured.
func (c *cell) median(who string, value func(*sample) float64) float64 {
	all := c.of(who, value)
	if len(all) == 0 {
		return 0
	}
	return (all[(len(all)-1)/2] + all[len(all)/2]) / 2
}

// who returns the targets of the cell, as the columns of ratios have them: E, B, C, S.
func (c *cell) who() []string {
	var names []string
	for i := range c.Samples {
		if name := c.Samples[i].Who; !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Compare(strings.Index("EBCS", a), strings.Index("EBCS", b))
	})
	return names
}

// lost returns the calls that were answered wrongly and the connections that were dropped, over all rounds.
func (c *cell) lost(who string) (failed, dropped int64) {
	for i := range c.Samples {
		if s := &c.Samples[i]; s.Who == who {
			failed += s.Failed
			dropped += s.Dropped
		}
	}
	return failed, dropped
}

// figure renders a median, its range over the rounds, and its ratios to B and to E.
func (c *cell) figure(who string, col column) string {
	all := c.of(who, col.value)
	if len(all) == 0 {
		return "–"
	}
	parts := []string{short(c.median(who, col.value))}
	if col.ranged && len(all) > 1 {
		parts = append(parts, "("+short(all[0])+"–"+short(all[len(all)-1])+")")
	}
	for _, yardstick := range []string{"B", "E"} {
		if base := c.median(yardstick, col.value); base != 0 && compared(who, yardstick) {
			parts = append(parts, "×"+short(c.median(who, col.value)/base)+yardstick)
		}
	}
	return strings.Join(parts, " ")
}

// compared reports whether a target's figures are shown as ratios to a yardstick: those of B to E, those of C and S to both.
func compared(who, yardstick string) bool {
	return who != "E" && who != yardstick
}

// rows renders the table: a head, and a row for each target of each cell.
func (r *result) rows() [][]string {
	head := []string{"shape", "body", "conns", ""}
	for _, col := range columns() {
		head = append(head, col.title)
	}
	rows := [][]string{append(head, "failed/dropped")}
	for _, c := range r.Cells {
		for i, who := range c.who() {
			row := []string{c.Shape, c.Work, strconv.Itoa(c.Conns), who}
			if i > 0 {
				row = []string{"", "", "", who}
			}
			for _, col := range columns() {
				row = append(row, c.figure(who, col))
			}
			failed, dropped := c.lost(who)
			rows = append(rows, append(row, fmt.Sprintf("%d/%d", failed, dropped)))
		}
	}
	return rows
}

// head returns the lines above the table.
func (r *result) head() []string {
	lines := []string{r.Machine.String(), r.Setting}
	if r.Note != "" {
		lines = append(lines, r.Note)
	}
	return lines
}

// text writes the table for a terminal.
func (r *result) text(w io.Writer) error {
	rows := r.rows()
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, field := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(field))
		}
	}
	var b strings.Builder
	for _, line := range r.head() {
		b.WriteString(line + "\n")
	}
	if len(r.Cells) == 0 {
		rows = nil
	}
	for _, row := range rows {
		var line strings.Builder
		for i, field := range row {
			line.WriteString(field + strings.Repeat(" ", widths[i]-utf8.RuneCountInString(field)+2))
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// markdown returns the table for docs/performance.md.
func (r *result) markdown() string {
	var b strings.Builder
	for _, line := range r.head() {
		b.WriteString(line + "\n\n")
	}
	rows := r.rows()
	if len(r.Cells) == 0 {
		rows = nil
	}
	for i, row := range rows {
		b.WriteString("| " + strings.Join(row, " | ") + " |\n")
		if i == 0 {
			b.WriteString("|" + strings.Repeat("---|", len(row)) + "\n")
		}
	}
	for _, f := range r.Figures {
		b.WriteString("\n* " + f.String() + ".")
	}
	for _, line := range r.goals() {
		b.WriteString("\n* " + line)
	}
	return b.String() + "\n"
}

// The marks between which -markdown puts the table.
const (
	markBegin = "<!-- bench:begin -->\n"
	markEnd   = "<!-- bench:end -->\n"
)

// between replaces what stands between the marks of a page.
func between(page, text string) (string, error) {
	before, rest, ok := strings.Cut(page, markBegin)
	_, after, ended := strings.Cut(rest, markEnd)
	if !ok || !ended {
		return "", fmt.Errorf("the page has no line %q followed by a line %q", strings.TrimSpace(markBegin), strings.TrimSpace(markEnd))
	}
	return before + markBegin + text + markEnd + after, nil
}

// short renders a figure with about three digits.
func short(v float64) string {
	switch {
	case v >= 1e6:
		return fmt.Sprintf("%.2fM", v/1e6)
	case v >= 1e5:
		return fmt.Sprintf("%.0fk", v/1e3)
	case v >= 1e4:
		return fmt.Sprintf("%.1fk", v/1e3)
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}
