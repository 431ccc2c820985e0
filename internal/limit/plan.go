package limit

import (
	"maps"
	"slices"
)

// A plan is Settings made ready. Its buckets are those of the plan before, where there were some of the same name.
type plan struct {
	Settings
	free    bool
	keys    map[string]*named
	tools   []*named
	servers map[string]*named
}

// A named is the bucket of a key with a rule of its own, of a tool's name or pattern, or of a server.
type named struct {
	name   string
	rule   Rule
	bucket *bucket
}

func newPlan(s Settings, before *plan) *plan {
	if before == nil {
		before = &plan{}
	}
	p := &plan{Settings: s, keys: each(s.Keys, before.keys), servers: each(s.Servers, before.servers)}
	p.Key = ready(p.Key)
	tools := each(s.Tools, before.byTool())
	for _, name := range slices.Sorted(maps.Keys(tools)) {
		p.tools = append(p.tools, tools[name])
	}
	p.free = p.Key.free() && len(p.keys) == 0 && len(p.tools) == 0 && len(p.servers) == 0
	return p
}

// each makes a bucket for each of the rules, or takes the one that there was of its name.
func each(rules map[string]Rule, before map[string]*named) map[string]*named {
	all := make(map[string]*named, len(rules))
	for name, rule := range rules {
		one := &named{name: name, rule: ready(rule)}
		if old := before[name]; old != nil {
			one.bucket = old.bucket
		} else {
			one.bucket = newBucket(&one.rule)
		}
		all[name] = one
	}
	return all
}

// ready fills in the burst of a rule: what it allows in a second, and one call at least.
func ready(r Rule) Rule {
	if r.Burst == 0 || r.Rate == 0 {
		r.Burst = max(1, int(min(r.Rate, 1e9)))
	}
	return r
}

// byTool returns the buckets of tools by their names and patterns.
func (p *plan) byTool() map[string]*named {
	all := make(map[string]*named, len(p.tools))
	for _, one := range p.tools {
		all[one.name] = one
	}
	return all
}
