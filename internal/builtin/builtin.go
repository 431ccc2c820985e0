// Package builtin holds Sumun's own tools, resources and prompts: what a
// gateway offers before any server is configured. Each stands in a file of its
// name. Together they are one server of the official Go SDK, which the gateway
// attaches in process like any other server behind it.
package builtin

import (
	"log/slog"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// Options says what a Builtin offers. The zero value offers the calculator.
type Options struct {
	Version string       // of Sumun, told to clients
	Log     *slog.Logger // nil is silence
}

// A Builtin is the server of our own tools. It may be connected to any number
// of transports, concurrently. It must be closed.
type Builtin struct {
	server *mcp.Server
}

// New returns the server with our own tools.
func New(o Options) (*Builtin, error) {
	b := &Builtin{}
	b.server = mcp.NewServer(&mcp.Implementation{Name: "sumun", Title: "Sumun", Version: o.Version}, &mcp.ServerOptions{
		Logger: o.Log,
	})
	b.server.AddTool(calcTool(), callCalc)
	return b, nil
}

// Server returns the server to attach.
func (b *Builtin) Server() *mcp.Server { return b.server }

// Close releases what New opened.
func (b *Builtin) Close() error { return nil }
