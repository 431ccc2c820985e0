package broker

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/sumun-mcp/sumun/internal/access"
	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/exchange"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/registry"
)

// A Counter serves what a gateway knows of servers, by the API of the official registry.
type Counter struct {
	// Registry has the servers that the gateway knows.
	Registry *registry.Registry
	// Config is the configuration in force, and Version the program's version.
	Config  *config.Config
	Version string
	// Address is the URL under which clients reach the gateway.
	Address func() string
	// Authenticate says who asks, and Refuse answers who may not.
	Authenticate func(*http.Request) (*mcp.Caller, *mcp.Error)
	Refuse       func(w http.ResponseWriter, r *http.Request, status int, why *mcp.Error)
	Log          *slog.Logger
}

// Mount has mux answer; door stands before what looks at who asks.
func (c *Counter) Mount(mux *http.ServeMux, door func(http.Handler) http.Handler) {
	h := &exchange.Handler{Records: c.records, Failed: func(err error) { c.Log.Error("the registry cannot be served", slog.Any("error", err)) }}
	h.Mount(mux, func(next http.Handler) http.Handler { return door(c.known(next)) })
}

// known lets those ask who may know of all servers, or everybody where the configuration says so.
func (c *Counter) known(next http.Handler) http.Handler {
	if c.Config.Trust.PublicRegistry {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		caller, refused := c.Authenticate(r)
		switch {
		case refused != nil:
			w.Header().Set("WWW-Authenticate", `Bearer realm="sumun"`)
			c.Refuse(w, r, http.StatusUnauthorized, refused)
		case !caller.View.Whole && !access.Holds(caller, mcp.ScopeTrust):
			c.Refuse(w, r, http.StatusForbidden, mcp.Errorf(mcp.CodeInvalidRequest, mcp.Forbidden, "the registry needs the scope %s", mcp.ScopeTrust))
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// records are the gateway's own, of the servers that it knows, and those of the registries that were imported, each with our verdict where we
// have one.
func (c *Counter) records(ctx context.Context) ([]exchange.Record, error) {
	answer, err := c.Registry.Do(ctx, "", &registry.Request{})
	if err != nil {
		return nil, err
	}
	known := Known(answer, c.Config)
	all := exchange.Gate{URL: c.Address(), Version: c.Version}.Own(known)
	copies, err := Copies(c.Config).All()
	if err != nil {
		return nil, err
	}
	for _, one := range copies {
		for _, r := range one.Records {
			if k := r.Match(known); k != nil {
				r = r.Judged(&k.Verdict)
			}
			all = append(all, r)
		}
	}
	return all, nil
}
