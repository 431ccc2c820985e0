// Package scan looks at MCP servers and says what is to be thought of them: targets are found, facts of each are gathered (package probe)
// or read back, judged by pure functions (packages check, inspect and trust), and told as events (package report).
package scan

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sumun-mcp/sumun/internal/check"
	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/probe"
	"github.com/sumun-mcp/sumun/internal/report"
	"github.com/sumun-mcp/sumun/internal/warden"
	"github.com/sumun-mcp/sumun/trust"
)

// A Target is one server to look at, or the facts of one.
type Target struct {
	probe.Target

	// Title tells it from the other targets of a scan; it shows no secret.
	Title string
	// Program is the server that Command starts; nil for one that no program of this machine is.
	Program *config.Server
	// Manifest is what the server says that it offers; nil if nobody has written that down.
	Manifest *trust.Manifest
	// Facts are those of an earlier scan: then nothing is asked. Failure is why there are none, or not all.
	Facts   *trust.Subject
	Failure *report.Failure
}

// A Job is one scan.
type Job struct {
	// Targets are looked at, as many at once as Parallel says: 4 if 0.
	Targets  []Target
	Parallel int
	// Probe says how.
	Probe probe.Options
	// Detain returns what starts a program, watched in a box; nil starts it as its target says.
	Detain detainer
	// Judge says what is to be thought of them.
	Judge *Judge
	// History remembers what was seen before; nil if nothing does.
	History *History
	// Program and Version are who scans.
	Program, Version string
	// Out is told.
	Out report.Handler
	// Verdict is handed each verdict, nil if nobody keeps them.
	Verdict func(context.Context, *trust.Subject, trust.Verdict)

	mu     sync.Mutex // one goroutine at a time tells Out
	failed error      // of Out
	denied int        // how many targets could not be looked at for want of credentials
	lost   int        // how many could not be looked at, for whatever reason
}

// Run scans. The error says that telling of it failed, or that it was interrupted; what is wrong with targets is told as events.
func (j *Job) Run(ctx context.Context) error {
	began := time.Now()
	j.tell(&report.Event{Begin: &report.Begin{Program: j.Program, Version: j.Version, Time: began.UTC().Truncate(time.Second), Rules: rules()}})
	seen := make([]*result, len(j.Targets))
	var work sync.WaitGroup
	free := make(chan struct{}, cmp.Or(j.Parallel, 4))
	for i := range j.Targets {
		free <- struct{}{}
		if ctx.Err() != nil {
			break
		}
		j.tell(&report.Event{Target: &report.Target{Name: j.Targets[i].Title, Index: i + 1, Of: len(j.Targets)}}) // in their order
		work.Go(func() {
			defer func() { <-free }()
			seen[i] = j.one(ctx, i)
		})
	}
	work.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	j.conclude(ctx, seen)
	j.tell(&report.Event{End: &report.End{Took: time.Since(began).Milliseconds()}})
	return j.failed
}

// Denied reports whether all targets that could not be looked at, at least one, ask for credentials.
func (j *Job) Denied() bool { return j.denied > 0 && j.denied == j.lost }

// tell tells of an event. After a failure nothing is told any more.
func (j *Job) tell(e *report.Event) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.failed == nil {
		j.failed = j.Out.Handle(e)
	}
}

// A result is what is known of one target and what was found in it.
type result struct {
	target   *Target
	subject  *trust.Subject
	findings []trust.Finding
	whole    bool // all of it was looked at
}

// one looks at one target and tells of it, but for the verdict.
func (j *Job) one(ctx context.Context, i int) *result {
	t := &j.Targets[i]
	s, failure := j.facts(ctx, t)
	if ctx.Err() != nil {
		return nil
	}
	r := &result{target: t, subject: s, whole: failure == nil}
	if s != nil {
		j.tell(&report.Event{Fact: &report.Fact{Target: t.Title, Subject: s}})
		r.findings = j.Judge.Findings(s)
		for _, f := range r.findings {
			j.tell(&report.Event{Finding: &report.Finding{Target: t.Title, Finding: f}})
		}
	}
	if failure != nil {
		j.tell(&report.Event{Failure: failure})
	}
	return r
}

// conclude tells what the servers have only together, and then the verdicts, in which that counts.
func (j *Job) conclude(ctx context.Context, seen []*result) {
	var all []*trust.Subject
	for _, r := range seen {
		if r.subject != nil {
			all = append(all, r.subject)
		}
	}
	var together []trust.Finding
	if len(all) > 1 {
		together = slices.Collect(check.Set(all))
	}
	for _, f := range together {
		j.tell(&report.Event{Finding: &report.Finding{Finding: f}})
	}
	for _, r := range seen {
		if !r.whole || r.subject == nil {
			continue
		}
		for _, f := range together {
			if f.Where.Server == r.subject.Name {
				r.findings = append(r.findings, f)
			}
		}
		v := trust.Grade(r.subject, r.findings)
		j.tell(&report.Event{Verdict: &report.Verdict{Target: r.target.Title, Verdict: v}})
		if r.target.Facts == nil {
			j.keep(ctx, r.target, r.subject, v)
		}
	}
}

// keep hands a verdict on to who keeps it.
func (j *Job) keep(ctx context.Context, t *Target, s *trust.Subject, v trust.Verdict) {
	if j.History != nil {
		if err := j.History.add(t, s, v, time.Now()); err != nil {
			j.tell(&report.Event{Progress: &report.Progress{Target: t.Title, Text: "what was seen is not kept: " + err.Error()}})
		}
	}
	if j.Verdict != nil {
		j.Verdict(ctx, s, v)
	}
}

// facts returns what is known of a target, and what went wrong.
func (j *Job) facts(ctx context.Context, t *Target) (*trust.Subject, *report.Failure) {
	if t.Facts != nil || t.Failure != nil {
		if t.Failure != nil {
			j.count(t.Failure, false)
		}
		return t.Facts, t.Failure
	}
	o := j.Probe
	o.Progress = func(text string) {
		j.tell(&report.Event{Progress: &report.Progress{Target: t.Title, Text: text}})
	}
	s, err := look(ctx, j.Detain, t, o)
	var failure *report.Failure
	if err != nil {
		failure = j.failure(t, err)
	}
	if s == nil {
		return nil, failure
	}
	if t.Manifest != nil {
		compare(s, t.Manifest)
	}
	if j.History != nil {
		j.History.recall(t, s)
	}
	return s, failure
}

// A detainer returns what starts a program, watched in a box.
type detainer = func(ctx context.Context, s config.Server) (*warden.Detained, error)

// look gathers the facts of a target, whose program is detained meanwhile if somebody does that.
func look(ctx context.Context, detain detainer, t *Target, o probe.Options) (*trust.Subject, error) {
	if t.Program == nil || detain == nil {
		return probe.Look(ctx, t.Target, o)
	}
	d, err := detain(ctx, *t.Program)
	if err != nil {
		return nil, err
	}
	at := t.Target
	at.Command, at.Sandbox = d.Command, d.Tier
	if d.Witness != nil {
		at.Witness = d.Witness
		defer d.Witness.Close()
	}
	return probe.Look(ctx, at, o)
}

// failure tells why a target could not be looked at, or not wholly, and what to try.
func (j *Job) failure(t *Target, err error) *report.Failure {
	f := &report.Failure{Target: t.Title, Error: strings.Join(strings.Split(err.Error(), "\n"), "; ")}
	denied := probe.IsDenied(err)
	switch {
	case denied:
		f.Hint = "it asks for credentials: show them with --header 'Authorization: Bearer …'"
	case errors.Is(err, context.DeadlineExceeded) || strings.Contains(f.Error, "within"):
		f.Hint = "the server is too slow, or holds on to its answers; --timeout gives it longer"
	case t.Command != nil:
		f.Hint = "does the command start a server that speaks MCP on its standard output?"
	default:
		f.Hint = "is it running, and is this its MCP endpoint?"
	}
	j.count(f, denied)
	return f
}

func (j *Job) count(_ *report.Failure, denied bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lost++
	if denied {
		j.denied++
	}
}

// compare notes how what a server offers differs from its manifest.
func compare(s *trust.Subject, m *trust.Manifest) {
	changes, err := m.Differences(s)
	if err != nil {
		s.Observations = append(s.Observations, trust.Observation{Probe: trust.ProbeManifest, Text: err.Error()})
	}
	for _, c := range changes {
		s.Observations = append(s.Observations, trust.Observation{Probe: trust.ProbeManifest, Target: strings.TrimSpace(c.Kind + " " + c.Name), Text: c.What})
	}
}

// title returns a name for a target that no other has.
func title(taken map[string]bool, name string) string {
	for n := 1; ; n++ {
		t := name
		if n > 1 {
			t = fmt.Sprintf("%s (%d)", name, n)
		}
		if !taken[t] {
			taken[t] = true
			return t
		}
	}
}
