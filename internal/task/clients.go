package task

import (
	"context"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// A Hub reaches the clients of this instance by their sessions.
type Hub interface {
	// Tell hands a notification to one session.
	Tell(session string, m *wire.Message)
	// Ask puts questions to one session.
	Ask(ctx context.Context, session string, questions []mcp.Question) ([]mcp.Answer, error)
	// Listens reports whether one session has a stream on which it can be asked.
	Listens(session string) bool
}

// Clients reaches the clients of this instance: what servers say to them of tasks
// names the tasks as the clients know them.
type Clients struct {
	Tasks *Tasks
	Hub   Hub
}

// Tell hands a server's notification to one session.
func (c Clients) Tell(server, to string, m *wire.Message) {
	if told, ok := c.Tasks.Notice(server, to, m); ok {
		c.Hub.Tell(to, told)
	}
}

// Ask puts a server's questions to one session.
func (c Clients) Ask(ctx context.Context, server, to string, questions []mcp.Question) ([]mcp.Answer, error) {
	return c.Tasks.Ask(ctx, server, to, questions, c.Hub.Ask)
}

// Listens reports whether one session has a stream on which it can be asked.
func (c Clients) Listens(to string) bool { return c.Hub.Listens(to) }
