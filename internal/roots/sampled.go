package roots

import (
	"context"
	"encoding/json"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/sampling"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// mostFeedbackBytes bounds what a user says.
const mostFeedbackBytes = 200

// An update is what mcp.sampling.update says.
type update struct {
	sampling.Edit

	feedback  string
	variables map[string]json.RawMessage
}

// handleUpdate answers mcp.sampling.update with the parameters in force after it.
func (x *Roots) handleUpdate(ctx context.Context, call *mcp.Call, reply mcp.Reply) (any, error) {
	var u update
	err := members{other: u.Take, known: sampling.Names(), each: map[string]func([]byte) error{
		"_meta": ignore, "context": ignore, "feedback": text(&u.feedback, mostFeedbackBytes), "variables": variables(&u.variables),
	}}.read(call.Params(), "")
	if err != nil {
		return nil, err
	}
	p, err := placeOf(call)
	switch {
	case err != nil:
		return nil, err
	case !p.sampling.IsZero() || p.variables != nil:
		return nil, wrong("/context", "has sampling or variables, which hold for one call; here they stand beside context, not in it")
	case u.IsZero() && u.feedback == "" && u.variables == nil:
		return nil, wrong("", "says nothing to update; give parameters, feedback or variables")
	}
	if u.feedback != "" { // before anything is made because of it
		if _, err := sampling.Move(sampling.Parameters{}, sampling.Parameters{}, u.feedback); err != nil {
			return nil, wrong("/feedback", err.Error())
		}
	}
	s, err := x.locate(ctx, call, reply, p)
	if err != nil {
		return nil, err
	}
	return x.update(ctx, s, &u)
}

// update changes a node and tells of it.
func (x *Roots) update(ctx context.Context, s spot, u *update) (sampling.Parameters, error) {
	r, err := x.open(ctx, s)
	if err != nil {
		return sampling.Parameters{}, err
	}
	now, err := x.updateLocked(r, s.path, u)
	r.unlock()
	if err != nil {
		return sampling.Parameters{}, err
	}
	x.tell(s.tenant.caller, mcp.EventSamplingUpdated, struct {
		RootID   string              `json:"rootId"`
		Path     string              `json:"path,omitempty"`
		Sampling sampling.Parameters `json:"sampling"`
	}{r.id, s.path, now})
	return now, nil
}

func (x *Roots) updateLocked(r *root, path string, u *update) (sampling.Parameters, error) {
	t := r.tree.Load()
	next := t.at(path).changed(&u.Edit, u.variables)
	if u.feedback != "" {
		changed, err := t.with(path, next)
		if err != nil {
			return sampling.Parameters{}, err
		}
		if next.sampling, err = sampling.Move(next.sampling, changed.sampling(path), u.feedback); err != nil {
			return sampling.Parameters{}, wrong("/feedback", err.Error())
		}
	}
	if err := r.set(x.writer, path, next); err != nil {
		return sampling.Parameters{}, err
	}
	return r.tree.Load().sampling(path), nil
}

// A level is where a parameter that is in force comes from.
type level struct {
	// Level is call, path or root.
	Level string `json:"level"`
	// Path is the node's, where the level is path.
	Path string `json:"path,omitempty"`
}

// handleSampling answers mcp.sampling.get: the parameters in force, and where each comes from.
func (x *Roots) handleSampling(ctx context.Context, call *mcp.Call, reply mcp.Reply) (any, error) {
	err := members{each: map[string]func([]byte) error{"_meta": ignore, "context": ignore}}.read(call.Params(), "")
	if err != nil {
		return nil, err
	}
	p, err := placeOf(call)
	if err != nil {
		return nil, err
	}
	s, err := x.locate(ctx, call, reply, p)
	if err != nil {
		return nil, err
	}
	r, err := x.root(ctx, s)
	if err != nil {
		return nil, err
	}
	t := noTree
	if r != nil {
		t = r.tree.Load()
	}
	answer := struct {
		sampling.Parameters

		Levels map[string]level `json:"levels"`
	}{s.sampling.Over(t.sampling(s.path)), map[string]level{}}
	for _, name := range sampling.Names() {
		for path, n := range t.levels(s.path) {
			switch {
			case !n.sampling.Has(name):
			case path == "":
				answer.Levels[name] = level{Level: "root"}
			default:
				answer.Levels[name] = level{Level: "path", Path: path}
			}
		}
		if s.sampling.Has(name) {
			answer.Levels[name] = level{Level: "call"}
		}
	}
	return answer, nil
}

// steer changes the parameters as the result of a tool says, for what follows in its place.
func (x *Roots) steer(ctx context.Context, s spot, said []byte) error {
	var u update
	if err := (members{other: u.Take, lax: true}).read(said, below("/_meta", mcp.MetaSampling)); err != nil {
		return err
	}
	if u.IsZero() {
		return nil
	}
	_, err := x.update(ctx, s, &u)
	return err
}

// resultMeta returns a member of the _meta of a result, or nil.
func resultMeta(result *mcp.Result, name string) []byte {
	if m := result.Message; m != nil {
		return m.Bytes(m.Meta(name))
	}
	return wire.Get(wire.Get(result.Value, "_meta"), name)
}
