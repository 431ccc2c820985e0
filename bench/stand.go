package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/sumun-mcp/sumun/bench/load"
)

// A stand is one set of processes for one shape: E, and in front of it those of B, C and S that are to be measured.
type stand struct {
	shape   load.Shape
	targets []*target
	started []*process // also E where it is not to be measured
}

// A target is one process under load.
type target struct {
	*process
	script load.Script
	probe  memory // what one reading of the process's memory allocates itself
}

// openStand starts the processes of a shape, E with so many tools. The caller closes the stand.
func (b *bench) openStand(ctx context.Context, sh load.Shape, tools int) (*stand, error) {
	s := &stand{shape: sh}
	era := "legacy"
	if sh.Modern {
		era = "modern"
	}
	e, err := startYardstick(ctx, childConfig{kind: "E", shape: sh, era: era, tools: tools})
	if err != nil {
		return nil, err
	}
	s.started = append(s.started, e)
	for _, kind := range b.targets {
		if err := b.add(ctx, s, kind, e); err != nil {
			s.close()
			return nil, fmt.Errorf("starting %s for %s: %w", kind, sh.Name, err)
		}
	}
	return s, nil
}

// add starts one more process of the stand, in front of e (unless it is e), and learns what reading its memory costs.
func (b *bench) add(ctx context.Context, s *stand, kind string, e *process) error {
	p, key, err := e, "", error(nil)
	switch kind {
	case "E":
	case "S":
		b.gateways++
		p, key, err = startGateway(ctx, gatewayConfig{
			binary: b.binary, dir: filepath.Join(b.dir, fmt.Sprintf("gateway%d", b.gateways)),
			upstream: e.endpoint(), anonymous: b.opt.anonymous,
		})
	default:
		p, err = startYardstick(ctx, childConfig{kind: kind, shape: s.shape, upstream: e.endpoint()})
	}
	if err != nil {
		return err
	}
	if p != e {
		s.started = append(s.started, p)
	}
	t := &target{process: p, script: load.Script{Shape: s.shape, Addr: p.addr, Key: key}}
	s.targets = append(s.targets, t)
	first, err := p.memory(ctx)
	if err != nil {
		return err
	}
	second, err := p.memory(ctx)
	t.probe = memory{Mallocs: second.Mallocs - first.Mallocs, Bytes: second.Bytes - first.Bytes}
	return err
}

// close ends all processes of the stand.
func (s *stand) close() {
	for _, p := range s.started {
		p.stop()
	}
}

// cpu returns the processor time of all processes of the stand, dead or unreadable ones left out.
func (s *stand) cpu() (sum time.Duration) {
	for _, p := range s.started {
		if d, err := p.cpu(); err == nil {
			sum += d
		}
	}
	return sum
}

// A work is what the clients of a cell do.
type work struct {
	Name    string
	Tools   int // that E lists
	AtLeast int // bytes of an answer
	Conns   int // the only number of connections at which it is measured; 0: all that -conns names
	request func(load.Script, string) *load.Message
}

// callWork is a tools/call of some size.
func callWork(z load.Size) work {
	return work{
		Name: z.Name, Tools: 1, AtLeast: min(z.Bytes, 16<<10) / 2,
		request: func(s load.Script, session string) *load.Message { return s.Call(session, z) },
	}
}

// The list work: how long the list is, and how many connections ask for it.
const (
	listTools = 1000
	listConns = 16
)

// listWork is a tools/list of a thousand tools.
func listWork() work {
	return work{
		Name: "list of 1,000 tools", Tools: listTools, AtLeast: listTools * 300, Conns: listConns,
		request: func(s load.Script, session string) *load.Message { return s.List(session) },
	}
}

// works returns what is measured in a shape.
func works(sh load.Shape) []work {
	all := []work{callWork(load.Small()), callWork(load.Large())}
	if !sh.Stream { // lists are always answered with JSON
		all = append(all, listWork())
	}
	return all
}

// task returns the work as the clients of one target do it.
func (w work) task(s load.Script) load.Task {
	return load.Task{Script: s, AtLeast: w.AtLeast, Request: func(session string) *load.Message { return w.request(s, session) }}
}

// parseTargets checks a list like "E,B,C,S".
func parseTargets(list string) ([]string, error) {
	var kinds []string
	for kind := range strings.SplitSeq(list, ",") {
		kind = strings.ToUpper(strings.TrimSpace(kind))
		switch kind {
		case "E", "B", "C", "S":
			kinds = append(kinds, kind)
		default:
			return nil, fmt.Errorf("no target is called %q; there are E, B, C and S", kind)
		}
	}
	return kinds, nil
}
