package desk

import (
	"context"
	"strings"

	"github.com/sumun-mcp/sumun/internal/dialect"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// pageSize is how many resources one answer lists.
const pageSize = 1000

// A wish is what mcp.resource.list is asked for.
type wish struct {
	kind, prefix string
	// after is the URI with which the page before ended.
	after string
}

func wishOf(call *mcp.Call) (w wish, err error) {
	for _, m := range []struct {
		name string
		to   *string
	}{{"type", &w.kind}, {"prefix", &w.prefix}, {"cursor", &w.after}} {
		raw := call.Member(m.name)
		if raw == nil {
			continue
		}
		var ok bool
		if *m.to, ok = wire.Unquote(raw); !ok {
			return w, mcp.Errorf(mcp.CodeInvalidParams, mcp.InvalidArguments, "params.%s must be a string", m.name)
		}
	}
	return w, nil
}

func (w *wish) wants(uri string, raw []byte) bool {
	return strings.HasPrefix(uri, w.prefix) && (w.kind == "" || dialect.Type(uri, raw) == w.kind)
}

// resources is mcp.resource.list: pages of resources, and with the first of them those
// that have a name and parameters.
func (d *Desk) resources(ctx context.Context, call *mcp.Call) ([]byte, error) {
	w, err := wishOf(call)
	if err != nil {
		return nil, err
	}
	c, view := d.Catalog(ctx, call), call.Caller.View
	dst, found, last, more := []byte(`{"resources":[`), w.after == "", "", false
	n := 0
	for e := range c.Seen(mcp.Resource, view) {
		if !found {
			found = e.Name == w.after
			continue
		}
		if !w.wants(e.Name, e.Raw) {
			continue
		}
		if n == pageSize {
			more = true
			break
		}
		dst, last = dialect.AppendResource(wire.Separate(dst), e.Name, e.Raw), e.Name
		n++
	}
	if !found {
		return nil, mcp.Errorf(mcp.CodeInvalidParams, mcp.InvalidArguments, "params.cursor is not valid any more; list again without it")
	}
	dst = append(dst, ']')
	if w.after == "" {
		dst = append(dst, `,"named":[`...)
		for e := range c.Parametric(view) {
			if w.wants(e.Name, e.Raw) {
				dst = dialect.AppendNamed(wire.Separate(dst), e.Name, e.Raw)
			}
		}
		dst = append(dst, ']')
	}
	if more {
		dst = wire.AppendQuote(append(dst, `,"nextCursor":`...), last)
	}
	return append(dst, '}'), nil
}
