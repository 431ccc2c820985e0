package desk

import (
	"context"
	"crypto/sha256"
	"maps"
	"slices"
	"strings"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/notice"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// A speaker puts notices into the words of the dialect, for one stream.
type speaker struct {
	mcp.Reply
	desk *Desk
	// call is what asked for the stream; its caller is who that is by now.
	call   *mcp.Call
	stream *stream
	// tools is what the client was told of last.
	tools map[string][sha256.Size]byte
}

// Notify sends what the stream is told of. A stream whose key is good no more ends.
func (s *speaker) Notify(ctx context.Context, m *wire.Message) error {
	caller := s.desk.Again(s.call.Caller)
	if caller == nil {
		return mcp.Errorf(mcp.CodeInvalidRequest, mcp.Unauthenticated, "the key of the stream is not known any more")
	}
	s.call.Caller = caller
	s.call.Settle()
	event := m
	switch method := string(m.MethodName()); method {
	case mcp.NoticeUpdated:
		if uri, _ := wire.Unquote(m.Bytes(m.Member("uri"))); !caller.View.Sees(mcp.Resource, uri) {
			return nil
		}
		event = updated(m)
	case mcp.NoticeTools:
		event = s.changed(ctx)
	case mcp.EventSecurityAlert:
		if !s.sees(ctx, m) {
			return nil
		}
	default:
		if !strings.HasPrefix(method, "mcp.event.") {
			return nil // of what has no event
		}
	}
	if event == nil || !s.desk.streams.told(listenerOf(s.call), s.stream, string(event.MethodName())) {
		return nil
	}
	return s.Reply.Notify(ctx, event)
}

// sees reports whether the client may see the tool that an alert is about. What is about no server is for those who run the gate. An alert that a
// tool was added or removed may come before the catalogue of this client has it, or after: then the name counts that the tool asks for.
func (s *speaker) sees(ctx context.Context, m *wire.Message) bool {
	caller := s.call.Caller
	server, _ := wire.Unquote(m.Bytes(m.Member("server")))
	tool, _ := wire.Unquote(m.Bytes(m.Member("subject")))
	if server == "" {
		return caller.Admin || slices.Contains(caller.Scopes, mcp.ScopeGate)
	}
	name, known := s.desk.Catalog(ctx, s.call).NameOf(server, tool)
	return caller.Admin || (known || wire.IsString(m.Bytes(m.Member("kind")), kindDrift)) && name != "" && caller.View.Lists(mcp.Tool, name)
}

// kindDrift is the kind of alerts about what nobody has approved (sentry.Kind).
const kindDrift = "drift"

// updated tells that a resource has changed, and in which state it is now as far as its
// server says: of one that is gone it says nothing, and what is listed is the state before.
func updated(m *wire.Message) *wire.Message {
	uri, _ := wire.Unquote(m.Bytes(m.Member("uri")))
	raw := wire.AppendQuote([]byte(`{"jsonrpc":"2.0","method":"`+mcp.EventResourceUpdated+`","params":{"uri":`), uri)
	meta := []byte(nil)
	if span := m.MetaSpan(); span.Ok() {
		meta = m.Bytes(span)
	}
	for _, state := range []struct{ name, key string }{{"etag", mcp.MetaETag}, {"revision", mcp.MetaRevisionNumber}} {
		if value := wire.Get(meta, state.key); value != nil {
			raw = append(append(append(raw, `,"`+state.name+`":`...), value...), ""...)
		}
	}
	return notice.Message(append(raw, "}}"...))
}

// snapshot is what the client sees of the tools now; nil for a stream that is not told.
func (d *Desk) snapshot(ctx context.Context, call *mcp.Call, s *stream) map[string][sha256.Size]byte {
	if !d.streams.wants(s, mcp.EventToolsChanged) {
		return nil
	}
	seen := map[string][sha256.Size]byte{}
	for e := range d.Catalog(ctx, call).Seen(mcp.Tool, call.Caller.View) {
		seen[e.Name] = sha256.Sum256(e.Raw)
	}
	return seen
}

// changed tells how the tools differ from those that the client was told of last; nil if
// they do not.
func (s *speaker) changed(ctx context.Context) *wire.Message {
	now := s.desk.snapshot(ctx, s.call, s.stream)
	var added, removed, changed []string
	for _, name := range slices.Sorted(maps.Keys(now)) {
		switch before, ok := s.tools[name]; {
		case !ok:
			added = append(added, name)
		case before != now[name]:
			changed = append(changed, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.tools)) {
		if _, ok := now[name]; !ok {
			removed = append(removed, name)
		}
	}
	s.tools = now
	if len(added)+len(removed)+len(changed) == 0 {
		return nil
	}
	raw := []byte(`{"jsonrpc":"2.0","method":"` + mcp.EventToolsChanged + `","params":{`)
	for i, list := range []struct {
		name  string
		tools []string
	}{{"added", added}, {"removed", removed}, {"changed", changed}} {
		if i > 0 {
			raw = append(raw, ',')
		}
		raw = append(append(append(raw, '"'), list.name...), `":[`...)
		for _, name := range list.tools {
			raw = wire.AppendQuote(wire.Separate(raw), name)
		}
		raw = append(raw, ']')
	}
	return notice.Message(append(raw, "}}"...))
}
