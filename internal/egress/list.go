package egress

import (
	"context"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/listing"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/transport"
)

// everything is what a client can say of itself at most, so that a server hides nothing from it.
const everything = `{"sampling":{"tools":{},"context":{}},"elicitation":{"form":{},"url":{}},"roots":{"listChanged":true}}`

// List asks a server for everything that it offers to an audience, in the audience's era if the server speaks it. It waits until
// the server has been tried. Of a server where each caller has a login of its own it is what one of them is offered, without
// resources.
func (p *Pool) List(ctx context.Context, name string, to mcp.Audience) (*mcp.Listing, error) {
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
	l, err := listing.Read(ctx, session, name, s.log)
	if err != nil {
		return nil, err
	}
	if s.config.Credentials == config.PerCaller {
		l.Resources = nil // they may belong to the one whose login the lists are asked for with
	}
	l.Version = s.version
	return l, nil
}

// lister returns the session to ask for lists: the home where that is of the audience's era and declares what the audience does,
// or one that is opened for the purpose. The function gives it back.
func (s *server) lister(ctx context.Context, to mcp.Audience) (*transport.Session, func(), error) {
	home, err := s.ready(ctx)
	if err != nil {
		return nil, nil, err
	}
	modern := home.Revision().Stateless
	if to == mcp.Anyone || modern == (to == mcp.ModernClients) && to != mcp.LegacyAsking || modern && s.knows(transport.Legacy) == no {
		return home, func() {}, nil
	}
	hello := transport.Hello{Info: s.pool.info, Require: transport.Legacy, Unsolicited: quietSink{s}}
	if to != mcp.LegacyPlain {
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
