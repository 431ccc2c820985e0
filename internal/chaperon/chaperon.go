// Package chaperon goes with a host to the server that its client file names (see config/clientfile): nothing is called before a person
// has allowed it, tools are held to what they were, a signed server to its manifest, and a server that is not on the whitelist is not met.
//
// What it returns is the configuration of a gateway in the process that the host has started. So everything that holds at a gateway holds
// there: approvals, pins, signatures, alerts, and the record of it all.
package chaperon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"path/filepath"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/config/belief"
	"github.com/sumun-mcp/sumun/internal/config/clientfile"
	"github.com/sumun-mcp/sumun/internal/http1"
	"github.com/sumun-mcp/sumun/internal/signature"
	"github.com/sumun-mcp/sumun/internal/transport"
	"github.com/sumun-mcp/sumun/internal/vouch"
)

// serverName is what the one server is called in approvals, alerts and the record.
const serverName = "server"

// A Chaperon goes by a rule. Its methods are called one after the other.
type Chaperon struct {
	// Rule is what the client files say.
	Rule *clientfile.Rule
	// Version is the program's version, which servers are told.
	Version string
	// Note tells people what they should know.
	Note func(format string, args ...any)
}

// A Way is how a server is reached.
type Way struct {
	// URL is where it is, and Key what is shown to it, empty for nothing.
	URL, Key string
	// Header goes with each request besides the key.
	Header map[string]string
	// Carrier carries requests to it.
	Carrier *http1.Transport
}

// headers are those of each request.
func (w *Way) headers() map[string]string {
	all := maps.Clone(w.Header)
	if all == nil {
		all = map[string]string{}
	}
	if w.Key != "" {
		all["Authorization"] = "Bearer " + w.Key
	}
	return all
}

func (w *Way) header() http.Header {
	h := http.Header{}
	for name, value := range w.headers() {
		h.Set(name, value)
	}
	return h
}

// ErrRefused is what a server is refused with that no rule allows.
var ErrRefused = errors.New("the server may not be connected to")

// StateDir returns where a gateway that goes by a rule keeps its state: beside the file whose server counts.
func StateDir(r *clientfile.Rule) string {
	return filepath.Join(filepath.Dir(r.Files[0].Path), ".sumun", "client")
}

// Towards returns the configuration of a gateway with one server, which goes by the rule. The server has been reached. The error of one
// that the rule does not allow is ErrRefused; nobody has been connected to then.
func (c *Chaperon) Towards(ctx context.Context, w Way) (*config.Config, error) {
	if why := c.Rule.Refuses(w.URL); why != "" {
		return nil, fmt.Errorf("%w: %s", ErrRefused, why)
	}
	if err := c.reach(ctx, &w); err != nil {
		return nil, err
	}
	cfg := config.Default()
	cfg.Dir = filepath.Dir(c.Rule.Files[0].Path)
	cfg.Store = "sqlite:" + filepath.Join(StateDir(c.Rule), "sumun.db")
	cfg.Listen, cfg.Builtin, cfg.Log.Level = "127.0.0.1:0", false, "warn"
	cfg.AutoRun, cfg.Approvals.By = c.Rule.AutoRun, config.ByEither
	server := config.NewServer(serverName)
	server.URL, server.Prefix, server.Headers = w.URL, "", w.headers()
	cfg.Trust.Pins = belief.Flag // held back is only what the file asks for
	server.Trust = cfg.Trust.For(server.Trust)
	cfg.Servers = []config.Server{server}
	if !c.Rule.IntegrityCheck {
		return cfg, nil
	}
	signed, err := c.signed(ctx, cfg, &cfg.Servers[0], w.Carrier)
	if err != nil {
		return nil, fmt.Errorf("asking whether the server is signed: %w", err)
	}
	hold(cfg, func(*config.Server) bool { return signed })
	return cfg, nil
}

// reach opens a session with the server, and closes it. The server at a URL without a path is looked for at /mcp first, where most are.
func (c *Chaperon) reach(ctx context.Context, w *Way) error {
	u, err := url.Parse(w.URL)
	if err != nil {
		return fmt.Errorf("reading the server's URL: %w", err)
	}
	if u.Path == "" || u.Path == "/" {
		at := u.JoinPath("mcp").String()
		if c.greet(ctx, w, at) == nil {
			w.URL = at
			return nil
		}
	}
	return c.greet(ctx, w, w.URL)
}

// greet opens a session at a URL, and closes it.
func (c *Chaperon) greet(ctx context.Context, w *Way, at string) error {
	session, err := transport.Open(ctx, transport.Target{Name: at, URL: at, Header: w.header(), RoundTripper: w.Carrier}, transport.Hello{
		Info: []byte(`{"name":"sumun","version":"` + c.Version + `"}`),
	})
	if err == nil {
		session.Close()
	}
	return err
}

// Hold holds the servers of a configuration to the rule, as far as the rule asks for more than the configuration. A server that it does
// not allow is left out, and people are told.
func (c *Chaperon) Hold(ctx context.Context, cfg *config.Config) {
	c.Admit(cfg)
	if cfg.AutoRun && !c.Rule.AutoRun {
		cfg.AutoRun, cfg.Approvals.By = false, config.ByEither
	}
	if !c.Rule.IntegrityCheck {
		return
	}
	hold(cfg, func(s *config.Server) bool {
		if s.Disabled || s.URL == "" {
			return s.Trust.Manifest != ""
		}
		signed, err := c.signed(ctx, cfg, s, nil)
		if err != nil {
			c.Note("%s cannot be asked whether it is signed, and is blocked until it shows a signature that holds: %v", s.Name, err)
		}
		return signed || err != nil
	})
}

// Admit leaves those servers of a configuration out that the rule does not allow, and tells people of each.
func (c *Chaperon) Admit(cfg *config.Config) {
	for i := range cfg.Servers {
		s := &cfg.Servers[i]
		if why := c.refuses(s); why != "" && !s.Disabled {
			s.Disabled = true
			c.Note("server %s is not connected to: %s", s.Name, why)
		}
	}
}

// Pin holds all servers of a configuration to what they were when they were first seen, if the rule asks for that.
func (c *Chaperon) Pin(cfg *config.Config) {
	if c.Rule.IntegrityCheck {
		hold(cfg, func(*config.Server) bool { return false })
	}
}

func (c *Chaperon) refuses(s *config.Server) string {
	if s.URL == "" {
		return c.Rule.RefusesProgram(s.Name)
	}
	for _, at := range append([]string{s.URL}, s.Replicas...) {
		if why := c.Rule.Refuses(at); why != "" {
			return why
		}
	}
	return ""
}

// hold pins all servers, and requires a signature of those that are signed.
func hold(cfg *config.Config, signed func(*config.Server) bool) {
	cfg.Trust.Pins = belief.Enforce
	for i := range cfg.Servers {
		s := &cfg.Servers[i]
		s.Trust.Pins = belief.Enforce
		if s.Trust.Signature != belief.Required && signed(s) {
			s.Trust.Signature = belief.Required
		}
	}
}

// signed reports whether a server shows papers, or has shown some before: one that shows none any more is not let through as if it never had
// any. The error is that it cannot be asked.
func (c *Chaperon) signed(ctx context.Context, cfg *config.Config, s *config.Server, carrier *http1.Transport) (bool, error) {
	before := &vouch.Gate{File: filepath.Join(cfg.StateDir(), "vouched.json"), Log: slog.New(slog.DiscardHandler)}
	if known, err := before.Remembers(s.Name, s.URL); known || err != nil {
		return known, err
	}
	over := http.DefaultTransport
	if carrier != nil {
		over = carrier
	}
	_, err := vouch.Fetch(ctx, with{over, s.Headers}, s.URL)
	if why, ok := errors.AsType[*signature.Error](err); ok && why.Reason == vouch.Missing {
		return false, nil
	}
	return err == nil, err
}

// with sends headers, such as a key, with each request.
type with struct {
	http.RoundTripper

	header map[string]string
}

// RoundTrip sends a request with the headers. It goes to the server's own origin.
func (w with) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	for name, value := range w.header {
		r.Header.Set(name, value)
	}
	return w.RoundTripper.RoundTrip(r)
}
