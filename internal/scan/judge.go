package scan

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"

	"github.com/sumun-mcp/sumun/internal/advisory"
	"github.com/sumun-mcp/sumun/internal/check"
	"github.com/sumun-mcp/sumun/internal/inspect"
	"github.com/sumun-mcp/sumun/internal/report"
	"github.com/sumun-mcp/sumun/trust"
)

// A Judge says what is to be thought of facts. It may be used concurrently.
type Judge struct {
	// Detector reads texts.
	Detector *inspect.Detector
	// Book has the servers that are known to be vulnerable; nil stands for those that the program knows itself.
	Book *advisory.Book
}

// Findings returns what is found in the facts of one server: the same for the same facts.
func (j *Judge) Findings(s *trust.Subject) []trust.Finding {
	d := j.Detector
	var all []trust.Finding
	seen := map[string]bool{}
	add := func(f trust.Finding) {
		if !seen[f.Fingerprint] {
			seen[f.Fingerprint] = true
			all = append(all, f)
		}
	}
	for f := range check.Subject(s) {
		add(f)
	}
	for f := range cmp.Or(j.Book, advisory.Own()).Subject(s) {
		add(f)
	}
	for f := range d.Subject(s) {
		add(f)
	}
	for _, v := range s.Views {
		if v.Cause == trust.ViewEarlier {
			continue
		}
		for f := range d.Subject(beyond(s, v)) {
			add(f)
		}
	}
	for i := range s.Answers {
		for _, f := range answer(d, s.Name, &s.Answers[i]) {
			add(f)
		}
	}
	return all
}

// beyond returns what a view shows that the subject does not.
func beyond(s *trust.Subject, v trust.View) *trust.Subject {
	known := make(map[string]bool, len(s.Tools))
	for _, t := range s.Tools {
		known[string(t)] = true
	}
	more := &trust.Subject{Name: s.Name}
	for _, t := range v.Tools {
		if !known[string(t)] {
			more.Tools = append(more.Tools, t)
		}
	}
	if v.Instructions != s.Instructions {
		more.Instructions = v.Instructions
	}
	return more
}

// answer returns what hides in one answer. What it was asked for stands in it under one name, so that another scan finds the same.
func answer(d *inspect.Detector, server string, a *trust.Answer) []trust.Finding {
	if a.Round == 0 { // of an earlier scan
		return nil
	}
	kind := inspect.Answer
	if strings.HasPrefix(a.Tool, "prompt ") { // it is there to tell models what to do
		kind = inspect.Instructions
	}
	text := a.Text
	var with any
	if json.Unmarshal(a.Arguments, &with) == nil {
		for _, asked := range asked(with, nil) {
			text = strings.ReplaceAll(text, asked, "sample")
		}
	}
	return d.Text(text, kind, trust.Place{Server: server, Kind: "answer", Name: a.Tool})
}

// asked returns the texts of arguments that are long enough to be told from others, the longest first.
func asked(value any, all []string) []string {
	const few = 6
	switch v := value.(type) {
	case string:
		if len(v) >= few {
			all = append(all, v)
		}
	case []any:
		for _, inner := range v {
			all = asked(inner, all)
		}
	case map[string]any:
		for _, inner := range v {
			all = asked(inner, all)
		}
	}
	slices.SortFunc(all, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	return all
}

// rules returns what a scan looks for.
func rules() []report.Rule {
	var all []report.Rule
	for _, c := range check.Checks() {
		all = append(all, report.Rule{Name: c.Rule, Severity: c.Severity, Means: c.Means, Remedy: c.Remedy})
	}
	return all
}
