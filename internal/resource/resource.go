// Package resource offers what the gateway itself has to read: files of directories, answers of databases, pages of the web, entries of
// caches and objects of stores. Together they are one server of the official Go SDK, which the gateway attaches in process like any other
// server behind it; what a resource's owner allows can also be written.
//
// Each sort is a source: it says which URIs are its own, reads them and, where it can, writes them on a condition. Everything else is
// common (this file, read.go, write.go, follow.go): etags and revisions, subscriptions, and that of writers
// who start from the same state one comes through and the others are told.
//
// Beside the resources stand the tools file.read, file.write and db.query and the prompt file.summarize.
package resource

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/sumun-mcp/sumun/internal/config/offer"
	"github.com/sumun-mcp/sumun/internal/ledger"
	"github.com/sumun-mcp/sumun/internal/shelf"
)

// Options says what Resources offer.
type Options struct {
	// Resources are those of the configuration.
	Resources []offer.Resource
	// Version of Sumun is told to clients.
	Version string
	// Log takes what people who run the gateway should know; nil is silence.
	Log *slog.Logger
	// Updated is told of each change that is noticed, also where nobody has subscribed; nil if nobody wants to know. The etag is empty where
	// a resource is gone or its state is not known. It must not block.
	Updated func(uri, etag string, revision int64)
}

// Resources are the server of what the configuration offers. It may be connected to any number of transports, concurrently. It must be
// closed.
type Resources struct {
	server  *mcp.Server
	log     *slog.Logger
	updated func(uri, etag string, revision int64)
	sources []source
	ledger  *ledger.Ledger
	shelf   *shelf.Shelf
	follows *followers

	ctx  context.Context // of what goes on between calls; it ends with cancel
	end  func() error    // closes once
	stop context.CancelFunc
	wg   sync.WaitGroup
}

// New returns the server of all resources, its list of files complete. An error names every resource that cannot be opened. What goes on
// between calls has the values of ctx but not its end: that is Close.
func New(ctx context.Context, o Options) (*Resources, error) {
	r := &Resources{log: o.Log, updated: o.Updated, ledger: ledger.New(), follows: newFollowers()}
	if r.log == nil {
		r.log = slog.New(slog.DiscardHandler)
	}
	r.ctx, r.stop = context.WithCancel(context.WithoutCancel(ctx))
	r.end = sync.OnceValue(r.release)
	additions, err := r.open(o.Resources)
	if err != nil {
		return nil, errors.Join(err, r.Close())
	}
	r.server = mcp.NewServer(&mcp.Implementation{Name: "sumun resources", Title: "Sumun", Version: o.Version}, r.options(additions))
	r.shelf = shelf.New(r.server, r.serve)
	r.wg.Go(func() { r.shelf.Run(r.ctx) })
	for _, add := range additions {
		add()
	}
	r.startPolls()
	return r, nil
}

// Check returns everything that keeps resources from being offered. Directories and files are opened for that, and nothing is asked of
// the network.
func Check(ctx context.Context, all []offer.Resource) error {
	r := &Resources{ledger: ledger.New()}
	r.ctx, r.stop = context.WithCancel(ctx)
	_, err := r.open(all)
	return errors.Join(err, r.release())
}

// open opens the source of each resource. What it returns adds tools, prompts and lists to the server, once there is one.
func (r *Resources) open(all []offer.Resource) ([]func(), error) {
	openers := []func([]offer.Resource) (func(), error){r.openFiles, r.openDatabases, r.openPages, r.openCaches, r.openObjects}
	var additions []func()
	var faults []error
	for i, kind := range []string{kindFile, kindDatabase, kindWeb, kindCache, kindObject} {
		of := ofType(all, kind)
		if len(of) == 0 {
			continue
		}
		add, err := openers[i](of)
		faults = append(faults, err)
		additions = append(additions, add)
	}
	return additions, errors.Join(faults...)
}

func ofType(all []offer.Resource, kind string) []offer.Resource {
	var of []offer.Resource
	for _, r := range all {
		if r.Type == kind {
			of = append(of, r)
		}
	}
	return of
}

// options declares what can change: only the list of resources does.
func (r *Resources) options(additions []func()) *mcp.ServerOptions {
	out := &mcp.ServerOptions{
		Logger:       slog.New(warnings{r.log.Handler()}),
		Capabilities: &mcp.ServerCapabilities{},
		// Who may see a resource is not for a shared cache to decide.
		SetCacheable: func(_ context.Context, _ mcp.Request, c *mcp.Cacheable) { c.CacheScope = "private" },
	}
	if len(additions) == 0 {
		return out
	}
	out.Capabilities.Resources = &mcp.ResourceCapabilities{ListChanged: true, Subscribe: true}
	out.SubscribeHandler = r.subscribe
	out.UnsubscribeHandler = r.unsubscribe
	for _, s := range r.sources {
		switch s.kind() {
		case kindFile:
			out.Capabilities.Prompts = &mcp.PromptCapabilities{}
			out.Capabilities.Tools = &mcp.ToolCapabilities{}
			out.CompletionHandler = r.complete
		case kindDatabase:
			out.Capabilities.Tools = &mcp.ToolCapabilities{}
		}
	}
	return out
}

// Server returns the server to attach.
func (r *Resources) Server() *mcp.Server { return r.server }

// Close stops whatever watches and polls, waits for that, and releases directories, databases and connections. The transports are the
// caller's to close, before. A second Close does nothing.
func (r *Resources) Close() error { return r.end() }

func (r *Resources) release() error {
	r.stop()
	r.wg.Wait()
	var faults []error
	for _, s := range r.sources {
		if err := s.close(); err != nil {
			faults = append(faults, fmt.Errorf("closing the resources of type %s: %w", s.kind(), err))
		}
	}
	return errors.Join(faults...)
}

// warnings passes on what the SDK warns of. It also logs every session and subscription, which the gateway does itself.
type warnings struct{ slog.Handler }

// Enabled reports whether level is a warning, or worse, and wanted.
func (w warnings) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && w.Handler.Enabled(ctx, level)
}

// WithAttrs returns the same with attributes.
func (w warnings) WithAttrs(attrs []slog.Attr) slog.Handler {
	return warnings{w.Handler.WithAttrs(attrs)}
}

// WithGroup returns the same with a group.
func (w warnings) WithGroup(name string) slog.Handler {
	return warnings{w.Handler.WithGroup(name)}
}
