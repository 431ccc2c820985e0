package port

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// Bounds of a connection, and of the end of all of them.
const (
	headerTimeout = 10 * time.Second
	// requestTimeout bounds the bodies that nobody wants; the door bounds those that it reads.
	requestTimeout = time.Minute
	idleTimeout    = 2 * time.Minute
	headerBytes    = 64 << 10
	// drainTimeout is how long calls in flight may take once the server closes.
	drainTimeout = 20 * time.Second
	// cancelTimeout is how long cancelled calls may take to say so.
	cancelTimeout = 5 * time.Second
)

// A Server is what answers HTTP on a listener.
type Server struct {
	// Handler answers the requests.
	Handler http.Handler
	// Drain is called when the server begins to close: streams are to end.
	Drain func()
	// Wait waits for connections that have been taken out of the server's hands.
	Wait func(ctx context.Context) error
	// Cut is called when calls take too long to wait for them, which are cancelled
	// because of Late.
	Cut  func()
	Late error
	// Refused is told of a client that was not let in by the handshake, such as one without a certificate; nil for nobody.
	Refused func(ctx context.Context, remote, why string)
	// Log takes what goes wrong on a connection.
	Log *slog.Logger
}

// Serve answers HTTP on the listener until ctx ends. Then streams end, calls in
// flight are finished within a bound and cancelled after it, and Serve returns.
func (s Server) Serve(ctx context.Context, listener net.Listener) error {
	base, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancel(nil)
	server := &http.Server{
		Handler: s.Handler, ReadHeaderTimeout: headerTimeout, ReadTimeout: requestTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: headerBytes,
		BaseContext: func(net.Listener) context.Context { return base }, ConnContext: withPeer,
		ErrorLog: slog.NewLogLogger(&handshakes{s.Log.Handler(), s.Refused}, slog.LevelDebug),
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
	s.Drain()
	return s.shutDown(base, server, cancel)
}

// shutDown ends the server: first by waiting, then by cancelling, then by force.
func (s Server) shutDown(ctx context.Context, server *http.Server, cancel context.CancelCauseFunc) error {
	waiting, stop := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer stop()
	if s.wait(waiting, server) == nil {
		return nil
	}
	s.Log.WarnContext(ctx, "calls are still in flight and are cancelled")
	cancel(s.Late)
	s.Cut()
	cancelling, stop := context.WithTimeout(context.WithoutCancel(ctx), cancelTimeout)
	defer stop()
	if s.wait(cancelling, server) != nil {
		return errors.Join(errors.New("calls did not end in time"), server.Close())
	}
	return nil
}

// wait waits until nothing is left to answer.
func (s Server) wait(ctx context.Context, server *http.Server) error {
	return errors.Join(server.Shutdown(ctx), s.Wait(ctx))
}
