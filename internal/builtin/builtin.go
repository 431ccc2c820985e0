// Package builtin holds Sumun's own tools that need nothing: what a gateway offers before anything is configured. Each stands in a file of
// its name. Together they are one server of the official Go SDK, which the gateway attaches in process like any other server behind it.
//
// Offered is the tool calc.evaluate.
package builtin

import (
	"context"
	"log/slog"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// Options says what a Builtin offers. The zero value offers the calculator.
type Options struct {
	Version string       // of Sumun, told to clients
	Log     *slog.Logger // nil is silence
}

// A Builtin is the server of our own tools. It may be connected to any number of transports, concurrently.
type Builtin struct{ server *mcp.Server }

// New returns the server with our own tools.
func New(o Options) *Builtin {
	log := o.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	b := &Builtin{mcp.NewServer(&mcp.Implementation{Name: "sumun", Title: "Sumun", Version: o.Version}, &mcp.ServerOptions{
		Logger:       slog.New(warnings{log.Handler()}),
		Capabilities: &mcp.ServerCapabilities{Tools: &mcp.ToolCapabilities{}},
		SetCacheable: func(_ context.Context, _ mcp.Request, c *mcp.Cacheable) { c.CacheScope = "private" },
	})}
	b.server.AddTool(calcTool(), callCalc)
	return b
}

// Server returns the server to attach.
func (b *Builtin) Server() *mcp.Server { return b.server }

// Close does nothing: nothing goes on between calls. The transports are the caller's to close.
func (b *Builtin) Close() error { return nil }

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
