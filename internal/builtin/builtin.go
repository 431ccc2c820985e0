// Package builtin holds Sumun's own tools, resources and prompts: what a
// gateway offers before any server is configured. Each stands in a file of its
// name. Together they are one server of the official Go SDK, which the gateway
// attaches in process like any other server behind it.
//
// Offered are the tool calc.evaluate and, if there are roots, the tool
// file.read, the files below them as resources, and the prompt file.summarize.
package builtin

import (
	"context"
	"log/slog"
	"sync"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// Options says what a Builtin offers. The zero value offers the calculator.
type Options struct {
	Roots   []Root       // directories whose files are offered; none: no file tool, resource or prompt
	Version string       // of Sumun, told to clients
	Log     *slog.Logger // nil is silence
}

// A Builtin is the server of our own tools. It may be connected to any number
// of transports, concurrently. It must be closed.
type Builtin struct {
	server *mcp.Server
	files  files
	closed chan struct{}
	end    func() error // closes once
	wg     sync.WaitGroup
}

// New returns the server with our own tools, its list of files complete. An
// error names every file resource by its configured name.
func New(o Options) (*Builtin, error) {
	log := o.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	opened, err := openFiles(o.Roots)
	if err != nil {
		return nil, err
	}
	b := &Builtin{files: opened, closed: make(chan struct{})}
	b.end = sync.OnceValue(b.release)
	ix := &index{files: opened, log: log}
	b.server = mcp.NewServer(&mcp.Implementation{Name: "sumun", Title: "Sumun", Version: o.Version}, options(ix, log))
	ix.server = b.server
	b.server.AddTool(calcTool(), callCalc)
	if len(opened) > 0 {
		b.offerFiles(ix)
	}
	return b, nil
}

// options declares what can change: only the list of resources does.
func options(ix *index, log *slog.Logger) *mcp.ServerOptions {
	out := &mcp.ServerOptions{
		Logger:       slog.New(warnings{log.Handler()}),
		Capabilities: &mcp.ServerCapabilities{Tools: &mcp.ToolCapabilities{}},
		// Who may see a file is not for a shared cache to decide.
		SetCacheable: func(_ context.Context, _ mcp.Request, c *mcp.Cacheable) { c.CacheScope = "private" },
	}
	if len(ix.files) > 0 {
		out.Capabilities.Prompts = &mcp.PromptCapabilities{}
		out.Capabilities.Resources = &mcp.ResourceCapabilities{ListChanged: true, Subscribe: true}
		out.CompletionHandler = ix.complete
		out.SubscribeHandler = ix.subscribe
		out.UnsubscribeHandler = ix.unsubscribe
	}
	return out
}

func (b *Builtin) offerFiles(ix *index) {
	b.server.AddTool(b.files.readTool(), b.files.callRead)
	b.server.AddPrompt(b.files.summarizePrompt(), b.files.getSummarize)
	for _, f := range b.files {
		b.server.AddResourceTemplate(f.resourceTemplate(), b.files.readResource)
	}
	b.server.AddReceivingMiddleware(ix.fresh)
	ix.refresh()
	w := newWatcher(ix, ix.log)
	b.wg.Go(func() { w.run(b.closed) })
}

// Server returns the server to attach.
func (b *Builtin) Server() *mcp.Server { return b.server }

// Close stops watching the roots, waits for that, and releases them. The
// transports are the caller's to close, before. A second Close does nothing.
func (b *Builtin) Close() error { return b.end() }

func (b *Builtin) release() error {
	close(b.closed)
	b.wg.Wait()
	return b.files.close()
}

// warnings passes on what the SDK warns of. It also logs every session and
// subscription, which the gateway does itself.
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
