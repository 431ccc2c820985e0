package config

import (
	"fmt"
	"slices"
	"time"

	"github.com/sumun-mcp/sumun/internal/document"
)

// The values of Approvals.By.
const (
	// ByOperator has those decide who run the gate: with the scope admin:gate, on the terminal, or in their own host.
	ByOperator = "operator"
	// ByHost has the person in front of the host decide on the calls of that host.
	ByHost = "host"
	// ByEither has whoever of the two is first.
	ByEither = "either"
)

// Approvals says which calls wait for a person, who that is, and for how long. With autoRun: false every call of a tool waits, whatever the
// rules say.
type Approvals struct {
	// Rules name the calls that wait. One that fits any of them does.
	Rules []ApprovalRule `yaml:"rules" list:"true"`
	// Except are tools, and URIs of resources that are written, that never wait: full names and patterns (with *).
	Except []string `yaml:"except" form:"word stars"`
	// By says who decides: operator, those with the scope admin:gate, on the terminal or in their own host; host, the person in front of the
	// host that makes the call, if it can ask; either, whoever of the two is first.
	By string `yaml:"by" enum:"operator host either"`
	// Timeout is how long a call waits. What nobody has allowed by then is refused.
	Timeout time.Duration `yaml:"timeout" min:"1000000000" max:"3600000000000"`
}

// An ApprovalRule names calls that wait for a person. A text in its place is its when.
type ApprovalRule struct {
	// When says which calls: destructive, of tools that may destroy something, and writes of resources; write, of tools that may change
	// anything, and writes of resources; new, of tools that are known for less than within, or are not any more what they were; always, all.
	// What a tool says of itself is believed of the gateway's own tools and of servers with trust.annotations: every tool of another counts
	// as one that may destroy something.
	When string `yaml:"when" enum:"destructive write new always"`
	// Tools are the tools that the rule is about, and the URIs of resources that are written: full names and patterns (with *). When absent
	// it is about all.
	Tools []string `yaml:"tools" form:"word stars"`
	// Within is how long a tool is new. For when: new.
	Within time.Duration `yaml:"within" min:"1000000000" max:"31536000000000000"`

	_ struct{} `short:"when"`
}

// newWithin is how long a tool is new where a rule does not say.
const newWithin = 7 * 24 * time.Hour

// defaultApprovals is what holds for calls that wait, if any do.
func defaultApprovals() Approvals { return Approvals{By: ByOperator, Timeout: 5 * time.Minute} }

// Asks reports whether any call waits for a person.
func (c *Config) Asks() bool { return !c.AutoRun || len(c.Approvals.Rules) > 0 }

// finishApprovals fills in how long tools are new.
func (l *loader) finishApprovals() {
	for i := range l.config.Approvals.Rules {
		if r := &l.config.Approvals.Rules[i]; r.When == "new" && r.Within == 0 {
			r.Within = newWithin
		}
	}
}

// checkApprovals wants rules that say when they hold.
func (l *loader) checkApprovals() {
	a := &l.config.Approvals
	for i, r := range a.Rules {
		at := fmt.Sprintf("approvals.rules[%d]", i)
		if within := document.Join(at, "within"); r.When != "new" && l.Written(within) && l.OK(at, document.Join(at, "when")) {
			l.WrongKey(within, "says how long a tool is new", "write when: new, or remove it")
		}
		if !l.Written(document.Join(at, "when")) && r.When == "" && l.OK(at) {
			l.Missing(at, "when", "write destructive, write, new or always")
		}
	}
	if slices.Contains(a.Except, everything) && l.OK("approvals.except") && l.config.Asks() {
		l.config.Warnings = append(l.config.Warnings, "approvals.except has *, so no call waits for a person")
	}
}
