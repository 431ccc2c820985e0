// Package openapi is a server of tools that make requests over HTTP: those declared in mcp.yaml, the operations of OpenAPI documents, and
// weather.getCurrent. It is one server of the official Go SDK, which the gateway attaches in process like any other server behind it.
//
// What an argument can do ends at its place. An endpoint (endpoint.go) has its scheme, host and port from the configuration; arguments are
// percent-encoded into segments of its path or values of its query, are values of headers without line breaks, or JSON values in its body.
// Whatever comes out is compared with the endpoint once more, and the connection is one of package dial, to that host only.
//
// Documents are read as plain values, not into the structs of a library: what goes on to clients are JSON Schemas with whatever keywords
// they have. document.go reads them, operation.go makes tools of them, schema.go makes the schemas of OpenAPI those of JSON Schema.
package openapi

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/sumun-mcp/sumun/internal/config/offer"
	"github.com/sumun-mcp/sumun/internal/declared"
	"github.com/sumun-mcp/sumun/internal/dial"
)

// Options says what an OpenAPI offers.
type Options struct {
	Tools   []offer.Tool // those without HTTP are left out
	APIs    []offer.API
	Weather *offer.Weather // nil: no weather.getCurrent
	Version string         // of Sumun, told to clients and services
	Log     *slog.Logger   // nil is silence
}

// Wanted reports whether o offers anything.
func (o Options) Wanted() bool {
	return len(httpTools(o.Tools)) > 0 || len(o.APIs) > 0 || o.Weather != nil
}

func httpTools(tools []offer.Tool) []offer.Tool {
	var all []offer.Tool
	for _, t := range tools {
		if t.HTTP != nil {
			all = append(all, t)
		}
	}
	return all
}

// An OpenAPI is the server of the tools. It may be connected to any number of transports, concurrently. It must be closed.
type OpenAPI struct {
	server *mcp.Server
	agent  string // User-Agent
	log    *slog.Logger
	stop   context.CancelFunc
	end    func() error // closes once
	wg     sync.WaitGroup

	// mu guards what is offered, and the dialers to close.
	mu      sync.Mutex
	owners  map[string]string // by the name of a tool: what it was declared by
	dialers []*dial.Dialer
}

// New returns the server. Documents that are files are read before; those at URLs later, and again until they can be read, so that a
// gateway starts without them, until ctx ends or the server is closed. An error names each tool and file that cannot be offered.
func New(ctx context.Context, o Options) (*OpenAPI, error) {
	x := &OpenAPI{
		server: declared.NewServer("Declared requests", o.Version, len(o.APIs) > 0),
		agent:  "Sumun/" + o.Version, log: o.Log, owners: map[string]string{},
	}
	if x.log == nil {
		x.log = slog.New(slog.DiscardHandler)
	}
	ctx, x.stop = context.WithCancel(ctx)
	x.end = sync.OnceValue(x.release)
	var faults []error
	tools := httpTools(o.Tools)
	if o.Weather != nil {
		tools = append(tools, weather(o.Weather))
	}
	for i := range tools {
		faults = append(faults, x.addTool(&tools[i]))
	}
	for i := range o.APIs {
		faults = append(faults, x.addAPI(ctx, &o.APIs[i]))
	}
	if err := errors.Join(faults...); err != nil {
		return nil, errors.Join(err, x.Close())
	}
	return x, nil
}

// Server returns the server to attach.
func (x *OpenAPI) Server() *mcp.Server { return x.server }

// Close stops looking at documents, waits for that, and ends idle connections. The transports are the caller's to close, before. A second
// Close does nothing.
func (x *OpenAPI) Close() error { return x.end() }

func (x *OpenAPI) release() error {
	x.stop()
	x.wg.Wait()
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, d := range x.dialers {
		d.Close()
	}
	return nil
}

// dialer returns a Dialer that Close closes.
func (x *OpenAPI) dialer(p dial.Policy) (*dial.Dialer, error) {
	d, err := dial.New(p)
	if err != nil {
		return nil, err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.dialers = append(x.dialers, d)
	return d, nil
}

// claim notes that the tool of that name is declared by owner, unless another has it.
func (x *OpenAPI) claim(name, owner string) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if other := x.owners[name]; other != "" {
		return fmt.Errorf("%s: the tool %s is already declared by %s; rename one, or write another prefix", owner, name, other)
	}
	x.owners[name] = owner
	return nil
}

// disclaim forgets the tools of these names and takes them away.
func (x *OpenAPI) disclaim(names []string) {
	if len(names) == 0 {
		return
	}
	x.server.RemoveTools(names...)
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, name := range names {
		delete(x.owners, name)
	}
}

// addTool offers a declared tool.
func (x *OpenAPI) addTool(t *offer.Tool) error {
	owner := "tools." + t.Name
	e, names, err := declare(t)
	if err != nil {
		return fmt.Errorf("%s: %w", owner, err)
	}
	if e.dialer, err = x.dialer(e.policy(t.HTTP.Private, true)); err != nil {
		return fmt.Errorf("%s: %w", owner, err)
	}
	e.agent = x.agent
	schema := t.InputSchema
	if len(schema) == 0 {
		schema = declared.Infer(names)
	}
	input, err := declared.Compile(schema)
	if err != nil {
		return fmt.Errorf("%s.inputSchema: %w", owner, err)
	}
	for _, name := range names {
		if _, ok := input.Property(name); !ok {
			return fmt.Errorf("%s: the placeholder {%s} is not a property of inputSchema; add it there", owner, name)
		}
	}
	if err := x.claim(t.Name, owner); err != nil {
		return err
	}
	return declared.Add(x.server, &declared.Tool{About: declared.About(t, hints(e.method)), Input: input, Do: e.call})
}

// hints are what the method of a request says of what it does (RFC 9110 sections 9.2.1 and 9.2.2).
func hints(method string) mcp.ToolAnnotations {
	var h mcp.ToolAnnotations
	switch method {
	case http.MethodGet, http.MethodHead:
		h.ReadOnlyHint, h.IdempotentHint, h.DestructiveHint = true, true, new(false)
	case http.MethodPut:
		h.IdempotentHint = true
	case http.MethodDelete:
		h.IdempotentHint, h.DestructiveHint = true, new(true)
	}
	return h
}
