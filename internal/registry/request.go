package registry

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sumun-mcp/sumun/internal/config/belief"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
	"github.com/sumun-mcp/sumun/trust"
)

// A Request asks for servers of the registry, and changes the list of trusted ones before (mcp.trust.registry).
type Request struct {
	Filter Filter `json:"filter,omitzero"`
	// Add and Remove are done together, or not at all.
	Add    []Addition `json:"add,omitempty"`
	Remove []Removal  `json:"remove,omitempty"`
	// IfRevision is the revision of the list that the change is to follow; nil is any.
	IfRevision *int64 `json:"ifRevision,omitempty"`
}

// Changes reports whether the request changes the list.
func (q *Request) Changes() bool { return len(q.Add)+len(q.Remove) > 0 }

// A Filter says which servers are told of. The zero Filter takes all.
type Filter struct {
	// Name is a name or a pattern with *, a target, or an id.
	Name string `json:"name,omitempty"`
	// Tier is the tier that a server has to have, Score the least score, Tool the name of a tool that it has to have, as it calls that.
	Tier  *trust.Tier `json:"tier,omitempty"`
	Score int         `json:"score,omitempty"`
	Tool  string      `json:"tool,omitempty"`
	// Listed takes only those that somebody has added, and that mcp.yaml names.
	Listed bool `json:"listed,omitempty"`
	// History tells the history of each server too.
	History bool `json:"history,omitempty"`
}

// An Addition is a server that is to be on the list: one of mcp.yaml, by its name there; or one at a URL; or a command.
type Addition struct {
	Server  string            `json:"server,omitempty"`
	URL     string            `json:"url,omitempty"`
	Command string            `json:"command,omitempty"`
	Args    []string          `json:"args,omitempty"`
	Env     map[string]string `json:"env,omitempty"`
	// Dir is where the command would run, for relative files in it.
	Dir string `json:"dir,omitempty"`
	// Name is what the operator calls it, Why for what reason it is trusted, Signer the id of a key that has to have signed it.
	Name   string `json:"name,omitempty"`
	Why    string `json:"why,omitempty"`
	Signer string `json:"signer,omitempty"`
}

// A Removal is a server that is not to be on the list any more.
type Removal struct {
	// Server is its name, its target, or its id.
	Server string `json:"server"`
	// Forget removes all that is known of it, its history too.
	Forget bool   `json:"forget,omitempty"`
	Why    string `json:"why,omitempty"`
}

// UnmarshalJSON reads a removal; a text is its server.
func (m *Removal) UnmarshalJSON(data []byte) error {
	if bytes.HasPrefix(data, []byte(`"`)) {
		return json.Unmarshal(data, &m.Server)
	}
	type plain Removal
	return strict(data, (*plain)(m))
}

// strict reads JSON without members that are not known.
func strict(data []byte, to any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	return d.Decode(to)
}

// Shown is a server as it is told of.
type Shown struct {
	Entry
	trust.Verdict

	// Basis says on what our own part of the verdict rests: scan, gateway or address. Judged is when that was.
	Basis  string    `json:"basis"`
	Judged time.Time `json:"judged,omitzero"`
	// Allowed says that it is on the list of trusted servers, which trust.registry is part of.
	Allowed bool    `json:"allowed"`
	History []Event `json:"history,omitempty"`

	Scanned *struct{} `json:"scanned,omitempty"` // in place of the entry's own
	Known   *struct{} `json:"known,omitempty"`
}

// An Answer is what a Request is answered with: the servers, the best first, and the revision of the list.
type Answer struct {
	Revision int64   `json:"revision"`
	Outside  string  `json:"outside,omitempty"`
	Servers  []Shown `json:"servers"`
	Feeds    []Told  `json:"feeds,omitempty"`
}

// Told is a feed as it is told of.
type Told struct {
	Source  string    `json:"source"`
	Issuer  string    `json:"issuer"`
	Issue   int64     `json:"issue"`
	Expires time.Time `json:"expires"`
	Weight  int       `json:"weight"`
	Servers int       `json:"servers"`
	Keys    []string  `json:"keys"`
}

// Parse reads the parameters of mcp.trust.registry. The error is an *mcp.Error that names the member.
func Parse(call *mcp.Call) (*Request, error) {
	q := &Request{}
	for _, one := range []struct {
		name string
		to   any
	}{{"filter", &q.Filter}, {"add", &q.Add}, {"remove", &q.Remove}, {"ifRevision", &q.IfRevision}} {
		text := call.Member(one.name)
		if text == nil {
			continue
		}
		if (one.name == "add" || one.name == "remove") && !bytes.HasPrefix(text, []byte("[")) { // a single one
			text = slices.Concat([]byte("["), text, []byte("]"))
		}
		if err := strict(text, one.to); err != nil {
			return nil, invalid("/"+one.name, "cannot be read: %v", strings.TrimPrefix(err.Error(), "json: "))
		}
	}
	for key := range wire.Members(call.Params()) {
		if !slices.ContainsFunc([]string{"filter", "add", "remove", "ifRevision", "context", "_meta"}, func(name string) bool { return wire.KeyEqual(key, name) }) {
			return nil, invalid("/"+string(key), "is not known: there are filter, add, remove and ifRevision")
		}
	}
	return q, nil
}

func invalid(pointer, format string, args ...any) *mcp.Error {
	e := mcp.Errorf(mcp.CodeInvalidParams, mcp.InvalidArguments, "params"+pointer+" "+format, args...)
	e.Data = append(wire.AppendQuote([]byte(`{"pointers":[`), pointer), "]}"...)
	return e
}

// Do does what a request says, for somebody, and answers it. The error is an *mcp.Error where the request is to blame.
func (r *Registry) Do(ctx context.Context, by string, q *Request) (*Answer, error) {
	if q.Changes() || q.IfRevision != nil {
		if err := r.decide(ctx, by, q); err != nil {
			return nil, told(err)
		}
	}
	return r.list(ctx, &q.Filter)
}

// told makes an error one that the wire may see, where the request is to blame.
func told(err error) error {
	conflict, isConflict := errors.AsType[*ConflictError](err)
	switch {
	case isConflict:
		e := mcp.Errorf(mcp.CodeInternal, mcp.Conflict, "%v", conflict)
		e.Data = append(wire.AppendInt([]byte(`{"revision":`), conflict.Revision), '}')
		return e
	case errors.Is(err, ErrUnknown):
		return mcp.Errorf(mcp.CodeInvalidParams, mcp.NotFound, "%v", err)
	case errors.Is(err, ErrFull):
		return mcp.Errorf(mcp.CodeInvalidParams, mcp.InvalidArguments, "%v", err)
	}
	return err
}

// decide changes the list.
func (r *Registry) decide(ctx context.Context, by string, q *Request) error {
	now := time.Now().UTC().Truncate(time.Second)
	var ids []string
	added := make([][]Identity, len(q.Add))
	for i := range q.Add {
		var err error
		if added[i], err = r.meant(&q.Add[i], fmt.Sprintf("/add/%d", i)); err != nil {
			return err
		}
		for _, id := range added[i] {
			ids = append(ids, IDOf(id.Target))
		}
	}
	removed := make([][]string, len(q.Remove))
	for i := range q.Remove {
		if removed[i] = r.find(q.Remove[i].Server); len(removed[i]) == 0 {
			return fmt.Errorf("%w: %.200q", ErrUnknown, q.Remove[i].Server)
		}
		ids = append(ids, removed[i]...)
	}
	var events []Event
	err := r.change(ctx, ids, func(c *Change) error {
		if q.IfRevision != nil && *q.IfRevision != c.Revision {
			return &ConflictError{c.Revision}
		}
		for i := range q.Remove {
			for _, id := range removed[i] {
				c.remove(id, by, &q.Remove[i], now)
			}
		}
		for i := range q.Add {
			for _, id := range added[i] {
				if err := c.add(id, by, &q.Add[i], now); err != nil {
					return err
				}
			}
		}
		c.Decided, events = q.Changes(), slices.Clone(c.Events)
		return nil
	})
	for i := range events {
		if e := r.now.Load().byID[events[i].ID]; err == nil && r.Decided != nil && e != nil {
			err = r.Decided(ctx, cmp.Or(e.Name, e.Target), events[i])
		}
	}
	return err
}

// Best returns the server that a client does best to take: the first that is not malicious, and that is on the list where others are told of or
// not connected to. It is nil if there is none.
func (a *Answer) Best() *Shown {
	strict := a.Outside == belief.Warn || a.Outside == belief.Block
	for i := range a.Servers {
		if s := &a.Servers[i]; !s.Malicious && (s.Allowed || !strict) {
			return s
		}
	}
	return nil
}

// meant returns the servers that an addition means: more than one for a server with replicas.
func (r *Registry) meant(a *Addition, at string) ([]Identity, error) {
	given := 0
	for _, text := range []string{a.Server, a.URL, a.Command} {
		if text != "" {
			given++
		}
	}
	switch {
	case given != 1:
		return nil, invalid(at, "names a server of mcp.yaml, or a url, or a command: one of the three")
	case a.URL != "" && (!isURL(a.URL) || !isURL(URLTarget(a.URL)) || strings.Contains(a.URL, "*")):
		return nil, invalid(at+"/url", "is no URL of a server; patterns stand in trust.registry of mcp.yaml")
	case a.URL != "":
		return []Identity{{Name: short(a.Name), Target: URLTarget(a.URL), Transport: "http"}}, nil
	case a.Command != "":
		target := CommandTarget(Command{Path: a.Command, Args: a.Args, Env: a.Env, Dir: a.Dir})
		return []Identity{{Name: short(a.Name), Target: target, Transport: "stdio"}}, nil
	}
	if c := r.config(); c != nil {
		if s := configured(c, a.Server); s != nil {
			return identities(s), nil
		}
	}
	return nil, fmt.Errorf("%w, nor in mcp.yaml: %.200q", ErrUnknown, a.Server)
}

// find returns the ids of the servers that a text means: an id, a target, or else a name.
func (r *Registry) find(text string) []string {
	now := r.now.Load()
	for _, id := range []string{text, IDOf(TargetOf(text))} {
		if now.byID[id] != nil {
			return []string{id}
		}
	}
	meant := r.targets(text)
	var all []string
	for i := range now.Entries {
		if e := &now.Entries[i]; text != "" && (e.Name == text || meant[e.Target]) {
			all = append(all, e.ID)
		}
	}
	return all
}

// targets returns those of the server of mcp.yaml with that name.
func (r *Registry) targets(name string) map[string]bool {
	all := map[string]bool{}
	if c := r.config(); c != nil {
		if s := configured(c, name); s != nil {
			for _, id := range identities(s) {
				all[id.Target] = true
			}
		}
	}
	return all
}

// add puts a server on the list.
func (c *Change) add(id Identity, by string, a *Addition, now time.Time) error {
	e, was, err := c.entry(id, now)
	if err != nil {
		return err
	}
	if was.First.Equal(now) && was.Seen.IsZero() && !was.Listed {
		e.Steady = now
	}
	e.Listed, e.By, e.Why, e.Added, e.Signer = true, by, short(a.Why), now, strings.ReplaceAll(short(a.Signer), " ", "")
	if id.Name != "" {
		e.Name = id.Name
	}
	event := e.event(wasAdded, now)
	event.By, event.Why = by, e.Why
	c.Events = append(c.Events, event)
	return nil
}

// remove takes a server off the list.
func (c *Change) remove(id, by string, m *Removal, now time.Time) {
	e := c.Entries[id]
	switch {
	case e == nil: // somebody was faster
	case m.Forget:
		c.Entries[id] = nil
	case e.Listed:
		e.Listed, e.By, e.Why, e.Added, e.Signer = false, "", "", time.Time{}, ""
		event := e.event(wasRemoved, now)
		event.By, event.Why = by, short(m.Why)
		c.Events = append(c.Events, event)
	}
}

// list returns the servers that a filter takes, the best first.
func (r *Registry) list(ctx context.Context, f *Filter) (*Answer, error) {
	now := r.now.Load()
	a := &Answer{Revision: now.Revision, Servers: []Shown{}}
	var listed []string
	if c := r.config(); c != nil {
		a.Outside, listed = c.Trust.Outside, c.Trust.Registry
	}
	meant := r.targets(f.Name)
	for i := range now.Entries {
		e := &now.Entries[i]
		s := Shown{Entry: *e, Verdict: r.verdict(e), Basis: e.basis()}
		s.Allowed = e.Listed && (e.Signer == "" || slices.Contains(e.Signers, e.Signer)) || Allowed(listed, e.identity())
		if j := cmp.Or(e.Scanned, e.Known); j != nil {
			s.Judged = j.At
		}
		if !f.takes(&s, meant[e.Target]) {
			continue
		}
		if f.History {
			var err error
			if s.History, err = r.Store.RegistryHistory(ctx, e.ID); err != nil {
				return nil, err
			}
		}
		a.Servers = append(a.Servers, s)
	}
	slices.SortFunc(a.Servers, func(x, y Shown) int {
		return cmp.Or(cmp.Compare(y.Score, x.Score), cmp.Compare(x.Name, y.Name), cmp.Compare(x.Target, y.Target))
	})
	a.Feeds = r.feeds(now)
	return a, nil
}

// takes reports whether a filter takes a server; named says that mcp.yaml has it under that name.
func (f *Filter) takes(s *Shown, named bool) bool {
	switch {
	case f.Name != "" && !named && s.ID != f.Name && s.Target != TargetOf(f.Name) && !mcp.Match(f.Name, s.Name),
		f.Tier != nil && s.Tier != *f.Tier,
		s.Score < f.Score,
		f.Listed && !s.Allowed:
		return false
	case f.Tool != "":
		_, has := slices.BinarySearch(s.Tools, f.Tool)
		return has
	}
	return true
}

// feeds returns the feeds that are heeded.
func (r *Registry) feeds(now *state) []Told {
	var all []Told
	for i := range now.Feeds {
		t := &now.Feeds[i]
		all = append(all, Told{
			Source: t.Source, Issuer: t.Feed.Issuer, Issue: t.Feed.Issue, Expires: t.Feed.Expires, Weight: r.weight(t, time.Now()), Servers: len(t.Feed.Servers), Keys: t.Keys,
		})
	}
	slices.SortFunc(all, func(a, b Told) int { return cmp.Compare(a.Source, b.Source) })
	return all
}

// Handle answers mcp.trust.registry. Who may read and change is decided before.
func (r *Registry) Handle(ctx context.Context, call *mcp.Call, q *Request, reply mcp.Reply) error {
	a, err := r.Do(ctx, call.Caller.ID, q)
	if err != nil {
		return err
	}
	value, err := json.Marshal(a)
	if err != nil {
		return fmt.Errorf("telling of the registry: %w", err)
	}
	return reply.Done(ctx, mcp.Own(value))
}
