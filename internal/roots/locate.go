package roots

import (
	"context"
	"sync"
	"time"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// askTimeout is how long a client may take to say what its workspace is.
const askTimeout = 10 * time.Second

// A spot is the root that a call belongs to, and where in it.
type spot struct {
	place

	tenant *tenant
	// named says that the call names the root itself: then it must be there.
	named bool
}

// A workspace is what is known of the workspace of a session.
type workspace struct {
	mu sync.Mutex
	// known says that the client was asked, and uri what it said; empty if it has none.
	known bool
	uri   string
}

// placeOf reads what a call says of its context, if it says something.
func placeOf(call *mcp.Call) (place, error) {
	if call.Dialect != "" || call.Context != nil {
		said := call.Context
		if said == nil {
			said = call.Member("context")
		}
		if said != nil {
			return readPlace(said, "/context", false)
		}
	}
	if raw := call.Meta(mcp.MetaContext); raw != nil {
		return readPlace(raw, below("/_meta", mcp.MetaContext), true)
	}
	return place{}, nil
}

// locate finds out which root a call belongs to: the one that it names; that of the workspace that it names, that its
// client tells when it is asked, or that its transport tells; else the caller's default.
func (x *Roots) locate(ctx context.Context, call *mcp.Call, reply mcp.Reply, p place) (spot, error) {
	s := spot{place: p, tenant: x.tenant(call.Caller.ID, true), named: p.id != ""}
	if s.named {
		return s, nil
	}
	if s.uri == "" {
		var err error
		if s.uri, err = x.ask(ctx, call, reply); err != nil {
			return s, err
		}
	}
	if s.uri == "" {
		s.uri = told(call)
	}
	s.id = defaultID
	if s.uri != "" {
		s.id = derivedID(call.Caller.ID, s.uri)
	}
	return s, nil
}

// told returns the workspace that the transport tells of a call.
func told(call *mcp.Call) string {
	if !isAddress(call.Workspace) {
		return ""
	}
	return call.Workspace
}

// hasRoots reports whether the client of a session can be asked for its roots.
func hasRoots(call *mcp.Call) bool {
	return call.Session != nil && wire.Get(call.Capabilities, "roots") != nil
}

// ask returns the first root of the client of a session, which is asked once, and again when it says that its roots
// have changed. A client that does not answer has none.
func (x *Roots) ask(ctx context.Context, call *mcp.Call, reply mcp.Reply) (string, error) {
	if !hasRoots(call) {
		return "", nil
	}
	value, _ := x.sessions.LoadOrStore(call.Session.ID, &workspace{})
	w := value.(*workspace) //nolint:errcheck // the map holds nothing else
	w.mu.Lock()
	known, uri := w.known, w.uri
	w.mu.Unlock()
	if known {
		return uri, nil
	}
	asking, cancel := context.WithTimeoutCause(ctx, askTimeout, mcp.ErrExpired)
	defer cancel()
	answers, err := reply.Ask(asking, []mcp.Question{{Key: "roots", Method: mcp.MethodRoots}})
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	if err == nil && len(answers) == 1 && answers[0].Err == nil {
		for one := range wire.Elements(wire.Get(answers[0].Result, "roots")) {
			if uri, _ = wire.Unquote(wire.Get(one, "uri")); isText(uri, mostURIBytes) {
				break
			}
			uri = ""
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.known, w.uri = true, uri
	return uri, nil
}

// renew has the client of a session asked again.
func (x *Roots) renew(session string) { x.sessions.Delete(session) }

// root returns the root of a spot; nil where it is made by use and has nothing yet.
func (x *Roots) root(ctx context.Context, s spot) (*root, error) {
	r, err := x.find(ctx, s.tenant, s.id)
	if err != nil && !s.named && mcp.AsError(err) != nil {
		return nil, nil //nolint:nilnil,nilerr // one that was closed begins anew
	}
	return r, err
}

// open returns the root of a spot with its gate held; one that is made by use is made.
func (x *Roots) open(ctx context.Context, s spot) (*root, error) {
	for {
		r, err := x.root(ctx, s)
		if err != nil {
			return nil, err
		}
		if r == nil {
			if r, err = x.lazy(s); err != nil {
				return nil, err
			}
		}
		if err := r.lock(ctx); err != nil {
			return nil, err
		}
		if r.live.Load() {
			r.touch(x.writer, time.Now())
			return r, nil
		}
		r.unlock() // it was closed, or could not be made, meanwhile
	}
}

// lazy makes a root because it is used.
func (x *Roots) lazy(s spot) (*root, error) {
	settings, now := x.settings.Load(), time.Now()
	record := Record{URI: s.uri, Lazy: true, Created: now, Used: now, TTL: settings.TTL}
	if s.uri != "" && settings.Workspaces {
		record.Entries, record.Bytes = int64(settings.Entries), int64(settings.Bytes)
	}
	r, _, err := x.create(s.tenant, s.id, record)
	return r, err
}
