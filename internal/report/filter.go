package report

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/sumun-mcp/sumun/internal/config/suppress"
	"github.com/sumun-mcp/sumun/internal/document"
	"github.com/sumun-mcp/sumun/internal/exit"
	"github.com/sumun-mcp/sumun/trust"
)

// BaselineType is the type of the baselines that this package reads and writes.
const BaselineType = "sumun.baseline/v1"

// A Baseline is what was found before: it is not counted again. The zero value is empty.
type Baseline struct {
	// Type is BaselineType.
	Type string `json:"type"`
	// Findings are what is known. Only the fingerprint counts; the rest is for those who read the file.
	Findings []Known `json:"findings"`
}

// Known is a finding of a baseline.
type Known struct {
	Fingerprint string `json:"fingerprint"`
	Rule        string `json:"rule"`
	Where       string `json:"where,omitempty"`
}

// fingerprintDigits is how many hex digits a fingerprint has.
const fingerprintDigits = 32

// ParseBaseline reads a baseline. One that it does not wholly understand it refuses: a finding that is not found there would count, and
// one too many would be passed over in silence.
func ParseBaseline(data []byte) (*Baseline, error) {
	var b Baseline
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&b); err != nil {
		return nil, fmt.Errorf("reading the baseline: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("reading the baseline: something stands behind its end")
	}
	if b.Type != BaselineType {
		return nil, fmt.Errorf("reading the baseline: its type is %.40q; only %q is known here", b.Type, BaselineType)
	}
	for _, f := range b.Findings {
		if !isFingerprint(f.Fingerprint) {
			return nil, fmt.Errorf("reading the baseline: %.80q is no fingerprint, which has 32 hex digits", f.Fingerprint)
		}
	}
	return &b, nil
}

func isFingerprint(s string) bool {
	return len(s) == fingerprintDigits && !bytes.ContainsFunc([]byte(s), func(r rune) bool { return (r < '0' || r > '9') && (r < 'a' || r > 'f') })
}

// NewBaseline returns the baseline of all findings of a report, sorted, so that two of them can be compared line by line. Suppressed
// ones are left out: they shall count again when the suppression ends.
func NewBaseline(findings []Finding) *Baseline {
	b := Baseline{Type: BaselineType, Findings: []Known{}}
	for i := range findings {
		if f := &findings[i]; f.Suppressed == nil {
			b.Findings = append(b.Findings, Known{Fingerprint: f.Fingerprint, Rule: plain(f.Rule), Where: plain(f.Where.String())})
		}
	}
	slices.SortFunc(b.Findings, func(x, y Known) int {
		return cmp.Or(cmp.Compare(x.Rule, y.Rule), cmp.Compare(x.Where, y.Where), cmp.Compare(x.Fingerprint, y.Fingerprint))
	})
	b.Findings = slices.Compact(b.Findings)
	return &b
}

// Write writes the baseline as [ParseBaseline] reads it.
func (b *Baseline) Write(w io.Writer) error { return writeDocument(w, b) }

// suppressions is the file that suppressions stand in.
type suppressions struct {
	Suppress []suppress.Suppression `yaml:"suppress" list:"true"`
}

// ParseSuppressions reads a file of suppressions, in YAML, or in JSON if its name ends so: a list under the key suppress, as mcp.yaml has
// it under trust. The error names every fault with its line.
func ParseSuppressions(name string, data []byte) ([]suppress.Suppression, error) {
	var file suppressions
	var grammar document.Grammar
	d := grammar.Read(document.Source{Name: name, Plain: true}, data, &file)
	suppress.All(d, "suppress", file.Suppress)
	if err := d.Err(); err != nil {
		return nil, err
	}
	return file.Suppress, nil
}

// A Filter marks findings that are known or suppressed before it hands them on, and tells at the end which suppressions are over or
// were not needed.
type Filter struct {
	// Next gets the events.
	Next Handler
	// Baseline is what is known; nil for nothing.
	Baseline *Baseline
	// Suppressions are what does not count.
	Suppressions []suppress.Suppression
	// Now is the time at which suppressions have to hold.
	Now time.Time

	known map[string]bool
	used  map[int]bool
}

// Handle marks the event if it is a finding, and hands it on.
func (f *Filter) Handle(e *Event) error {
	switch {
	case e.Finding != nil:
		marked := *e.Finding
		f.mark(&marked)
		e = &Event{Finding: &marked}
	case e.End != nil:
		end := *e.End
		end.Expired, end.Unused = f.leftover()
		e = &Event{End: &end}
	}
	return f.Next.Handle(e)
}

func (f *Filter) mark(found *Finding) {
	if f.known == nil {
		f.known, f.used = map[string]bool{}, map[int]bool{}
		if f.Baseline != nil {
			for _, k := range f.Baseline.Findings {
				f.known[k.Fingerprint] = true
			}
		}
	}
	found.Known = f.known[found.Fingerprint]
	found.Suppressed = nil
	for i := range f.Suppressions {
		if s := &f.Suppressions[i]; !s.Expired(f.Now) && s.Covers(&found.Finding) {
			f.used[i] = true
			if found.Suppressed == nil {
				found.Suppressed = s
			}
		}
	}
}

func (f *Filter) leftover() (expired, unused []suppress.Suppression) {
	for i := range f.Suppressions {
		switch s := &f.Suppressions[i]; {
		case s.Expired(f.Now):
			expired = append(expired, *s)
		case !f.used[i]:
			unused = append(unused, *s)
		}
	}
	return expired, unused
}

// A Threshold remembers whether a scan has failed, and hands all events on.
type Threshold struct {
	// Next gets the events.
	Next Handler
	// At is the severity from which on a finding that counts fails the scan.
	At trust.Severity

	reached, failed, ended int
	why                    string // of the first target that could not be looked at
}

// Handle counts, and hands the event on.
func (t *Threshold) Handle(e *Event) error {
	switch {
	case e.Finding != nil && e.Finding.Counts() && e.Finding.Weight() >= t.At:
		t.reached++
	case e.Failure != nil:
		if t.failed++; t.failed == 1 {
			t.why = plain(e.Failure.Target + ": " + e.Failure.Error)
		}
	case e.End != nil:
		t.ended++
	}
	return t.Next.Handle(e)
}

// Err returns how the program ends: nil if all is well, an error with [exit.Findings] if findings reached the threshold, otherwise one
// with [exit.Unreachable] if a target could not be looked at, and with [exit.Unexpected] if the scan did not come to its end.
func (t *Threshold) Err() error {
	switch {
	case t.reached > 0:
		return &exit.Error{Code: exit.Findings, Msg: fmt.Sprintf("%s at %s or above", count(t.reached, "finding"), t.At)}
	case t.failed > 0:
		return &exit.Error{Code: exit.Unreachable, Msg: count(t.failed, "target") + " could not be looked at: " + t.why}
	case t.ended == 0:
		return &exit.Error{Code: exit.Unexpected, Msg: "the scan did not come to its end"}
	}
	return nil
}
