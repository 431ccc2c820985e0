package egress

import (
	"context"
	"errors"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/transport"
)

// Ping asks a server whether it is there, on the session that it is watched by. Whatever it answers, it is.
func (p *Pool) Ping(ctx context.Context, name string) error {
	return p.settled(ctx, name, func(s *server) error {
		session, err := s.ready(ctx)
		if err != nil {
			return err
		}
		method := mcp.MethodPing
		if session.Revision().Stateless {
			method = mcp.MethodDiscover
		}
		a, err := session.Call(ctx, transport.Request{Method: method, Params: []byte("{}")}, nil)
		if err == nil {
			a.Release()
		}
		return err
	})
}

// errNoSession is in the errors that say that a server gives no session for a client of its own.
var errNoSession = errors.New("there is no session")

// Unsent reports whether the error of a call says that no server has begun with it.
func Unsent(err error) bool {
	if e, ok := errors.AsType[*transport.LostError](err); ok {
		return !e.Sent
	}
	e := mcp.AsError(err)
	return errors.Is(err, ErrUnavailable) || errors.Is(err, errNoSession) || e != nil && e.Raw == nil && e.Reason == mcp.Unavailable
}
