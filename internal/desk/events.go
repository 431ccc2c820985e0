package desk

import (
	"context"
	"crypto/rand"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/notice"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// Events are those that there are (design/dialect.md).
var Events = []string{
	mcp.EventResourceUpdated, mcp.EventToolsChanged, mcp.EventSecurityAlert, mcp.EventSamplingUpdated, mcp.EventRootClosed,
}

const (
	// maxStreams is how many streams of events one listener may have open.
	maxStreams = 16
	// maxWaiting is how many lines that have subscribed to resources may wait for their
	// stream, which comes at once or never: a line may end meanwhile.
	maxWaiting = 1024
)

// streams are the streams of events that are open, and what those who may open one have
// subscribed to.
type streams struct {
	mu        sync.Mutex
	listeners map[string]*listener
	// waiting are lines that had no stream when they subscribed to something, the oldest first.
	waiting []string
}

// A listener is who is told of events: a line, or over HTTP a caller. What it has
// subscribed to is kept until its last stream ends, and before its first begins.
type listener struct {
	// caller is whose it is. Of the resources, uris tells in which roots they were subscribed
	// to; an empty id stands for calls that named none.
	caller  string
	uris    map[string]map[string]bool
	streams map[*stream]bool
	begun   int
}

// A stream is one answer to mcp.event.subscribe.
type stream struct {
	// id is the name of its mailbox at the hub.
	id     string
	caller string
	types  []string
	end    context.CancelFunc
	// line says that it shares a line with others of its listener; turn counts those that
	// began before it.
	line bool
	turn int
}

// wants reports whether the stream is told of an event.
func (s *stream) wants(event string) bool { return slices.Contains(s.types, event) }

// listenerOf names who is told of what a call subscribes to.
func listenerOf(call *mcp.Call) string {
	if call.Line != "" {
		return "line " + call.Line
	}
	return "caller " + call.Caller.ID
}

// eventTypes reads which events a call means: all, if it does not say. Their names may
// be given without what all have in common.
func eventTypes(call *mcp.Call) ([]string, error) {
	raw := call.Member("types")
	if raw == nil {
		return Events, nil
	}
	if raw[0] != '[' {
		return nil, mcp.Errorf(mcp.CodeInvalidParams, mcp.InvalidArguments, "params.types must be an array of the names of events")
	}
	const common = "mcp.event."
	var types []string
	for element := range wire.Elements(raw) {
		name, ok := wire.Unquote(element)
		if name = common + strings.TrimPrefix(name, common); !ok || !slices.Contains(Events, name) {
			return nil, mcp.Errorf(mcp.CodeInvalidParams, mcp.InvalidArguments,
				"params.types has %.80s, which is no event; there are %s", element, strings.Join(Events, ", "))
		}
		if !slices.Contains(types, name) {
			types = append(types, name)
		}
	}
	if types == nil {
		return nil, mcp.Errorf(mcp.CodeInvalidParams, mcp.InvalidArguments, "params.types names no event; leave it out to mean all")
	}
	return types, nil
}

// tell tells the client what happens until it leaves, unsubscribes or the gate closes.
func (d *Desk) tell(ctx context.Context, call *mcp.Call, reply mcp.Reply) error {
	types, err := eventTypes(call)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(d.Draining, cancel)() //nolint:contextcheck // it is that of the gate
	s := &stream{id: "events " + rand.Text(), caller: call.Caller.ID, types: types, end: cancel, line: call.Line != ""}
	d.Hub.Open(s.id, d.Group(call))
	defer func() { d.Unwatch(context.WithoutCancel(ctx), d.Hub.Drop(s.id)) }()
	uris, err := d.streams.join(listenerOf(call), s)
	if err != nil {
		return err
	}
	defer d.streams.leave(listenerOf(call), s)
	for _, uri := range uris {
		d.follow(ctx, call, s, uri)
	}
	mine := *call
	speaker := &speaker{Reply: reply, desk: d, call: &mine, stream: s, tools: d.snapshot(ctx, call, s)}
	if err := reply.Notify(ctx, subscribed(types)); err != nil {
		return err
	}
	if err := d.Hub.Listen(ctx, s.id, nil, speaker); err != nil {
		return err
	}
	return reply.Done(ctx, mcp.Own([]byte("{}")))
}

// subscribed is the answer to the request that opened a stream.
func subscribed(types []string) *wire.Message {
	raw := []byte(`{"jsonrpc":"2.0","method":"` + mcp.NoticeSubscribed + `","params":{"types":[`)
	for _, name := range types {
		raw = wire.AppendQuote(wire.Separate(raw), name)
	}
	return notice.Message(append(raw, "]}}"...))
}

// untell ends the streams of the one who asks, or has them tell of fewer events.
func (d *Desk) untell(call *mcp.Call) error {
	types, err := eventTypes(call)
	if err != nil {
		return err
	}
	d.streams.narrow(listenerOf(call), types)
	return nil
}

// watch tells the streams of the one who asks of a resource's updates from now on.
func (d *Desk) watch(ctx context.Context, call *mcp.Call) error {
	if _, ok := d.Catalog(ctx, call).Lookup(mcp.Resource, call.Name); !ok {
		return mcp.Absent(mcp.Resource, call.Name, call.Revision)
	}
	open, isNew, err := d.streams.note(call)
	if err != nil {
		return err
	}
	for _, s := range open {
		if err := d.Watch(ctx, d.inStream(call, s, call.Name)); err != nil {
			if isNew {
				d.streams.forget(listenerOf(call), call.Name)
			}
			return err
		}
	}
	return nil
}

// unwatch undoes watch.
func (d *Desk) unwatch(ctx context.Context, call *mcp.Call) {
	for _, s := range d.streams.forget(listenerOf(call), call.Name) {
		if d.Hub.Unsubscribe(s.id, call.Name) {
			d.Unwatch(ctx, []string{call.Name})
		}
	}
}

// RootClosed drops the subscriptions that were made in a root of a caller.
func (d *Desk) RootClosed(ctx context.Context, caller, root string) {
	for mailbox, uris := range d.streams.leaveRoot(caller, root) {
		for _, uri := range uris {
			if d.Hub.Unsubscribe(mailbox, uri) {
				d.Unwatch(ctx, []string{uri})
			}
		}
	}
}

// follow is watch for one stream that has just begun; a resource that is gone is none
// of its business.
func (d *Desk) follow(ctx context.Context, call *mcp.Call, s *stream, uri string) {
	if !call.Caller.View.Sees(mcp.Resource, uri) {
		return
	}
	if err := d.Watch(ctx, d.inStream(call, s, uri)); err != nil {
		d.Log.DebugContext(ctx, "a subscription of before is not taken up again", slog.String("uri", uri), slog.Any("error", err))
	}
}

// inStream is the call by which a stream's mailbox is subscribed to a resource.
func (d *Desk) inStream(call *mcp.Call, s *stream, uri string) *mcp.Call {
	mine := *call
	mine.Name, mine.Session = uri, &mcp.Session{ID: s.id}
	return &mine
}

// Tell tells the streams of a caller of an event: params is its JSON object. No caller
// stands for all of them.
func (d *Desk) Tell(caller, event string, params []byte) {
	raw := wire.AppendQuote([]byte(`{"jsonrpc":"2.0","method":`), event)
	raw = append(append(append(raw, `,"params":`...), params...), '}')
	message := notice.Message(raw)
	for _, id := range d.streams.of(caller, event) {
		d.Hub.Tell(id, message)
	}
}

// listener returns the one of that name. The lock is held.
func (s *streams) listener(name string) *listener {
	l := s.listeners[name]
	if l == nil {
		if s.listeners == nil {
			s.listeners = map[string]*listener{}
		}
		l = &listener{uris: map[string]map[string]bool{}, streams: map[*stream]bool{}}
		s.listeners[name] = l
	}
	return l
}

// join adds a stream, and returns what it is to be told of.
func (s *streams) join(name string, joining *stream) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.listener(name)
	if len(l.streams) >= maxStreams {
		return nil, mcp.Errorf(mcp.CodeInternal, mcp.RateLimited, "%d streams of events are open already; close some", maxStreams)
	}
	l.begun++
	l.streams[joining], joining.turn = true, l.begun
	return slices.Sorted(maps.Keys(l.uris)), nil
}

func (s *streams) leave(name string, leaving *stream) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.listener(name)
	delete(l.streams, leaving)
	if len(l.streams) == 0 {
		delete(s.listeners, name)
	}
}

// note keeps that who calls is subscribed to a resource, and in which root, and returns
// the streams of the listener.
func (s *streams) note(call *mcp.Call) (open []*stream, isNew bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.listener(listenerOf(call))
	l.caller = call.Caller.ID
	if call.Line != "" && len(l.streams)+len(l.uris) == 0 {
		s.wait(listenerOf(call))
	}
	in := l.uris[call.Name]
	if in == nil {
		if err := notice.Bound(len(l.uris), call.Name); err != nil {
			return nil, false, err
		}
		in, isNew = map[string]bool{}, true
		l.uris[call.Name] = in
	}
	root, _ := wire.Unquote(wire.Get(call.Context, "rootId"))
	in[root] = true
	return slices.Collect(maps.Keys(l.streams)), isNew, nil
}

// wait notes that a line has no stream yet, and forgets the one that has waited for its own
// for the longest time, if too many do. The lock is held.
func (s *streams) wait(name string) {
	s.waiting = append(s.waiting, name)
	if len(s.waiting) <= maxWaiting {
		return
	}
	oldest := s.waiting[0]
	s.waiting = slices.Delete(s.waiting, 0, 1)
	if l := s.listeners[oldest]; l != nil && len(l.streams) == 0 {
		delete(s.listeners, oldest)
	}
}

// leaveRoot takes a root out of what the listeners of a caller have subscribed to. What was
// subscribed to in no other is forgotten: it is returned by the mailboxes of the streams that
// were told.
func (s *streams) leaveRoot(caller, root string) map[string][]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	gone := map[string][]string{}
	for _, l := range s.listeners {
		for uri, in := range l.uris {
			if l.caller != caller || !in[root] {
				continue
			}
			if delete(in, root); len(in) > 0 {
				continue
			}
			delete(l.uris, uri)
			for open := range l.streams {
				gone[open.id] = append(gone[open.id], uri)
			}
		}
	}
	maps.DeleteFunc(s.listeners, func(_ string, l *listener) bool { return len(l.uris) == 0 && len(l.streams) == 0 })
	return gone
}

// forget undoes note.
func (s *streams) forget(name, uri string) []*stream {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.listeners[name]
	if l == nil {
		return nil
	}
	delete(l.uris, uri)
	open := slices.Collect(maps.Keys(l.streams))
	if len(l.uris) == 0 && len(open) == 0 {
		delete(s.listeners, name)
	}
	return open
}

// narrow has the listener's streams tell no more of those events, and ends those that
// have nothing left to tell.
func (s *streams) narrow(name string, types []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.listeners[name]
	if l == nil {
		return
	}
	for open := range l.streams {
		open.types = slices.DeleteFunc(slices.Clone(open.types), func(t string) bool { return slices.Contains(types, t) })
		if len(open.types) == 0 {
			open.end()
		}
	}
}

// of returns the mailboxes of the streams of a caller that are told of an event.
func (s *streams) of(caller, event string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var ids []string
	for _, l := range s.listeners {
		for open := range l.streams {
			if (caller == "" || open.caller == caller) && open.wants(event) {
				ids = append(ids, open.id)
			}
		}
	}
	return ids
}

// wants reports whether a stream is to tell of an event.
func (s *streams) wants(open *stream, event string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return open.wants(event)
}

// told reports whether a stream of a listener is told of an event. On a line, where all
// that is told comes the same way, the oldest of the streams that want it tells it.
func (s *streams) told(name string, open *stream, event string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l := s.listeners[name]; open.line && l != nil {
		for other := range l.streams {
			if other.turn < open.turn && other.wants(event) {
				return false
			}
		}
	}
	return open.wants(event)
}
