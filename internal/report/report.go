// Package report tells of a scan: to people as text, Markdown or HTML, to programs as JSON, SARIF or JUnit.
//
// A scan is a stream of events, and a report is a [Handler] of them. [New] makes the one for a format. In front of it stand handlers
// that judge: a [Filter] marks what is known or suppressed, a [Threshold] remembers whether the scan has failed. A stream that was
// written as JSON is read back with [Events] and gives every other report.
//
// What servers say of themselves is not believed: no text of theirs can end a line, an element, a cell or a string of a report, change
// the direction of reading, or steer a terminal.
package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/sumun-mcp/sumun/internal/config/suppress"
	"github.com/sumun-mcp/sumun/trust"
)

// A Handler is told of a scan: [Begin] first, then of each target its [Target], what was found, and its [Verdict] or [Failure], those of
// several targets in any order between each other, and [End] last. One goroutine at a time calls it.
type Handler interface {
	Handle(event *Event) error
}

// An Event is one thing that happens in a scan. Exactly one of its fields is set.
type Event struct {
	Begin    *Begin    `json:"begin,omitempty"`
	Target   *Target   `json:"target,omitempty"`
	Progress *Progress `json:"progress,omitempty"`
	Fact     *Fact     `json:"fact,omitempty"`
	Finding  *Finding  `json:"finding,omitempty"`
	Verdict  *Verdict  `json:"verdict,omitempty"`
	Failure  *Failure  `json:"failure,omitempty"`
	End      *End      `json:"end,omitempty"`
}

// Begin is the begin of a scan.
type Begin struct {
	// Program and Version are who scans.
	Program string `json:"program"`
	Version string `json:"version"`
	// Time is when it began.
	Time time.Time `json:"time"`
	// Rules are what the scan looks for. Formats that list rules list these, and those of findings that are not among them.
	Rules []Rule `json:"rules,omitempty"`
}

// A Rule is what findings have in common.
type Rule struct {
	// Name is as in the findings: ROOM/RULE.
	Name string `json:"name"`
	// Severity is that of its findings unless they say otherwise.
	Severity trust.Severity `json:"severity"`
	// Means says what it is about, in a sentence.
	Means string `json:"means"`
	// Remedy is what to do.
	Remedy string `json:"remedy,omitempty"`
}

// Target is a target that is looked at from now on.
type Target struct {
	// Name tells targets of a scan apart, and is what the other events have in Target.
	Name string `json:"name"`
	// Index counts from 1; Of is how many targets there are.
	Index int `json:"index"`
	Of    int `json:"of"`
}

// Progress is what is being done with a target.
type Progress struct {
	Target string `json:"target"`
	Text   string `json:"text"`
}

// Fact is what is known of a target, before it is judged.
type Fact struct {
	Target  string         `json:"target"`
	Subject *trust.Subject `json:"subject"`
}

// Finding is what was found in a target.
type Finding struct {
	// Target is the target's name; empty for what several targets have only together.
	Target string `json:"target"`
	trust.Finding

	// Known says that the baseline has it.
	Known bool `json:"known,omitempty"`
	// Suppressed is the suppression that covers it.
	Suppressed *suppress.Suppression `json:"suppressed,omitempty"`
}

// Counts reports whether the finding is one that a scan fails for: neither known nor suppressed.
func (f *Finding) Counts() bool { return !f.Known && f.Suppressed == nil }

// Weight returns the severity that the finding counts with: what is only for information counts as such, whatever harm it speaks of.
func (f *Finding) Weight() trust.Severity {
	if f.Band == trust.BandInfo {
		return trust.Info
	}
	return f.Severity
}

// Verdict is what is thought of a target, and the end of what is told of it.
type Verdict struct {
	Target string `json:"target"`
	trust.Verdict
}

// Failure is why nothing is known of a target.
type Failure struct {
	Target string `json:"target"`
	// Error is what went wrong; Hint is what to try.
	Error string `json:"error"`
	Hint  string `json:"hint,omitempty"`
}

// End is the end of a scan.
type End struct {
	// Took is how many milliseconds it took.
	Took int64 `json:"tookMs"`
	// Expired are the suppressions that do not hold any more, and Unused those that covered nothing. A [Filter] fills them in.
	Expired []suppress.Suppression `json:"expired,omitempty"`
	Unused  []suppress.Suppression `json:"unused,omitempty"`
}

// Options say how a report is written.
type Options struct {
	// Color colours text; see [Color].
	Color bool
	// All also shows findings that are known or suppressed, in text. The other formats always have them, marked.
	All bool
}

// Formats are the names of the formats that [New] knows.
func Formats() []string {
	return []string{"text", "json", "jsonl", "sarif", "junit", "markdown", "html"}
}

// New returns the handler that writes a report to w. text and jsonl are written as the scan goes on, the others at its end. The error
// names the formats.
func New(format string, w io.Writer, how Options) (Handler, error) {
	write := map[string]func(io.Writer, *Report) error{"json": writeJSON, "sarif": writeSARIF, "junit": writeJUnit, "markdown": writeMarkdown, "html": writeHTML}[format]
	switch {
	case format == "text":
		return &text{w: w, how: how}, nil
	case format == "jsonl":
		return lines{w}, nil
	case write == nil:
		return nil, fmt.Errorf("%.40q is no format of reports; write one of %v", format, Formats())
	}
	return &whole{w: w, write: write}, nil
}

// A Report is all that was told of a scan.
type Report struct {
	Begin   Begin     `json:"begin"`
	Targets []*Result `json:"targets"`
	// Together are findings that no target has alone.
	Together []Finding `json:"together,omitempty"`
	End      End       `json:"end"`
}

// A Result is what was told of one target.
type Result struct {
	Target   string         `json:"target"`
	Subject  *trust.Subject `json:"subject,omitempty"`
	Findings []Finding      `json:"findings"`
	Verdict  *trust.Verdict `json:"verdict,omitempty"`
	Failure  *Failure       `json:"failure,omitempty"`
}

// Add adds what an event tells. Findings stand with the gravest first.
func (r *Report) Add(e *Event) {
	switch {
	case e.Begin != nil:
		r.Begin = *e.Begin
	case e.Target != nil:
		r.result(e.Target.Name)
	case e.Fact != nil:
		r.result(e.Fact.Target).Subject = e.Fact.Subject
	case e.Finding != nil && e.Finding.Target == "":
		r.Together = insert(r.Together, e.Finding)
	case e.Finding != nil:
		t := r.result(e.Finding.Target)
		t.Findings = insert(t.Findings, e.Finding)
	case e.Verdict != nil:
		r.result(e.Verdict.Target).Verdict = &e.Verdict.Verdict
	case e.Failure != nil:
		r.result(e.Failure.Target).Failure = e.Failure
	case e.End != nil:
		r.End = *e.End
	}
}

// Findings returns all findings, target by target.
func (r *Report) Findings() []Finding {
	var all []Finding
	for _, t := range r.Targets {
		all = append(all, t.Findings...)
	}
	return append(all, r.Together...)
}

// Tally is how many findings there are.
type Tally struct {
	// Counted are those that count, by [Finding.Weight].
	Counted [trust.Critical + 1]int
	// Known and Suppressed are the others.
	Known, Suppressed int
}

// Count counts findings.
func Count(findings []Finding) (t Tally) {
	for i := range findings {
		switch f := &findings[i]; {
		case f.Suppressed != nil:
			t.Suppressed++
		case f.Known:
			t.Known++
		default:
			t.Counted[min(f.Weight(), trust.Critical)]++
		}
	}
	return t
}

// String is the counts in words, the gravest first: 1 critical, 2 low, 3 known.
func (t Tally) String() string {
	var b []byte
	add := func(n int, what string) {
		if n == 0 {
			return
		}
		if len(b) > 0 {
			b = append(b, ", "...)
		}
		b = fmt.Appendf(b, "%d %s", n, what)
	}
	for s := trust.Critical; ; s-- {
		add(t.Counted[s], s.String())
		if s == trust.Info {
			break
		}
	}
	add(t.Known, "known")
	add(t.Suppressed, "suppressed")
	if len(b) == 0 {
		return "no findings"
	}
	return string(b)
}

func (r *Report) result(target string) *Result {
	at := slices.IndexFunc(r.Targets, func(t *Result) bool { return t.Target == target })
	if at < 0 {
		at = len(r.Targets)
		r.Targets = append(r.Targets, &Result{Target: target, Findings: []Finding{}})
	}
	return r.Targets[at]
}

func insert(into []Finding, f *Finding) []Finding {
	at, _ := slices.BinarySearchFunc(into, f, func(one Finding, other *Finding) int {
		return cmp.Or(-cmp.Compare(one.Weight(), other.Weight()), cmp.Compare(one.Rule, other.Rule),
			cmp.Compare(one.Where.String(), other.Where.String()), cmp.Compare(one.Fingerprint, other.Fingerprint))
	})
	return slices.Insert(into, at, *f)
}

// whole is the handler of formats that are written at the end of a scan.
type whole struct {
	Report

	w     io.Writer
	write func(io.Writer, *Report) error
}

// Handle gathers events, and writes the report at the end.
func (h *whole) Handle(e *Event) error {
	h.Add(e)
	if e.End == nil {
		return nil
	}
	return h.write(h.w, &h.Report)
}
