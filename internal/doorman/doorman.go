// Package doorman is the gateway's side of the registry: who may come in, who is told of those who may not, and who may ask and decide.
package doorman

import (
	"context"
	"log/slog"

	"github.com/sumun-mcp/sumun/internal/access"
	"github.com/sumun-mcp/sumun/internal/alert"
	"github.com/sumun-mcp/sumun/internal/audit"
	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/registry"
	"github.com/sumun-mcp/sumun/trust"
)

// outside is the kind of alerts about servers that are not on the list.
const outside = "outside"

// Options are what a gateway gives its registry. None may be nil.
type Options struct {
	Store interface {
		registry.Store
		alert.Store
	}
	// Config returns the configuration in force, nil before there is one; Changed has it taken over anew.
	Config  func() *config.Config
	Changed func()
	// Signers returns the ids of the keys that have signed what a server offers.
	Signers func(server string) []string
	// Alert tells people, and Record puts what they decide on record.
	Alert  func(alert.Alert)
	Record func(context.Context, audit.Event) error
	Log    *slog.Logger
}

// Open opens the registry of a gateway and has it follow what changes, until it is closed.
func Open(ctx context.Context, o Options) (*registry.Registry, error) {
	r, err := registry.Open(ctx, registry.Options{
		Store: o.Store, Log: o.Log, Config: o.Config, Changed: o.Changed, Signers: o.Signers, Outside: o.outside, Decided: o.decided,
		Inside:  func(id string) { o.inside(context.WithoutCancel(ctx), id) },
		Worries: func(server string) []registry.Worry { return o.worries(context.WithoutCancel(ctx), server) },
	})
	if err != nil {
		return nil, err
	}
	r.Begin(ctx)
	return r, nil
}

// decided puts on record who is trusted, and who is not any more.
func (o *Options) decided(ctx context.Context, server string, e registry.Event) error {
	return o.Record(ctx, audit.Event{Kind: audit.Kind("trust." + e.What), Actor: e.By, Subject: server, Detail: e.Detail()})
}

// outside raises an alert about a server that is not on the list.
func (o *Options) outside(out registry.Outsider) {
	a := alert.Alert{
		ID: out.Alert, Kind: outside, Severity: alert.Medium, Server: out.Server, Subject: out.Target, Text: "the server is not in the registry of trusted servers: " + out.Why,
		Remedy: "sumun trust add " + out.Server,
	}
	if out.Blocked {
		a.Severity, a.Text = alert.High, "the server is not connected to: "+out.Why
	}
	o.Alert(a)
}

// inside closes the alert about a server that is on the list now.
func (o *Options) inside(ctx context.Context, id string) {
	if _, err := o.Store.DecideAlert(ctx, id, alert.Approved, "", "it is in the registry of trusted servers"); err != nil {
		o.Log.WarnContext(ctx, "an alert stays open about a server that is in the registry", slog.String("id", id), slog.Any("error", err))
	}
}

// worries are the open alerts about a server.
func (o *Options) worries(ctx context.Context, server string) (all []registry.Worry) {
	open, err := o.Store.Alerts(ctx, alert.Filter{Server: server})
	if err != nil {
		o.Log.WarnContext(ctx, "alerts do not count in the score of a server: they cannot be read", slog.String("server", server), slog.Any("error", err))
	}
	for i := range open {
		if k := &open[i]; k.Kind != outside {
			all = append(all, registry.Worry{Kind: k.Kind, Text: k.Text, Severity: trust.Severity(k.Severity), At: k.At}) //nolint:gosec // there are five of both, in one order
		}
	}
	return all
}

// Handle answers mcp.trust.registry: to those who may see all that there is, and changes only by those who decide on trust. A bridge has no registry.
func Handle(ctx context.Context, r *registry.Registry, call *mcp.Call, reply mcp.Reply) error {
	if r == nil {
		return mcp.Errorf(mcp.CodeMethodNotFound, mcp.Unsupported, "method %q is not known on a bridge; ask the gateway behind it", call.Method)
	}
	q, err := registry.Parse(call)
	if err == nil && !access.Holds(call.Caller, mcp.ScopeTrust) && (q.Changes() || !call.Caller.View.Whole) {
		err = access.Lacks(call.Method, mcp.ScopeTrust) // it names what the caller may not see
	}
	if err != nil {
		return err
	}
	return r.Handle(ctx, call, q, reply)
}

// Absent says that there is nothing of the name that a call has, or why it is not to be had, which one of those who refuse servers knows.
func Absent(call *mcp.Call, refusing ...func(name string) error) error {
	for _, refusal := range refusing {
		if err := refusal(call.Name); err != nil {
			return err
		}
	}
	return access.Absent(call)
}
