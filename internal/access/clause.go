package access

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/sumun-mcp/sumun/internal/condition"
	"github.com/sumun-mcp/sumun/internal/mcp"
)

// A clause is a scope with a condition: it grants what it lists, or takes it away, where that holds.
type clause struct {
	scope string
	when  *condition.Condition
	rights
}

func newClause(scope string, names []string, when *condition.Condition, roots []string) clause {
	c := clause{scope: scope, when: when}
	c.roots = roots
	c.add(scope, names)
	c.settle()
	return c
}

// kindNames are the kinds as conditions call them.
var kindNames = [...]string{mcp.Tool: "tool", mcp.Prompt: "prompt", mcp.Resource: "resource", mcp.Template: "template"}

// denies reports whether the clause takes away rather than grants.
func (c *clause) denies() bool { return c.denial != nil }

// touches reports whether the clause is about the thing: cheaper than its condition.
func (c *clause) touches(kind mcp.Kind, name string, verb mcp.Verb) bool {
	if c.denies() {
		return c.denial.denies(kind, name, verb)
	}
	return c.plainly(kind, name, verb)
}

// depends reports whether what the rights are depends on the call.
func (r *rights) depends() bool {
	return len(r.clauses) > 0 || slices.ContainsFunc(r.steps, func(s step) bool { return s.view.At != nil })
}

// A moment is rights at one call.
type moment struct {
	*rights
	in condition.Input
	// decided are the verdicts on the clauses that do not ask what the call is about: on things that have no arguments, and before
	// arguments are known.
	decided [][2]condition.Verdict
}

// at returns the view of the rights for a call. It implements mcp.View.At.
func (r *rights) at(call *mcp.Call) *mcp.View {
	m := &moment{rights: r, in: input(call), decided: make([][2]condition.Verdict, len(r.clauses))}
	v := &mcp.View{
		ID:    m.decide(),
		Allow: func(kind mcp.Kind, name string) bool { return m.allows(kind, name, mcp.Use(kind)) },
		List:  func(kind mcp.Kind, name string) bool { return m.allows(kind, name, mcp.ToList) },
		Write: func(uri string) bool { return m.allows(mcp.Resource, uri, mcp.ToWrite) },
		Deny:  m.withholds,
		Judge: m.judge,
	}
	r.offer(v, call)
	return v
}

// decide works out what can be said without knowing what the call is about, and returns the ID of what is shown; an empty one where
// what is shown of one thing is not what is shown of another.
func (m *moment) decide() string {
	id, known := patterns{m.id}, true
	for i := range m.clauses {
		c := &m.clauses[i]
		if c.when.AsksThing() {
			known = false
			continue
		}
		in := m.in
		m.decided[i][0] = c.work(&in)
		if m.decided[i][1] = m.decided[i][0]; c.when.AsksArgs() {
			in = m.in
			in.ArgsOpen = true
			m.decided[i][1] = c.work(&in)
		}
		id = append(id, strconv.Itoa(int(m.decided[i][0])), strconv.Itoa(int(m.decided[i][1])))
	}
	if !known {
		return ""
	}
	return identify(id)
}

// input is what conditions are told of a call, but for its arguments and what it is about.
func input(call *mcp.Call) condition.Input {
	in := condition.Input{Now: call.Began, Remote: call.Remote}
	if in.Now.IsZero() {
		in.Now = time.Now()
	}
	if from, err := netip.ParseAddrPort(call.Remote); err == nil {
		in.Remote = from.Addr().Unmap().WithZone("").String()
	}
	if c := call.Caller; c != nil {
		in.CallerID, in.Scopes, in.Roles, in.Claims = c.ID, c.Scopes, c.Roles, c.Claims
	}
	return in
}

// work returns the verdict on a clause. What cannot be worked out grants nothing, and denies.
func (c *clause) work(in *condition.Input) condition.Verdict {
	verdict, err := c.when.Holds(in)
	switch {
	case err == nil:
		return verdict
	case c.denial != nil:
		return condition.Yes
	}
	return condition.No
}

// verdict returns the one on clause i for a thing, before arguments are known.
func (m *moment) verdict(i int, kind mcp.Kind, name string, verb mcp.Verb) condition.Verdict {
	open := kind == mcp.Tool || kind == mcp.Prompt
	c := &m.clauses[i]
	if !c.when.AsksThing() {
		if open {
			return m.decided[i][1]
		}
		return m.decided[i][0]
	}
	in := m.in
	in.Name, in.Kind, in.Verb, in.ArgsOpen = name, kindNames[kind], verbOf(kind, verb), open
	return c.work(&in)
}

// verbOf returns the verb as conditions are told it: tools and prompts are listed where they can be invoked.
func verbOf(kind mcp.Kind, verb mcp.Verb) string {
	if kind == mcp.Tool || kind == mcp.Prompt {
		return string(mcp.ToInvoke)
	}
	return string(verb)
}

// withholds reports whether the thing is denied whatever the arguments are. It implements mcp.View.Deny.
func (m *moment) withholds(kind mcp.Kind, name string, verb mcp.Verb) bool {
	if m.denial != nil && m.denial.denies(kind, name, verb) {
		return true
	}
	for i := range m.clauses {
		if c := &m.clauses[i]; c.denies() && c.touches(kind, name, verb) && m.verdict(i, kind, name, verb) == condition.Yes {
			return true
		}
	}
	return false
}

// allows reports whether that is granted, as far as can be told without arguments.
func (m *moment) allows(kind mcp.Kind, name string, verb mcp.Verb) bool {
	if m.plainly(kind, name, verb) {
		return true
	}
	for i := range m.clauses {
		if c := &m.clauses[i]; !c.denies() && c.touches(kind, name, verb) && m.verdict(i, kind, name, verb) != condition.No {
			return true
		}
	}
	return false
}

// judge decides by the arguments of a call. It implements mcp.View.Judge.
func (m *moment) judge(call *mcp.Call) *mcp.Error {
	method, _ := mcp.MethodByName(call.Method)
	kind, name, verb := method.Kind, call.Name, mcp.ToInvoke
	in := m.in
	in.Args, in.Name, in.Kind, in.Verb = call.Member("arguments"), name, kindNames[kind], string(verb)
	allowed := m.plainly(kind, name, verb)
	for i := range m.clauses {
		c := &m.clauses[i]
		if allowed && !c.denies() || !c.touches(kind, name, verb) || c.work(&in) != condition.Yes {
			continue
		}
		if c.denies() {
			return unmet(call)
		}
		allowed = true
	}
	if allowed {
		return nil
	}
	if steps := call.Caller.View.Steps(kind, name, false); len(steps) > 0 {
		return insufficient(steps)
	}
	return unmet(call)
}

// unmet refuses a call for its arguments. It says nothing of the conditions, which may name what its caller is not to know.
func unmet(call *mcp.Call) *mcp.Error {
	return denied(mcp.Forbidden, "the scopes of this caller do not allow "+cmp.Or(call.Asked, call.Name)+" with these arguments; call it with others, or ask the gateway's owner")
}

// Here is a Middleware that puts in the place of a view which depends on the call's circumstances the one that holds for it.
func Here(next mcp.Handler) mcp.Handler {
	return mcp.HandlerFunc(func(ctx context.Context, call *mcp.Call, reply mcp.Reply) error {
		call.Settle()
		return next.Handle(ctx, call, reply)
	})
}
