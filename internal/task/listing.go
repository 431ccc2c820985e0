package task

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// The bounds of one server's list of tasks.
const (
	mostPages   = 32
	listTimeout = 30 * time.Second
)

// List asks servers for the tasks of the session of a call, and returns their elements.
func (t *Tasks) List(ctx context.Context, call *mcp.Call, servers []string) [][]byte {
	lists := make([][][]byte, len(servers))
	var all sync.WaitGroup
	for i, server := range servers {
		all.Go(func() { lists[i] = t.listOf(ctx, call, server) })
	}
	all.Wait()
	return slices.Concat(lists...)
}

// listOf asks one server for the tasks of a session. A server that fails has none.
func (t *Tasks) listOf(ctx context.Context, call *mcp.Call, server string) [][]byte {
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	var all [][]byte
	params := []byte("{}")
	for range mostPages {
		next, err := Request(call, mcp.MethodTaskList, params)
		if err != nil {
			return all
		}
		next.Server = server
		var page collector
		if err := t.Do(ctx, mcp.Destination{Server: server}, next, &page); err != nil {
			t.Log.DebugContext(ctx, "tasks not listed", slog.String("server", server), slog.Any("error", err))
			return all
		}
		all = append(all, t.Listed(server, call.Session.ID, page.value)...)
		cursor := wire.Get(page.value, "nextCursor")
		if len(cursor) == 0 || cursor[0] != '"' {
			return all
		}
		params = slices.Concat([]byte(`{"cursor":`), cursor, []byte("}"))
	}
	return all
}

// A collector is the Reply of a call of our own: it keeps the result.
type collector struct{ value []byte }

// Notify drops what is said meanwhile.
func (c *collector) Notify(context.Context, *wire.Message) error { return nil }

// Ask refuses: there is nobody to ask.
func (c *collector) Ask(context.Context, []mcp.Question) ([]mcp.Answer, error) {
	return nil, mcp.ErrUnsupported
}

// Done keeps the result.
func (c *collector) Done(_ context.Context, result *mcp.Result) error {
	c.value = slices.Clone(result.Value)
	return nil
}
