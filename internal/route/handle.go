package route

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// Handle answers mcp.routing.get and mcp.routing.set: both with the policy in force, its revision, and how the targets are. Who may
// set is decided before.
func (r *Router) Handle(ctx context.Context, call *mcp.Call, reply mcp.Reply) error {
	switch call.Method {
	case mcp.MethodRoutingGet:
		if err := strict(call, nil); err != nil {
			return err
		}
	case mcp.MethodRoutingSet:
		if err := r.set(ctx, call); err != nil {
			return err
		}
	default:
		return mcp.Errorf(mcp.CodeMethodNotFound, mcp.Unsupported, "method %q is not known", call.Method)
	}
	value, err := json.Marshal(r.state())
	if err != nil {
		return fmt.Errorf("telling the routing policy: %w", err)
	}
	return reply.Done(ctx, mcp.Own(value))
}

// strict refuses parameters that the method does not have. What every call of the dialect may have is none of them.
func strict(call *mcp.Call, known []string) error {
	for key := range wire.Members(call.Params()) {
		if !slices.ContainsFunc(append(known, "context", "_meta"), func(name string) bool { return wire.KeyEqual(key, name) }) {
			return invalid([]Fault{{"/" + escape(string(key)), "is not known"}})
		}
	}
	return nil
}

// set puts another policy in force.
func (r *Router) set(ctx context.Context, call *mcp.Call) error {
	if err := strict(call, []string{"policy", "ifRevision"}); err != nil {
		return err
	}
	if call.Member("policy") == nil {
		return invalid([]Fault{{"/policy", "is missing: it is an object of rules by their patterns"}})
	}
	policy, faults := Parse(call.Member("policy"))
	faults = more(faults, policy.Check(r.plan.Load().knows), call.Member("policy"))
	for i := range faults {
		faults[i].Pointer = "/policy" + faults[i].Pointer
	}
	wanted, given := int64(0), call.Member("ifRevision")
	if given != nil {
		var ok bool
		if wanted, ok = wire.ParseInt(given); !ok {
			faults = append(faults, Fault{"/ifRevision", "must be a whole number: the revision that the policy is to follow"})
		}
	}
	if len(faults) > 0 {
		return invalid(faults)
	}
	r.changing.Lock()
	defer r.changing.Unlock()
	if given != nil && wanted != r.revision.Number {
		return conflict(r.revision.Number)
	}
	return r.take(ctx, policy, callerOf(call))
}

// more returns the faults of a policy's form and those of what it says that do not follow from them, each where it stands in the text.
func more(form, said []Fault, text []byte) []Fault {
	all := form
	for _, f := range said {
		f.Pointer = asWritten(f.Pointer, text)
		if !slices.ContainsFunc(form, func(o Fault) bool { return strings.HasPrefix(f.Pointer+"/", o.Pointer+"/") }) {
			all = append(all, f)
		}
	}
	return all
}

// asWritten returns the pointer to a target as it leads to it in a policy that was written with an object of targets.
func asWritten(pointer string, text []byte) string {
	steps := strings.Split(pointer, "/")
	if len(steps) < 4 || steps[2] != "targets" {
		return pointer
	}
	pattern := strings.ReplaceAll(strings.ReplaceAll(steps[1], "~1", "/"), "~0", "~")
	var targets map[string]json.RawMessage
	if json.Unmarshal(wire.Get(wire.Get(text, pattern), "targets"), &targets) != nil {
		return pointer // it was a list
	}
	if i, err := strconv.Atoi(steps[3]); err == nil && i < len(targets) {
		steps[3] = escape(slices.Sorted(maps.Keys(targets))[i])
	}
	return strings.Join(steps, "/")
}

// take puts a policy that is right in force, and keeps it. The changes are locked.
func (r *Router) take(ctx context.Context, policy Policy, by string) error {
	text, err := json.Marshal(policy)
	if err != nil {
		return fmt.Errorf("writing the routing policy: %w", err)
	}
	next := Revision{Number: r.revision.Number + 1, Policy: text, Base: r.revision.Base, By: by, At: time.Now().UTC()}
	err = r.add(ctx, &next)
	if errors.Is(err, ErrTaken) {
		return r.catchUp(ctx)
	}
	if err != nil {
		return fmt.Errorf("keeping the routing policy: %w", err)
	}
	r.revision = next
	r.replace(ctx, r.plan.Load().configured(), policy)
	r.opts.Log.InfoContext(ctx, "the routing policy was changed", slog.Int64("revision", next.Number), slog.String("by", by))
	return nil
}

// catchUp takes over the policy that another instance has set meanwhile, and tells of the conflict.
func (r *Router) catchUp(ctx context.Context) error {
	newest, err := r.newest(ctx)
	if err != nil {
		return fmt.Errorf("reading the routing policy: %w", err)
	}
	if policy, faults := Parse(newest.Policy); len(faults) == 0 {
		r.revision = newest
		r.replace(ctx, r.plan.Load().configured(), policy)
	}
	return conflict(newest.Number)
}

// configured returns the servers of a plan.
func (p *plan) configured() []Server {
	all := make([]Server, 0, len(p.servers))
	for _, s := range p.servers {
		all = append(all, s.Server)
	}
	return all
}

// conflict tells that the policy was changed meanwhile, with the revision that is in force.
func conflict(revision int64) error {
	e := mcp.Errorf(mcp.CodeInternal, mcp.Conflict,
		"the routing policy has changed meanwhile: revision %d is in force; read it with mcp.routing.get and try again", revision)
	e.Data = append(wire.AppendInt([]byte(`{"revision":`), revision), '}')
	return e
}

// invalid tells what is wrong with the parameters: in words, and where.
func invalid(faults []Fault) error {
	words, pointers := make([]string, len(faults)), make([]string, len(faults))
	for i, f := range faults {
		words[i], pointers[i] = f.String(), f.Pointer
	}
	e := mcp.Errorf(mcp.CodeInvalidParams, mcp.InvalidArguments, "params%s", strings.Join(words, "; params"))
	if list, err := json.Marshal(pointers); err == nil {
		e.Data = slices.Concat([]byte(`{"pointers":`), list, []byte("}"))
	}
	return e
}

// String returns the fault in one line.
func (f Fault) String() string { return f.Pointer + " " + f.Message }
