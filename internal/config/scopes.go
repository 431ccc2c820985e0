package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sumun-mcp/sumun/internal/condition"
	"github.com/sumun-mcp/sumun/internal/document"
)

// A Scope is what a key may use who has it. A list in its place is its names.
type Scope struct {
	// Names are names and patterns (with *) of tools, resources and prompts.
	Names []string `yaml:"names" form:"word stars"`
	// When is a condition in CEL, over args, caller, name, kind, verb, now and remote. The scope grants its names only where it holds; a
	// scope that denies takes them away only there, or where the condition cannot be worked out.
	When string `yaml:"when"`
	// StepUp shows what the scope grants to callers of OAuth that lack it, and asks them to have it granted, rather than hiding it.
	StepUp bool `yaml:"stepUp"`

	_ struct{} `short:"names"`
}

// ScopeNames returns the names of all scopes, in order.
func (c *Config) ScopeNames() []string {
	names := make([]string, 0, len(c.Scopes))
	for name := range c.Scopes {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// everything is the scope that grants all that there is.
const everything = "*"

// denies reports whether the scope of that name takes away what it lists.
func denies(scope string) bool { return strings.HasPrefix(scope, "deny:") }

// CheckScope returns why no key can be given a scope of that name, nil if one can: it stands under scopes, or is one of those that need
// not, * for all that there is and admin: for running the gate.
func (c *Config) CheckScope(name string) error {
	_, ok := c.Scopes[name]
	if ok || name == everything || strings.HasPrefix(name, "admin:") {
		return nil
	}
	return fmt.Errorf("the scope %s is not among scopes", name)
}

// Given returns what tokens and certificates may be given, one entry for each rule that gives.
func (c *Config) Given() []Claim {
	var all []Claim
	var issuers []Issuer
	if c.OAuth != nil {
		issuers = c.OAuth.Issuers
	}
	for i := range issuers {
		issuer := &issuers[i]
		all = append(all, Claim{Scopes: issuer.Scopes})
		if len(issuer.Claims) == 0 {
			all = append(all, Claim{Scopes: c.ScopeNames()})
		}
		for _, claim := range issuer.Claims {
			switch claim.As {
			case "scopes":
				claim.Scopes = c.ScopeNames()
			case "roles":
				claim.Roles = c.roleNames()
			}
			all = append(all, claim)
		}
	}
	for i := range c.TLS.Identities {
		all = append(all, Claim{Scopes: c.TLS.Identities[i].Scopes, Roles: c.TLS.Identities[i].Roles})
	}
	return all
}

// checkScopes wants names that are free, and long forms that make sense.
func (l *loader) checkScopes() {
	for _, name := range l.config.ScopeNames() {
		at := document.Join("scopes", name)
		if name == everything {
			l.WrongKey(at, "stands for all scopes", "give the scope another name")
		}
		if l.config.Scopes[name].StepUp && denies(name) {
			l.Wrong(document.Join(at, "stepUp"), "a scope that denies is none to step up to", "remove it")
		}
		if strings.HasPrefix(name, "admin:") && l.config.Scopes[name].When != "" {
			l.Wrong(document.Join(at, "when"), "a scope for running the gate holds always or not at all", "remove the condition")
		}
		l.checkCondition(document.Join(at, "when"), l.config.Scopes[name].When)
	}
}

// checkCondition wants a condition that can be worked out, and says where in it something is wrong.
func (l *loader) checkCondition(at, text string) {
	if !l.Written(at) || !l.OK(at) {
		return
	}
	_, err := condition.Compile(text)
	faults, _ := errors.AsType[condition.Faults](err)
	line, indent := l.Place(at)
	for _, f := range faults {
		l.WrongAt(line+f.Line-1, indent+f.Column, at+": "+f.Message, f.Hint)
	}
}

// checkRoles wants scopes that are there.
func (l *loader) checkRoles() {
	c := l.config
	for role, scopes := range c.Roles {
		for i, scope := range scopes {
			if err := c.CheckScope(scope); err != nil {
				l.WrongKey(fmt.Sprintf("roles.%s[%d]", role, i), err.Error(), document.Suggest(scope, c.ScopeNames()))
			}
		}
	}
}
