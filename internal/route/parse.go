package route

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"time"
)

// Parse reads a policy: a JSON object of rules by their patterns. It looks at its form only; Check does the rest. What is wrong is
// told with where it stands, and nothing is left out silently.
func Parse(data []byte) (Policy, []Fault) {
	var p parser
	policy := Policy{Rules: []Rule{}}
	for pattern, raw := range p.object("", data) {
		policy.Rules = append(policy.Rules, p.rule(pattern, raw))
	}
	policy.sorted()
	slices.SortStableFunc(p.faults, func(a, b Fault) int { return bytes.Compare([]byte(a.Pointer), []byte(b.Pointer)) })
	return policy, p.faults
}

// A parser reads JSON values and gathers what is wrong with them.
type parser struct{ checker }

func (p *parser) rule(pattern string, data []byte) Rule {
	r, at := Rule{Pattern: pattern, Retries: DefaultRetries}, "/"+escape(pattern)
	members := p.object(at, data)
	for _, name := range slices.Sorted(maps.Keys(members)) {
		raw, here := members[name], at+"/"+escape(name)
		switch name {
		case "targets":
			r.Targets = p.targets(here, raw)
		case "strategy":
			r.Strategy = Strategy(p.text(here, raw))
		case "prefer":
			r.Prefer = p.text(here, raw)
		case "failover":
			for i, one := range p.list(here, raw) {
				r.Failover = append(r.Failover, p.spare(fmt.Sprintf("%s/%d", here, i), one))
			}
		case "timeout":
			r.Timeout = p.duration(here, raw)
		case "retries":
			r.Retries = p.number(here, raw)
		default:
			p.say(here, "is not known: a rule has targets, strategy, prefer, failover, timeout and retries")
		}
	}
	return r
}

// targets reads a list of targets, or an object of them by their names, which are those of their servers unless they say another.
func (p *parser) targets(at string, data []byte) []Target {
	if !startsWith(data, '{') {
		all := p.list(at, data)
		targets := make([]Target, 0, len(all))
		for i, raw := range all {
			targets = append(targets, p.target(fmt.Sprintf("%s/%d", at, i), "", raw))
		}
		return targets
	}
	members := p.object(at, data)
	var targets []Target
	for _, name := range slices.Sorted(maps.Keys(members)) {
		targets = append(targets, p.target(at+"/"+escape(name), name, members[name]))
	}
	return targets
}

func (p *parser) target(at, server string, data []byte) Target {
	t := Target{Server: server, Weight: 1}
	members := p.object(at, data)
	for _, name := range slices.Sorted(maps.Keys(members)) {
		raw, here := members[name], at+"/"+escape(name)
		switch name {
		case "server":
			t.Server = p.text(here, raw)
		case "name":
			t.Name = p.text(here, raw)
		case "weight":
			t.Weight = p.number(here, raw)
		default:
			p.say(here, "is not known: a target has server, name and weight")
		}
	}
	return t
}

// spare reads a failover target: a text, or an object as targets are.
func (p *parser) spare(at string, data []byte) Target {
	if startsWith(data, '"') {
		return ParseTarget(p.text(at, data))
	}
	t := p.target(at, "", data)
	t.Weight = 0
	return t
}

func startsWith(data []byte, c byte) bool { return bytes.HasPrefix(bytes.TrimSpace(data), []byte{c}) }

// object returns the members of an object, none where it is something else.
func (p *parser) object(at string, data []byte) map[string]json.RawMessage {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(data, &members); err != nil || members == nil {
		p.say(at, "must be an object")
	}
	return members
}

func (p *parser) list(at string, data []byte) []json.RawMessage {
	var all []json.RawMessage
	if err := json.Unmarshal(data, &all); err != nil || all == nil {
		p.say(at, "must be an array")
	}
	return all
}

func (p *parser) text(at string, data []byte) string {
	var s *string
	if err := json.Unmarshal(data, &s); err != nil || s == nil {
		p.say(at, "must be a string")
		return ""
	}
	return *s
}

// number reads an integer, however JSON spells it: 2, 2.0, 2e0.
func (p *parser) number(at string, data []byte) int {
	f, err := strconv.ParseFloat(string(data), 64)
	if err != nil || f != math.Trunc(f) || math.Abs(f) > math.MaxInt32 {
		p.say(at, "must be a whole number")
		return 1
	}
	return int(f)
}

func (p *parser) duration(at string, data []byte) time.Duration {
	text := p.text(at, data)
	d, err := time.ParseDuration(text)
	if err != nil && text != "" {
		p.say(at, "must be a time such as 20s or 500ms")
	}
	return d
}
