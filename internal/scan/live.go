package scan

import (
	"context"
	"sync"
	"time"

	"github.com/sumun-mcp/sumun/internal/inspect"
	"github.com/sumun-mcp/sumun/internal/probe"
	"github.com/sumun-mcp/sumun/internal/survey"
	"github.com/sumun-mcp/sumun/trust"
)

// Live scans single servers for a gateway that runs. It may be used concurrently.
type Live struct {
	// Judge returns who judges. It is made when the first scan needs it, since few gateways scan.
	Judge func() *Judge
	// Options say how servers are looked at.
	Options probe.Options
	// Detain returns what starts a program, watched in a box; nil starts it as its target says.
	Detain detainer
	// History remembers what was seen before; nil if nothing does.
	History *History
}

// NewLive returns a Live for the program in that version, whose state lies in a directory.
func NewLive(version, state string) *Live {
	return &Live{
		Judge: sync.OnceValue(func() *Judge { return &Judge{Detector: inspect.New()} }), Options: probe.Options{Self: probe.Identity{Name: "sumun", Version: version}}, History: historyIn(state),
	}
}

// Scan looks at one server. It implements [survey.Scanner]. A server that could not be looked at wholly is an error.
func (l *Live) Scan(ctx context.Context, target survey.Target, progress func(string)) (*survey.Result, error) {
	t := Target{Target: probe.Target{Target: target.Target, Base: target.Base, Secrets: target.Secrets}, Title: target.Name, Program: target.Program}
	o := l.Options
	o.Progress = progress
	s, err := look(ctx, l.Detain, &t, o)
	if err != nil {
		return nil, err
	}
	if l.History != nil {
		l.History.recall(&t, s)
	}
	found := l.Judge().Findings(s)
	r := &survey.Result{Subject: s, Verdict: trust.Grade(s, found), Findings: found}
	if l.History != nil {
		if err := l.History.add(&t, s, r.Verdict, time.Now()); err != nil {
			progress("what was seen is not kept: " + err.Error())
		}
	}
	return r, nil
}
