package stock

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/sumun-mcp/sumun/internal/access"
	"github.com/sumun-mcp/sumun/internal/alert"
	"github.com/sumun-mcp/sumun/internal/catalog"
	"github.com/sumun-mcp/sumun/internal/dialect"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/usage"
)

// Lookup finds a name, and waits for servers that have not been tried yet before
// it says that there is none.
func (st *Stock) Lookup(ctx context.Context, call *mcp.Call, kind mcp.Kind, name string) (*catalog.Entry, bool) {
	if entry, ok := st.Now(call).Lookup(kind, name); ok { //nolint:contextcheck // asking for lists goes on when the call is over
		return entry, true
	}
	return st.Settle(ctx, call).Lookup(kind, name)
}

// ServerOf returns the server that a call will go to: what is said of a server holds for
// what it does not list, and for calls that come before it has listed anything. It is empty if there is none.
func (st *Stock) ServerOf(ctx context.Context, call *mcp.Call) string {
	method, _ := mcp.MethodByName(call.Method)
	switch {
	case call.Method == mcp.MethodComplete:
		if entry, err := st.Settle(ctx, call).Ref(call.Member("ref"), call.Name); err == nil {
			return entry.Dest.Server
		}
		return ""
	case method.NameMember == "":
		return ""
	}
	if entry, ok := st.Lookup(ctx, call, method.Kind, call.Name); ok {
		return entry.Dest.Server
	}
	if method.Kind != mcp.Resource {
		return ""
	}
	only, _ := st.Now(call).OnlyResourceServer() //nolint:contextcheck // asking for lists goes on when the call is over
	return only
}

// Owners are the servers that have the resource, for one kind of clients or another.
func (st *Stock) Owners(uri string) []string {
	var servers []string
	for i := range st.shelves {
		if resource, ok := st.shelves[i].catalog.Load().Lookup(mcp.Resource, uri); ok {
			servers = append(servers, resource.Dest.Server)
		}
	}
	return servers
}

// FormOf returns the form of names that the client of a call is shown: what its key
// says, or else the configuration, or else what the client says it is.
func (st *Stock) FormOf(call *mcp.Call) mcp.Naming {
	if said := cmp.Or(call.Caller.Naming, st.Naming()); said != "" {
		return said
	}
	return catalog.NamingOf(call.ClientInfo)
}

// FullNames puts the full name in the place of the short one by which a client calls
// a tool or prompt, before anything is decided on it.
func (st *Stock) FullNames(next mcp.Handler) mcp.Handler {
	return mcp.HandlerFunc(func(ctx context.Context, call *mcp.Call, reply mcp.Reply) error {
		kind, name, ok := addressed(call)
		if !ok || call.Caller == nil {
			return next.Handle(ctx, call, reply)
		}
		full, ok := st.resolve(ctx, call, kind, name)
		switch {
		case !ok && call.Method == mcp.MethodComplete:
			return mcp.Absent(kind, name, call.Revision)
		case !ok && !st.Refused(name):
			return access.Absent(call)
		case !ok: // dispatch says so, to those who may use it
		case full != name:
			call.Asked, call.Name = name, full
		}
		return next.Handle(ctx, call, reply)
	})
}

// addressed returns the tool or prompt that a call names.
func addressed(call *mcp.Call) (kind mcp.Kind, name string, ok bool) {
	if call.Method == mcp.MethodComplete {
		kind, name, ok = mcp.ParseRef(call.Member("ref"))
		return kind, name, ok && kind == mcp.Prompt
	}
	method, _ := mcp.MethodByName(call.Method)
	return method.Kind, call.Name, method.NameMember == "name" || method.NameMember == "toolId"
}

// resolve returns the full name of what the client names. As long as some servers
// have not been tried it waits for them, within a bound, both before it says that
// there is no such thing and before it gives a name that the caller may not see:
// nobody learns the one from the other by the clock.
func (st *Stock) resolve(ctx context.Context, call *mcp.Call, kind mcp.Kind, name string) (string, bool) {
	s, naming := st.shelf(call), st.FormOf(call) //nolint:contextcheck // asking for lists goes on when the call is over
	full, ok := s.catalog.Load().Resolve(kind, name, naming)
	if ok && (s.keeper.Tried() || call.Caller.View.Sees(kind, full)) {
		return full, true
	}
	return st.Settle(ctx, call).Resolve(kind, name, naming)
}

// HeldBack refuses calls of what is held back, under whatever name, and says why to callers that might use it otherwise.
func (st *Stock) HeldBack(next mcp.Handler) mcp.Handler {
	return mcp.HandlerFunc(func(ctx context.Context, call *mcp.Call, reply mcp.Reply) error {
		if call.Caller != nil {
			if err := st.Held(ctx, call); err != nil {
				return err
			}
		}
		return next.Handle(ctx, call, reply)
	})
}

// Held returns the error for a call of what is held back, nil if it is of anything else.
func (st *Stock) Held(ctx context.Context, call *mcp.Call) error {
	method, _ := mcp.MethodByName(call.Method)
	kind, name := method.Kind, cmp.Or(call.Name, call.Asked)
	if call.Method == mcp.MethodComplete {
		kind, name, _ = mcp.ParseRef(call.Member("ref"))
	} else if method.NameMember == "" {
		return nil
	}
	s := st.shelf(call) //nolint:contextcheck // asking for lists goes on when the call is over
	e, ok := s.catalog.Load().HeldBack(kind, name)
	if !ok && !s.keeper.Tried() {
		e, ok = st.Settle(ctx, call).HeldBack(kind, name)
	}
	if !ok || !call.Caller.View.Sees(e.Kind, e.Name) && !call.Caller.View.Sees(kind, name) {
		return nil
	}
	call.Server = e.Dest.Server
	return alert.Blocks(e.Held, name)
}

// IsHeld reports whether a thing is held back from clients of some kind.
func (st *Stock) IsHeld(kind mcp.Kind, name string) bool {
	for i := range st.shelves {
		if _, held := st.shelves[i].catalog.Load().HeldBack(kind, name); held {
			return true
		}
	}
	return false
}

// AllHeld are the things of a server, or of all with an empty name, that are held back from clients of some kind, each once.
func (st *Stock) AllHeld(server string) []catalog.Thing {
	all := []catalog.Thing{}
	for i := range st.shelves {
		for t := range st.shelves[i].catalog.Load().Held() {
			if (server == "" || server == t.Server) && !slices.Contains(all, t) {
				all = append(all, t)
			}
		}
	}
	return all
}

// NamedResources makes the URI of a resource that is asked for by its name and the
// values of its parameters, before anything is decided on it.
func (st *Stock) NamedResources(next mcp.Handler) mcp.Handler {
	return mcp.HandlerFunc(func(ctx context.Context, call *mcp.Call, reply mcp.Reply) error {
		if call.Dialect != mcp.MethodReadResource || call.Asked == "" || call.Caller == nil {
			return next.Handle(ctx, call, reply)
		}
		template, ok := st.named(ctx, call)
		if !ok {
			return mcp.Absent(mcp.Resource, call.Asked, call.Revision)
		}
		uri, err := dialect.URI(template.Name, call.Meta(mcp.MetaVariables))
		if err != nil {
			return err
		}
		if e, ok := st.Lookup(ctx, call, mcp.Resource, uri); ok && e.Dest.Server != template.Dest.Server && !call.Caller.View.Sees(mcp.Resource, uri) {
			return mcp.Absent(mcp.Resource, call.Asked, call.Revision) // it is another server's, of whose resources the name says nothing
		}
		if err := dialect.Expand(call, uri); err != nil {
			return err
		}
		return next.Handle(ctx, call, reply)
	})
}

// named finds a named resource, and waits for servers that have not been tried yet
// before it says that there is none.
func (st *Stock) named(ctx context.Context, call *mcp.Call) (*catalog.Entry, bool) {
	if template, ok := st.Now(call).Named(call.Asked, call.Caller.View); ok { //nolint:contextcheck // asking for lists goes on when the call is over
		return template, true
	}
	return st.Settle(ctx, call).Named(call.Asked, call.Caller.View)
}

// Used returns what there is, for the counts of what is used.
func (st *Stock) Used() []usage.Row {
	var rows []usage.Row
	c, now := st.Plain(), time.Now()
	if c == nil {
		return nil
	}
	for kind, word := range usage.Kinds {
		for e := range c.Seen(mcp.Kind(kind), &mcp.View{Whole: true}) {
			rows = append(rows, usage.Row{Thing: usage.Thing{Kind: word, Name: e.Name}, Server: e.Dest.Server, Own: e.Dest.Name, First: now, Last: now})
		}
	}
	return rows
}
