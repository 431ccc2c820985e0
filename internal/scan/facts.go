package scan

import (
	"io"

	"github.com/sumun-mcp/sumun/internal/report"
)

// Save returns a handler that hands all events on, and writes those to w that tell of facts, for [Facts] to read.
func Save(w io.Writer, next report.Handler) (report.Handler, error) {
	lines, err := report.New("jsonl", w, report.Options{})
	return &saver{lines, next}, err
}

type saver struct{ facts, next report.Handler }

// Handle writes what is no judgement.
func (s *saver) Handle(e *report.Event) error {
	switch {
	case e.Begin != nil:
		begin := *e.Begin
		begin.Rules = nil
		if err := s.facts.Handle(&report.Event{Begin: &begin}); err != nil {
			return err
		}
	case e.Target != nil, e.Fact != nil, e.Failure != nil, e.End != nil:
		if err := s.facts.Handle(e); err != nil {
			return err
		}
	}
	return s.next.Handle(e)
}

// Facts reads the targets of a scan that was saved, or written as jsonl: what was known of each of them then.
func Facts(r io.Reader) ([]Target, error) {
	var all []Target
	at := map[string]int{}
	find := func(name string) *Target {
		if _, ok := at[name]; !ok {
			at[name] = len(all)
			all = append(all, Target{Title: name})
		}
		return &all[at[name]]
	}
	for e, err := range report.Events(r) {
		switch {
		case err != nil:
			return nil, err
		case e.Target != nil:
			find(e.Target.Name)
		case e.Fact != nil:
			find(e.Fact.Target).Facts = e.Fact.Subject
		case e.Failure != nil:
			find(e.Failure.Target).Failure = e.Failure
		}
	}
	return all, nil
}
