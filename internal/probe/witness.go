package probe

import (
	"context"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/sumun-mcp/sumun/trust"
)

// A Witness sees what a program does beside its answers.
type Witness interface {
	// Acts yields what was seen until now, as observations without a target, in the order in which it was seen.
	Acts() iter.Seq2[time.Time, trust.Observation]
}

// A diary says when tools were called.
type diary struct{ entries []entry }

type entry struct {
	tool     string
	from, to time.Time
}

// begin notes that a call begins; the function that it ends. Nil notes nothing.
func (d *diary) begin(tool string) (end func()) {
	if d == nil {
		return func() {}
	}
	d.entries = append(d.entries, entry{tool: tool, from: time.Now()})
	at := len(d.entries) - 1
	return func() { d.entries[at].to = time.Now() }
}

// echo is how long after a call something counts as its consequence, if no other has begun.
const echo = 200 * time.Millisecond

// during returns the tool in whose call a moment lies; empty for none.
func (d *diary) during(at time.Time) string {
	for _, e := range slices.Backward(d.entries) {
		if at.Before(e.from) {
			continue
		}
		if e.to.IsZero() || at.Before(e.to.Add(echo)) {
			return e.tool
		}
		return ""
	}
	return ""
}

// idle leaves a program alone that is watched.
func (p *prober) idle(ctx context.Context) error {
	if p.target.Witness != nil {
		wait(ctx, p.Idle)
	}
	return nil
}

// alike is how often the same act of the same call is noted.
const alike = 3

// testify notes what was seen of the program, and in whose call.
func (p *prober) testify() {
	if p.target.Witness == nil {
		return
	}
	times := map[trust.Observation]int{}
	for at, o := range p.target.Witness.Acts() {
		if slices.ContainsFunc(p.lures, func(token string) bool { return strings.Contains(o.Text, token) }) {
			continue // we have asked for that
		}
		o.Target = p.diary.during(at)
		if times[o]++; times[o] <= alike {
			p.observe(o)
		}
	}
}

// witnessed returns what a call since then has done that shows that it has run a command with that token: something was sent that has it, or
// a program was started that the tool starts for nobody else. It is empty if nothing does.
func (p *prober) witnessed(since time.Time, tool, token string) string {
	if p.target.Witness == nil {
		return ""
	}
	before := map[string]bool{}
	for at, o := range p.target.Witness.Acts() {
		ours := !at.Before(since)
		switch {
		case ours && strings.Contains(o.Text, token):
			return strings.ReplaceAll(o.Text, token, "…") // the same in each scan
		case o.Probe == trust.ProbeProcess && !ours && p.diary.during(at) == tool:
			before[o.Text] = true
		case o.Probe == trust.ProbeProcess && ours && !before[o.Text]:
			return "it starts " + o.Text
		}
	}
	return ""
}
