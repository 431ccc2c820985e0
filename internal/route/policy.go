package route

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// A Policy says where calls go, by the names that they address. It is a value: nobody changes one that is in use.
type Policy struct {
	// Rules stand in the order of their patterns, each pattern once.
	Rules []Rule
}

// A Rule says where calls of some names go.
type Rule struct {
	// Pattern is a full name of a tool or prompt, or a URI; * stands for any characters.
	Pattern string
	// Targets are the servers among which the calls are shared out. Without any they are the replicas of the server that has the name.
	Targets []Target
	// Strategy says how; empty stands for RoundRobin.
	Strategy Strategy
	// Prefer is PreferScore for a rule whose calls go to the targets with the best score alone, as long as one of them can be used; empty for none.
	Prefer string
	// Failover are servers in the order in which they are used while no target can be.
	Failover []Target
	// Timeout is how long a call may stay silent; 0 leaves it to the server's own configuration.
	Timeout time.Duration
	// Retries is how often a call is made again elsewhere, at most.
	Retries int
}

// A Target is a server, or one replica of it, as SERVER/NUMBER.
type Target struct {
	Server string
	// Name is what the server itself calls the tool or prompt. Empty stands for the name that is called, without the prefix of
	// its server; of a name that only the policy offers, for what follows its first dot.
	Name string
	// Weight is the target's share of the calls, as compared with the others'. Of a failover target it counts for nothing.
	Weight int
}

// A Strategy says which of several targets a call goes to.
type Strategy string

// The strategies.
const (
	// RoundRobin goes through the targets in turn, each as often as its weight says.
	RoundRobin Strategy = "round-robin"
	// LeastPending takes the target with the fewest calls in flight, measured by its weight.
	LeastPending Strategy = "least-pending"
	// RandomTwo takes the less busy one of two that are drawn by their weights.
	RandomTwo Strategy = "random-two"
	// StickyRoot keeps the calls of one root at one target, as long as that can be used.
	StickyRoot Strategy = "sticky:root"
	// StickyKey keeps the calls of one key at one target, as long as that can be used.
	StickyKey Strategy = "sticky:key"
)

// Strategies are all of them, the default first.
var strategies = []Strategy{RoundRobin, LeastPending, RandomTwo, StickyRoot, StickyKey}

// PreferScore prefers targets by what the registry thinks of them.
const PreferScore = "score"

// The bounds of a policy.
const (
	mostRules      = 256
	mostTargets    = 64
	mostWeight     = 1_000_000
	mostRetries    = 5
	longestPattern = 512
	longestTimeout = 24 * time.Hour
)

// DefaultRetries is how often a call is made again elsewhere where nothing else is said.
const DefaultRetries = 2

// A Fault is one thing that is wrong with a policy.
type Fault struct {
	// Pointer leads to it in the policy (RFC 6901).
	Pointer string
	// Message says what is wrong and what to do.
	Message string
}

// Check returns what is wrong with the policy where known tells which servers and replicas there are. Faults stand in the order of
// the rules.
func (p *Policy) Check(known func(server string) bool) []Fault {
	var c checker
	if len(p.Rules) > mostRules {
		c.say("", "has %d rules; %d are the most", len(p.Rules), mostRules)
	}
	for i := range p.Rules {
		c.rule(&p.Rules[i], known)
	}
	return c.faults
}

// A checker gathers faults.
type checker struct{ faults []Fault }

func (c *checker) say(pointer, format string, args ...any) {
	c.faults = append(c.faults, Fault{pointer, fmt.Sprintf(format, args...)})
}

func (c *checker) rule(r *Rule, known func(string) bool) {
	at := "/" + escape(r.Pattern)
	if r.Pattern == "" || len(r.Pattern) > longestPattern || strings.ContainsFunc(r.Pattern, isOdd) {
		c.say(at, "is no name and no pattern: write the full name of a tool or prompt or a URI, with * for any characters")
	}
	if !slices.Contains(strategies, r.Strategy) {
		c.say(at+"/strategy", "%q is no strategy: use one of %s", r.Strategy, listed(strategies))
	}
	if r.Prefer != "" && r.Prefer != PreferScore {
		c.say(at+"/prefer", "%q is not known: use %s, or leave it out", r.Prefer, PreferScore)
	}
	if r.Timeout < 0 || r.Timeout > longestTimeout || r.Timeout > 0 && r.Timeout < time.Millisecond {
		c.say(at+"/timeout", "wants a time from 1ms to %s, or 0s for that of the server", longestTimeout)
	}
	if r.Retries < 0 || r.Retries > mostRetries {
		c.say(at+"/retries", "wants a number from 0 to %d", mostRetries)
	}
	if len(r.Targets)+len(r.Failover) > mostTargets {
		c.say(at+"/targets", "are more than %d with those of failover", mostTargets)
	}
	c.targets(r, at, known)
}

// targets looks at the targets of a rule and at those of its failover.
func (c *checker) targets(r *Rule, at string, known func(string) bool) {
	type place struct{ server, name string }
	seen := map[place]string{}
	look := func(pointer string, t *Target) {
		if !known(t.Server) {
			c.say(pointer+"/server", "there is no server %q; a replica is written SERVER/NUMBER", t.Server)
		}
		if t.Name != "" && isPattern(r.Pattern) {
			c.say(pointer+"/name", "a pattern stands for many names, which cannot all go to %q: leave it out", t.Name)
		}
		if other := seen[place{t.Server, t.Name}]; other != "" {
			c.say(pointer, "is %s again; remove one of them", other)
		}
		seen[place{t.Server, t.Name}] = pointer
	}
	for i := range r.Targets {
		t, pointer := &r.Targets[i], fmt.Sprintf("%s/targets/%d", at, i)
		look(pointer, t)
		switch {
		case t.Weight == 0:
			c.say(pointer+"/weight", "is 0, so that the target gets no calls: leave the target out, or name it under failover")
		case t.Weight < 0 || t.Weight > mostWeight:
			c.say(pointer+"/weight", "wants a number from 1 to %d", mostWeight)
		}
	}
	for i := range r.Failover {
		look(fmt.Sprintf("%s/failover/%d", at, i), &r.Failover[i])
	}
}

// isOdd reports whether no name and no URI has the character.
func isOdd(r rune) bool { return r <= ' ' || r == 0x7f || r == '�' }

// escape writes a key as a token of a JSON Pointer (RFC 6901 section 3).
func escape(key string) string {
	return strings.ReplaceAll(strings.ReplaceAll(key, "~", "~0"), "/", "~1")
}

func listed(all []Strategy) string {
	words := make([]string, len(all))
	for i, s := range all {
		words[i] = string(s)
	}
	return strings.Join(words, ", ")
}

// sorted puts the rules in the order of their patterns, and fills in what is left out everywhere.
func (p *Policy) sorted() {
	slices.SortFunc(p.Rules, func(a, b Rule) int { return strings.Compare(a.Pattern, b.Pattern) })
	for i := range p.Rules {
		p.Rules[i].Strategy = cmp.Or(p.Rules[i].Strategy, RoundRobin)
	}
}

// The policy as JSON.
type (
	jsonRule struct {
		Targets  []jsonTarget `json:"targets,omitempty"`
		Strategy Strategy     `json:"strategy"`
		Prefer   string       `json:"prefer,omitempty"`
		Failover []string     `json:"failover,omitempty"`
		Timeout  string       `json:"timeout,omitempty"`
		Retries  int          `json:"retries"`
	}
	jsonTarget struct {
		Server string `json:"server"`
		Name   string `json:"name,omitempty"`
		Weight int    `json:"weight"`
	}
)

// MarshalJSON writes the policy as Parse reads it: always in the same way, so that equal policies are equal bytes.
func (p Policy) MarshalJSON() ([]byte, error) {
	rules := make(map[string]jsonRule, len(p.Rules))
	for i := range p.Rules {
		r := &p.Rules[i]
		out := jsonRule{Strategy: r.Strategy, Prefer: r.Prefer, Retries: r.Retries}
		for _, t := range r.Targets {
			out.Targets = append(out.Targets, jsonTarget(t))
		}
		for _, t := range r.Failover {
			out.Failover = append(out.Failover, t.text())
		}
		if r.Timeout > 0 {
			out.Timeout = r.Timeout.String()
		}
		rules[r.Pattern] = out
	}
	return json.Marshal(rules)
}

// text writes a failover target: SERVER, or SERVER:NAME.
func (t *Target) text() string {
	if t.Name == "" {
		return t.Server
	}
	return t.Server + ":" + t.Name
}

// ParseTarget reads a failover target: SERVER, or SERVER:NAME.
func ParseTarget(text string) Target {
	server, name, _ := strings.Cut(text, ":")
	return Target{Server: server, Name: name}
}
