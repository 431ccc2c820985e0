// Package doctor looks for faults: in the configuration, in the state beside it, in the certificate, at the issuers of access tokens, and in
// the servers, which it starts as the gateway would.
package doctor

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"net/http"
	"strings"
	"time"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/local"
	"github.com/sumun-mcp/sumun/internal/route"
	"github.com/sumun-mcp/sumun/internal/sandbox"
	"github.com/sumun-mcp/sumun/internal/terminal"
	"github.com/sumun-mcp/sumun/internal/transport"
)

// A Remark is what was found: fine, or not, and what to do then.
type Remark struct {
	Check  string `json:"check"`            // what was looked at
	OK     bool   `json:"ok"`               // whether it is fine
	Found  string `json:"found"`            // how it is; may hold text of a server
	Remedy string `json:"remedy,omitempty"` // what to try
}

// Means are what looking takes.
type Means struct {
	// Command returns what starts the program of a server.
	Command func(context.Context, config.Server) (*sandbox.Command, error)
	// Store tells how the database at an address is; nil leaves it out.
	Store func(ctx context.Context, address string) Remark
}

// Look looks at all that can be looked at without a running gateway: the configuration, as config.Load returned it with its error,
// and if there was none the state, what with says of the database, what is needed to know clients, and each server, started as with
// says. It looks as the remarks are taken.
func Look(ctx context.Context, cfg *config.Config, err error, with Means) iter.Seq[Remark] {
	return func(yield func(Remark) bool) {
		if !yield(configuration(cfg, err)) || err != nil || !yield(state(cfg)) {
			return
		}
		if with.Store != nil && !yield(with.Store(ctx, cfg.Store)) {
			return
		}
		if cfg.TLS.Enabled && !yield(certificate(cfg, time.Now())) {
			return
		}
		for r := range issuers(ctx, cfg) {
			if !yield(r) {
				return
			}
		}
		for _, s := range route.Expand(cfg) {
			if !yield(server(ctx, s, with.Command)) {
				return
			}
		}
	}
}

// configuration tells whether the file could be loaded.
func configuration(cfg *config.Config, err error) Remark {
	if err != nil {
		return Remark{Check: "configuration", Found: err.Error(), Remedy: "mend the file; `sumun config check` tells when it is right"}
	}
	found := "none; built-in defaults are used"
	if cfg.Path != "" {
		found = cfg.Path
	}
	return Remark{Check: "configuration", OK: true, Found: fmt.Sprintf("%s, %s", found, terminal.Count(len(cfg.Servers), "server"))}
}

// state tells whether the gateway can keep its state.
func state(cfg *config.Config) Remark {
	place := local.Of(cfg)
	if fault, remedy := place.Fault(); fault != "" {
		return Remark{Check: "state", Found: fault, Remedy: remedy}
	}
	return Remark{Check: "state", OK: true, Found: terminal.Relative(place.Dir)}
}

// Missing tells of the servers whose command is not on this machine, a sentence each. Nothing is started.
func Missing(cfg *config.Config) []string {
	var missing []string
	for i := range cfg.Servers {
		s := &cfg.Servers[i]
		if s.Disabled || s.Command == "" {
			continue
		}
		if _, err := (&sandbox.Command{Path: s.Command, Env: s.Env, Dir: s.Cwd}).Look(); err != nil {
			missing = append(missing, "server "+s.Name+": "+err.Error())
		}
	}
	return missing
}

// server starts a server as the gateway would, and tells what it speaks.
func server(ctx context.Context, s config.Server, command func(context.Context, config.Server) (*sandbox.Command, error)) Remark {
	r := Remark{Check: "server " + s.Name}
	if s.Disabled {
		r.OK, r.Found = true, "disabled"
		return r
	}
	if s.Tokens() {
		r.OK, r.Found = true, "wants access tokens, which only a running gateway has: `sumun server show "+s.Name+"`"
		return r
	}
	target := transport.Target{Name: s.Name, URL: s.URL, Header: http.Header{}, StartTimeout: s.StartTimeout}
	for name, value := range s.Headers {
		target.Header.Set(name, value)
	}
	if s.Command != "" {
		if _, err := (&sandbox.Command{Path: s.Command, Env: s.Env, Dir: s.Cwd}).Look(); err != nil && s.Image == "" {
			r.Found, r.Remedy, _ = strings.Cut(err.Error(), "; ")
			r.Remedy = cmp.Or(r.Remedy, "install it, or write its whole path")
			return r
		}
		var err error
		if target.Command, err = command(ctx, s); err != nil {
			r.Found, r.Remedy, _ = strings.Cut(err.Error(), "; ")
			return r
		}
	}
	session, err := transport.Open(ctx, target, transport.Hello{})
	if err != nil {
		r.Found = err.Error()
		return r
	}
	defer session.Close()
	r.OK, r.Found = true, "speaks "+session.Revision().Name
	return r
}
