package gateway

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"

	"github.com/sumun-mcp/sumun/internal/credential"
	"github.com/sumun-mcp/sumun/internal/ingress"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/oauth"
	"github.com/sumun-mcp/sumun/internal/pipe"
	"github.com/sumun-mcp/sumun/internal/port"
	"github.com/sumun-mcp/sumun/internal/signboard"
)

// newDoor makes the HTTP door of a setup.
func (g *Gateway) newDoor(s *setup) http.Handler {
	door := ingress.NewHTTP(ingress.HTTPOptions{
		Handler: s.handler, Authenticate: s.access.Authenticate, Sessions: g.sessions, Parking: g.parking, ServerInfo: g.info, Lines: g.lines,
		Hosts: port.Hosts(s.config.PublicURL, s.config.Listen), Origins: s.config.Origins, BodyBytes: int64(s.config.Limits.BodyBytes), Log: g.log,
	})
	mux := http.NewServeMux()
	mux.Handle("POST /{$}", door)
	mux.Handle(ingress.PathEvents, door)
	mux.Handle(ingress.PathMessages, door)
	mux.Handle(oauth.WellKnown, s.access.Metadata())
	mux.Handle(oauth.WellKnown+"/", s.access.Metadata())
	if g.credentials != nil {
		for _, path := range credential.Paths() {
			mux.Handle(path, s.asked(door, g.credentials))
		}
	}
	for _, path := range signboard.Paths() {
		mux.Handle("GET "+path, g.papers(s, door))
	}
	g.serveRegistry(mux, s, door)
	mux.HandleFunc("GET /healthz", g.healthy)
	mux.HandleFunc("GET /readyz", g.ready)
	mux.Handle("GET /metrics", g.local(s, door, g.metrics.Handler()))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/mcp" { // nearly all requests
			door.ServeHTTP(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// asked lets requests through whose Host and Origin may use the gateway.
func (s *setup) asked(door *ingress.HTTP, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !door.Allowed(r) {
			s.turnAway(w, r, http.StatusForbidden, mcp.Errorf(mcp.CodeInvalidRequest, mcp.Forbidden, "this Host or Origin may not use the gateway"))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// turnAway refuses a request that is no message. That is on record like refusals of messages.
func (s *setup) turnAway(w http.ResponseWriter, r *http.Request, status int, why *mcp.Error) {
	call := &mcp.Call{Transport: "http", Remote: r.RemoteAddr, Name: r.URL.Path, Refused: why}
	_ = s.handler.Handle(r.Context(), call, nil) // it returns why
	http.Error(w, why.Message, status)
}

// refuseHandshake puts on record that a client was not let in by the TLS handshake.
func (g *Gateway) refuseHandshake(ctx context.Context, remote, why string) {
	call := &mcp.Call{Transport: "http", Remote: remote, Refused: mcp.Errorf(mcp.CodeInvalidRequest, mcp.Unauthenticated, "the TLS handshake was refused: %s", why)}
	_ = g.setup.Load().handler.Handle(ctx, call, nil) // it returns why
}

// ServeHTTP answers a request by the configuration in force.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.setup.Load().door.ServeHTTP(w, r)
}

// healthy says that the process lives.
func (g *Gateway) healthy(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	fmt.Fprintln(w, "ok")
}

// ready says whether calls are welcome: every server has been tried, the audit
// record can be written, and the gate is not closing.
func (g *Gateway) ready(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	switch {
	case g.draining.Err() != nil:
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprintln(w, "closing")
	case g.audit != nil && g.audit.Failing():
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprintln(w, "the audit record cannot be written")
	case !g.stock.Keeper().Tried():
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprintln(w, "servers are being tried")
	default:
		fmt.Fprintln(w, "ready")
	}
}

// local lets a request through that comes from this machine itself, not by way of
// a web page or a proxy, or with a key: the instruments name tools and servers.
func (g *Gateway) local(s *setup, door *ingress.HTTP, next http.Handler) http.Handler {
	return s.asked(door, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.RemoteAddr)
		if err != nil || !port.IsLoopback(host) || forwarded(r.Header) {
			if refused := s.access.Instruments(r); refused != nil {
				w.Header().Set("WWW-Authenticate", `Bearer realm="sumun"`)
				s.turnAway(w, r, http.StatusUnauthorized, refused)
				return
			}
		}
		next.ServeHTTP(w, r)
	}))
}

// forwarded reports whether a proxy says that a request came from elsewhere.
func forwarded(h http.Header) bool { return h.Get("Forwarded") != "" || h.Get("X-Forwarded-For") != "" }

// ServePipe answers one client on a pipe: the holder of the key, or with an empty
// one the user of this machine, who has the key named local.
func (g *Gateway) ServePipe(ctx context.Context, key string, p Pipe) error {
	who := func() (*mcp.Caller, *mcp.Error) {
		s := g.setup.Load()
		if key == "" {
			return s.local, nil
		}
		return s.access.Bearer(key)
	}
	if _, err := who(); err != nil {
		return err
	}
	return pipe.ServeStdio(ctx, pipe.Stdio{In: p.In, Out: p.Out, Who: who, Workspace: p.Workspace}, g.pipeOptions())
}

// pipeOptions are what the doors have in common whose clients keep one conversation.
func (g *Gateway) pipeOptions() pipe.Options {
	return pipe.Options{
		Handler: g, Sessions: g.sessions, Parking: g.parking, ServerInfo: g.info,
		MessageBytes: func() int { return int(g.Config().Limits.BodyBytes) }, Log: g.log, Elsewhere: g.parts.Behind,
	}
}

// newLines makes the doors for lines over HTTP. They outlive a configuration.
func (g *Gateway) newLines(ctx context.Context) *pipe.Lines {
	return pipe.NewLines(context.WithoutCancel(ctx), pipe.LinesOptions{
		Options: g.pipeOptions(),
		Authenticate: func(r *http.Request) (*mcp.Caller, *mcp.Error) {
			return g.setup.Load().access.Authenticate(r)
		},
	})
}

// A Pipe is a client's two ends.
type Pipe struct {
	In  io.Reader
	Out io.Writer
	// Workspace is the URI of the directory that the client works in; empty if it is not known.
	Workspace string
}
