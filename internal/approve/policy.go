package approve

import (
	"slices"
	"time"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// Words of the policy.
const (
	byOperator = config.ByOperator
	byHost     = config.ByHost
	byEither   = config.ByEither

	destructive = "destructive"
	writes      = "write"
	fresh       = "new"
	always      = "always"
)

// A Policy says which calls wait for a person. Its zero value lets every call pass.
type Policy struct {
	rules   []config.ApprovalRule
	except  []string
	by      string
	timeout time.Duration
}

// FromConfig returns the policy of a configuration.
func FromConfig(cfg *config.Config) *Policy {
	c := &cfg.Approvals
	p := &Policy{rules: c.Rules, except: c.Except, by: c.By, timeout: c.Timeout}
	if !cfg.AutoRun {
		p.rules = append(slices.Clone(p.rules), config.ApprovalRule{When: always})
	}
	return p
}

// Ruled reports whether a rule has calls of a tool wait for a person, whatever autoRun says. The gateway makes no such calls by itself.
func Ruled(cfg *config.Config, tool string, t Target, seen func() Sight) bool {
	p := &Policy{rules: cfg.Approvals.Rules, except: cfg.Approvals.Except}
	return p.why(&mcp.Call{Method: mcp.MethodToolsCall, Name: tool}, t, seen) != ""
}

// idle reports whether every call passes.
func (p *Policy) idle() bool { return len(p.rules) == 0 }

// concerns reports whether some rule may be about calls of that name.
func (p *Policy) concerns(name string) bool {
	return !fits(p.except, name) && slices.ContainsFunc(p.rules, func(r config.ApprovalRule) bool { return about(&r, name) })
}

// why returns what has a call wait, empty if nothing does. Seen is asked only where a rule wants to know.
func (p *Policy) why(call *mcp.Call, t Target, seen func() Sight) string {
	if fits(p.except, call.Name) {
		return ""
	}
	for i := range p.rules {
		if r := &p.rules[i]; about(r, call.Name) && holds(r, call, t, seen) {
			return r.When
		}
	}
	return ""
}

func about(r *config.ApprovalRule, name string) bool { return len(r.Tools) == 0 || fits(r.Tools, name) }

func fits(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return mcp.Match(p, name) })
}

// holds reports whether a rule that is about the name of a call holds for it.
func holds(r *config.ApprovalRule, call *mcp.Call, t Target, seen func() Sight) bool {
	switch r.When {
	case destructive:
		return call.Method == mcp.MethodWrite || mayDestroy(t)
	case writes:
		return call.Method == mcp.MethodWrite || mayWrite(t)
	case fresh:
		if call.Method == mcp.MethodWrite || t.Own {
			return false
		}
		s := seen()
		return s.Changed || s.Since.IsZero() || time.Since(s.Since) < r.Within
	}
	return true // always, and whatever a configuration may come to say
}

// mayWrite reports whether a tool may change something. It is only believed that it does not where its word counts.
func mayWrite(t Target) bool {
	return !t.Trusted || string(hint(t, "readOnlyHint")) != "true"
}

// mayDestroy reports whether a tool may destroy something. A tool that does not say may (schema, "ToolAnnotations").
func mayDestroy(t Target) bool {
	return mayWrite(t) && (!t.Trusted || string(hint(t, "destructiveHint")) != "false")
}

func hint(t Target, name string) []byte { return wire.Get(wire.Get(t.Definition, "annotations"), name) }
