// Package server makes a gateway of your own program: tools, resources and prompts that are written in Go, offered with
// everything that a Sumun gateway has, to standard MCP clients of every revision and over every transport, and in the mcp.*
// dialect.
//
//	srv, err := server.New(server.Options{Addr: "127.0.0.1:8080", APIKey: os.Getenv("MCP_API_KEY")})
//	if err != nil {
//		return err
//	}
//	server.RegisterTool(srv, "weather.getCurrent", func(ctx context.Context, args Place, c *server.Context) (Weather, error) {
//		return lookUp(ctx, args.Location)
//	})
//	srv.DefineScope("invoke:weather_api", "weather.getCurrent")
//	return srv.Start(ctx)
//
// What a tool takes and answers is said by Go types: their JSON Schemas are what clients are told, and what arguments and
// answers are held against. A field is required unless its json tag says omitempty or omitzero, and the tag jsonschema
// describes it.
//
// # Errors of registering
//
// A registration that cannot be, such as a type that has no schema, or a name that is taken, is told by [Server.Start], all at
// once. So registrations need no handling of errors, and nothing panics.
//
// # Concurrency
//
// All methods may be called concurrently. Handlers are called concurrently with each other; a handler that panics ends its
// call, and no other.
package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/gateway"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/own"
)

// Options says how a Server is reached and what it keeps. The zero value listens on 127.0.0.1:8080, keeps its state in
// ./.sumun, and lets in who has the key that it writes there.
type Options struct {
	// Name is what the audit record and the log call what is registered here; "server" by default.
	Name string
	// Version is that of your program, told to clients; "0" by default.
	Version string
	// Addr is the address to listen on, host:port. Beyond loopback TLS is needed.
	Addr string
	// APIKey is a key that clients present as a bearer token. It may use what DefineScope names, or everything without that.
	APIKey string
	// Anonymous lets everyone in without a key, on loopback only.
	Anonymous bool
	// TLS encrypts what clients send.
	TLS TLS
	// PublicURL is the address under which clients reach the server, when it is not the one it listens on.
	PublicURL string
	// Origins are the browser origins that may call, as scheme://host:port.
	Origins []string
	// Dir is the directory for state: it is kept in .sumun below. By default it is the working directory.
	Dir string
	// Config is the path of an mcp.yaml that is in force too, with servers, resources, prompts and all else, and is taken over
	// again when it changes. Of the other options only Addr, Name, Version and Log may then be given: the rest stands there.
	Config string
	// Log takes what the server tells people; nil is silence.
	Log *slog.Logger
}

// TLS is how clients' connections are encrypted: by the server itself, or by a proxy in front of it.
type TLS struct {
	// CertFile and KeyFile are a certificate chain and its key, in PEM. They are read again when they change.
	CertFile, KeyFile string
	// Terminated says that a proxy in front ends TLS, or that the listener of Serve does.
	Terminated bool
}

// A Server is a gateway with your tools, resources and prompts in it. It is made by New and runs once.
type Server struct {
	options Options
	own     *sdk.Server
	log     *slog.Logger
	states  states
	running atomic.Pointer[gateway.Gateway]
	ready   chan struct{} // closed when url and err hold

	// mu guards what follows.
	mu      sync.Mutex
	begun   bool
	faults  []error
	names   map[string]bool // what is registered, as "tool name"
	prompts map[string]string
	scopes  map[string][]string
	url     string
	err     error
}

// New returns a Server without tools yet. An error tells which options do not hold.
func New(o Options) (*Server, error) {
	s := &Server{
		options: o, log: cmp.Or(o.Log, slog.New(slog.DiscardHandler)), ready: make(chan struct{}),
		names: map[string]bool{}, prompts: map[string]string{}, scopes: map[string][]string{},
	}
	if _, err := s.config(o.Addr); err != nil {
		return nil, err
	}
	s.own = sdk.NewServer(&sdk.Implementation{Name: s.name(), Version: s.version()}, &sdk.ServerOptions{
		Logger: slog.New(slog.DiscardHandler), // it logs sessions, which the gateway does itself
		Capabilities: &sdk.ServerCapabilities{
			Tools: &sdk.ToolCapabilities{ListChanged: true}, Resources: &sdk.ResourceCapabilities{ListChanged: true},
		},
		SetCacheable:              func(_ context.Context, _ sdk.Request, c *sdk.Cacheable) { c.CacheScope = "private" },
		SupportedProtocolVersions: askable(),
	})
	s.own.AddReceivingMiddleware(own.TellAbsent)
	return s, nil
}

// askable are the revisions in which a server may ask in mid-call: the gateway bridges to all others, so that handlers can
// wait for answers whatever the client speaks.
func askable() []string {
	var all []string
	for _, r := range mcp.Revisions() {
		if r.ServerRequests && r.Elicitation {
			all = append(all, r.Name)
		}
	}
	return all
}

func (s *Server) name() string { return cmp.Or(s.options.Name, "server") }

func (s *Server) version() string { return cmp.Or(s.options.Version, "0") }

// DefineScope lets the holder of Options.APIKey use the tools, resources and prompts of these names, or patterns with *. With
// the first scope everything else is withheld from it. It has to be called before Start.
func (s *Server) DefineScope(scope string, names ...string) {
	s.register("", func() error {
		s.scopes[scope] = append(s.scopes[scope], names...)
		return nil
	})
}

// RegisterPrompt offers a prompt: its text is what a prompt file of that name would hold, with or without front matter
// (docs/prompts.md). It has to be called before Start.
func (s *Server) RegisterPrompt(name, text string) {
	s.register("prompt "+name, func() error {
		s.prompts[name] = text
		return nil
	})
}

// register does something under mu and keeps its error for Start. What is unique has a key.
func (s *Server) register(key string, do func() error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var err error
	switch {
	case s.begun:
		err = errors.New("the server runs already; register everything before Start")
	case key != "" && s.names[key]:
		err = errors.New("there is one of that name already")
	default:
		err = do()
	}
	if err == nil {
		s.names[key] = true
		return
	}
	err = fmt.Errorf("registering %s: %w", cmp.Or(key, "a scope"), err)
	s.faults = append(s.faults, err)
	if s.begun {
		s.log.Error("a registration is lost", slog.Any("error", err))
	}
}

// begin takes what was registered, once.
func (s *Server) begin() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.begun {
		return errors.New("the server was started before; make a new one")
	}
	s.begun = true
	return errors.Join(s.faults...)
}

// Start listens on Options.Addr and serves until ctx ends. Then streams end, calls in flight are finished within a bound, and
// Start returns nil. An error tells what kept it from serving.
func (s *Server) Start(ctx context.Context) error {
	return s.run(ctx, s.listen)
}

// Serve is Start on a listener of yours, which it closes; Options.Addr is not used. With a nil listener nobody is listened to:
// who calls comes by Handler.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	return s.run(ctx, func(context.Context) (net.Listener, error) { return listener, nil })
}

// Ready waits until the server answers calls, and returns the URL of its endpoint; it is empty without a listener. The error
// is that of Start, or of ctx.
func (s *Server) Ready(ctx context.Context) (string, error) {
	select {
	case <-s.ready:
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.url, s.err
}

// settle says what Ready returns; only the first time counts.
func (s *Server) settle(url string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.ready:
	default:
		s.url, s.err = url, err
		close(s.ready)
	}
}

// Handler answers HTTP requests, to be put into a server of yours: /mcp and all else that a gateway answers (see
// docs/operate.md). Until the server runs, and after it has ended, the answer is 503.
func (s *Server) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if g := s.running.Load(); g != nil {
			g.ServeHTTP(w, r)
			return
		}
		http.Error(w, "the server does not run", http.StatusServiceUnavailable)
	})
}

// defined returns the scopes of a configuration together with those that are defined here.
func (s *Server) defined(scopes map[string]config.Scope) map[string]config.Scope {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.scopes) == 0 {
		return scopes
	}
	all := maps.Clone(scopes)
	if all == nil {
		all = map[string]config.Scope{}
	}
	for name, names := range s.scopes {
		scope := all[name]
		scope.Names = slices.Concat(scope.Names, names)
		all[name] = scope
	}
	return all
}

// place is the directory of the state.
func (s *Server) place() (string, error) {
	dir, err := filepath.Abs(cmp.Or(s.options.Dir, "."))
	if err != nil {
		return "", fmt.Errorf("finding the directory %s: %w", s.options.Dir, err)
	}
	return dir, nil
}
