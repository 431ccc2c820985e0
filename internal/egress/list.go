package egress

import (
	"context"
	"fmt"
	"log/slog"
	"slices"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/transport"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// The bounds of one list of one server.
const (
	mostPages    = 1000
	mostElements = 100_000
	mostBytes    = 256 << 20
)

// everything is what a client can say of itself at most, so that a server hides nothing from it.
const everything = `{"sampling":{"tools":{},"context":{}},"elicitation":{"form":{},"url":{}},"roots":{"listChanged":true}}`

// An Audience is a kind of clients. A server may offer each something else.
type Audience uint8

// The kinds of clients: whoever comes, those of the legacy era that can be asked nothing, those of the legacy era that can, and
// those of the modern era, where lists do not depend on what the client can do. For the first a server is asked as it is watched,
// so that one of the modern era hears no legacy word before a client speaks so.
const (
	Anyone Audience = iota
	LegacyPlain
	LegacyAsking
	ModernClients
)

// List asks a server for everything that it offers to an audience, in the audience's era if the server speaks it. It waits until
// the server has been tried. A list that the server refuses to give is empty; its tools are not optional if it says that it has
// some.
func (p *Pool) List(ctx context.Context, name string, to Audience) (*mcp.Listing, error) {
	s, err := p.server(name)
	if err != nil {
		return nil, err
	}
	if err := s.begin(); err != nil {
		return nil, err
	}
	defer s.calls.Done()
	session, back, err := s.lister(ctx, to)
	if err != nil {
		return nil, err
	}
	defer back()
	l := &mcp.Listing{Revision: session.Revision(), Capabilities: session.Capabilities(), Info: session.Info()}
	l.Instructions, _ = wire.Unquote(session.Instructions())
	for _, list := range []struct {
		ability, method, member string
		into                    *[][]byte
	}{
		{"tools", mcp.MethodToolsList, "tools", &l.Tools},
		{"prompts", mcp.MethodPromptsList, "prompts", &l.Prompts},
		{"resources", mcp.MethodResources, "resources", &l.Resources},
		{"resources", mcp.MethodTemplates, "resourceTemplates", &l.Templates},
	} {
		if wire.Get(l.Capabilities, list.ability) == nil {
			continue
		}
		*list.into, err = pages(ctx, session, list.method, list.member)
		if e := mcp.AsError(err); e != nil && e.Raw != nil && list.method != mcp.MethodToolsList {
			s.log.DebugContext(ctx, "a list is refused", slog.String("method", list.method), slog.Any("error", err))
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("%s of server %q: %w", list.method, name, err)
		}
	}
	return l, nil
}

// lister returns the session to ask for lists: the home where that is of the audience's era and declares what the audience does,
// or one that is opened for the purpose. The function gives it back.
func (s *server) lister(ctx context.Context, to Audience) (*transport.Session, func(), error) {
	home, err := s.ready(ctx)
	if err != nil {
		return nil, nil, err
	}
	modern := home.Revision().Stateless
	if to == Anyone || modern == (to == ModernClients) && to != LegacyAsking || modern && s.knows(transport.Legacy) == no {
		return home, func() {}, nil
	}
	hello := transport.Hello{Info: s.pool.info, Require: transport.Legacy, Unsolicited: quietSink{s}}
	if to != LegacyPlain {
		hello.Capabilities = []byte(everything)
	}
	session, back, err := s.open(ctx, hello)
	if modern && transport.IsWrongEra(err) {
		s.learn(transport.Legacy, no)
		return home, func() {}, nil
	}
	return session, back, err
}

// open opens a session for one purpose. The function closes it.
func (s *server) open(ctx context.Context, hello transport.Hello) (*transport.Session, func(), error) {
	l := &link{server: s, hello: hello}
	s.mu.Lock()
	s.busy[l] = "" // ours
	s.mu.Unlock()
	back := func() { s.endLease("", l, false) }
	session, err := s.enter(ctx, l)
	if err != nil {
		back()
		return nil, nil, err
	}
	return session, back, nil
}

// pages reads a list to its last page.
func pages(ctx context.Context, s *transport.Session, method, member string) ([][]byte, error) {
	var all [][]byte
	params, size := []byte("{}"), 0
	for range mostPages {
		next, elements, err := page(ctx, s, transport.Request{Method: method, Params: params}, member)
		if err != nil {
			return nil, err
		}
		all = append(all, elements...)
		for _, e := range elements {
			size += len(e)
		}
		if len(all) > mostElements || size > mostBytes {
			return nil, mcp.Errorf(mcp.CodeInternal, mcp.Upstream, "the list is too long: %d elements, %d bytes", len(all), size)
		}
		if next == nil {
			return all, nil
		}
		following := slices.Concat([]byte(`{"cursor":`), next, []byte("}"))
		if slices.Equal(following, params) {
			return nil, mcp.Errorf(mcp.CodeInternal, mcp.Upstream, "a page names itself as the next one")
		}
		params = following
	}
	return nil, mcp.Errorf(mcp.CodeInternal, mcp.Upstream, "the list has more than %d pages", mostPages)
}

// page reads one page: its elements, and the cursor of the next one as JSON, nil if it is the last.
func page(ctx context.Context, s *transport.Session, r transport.Request, member string) (next []byte, elements [][]byte, err error) {
	a, err := s.Call(ctx, r, nil)
	if err != nil {
		return nil, nil, err
	}
	defer a.Release()
	if e := a.Err(s.Revision()); e != nil {
		return nil, nil, e
	}
	result := slices.Clone(a.Result())
	for e := range wire.Elements(wire.Get(result, member)) {
		elements = append(elements, e)
	}
	if cursor := wire.Get(result, "nextCursor"); len(cursor) > 0 && cursor[0] == '"' {
		next = cursor
	}
	return next, elements, nil
}
