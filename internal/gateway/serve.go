package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/sumun-mcp/sumun/internal/mcp"
)

// Bounds of a connection, and of the end of all of them.
const (
	headerTimeout = 10 * time.Second
	// requestTimeout bounds the bodies that nobody wants; the door bounds those that it reads.
	requestTimeout = time.Minute
	idleTimeout    = 2 * time.Minute
	headerBytes    = 64 << 10
	// drainTimeout is how long calls in flight may take once the gate closes.
	drainTimeout = 20 * time.Second
	// cancelTimeout is how long cancelled calls may take to say so.
	cancelTimeout = 5 * time.Second
)

// Serve answers HTTP on the listener until ctx ends. Then streams end, calls in
// flight are finished within a bound and cancelled after it, and Serve returns.
func (g *Gateway) Serve(ctx context.Context, listener net.Listener) error {
	base, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancel(nil)
	server := &http.Server{
		Handler: g, ReadHeaderTimeout: headerTimeout, ReadTimeout: requestTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: headerBytes,
		BaseContext: func(net.Listener) context.Context { return base },
		ErrorLog:    slog.NewLogLogger(g.log.Handler(), slog.LevelDebug),
	}
	var serving sync.WaitGroup
	failed := make(chan error, 1)
	serving.Go(func() { failed <- server.Serve(listener) })
	defer serving.Wait()
	select {
	case err := <-failed:
		return fmt.Errorf("serving %s: %w", listener.Addr(), err)
	case <-ctx.Done():
	}
	g.drain()
	g.lines.Drain()
	return g.shutDown(base, server, cancel)
}

// shutDown ends the server: first by waiting, then by cancelling, then by force.
func (g *Gateway) shutDown(ctx context.Context, server *http.Server, cancel context.CancelCauseFunc) error {
	waiting, stop := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer stop()
	if g.quiet(waiting, server) == nil {
		return nil
	}
	g.log.WarnContext(ctx, "calls are still in flight and are cancelled")
	cancel(mcp.Errorf(mcp.CodeInternal, mcp.Unavailable, "the gateway is closing, and the call took too long to wait for it"))
	g.sessions.Close()
	cancelling, stop := context.WithTimeout(context.WithoutCancel(ctx), cancelTimeout)
	defer stop()
	if g.quiet(cancelling, server) != nil {
		return errors.Join(errors.New("calls did not end in time"), server.Close())
	}
	return nil
}

// quiet waits until the server and the lines, of which the server does not know, have
// nothing to answer any more.
func (g *Gateway) quiet(ctx context.Context, server *http.Server) error {
	return errors.Join(server.Shutdown(ctx), g.lines.Wait(ctx))
}
