package check

import (
	"strings"

	"github.com/sumun-mcp/sumun/trust"
)

// What a program was seen to do in a box (see trust.ProbeProcess and those that follow).

// reported yields places that a program has connected to again and again, or asked for the addresses of, when nobody asked it for anything.
func reported(s *trust.Subject, _ []*tool, say func(hit)) {
	const often = 2
	times := map[string]int{}
	for i := range s.Observations {
		o := &s.Observations[i]
		if o.Target != "" || o.Probe != trust.ProbeConnection && o.Probe != trust.ProbeName {
			continue
		}
		if times[o.Text]++; times[o.Text] == often {
			say(hit{where: trust.Place{Kind: "server"}, evidence: o.Text, message: "the program connects to somebody again and again while nobody asks it for anything"})
		}
	}
}

// stolen yields canaries that a program has touched.
func stolen(s *trust.Subject, _ []*tool, say func(hit)) {
	acted(trust.ProbeCanary, "the program reads what only a thief looks for")(s, nil, say)
}

// acted returns the check for what a program did, told once for each tool.
func acted(probe, message string) look {
	return func(s *trust.Subject, _ []*tool, say func(hit)) {
		seen := map[trust.Observation]bool{}
		for i := range s.Observations {
			o := s.Observations[i]
			if o.Probe != probe || seen[o] {
				continue
			}
			seen[o] = true
			h := hit{where: trust.Place{Kind: "server"}, evidence: o.Text, message: message}
			if o.Target != "" {
				h.where.Kind, h.where.Name, h.message = "tool", o.Target, message+" while the tool is called"
			}
			say(h)
		}
	}
}

// fought yields system calls that no server needs, which a program has tried.
func fought(s *trust.Subject, tools []*tool, say func(hit)) {
	acted(trust.ProbeRefused, "the program was refused something")(s, tools, func(h hit) {
		if kind, what, _ := strings.Cut(h.evidence, " "); kind == "syscall" {
			h.message = "the program has tried the system call " + what
			say(h)
		}
	})
}
