package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/sumun-mcp/sumun/internal/config/suppress"
	"github.com/sumun-mcp/sumun/trust"
)

// width is how many columns a report as text takes.
const width = 80

// Color reports whether text is coloured: it goes to a terminal that knows colours, and nobody objects with NO_COLOR (no-color.org).
func Color(terminal bool, env func(string) string) bool {
	return terminal && env("NO_COLOR") == "" && env("TERM") != "dumb"
}

// text writes a scan for people: a paragraph a target, once all is known of it.
type text struct {
	Report

	w     io.Writer
	how   Options
	begun bool // a paragraph has been written
}

// Handle writes what is known of a target with its verdict, and the sum at the end.
func (t *text) Handle(e *Event) error {
	t.Add(e)
	var p page
	p.color = t.how.Color
	switch {
	case e.Verdict != nil:
		p.target(t.result(e.Verdict.Target), t.how.All)
	case e.Failure != nil:
		p.target(t.result(e.Failure.Target), t.how.All)
	case e.End != nil:
		p.end(&t.Report, t.how.All)
	default:
		return nil
	}
	if t.begun {
		p.out = append([]byte("\n"), p.out...)
	}
	t.begun = true
	_, err := t.w.Write(p.out)
	return err
}

// page is text that is being written.
type page struct {
	out   []byte
	color bool
}

// The colours of the severities, as parameters of SGR.
var colors = [...]string{trust.Info: "2", trust.Low: "36", trust.Medium: "33", trust.High: "31", trust.Critical: "1;31"}

func (p *page) paint(color, s string) string {
	if !p.color || color == "" {
		return s
	}
	return "\x1b[" + color + "m" + s + "\x1b[0m"
}

// line writes a text behind a head; further lines stand below its begin.
func (p *page) line(indent int, head, color, s string) {
	left := indent + columns(head)
	for i, l := range wrap(s, max(width-left, width/4)) {
		if i == 0 {
			p.out = fmt.Appendf(p.out, "%*s%s%s\n", indent, "", p.paint(color, head), l)
		} else {
			p.out = fmt.Appendf(p.out, "%*s%s\n", left, "", l)
		}
	}
}

func (p *page) target(r *Result, all bool) {
	p.line(0, "", "", r.Target)
	if f := r.Failure; f != nil {
		p.line(2, "failed    ", colors[trust.High], f.Error)
		p.line(2, "          ", "", f.Hint)
	}
	if v := r.Verdict; v != nil {
		color := ""
		if v.Malicious {
			color = colors[trust.Critical]
		}
		p.line(2, "verdict   ", color, fmt.Sprintf("%s, score %d of 100", v.Label, v.Score))
		for _, reason := range v.Reasons {
			p.line(2, fmt.Sprintf("%+8d  ", reason.Points), "", reason.Text)
		}
	}
	p.findings(r.Findings, all)
}

func (p *page) findings(found []Finding, all bool) {
	for i := range found {
		f := &found[i]
		if !all && !f.Counts() {
			continue
		}
		p.finding(f)
	}
}

func (p *page) finding(f *Finding) {
	p.out = append(p.out, '\n')
	severity := f.Weight()
	head := fmt.Sprintf("%-10s", severity)
	if severity > trust.Critical {
		severity = trust.Critical
	}
	p.line(2, head, colors[severity], f.Message)
	p.line(12, "rule      ", "", f.Rule+state(f))
	p.line(12, "where     ", "", f.Where.String())
	p.line(12, "evidence  ", "", f.Evidence)
	for i, reason := range f.Reasons {
		head := "          "
		if i == 0 {
			head = "because   "
		}
		p.line(12, head, "", because(reason))
	}
	p.line(12, "remedy    ", "", f.Remedy)
	p.line(12, "id        ", "", f.Fingerprint)
}

// state returns in words why a finding does not count.
func state(f *Finding) string {
	switch {
	case f.Suppressed != nil:
		return fmt.Sprintf(" (suppressed until %s: %s)", f.Suppressed.Expires, f.Suppressed.Reason)
	case f.Known:
		return " (known)"
	}
	return ""
}

func because(c trust.Contribution) string {
	var b strings.Builder
	b.WriteString(c.What)
	if c.Text != "" {
		fmt.Fprintf(&b, ": %s", c.Text)
	}
	if c.Weight != 0 {
		fmt.Fprintf(&b, " (%+.2f)", c.Weight)
	}
	return b.String()
}

func (p *page) end(r *Report, all bool) {
	if len(r.Together) > 0 {
		p.line(0, "", "", "all targets together")
		p.findings(r.Together, all)
		p.out = append(p.out, '\n')
	}
	failed := 0
	for _, t := range r.Targets {
		if t.Failure != nil {
			failed++
		}
	}
	sum := fmt.Sprintf("%s: %s", count(len(r.Targets), "target"), Count(r.Findings()))
	if failed > 0 {
		sum += fmt.Sprintf("; %d not looked at", failed)
	}
	p.line(0, "", "", sum)
	for _, s := range r.End.Expired {
		p.line(2, "expired   ", colors[trust.Medium], about(&s))
	}
	for _, s := range r.End.Unused {
		p.line(2, "unused    ", "", about(&s))
	}
}

// about names a suppression.
func about(s *suppress.Suppression) string {
	return strings.Join(strings.Fields(fmt.Sprintf("suppression of %s %s %s %s until %s: %s", s.Fingerprint, s.Rule, s.Server, s.Name, s.Expires, s.Reason)), " ")
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// NewProgress returns a handler that tells in a line each what is being done, for a person who waits.
func NewProgress(w io.Writer) Handler { return progress{w} }

type progress struct{ w io.Writer }

// Handle writes a line for the events that tell of work.
func (p progress) Handle(e *Event) error {
	var line string
	switch {
	case e.Target != nil:
		line = fmt.Sprintf("[%d/%d] %s", e.Target.Index, e.Target.Of, e.Target.Name)
	case e.Progress != nil:
		line = fmt.Sprintf("%s: %s", e.Progress.Target, e.Progress.Text)
	default:
		return nil
	}
	_, err := fmt.Fprintln(p.w, strings.TrimSpace(inert.Replace(" "+plain(line))))
	return err
}
