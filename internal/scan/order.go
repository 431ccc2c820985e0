package scan

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/sumun-mcp/sumun/internal/advisory"
	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/exit"
	"github.com/sumun-mcp/sumun/internal/inspect"
	"github.com/sumun-mcp/sumun/internal/probe"
	"github.com/sumun-mcp/sumun/internal/report"
	"github.com/sumun-mcp/sumun/internal/terminal"
	"github.com/sumun-mcp/sumun/trust"
)

// job returns the scan that the command line orders, which tells nobody yet.
func (d *Desk) job(o *order, targets []Target) (*Job, error) {
	job := &Job{
		Targets: targets, Parallel: o.parallel, Judge: &Judge{Detector: inspect.New(), Book: d.book()}, Program: "sumun", Version: d.Version, Verdict: d.Verdict,
		Probe: probe.Options{
			Self: probe.Identity{Name: "sumun", Version: d.Version}, Active: o.active, Quiet: o.quiet, Whole: o.timeout,
			Rounds: probe.Rounds{Count: o.rounds, Pause: o.pause},
		},
	}
	if !o.noSandbox {
		job.Detain = d.Detain
	}
	for _, as := range o.as {
		name, version, _ := strings.Cut(as, "@")
		if name == "" {
			return nil, &exit.Error{Code: exit.Usage, Msg: "a client is written as NAME or NAME@VERSION", Target: "--identify-as"}
		}
		if version == "" {
			version = "1.0.0"
		}
		job.Probe.As = append(job.Probe.As, probe.Identity{Name: name, Version: version})
	}
	if o.rounds < 1 || o.parallel < 1 || o.timeout <= 0 || o.pause < 0 {
		return nil, &exit.Error{Code: exit.Usage, Msg: "--rounds and --parallel are at least 1, --timeout is positive"}
	}
	if !o.noHistory && o.from == "" {
		job.History = historyIn(d.state())
	}
	return job, nil
}

// book has the servers that are known to be vulnerable, nil for those that the program knows.
func (d *Desk) book() *advisory.Book {
	if d.Book == nil {
		return nil
	}
	return d.Book()
}

// state is the directory in which the gateway of this directory keeps its state.
func (d *Desk) state() string {
	cfg, err := config.Load("", d.Lookup)
	if err != nil || cfg == nil {
		cfg = config.Default()
	}
	return cfg.StateDir()
}

// run scans, and tells of it as ordered.
func (d *Desk) run(ctx context.Context, o *order, job *Job) error {
	if d.JSON && o.format == "text" {
		o.format = "json"
	}
	at := new(trust.Severity)
	if err := at.UnmarshalText([]byte(o.failOn)); err != nil {
		return &exit.Error{Code: exit.Usage, Err: err, Target: "--fail-on"}
	}
	filter, err := d.filter(o)
	if err != nil {
		return err
	}
	data := d.Data
	var whole bytes.Buffer
	if o.output != "" {
		data = &whole
	}
	writer, err := report.New(o.format, data, report.Options{Color: report.Color(d.Terminal && o.output == "", d.Getenv), All: o.all})
	if err != nil {
		return &exit.Error{Code: exit.Usage, Err: err, Target: "--format"}
	}
	gathered := &gatherer{next: writer}
	threshold := &report.Threshold{Next: gathered, At: *at}
	filter.Next = threshold
	var out report.Handler = filter
	var facts bytes.Buffer
	if o.save != "" {
		if out, err = Save(&facts, out); err != nil {
			return err
		}
	}
	if d.Terminal && !d.Quiet {
		out = both{report.NewProgress(d.People), out}
	}
	job.Out = out
	if err := job.Run(ctx); err != nil {
		return err
	}
	if err := d.put(o, &whole, &facts, gathered); err != nil {
		return err
	}
	return ending(o, job, threshold)
}

// ending returns how the program ends.
func ending(o *order, job *Job, threshold *report.Threshold) error {
	err := threshold.Err()
	e, ok := errors.AsType[*exit.Error](err)
	switch {
	case !ok:
		return err
	case e.Code == exit.Findings && o.update:
		return nil
	case e.Code == exit.Unreachable && job.Denied():
		e.Code, e.Hint = exit.Denied, "show credentials with --header 'Authorization: Bearer …'"
	}
	return err
}

// filter returns what marks findings that are known or suppressed.
func (d *Desk) filter(o *order) (*report.Filter, error) {
	f := &report.Filter{Now: time.Now()}
	if o.update && o.baseline == "" {
		return nil, &exit.Error{Code: exit.Usage, Msg: "--update-baseline needs the file of --baseline", Target: "--update-baseline"}
	}
	if o.baseline != "" && !o.update {
		data, err := os.ReadFile(o.baseline)
		if err == nil {
			f.Baseline, err = report.ParseBaseline(data)
		}
		if err != nil {
			return nil, &exit.Error{Code: exit.Usage, Err: err, Target: o.baseline, Hint: "--update-baseline writes one"}
		}
	}
	if cfg, err := config.Load(d.Config(), d.Lookup); err == nil && cfg != nil {
		f.Suppressions = append(f.Suppressions, cfg.Trust.Suppress...)
	}
	if o.suppress != "" {
		data, err := os.ReadFile(o.suppress)
		if err != nil {
			return nil, &exit.Error{Code: exit.Usage, Err: err, Target: o.suppress}
		}
		more, err := report.ParseSuppressions(o.suppress, data)
		if err != nil {
			return nil, &exit.Error{Code: exit.Usage, Err: err, Target: o.suppress}
		}
		f.Suppressions = append(f.Suppressions, more...)
	}
	return f, nil
}

// put writes the files that were ordered.
func (d *Desk) put(o *order, whole, facts *bytes.Buffer, g *gatherer) error {
	var errs []error
	if o.output != "" {
		errs = append(errs, writeFile(o.output, whole.Bytes(), 0o644))
	}
	if o.save != "" {
		errs = append(errs, writeFile(o.save, facts.Bytes(), 0o600))
	}
	if o.update {
		var text bytes.Buffer
		errs = append(errs, report.NewBaseline(g.found).Write(&text), writeFile(o.baseline, text.Bytes(), 0o644))
		d.Note("%s: %s", o.baseline, terminal.Count(len(g.found), "finding"))
	}
	return errors.Join(errs...)
}

// places lists the files of hosts that were found.
func (d *Desk) places(places []Place) error {
	if d.JSON {
		return d.WriteJSON(places)
	}
	for _, p := range places {
		text := strings.Join(p.Servers, ", ")
		if p.Error != "" {
			text = p.Error
		}
		if _, err := fmt.Fprintf(d.Data, "%s (%s)  %s\n  %s\n", p.Host, p.Scope, terminal.Harmless(p.File), terminal.Harmless(text)); err != nil {
			return err
		}
	}
	if len(places) == 0 {
		d.Note("no host on this machine has a list of servers")
	}
	return nil
}

// A gatherer keeps the findings for a baseline.
type gatherer struct {
	next  report.Handler
	found []report.Finding
}

// Handle keeps the event if it is a finding, and hands it on.
func (g *gatherer) Handle(e *report.Event) error {
	if e.Finding != nil {
		g.found = append(g.found, *e.Finding)
	}
	return g.next.Handle(e)
}

// both hands events to two handlers.
type both [2]report.Handler

// Handle hands the event on.
func (b both) Handle(e *report.Event) error {
	return errors.Join(b[0].Handle(e), b[1].Handle(e))
}
