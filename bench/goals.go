package main

import (
	"fmt"

	"github.com/sumun-mcp/sumun/bench/boxed"
	"github.com/sumun-mcp/sumun/bench/load"
)

// What the gateway, with keys, scopes, checks, limits and the sealed audit record on, may cost.
const (
	goalCPU    = 1.3    // times B's processor time, small call
	goalAllocs = 120    // objects, small call
	goalAudit  = 20_000 // records a second, each on the disk before its call is answered
	goalLookup = 2      // times the lookup of a key among 10, among 100,000
)

// goals returns one line for each goal of the gateway that the run says something about: the worst cell, and whether it
// holds. A run without the gateway has none.
func (r *result) goals() []string {
	cpu := func(s *sample) float64 { return s.CPU }
	allocs := func(s *sample) float64 { return s.Allocs }
	var worstCPU, worstAllocs float64
	var drops, calls int64
	for _, c := range r.Cells {
		switch c.Work {
		case load.Small().Name:
			worstAllocs = max(worstAllocs, c.median("S", allocs))
			if b := c.median("B", cpu); b != 0 {
				worstCPU = max(worstCPU, c.median("S", cpu)/b)
			}
		case load.Large().Name:
			_, dropped := c.lost("S")
			drops += dropped
			for i := range c.Samples {
				if c.Samples[i].Who == "S" {
					calls += c.Samples[i].Calls
				}
			}
		}
	}
	var lines []string
	if worstCPU != 0 {
		lines = append(lines, fmt.Sprintf("goal: gateway CPU per 400-byte call at most %.1f × B. Worst cell %.2f: %s.", goalCPU, worstCPU, verdict(worstCPU <= goalCPU)))
	}
	if worstAllocs != 0 {
		lines = append(lines, fmt.Sprintf("goal: at most %d allocations per 400-byte call. Worst cell %.0f: %s.", goalAllocs, worstAllocs, verdict(worstAllocs <= goalAllocs)))
	}
	if calls != 0 {
		lines = append(lines, fmt.Sprintf("goal: no dropped connection at 16 KB. %d in %d calls: %s.", drops, calls, verdict(drops == 0)))
	}
	return append(lines, r.insideGoals()...)
}

// insideGoals are those of what no cell shows.
func (r *result) insideGoals() []string {
	median := map[string]float64{}
	for _, f := range r.Figures {
		median[f.Name] = f.median()
	}
	var lines []string
	if n := median[auditSQLite]; n != 0 {
		lines = append(lines, fmt.Sprintf("goal: at least %d audit records a second with durable acknowledgement on SQLite. %s: %s.", goalAudit, short(n), verdict(n >= goalAudit)))
	}
	if few, many := median[fewKeys], median[manyKeys]; few != 0 && many != 0 {
		lines = append(lines, fmt.Sprintf("goal: a key among 100,000 is found in at most %d × the time of one among 10. %.2f: %s.", goalLookup, many/few, verdict(many <= goalLookup*few)))
	}
	return append(lines, boxed.Goals(median)...)
}

// verdict says whether a goal is met.
func verdict(met bool) string {
	if met {
		return "met"
	}
	return "not met"
}
