// Package listing reads what one server offers: all of its lists, to their last page.
package listing

import (
	"context"
	"fmt"
	"log/slog"
	"slices"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/transport"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// The bounds of one list of one server.
const (
	mostPages    = 1000
	mostElements = 100_000
	mostBytes    = 256 << 20
)

// Read asks a server for everything that it offers. A list that the server refuses to give is empty, which is noted in the log; its
// tools are not optional if it says that it has some. An error begins with the method of the list that could not be read, and the name of the
// server.
func Read(ctx context.Context, session *transport.Session, name string, log *slog.Logger) (*mcp.Listing, error) {
	l := &mcp.Listing{Revision: session.Revision(), Capabilities: session.Capabilities(), Info: session.Info()}
	l.Instructions, _ = wire.Unquote(session.Instructions())
	for _, list := range []struct {
		ability, method, member string
		into                    *[][]byte
	}{
		{"tools", mcp.MethodToolsList, "tools", &l.Tools},
		{"prompts", mcp.MethodPromptsList, "prompts", &l.Prompts},
		{"resources", mcp.MethodResources, "resources", &l.Resources},
		{"resources", mcp.MethodTemplates, "resourceTemplates", &l.Templates},
	} {
		if wire.Get(l.Capabilities, list.ability) == nil {
			continue
		}
		var err error
		*list.into, err = pages(ctx, session, list.method, list.member)
		if e := mcp.AsError(err); e != nil && e.Raw != nil && list.method != mcp.MethodToolsList {
			log.DebugContext(ctx, "a list is refused", slog.String("method", list.method), slog.Any("error", err))
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("%s of server %q: %w", list.method, name, err)
		}
	}
	return l, nil
}

// Tools asks a server for its tools alone.
func Tools(ctx context.Context, session *transport.Session) ([][]byte, error) {
	return pages(ctx, session, mcp.MethodToolsList, "tools")
}

// pages reads a list to its last page.
func pages(ctx context.Context, s *transport.Session, method, member string) ([][]byte, error) {
	var all [][]byte
	params, size := []byte("{}"), 0
	for range mostPages {
		next, elements, err := page(ctx, s, transport.Request{Method: method, Params: params}, member)
		if err != nil {
			return nil, err
		}
		all = append(all, elements...)
		for _, e := range elements {
			size += len(e)
		}
		if len(all) > mostElements || size > mostBytes {
			return nil, mcp.Errorf(mcp.CodeInternal, mcp.Upstream, "the list is too long: %d elements, %d bytes", len(all), size)
		}
		if next == nil {
			return all, nil
		}
		following := slices.Concat([]byte(`{"cursor":`), next, []byte("}"))
		if slices.Equal(following, params) {
			return nil, mcp.Errorf(mcp.CodeInternal, mcp.Upstream, "a page names itself as the next one")
		}
		params = following
	}
	return nil, mcp.Errorf(mcp.CodeInternal, mcp.Upstream, "the list has more than %d pages", mostPages)
}

// page reads one page: its elements, and the cursor of the next one as JSON, nil if it is the last.
func page(ctx context.Context, s *transport.Session, r transport.Request, member string) (next []byte, elements [][]byte, err error) {
	a, err := s.Call(ctx, r, nil)
	if err != nil {
		return nil, nil, err
	}
	defer a.Release()
	if e := a.Err(s.Revision()); e != nil {
		return nil, nil, e
	}
	result := slices.Clone(a.Result())
	for e := range wire.Elements(wire.Get(result, member)) {
		elements = append(elements, e)
	}
	if cursor := wire.Get(result, "nextCursor"); len(cursor) > 0 && cursor[0] == '"' {
		next = cursor
	}
	return next, elements, nil
}
