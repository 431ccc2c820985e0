package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"reflect"
	"sync"
	"time"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/gateway"
	"github.com/sumun-mcp/sumun/internal/local"
	"github.com/sumun-mcp/sumun/internal/port"
	"github.com/sumun-mcp/sumun/internal/promptfile"
)

// patience is how long the end of the server waits for what is still in flight.
const patience = 5 * time.Second

// config makes the configuration of a server that listens on addr, which may be empty.
func (s *Server) config(addr string) (*config.Config, error) {
	cfg, err := s.load(addr)
	if err != nil {
		return nil, err
	}
	changed := *cfg
	changed.Scopes = s.defined(cfg.Scopes)
	return &changed, nil
}

// load reads the configuration file, or makes a configuration of the options.
func (s *Server) load(addr string) (*config.Config, error) {
	o := s.options
	if o.Config == "" {
		return s.make(addr)
	}
	given := o
	given.Config, given.Addr, given.Name, given.Version, given.Log = "", "", "", "", nil
	if !reflect.ValueOf(given).IsZero() {
		return nil, errors.New("server.Options: beside Config there are Addr, Name, Version and Log only; write the others into " + o.Config)
	}
	cfg, err := config.Load(o.Config, nil)
	if err != nil || addr == "" {
		return cfg, err
	}
	return cfg.ListeningOn(addr)
}

// make makes a configuration of the options, as if they stood in a file.
func (s *Server) make(addr string) (*config.Config, error) {
	o := s.options
	dir, err := s.place()
	if err != nil {
		return nil, err
	}
	file := map[string]any{"builtin": false, "anonymous": o.Anonymous}
	for key, value := range map[string]string{"listen": addr, "apiKey": o.APIKey, "publicURL": o.PublicURL} {
		if value != "" {
			file[key] = value
		}
	}
	if len(o.Origins) > 0 {
		file["origins"] = o.Origins
	}
	if o.TLS != (TLS{}) {
		file["tls"] = map[string]any{
			"enabled": o.TLS.CertFile != "" || o.TLS.KeyFile != "", "certFile": o.TLS.CertFile, "keyFile": o.TLS.KeyFile, "terminated": o.TLS.Terminated,
		}
	}
	if scopes := s.defined(nil); scopes != nil {
		lists := map[string][]string{}
		for name, scope := range scopes {
			lists[name] = scope.Names
		}
		file["scopes"] = lists
	}
	data, err := json.MarshalIndent(file, "", " ")
	if err != nil {
		return nil, fmt.Errorf("server.Options: %w", err)
	}
	return config.Parse("server.Options", dir, data)
}

// listen opens the configured listener.
func (s *Server) listen(ctx context.Context) (net.Listener, error) {
	cfg, err := s.config(s.options.Addr)
	if err != nil {
		return nil, err
	}
	socket, err := new(net.ListenConfig).Listen(ctx, "tcp", cfg.Listen)
	if err != nil {
		return nil, fmt.Errorf("listening: %w", err)
	}
	socket = port.Patient(socket)
	if !cfg.TLS.Enabled {
		return socket, nil
	}
	secure, err := port.Secure(ctx, socket, port.TLS{CertFile: cfg.TLS.CertFile, KeyFile: cfg.TLS.KeyFile, Log: s.log})
	if err != nil {
		return nil, errors.Join(err, socket.Close())
	}
	return secure, nil
}

// run serves on what open gives until ctx ends.
func (s *Server) run(ctx context.Context, open func(context.Context) (net.Listener, error)) (err error) {
	if err := s.begin(); err != nil {
		s.settle("", err)
		return err
	}
	defer func() { s.settle("", err) }()
	listener, err := open(ctx)
	if err != nil {
		return err
	}
	if listener != nil {
		defer func() { _ = listener.Close() }() // closed by the gateway, unless that was never reached
	}
	addr := s.options.Addr
	if listener != nil {
		if tcp, ok := listener.Addr().(*net.TCPAddr); ok {
			addr = tcp.String()
		}
	}
	cfg, err := s.config(addr)
	if err != nil {
		return err
	}
	own := map[string]*sdk.Server{s.name(): s.own}
	if len(s.prompts) > 0 {
		prompts, err := promptfile.New(promptfile.Options{Texts: s.prompts, Version: s.version(), Log: s.log})
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, prompts.Close()) }()
		own[s.name()+" prompts"] = prompts.Server()
	}
	g, err := gateway.Open(ctx, cfg, gateway.Parts{Log: s.log, Version: s.version(), Own: own})
	if err != nil {
		return fmt.Errorf("opening the gateway: %w", err)
	}
	return errors.Join(s.serve(ctx, g, listener), finish(ctx, g))
}

// serve answers calls until ctx ends.
func (s *Server) serve(ctx context.Context, g *gateway.Gateway, listener net.Listener) error {
	s.running.Store(g)
	defer s.running.Store(nil)
	if listener == nil {
		s.settle("", nil)
		<-ctx.Done()
		return nil
	}
	url := local.Endpoint(g.Config(), listener.Addr().String())
	forget, err := local.Of(g.Config()).Announce(url)
	if err != nil {
		return err
	}
	defer forget()
	var background sync.WaitGroup
	defer background.Wait()
	ctx, end := context.WithCancel(ctx)
	defer end()
	if s.options.Config != "" {
		load := func() (*config.Config, error) { return s.config(g.Config().Listen) }
		background.Go(func() { g.Watch(ctx, load, nil) })
	}
	s.log.InfoContext(ctx, "serving", slog.String("url", url))
	s.settle(url, nil)
	return g.Serve(ctx, listener)
}

// finish closes a gateway whose clients have left or were sent away.
func finish(ctx context.Context, g *gateway.Gateway) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	return g.Close(ctx)
}
