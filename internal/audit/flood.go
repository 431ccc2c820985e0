package audit

import (
	"net"
	"strconv"
	"time"

	"github.com/sumun-mcp/sumun/internal/mcp"
)

const (
	// floodWindow is how long refusals of one source are counted together.
	floodWindow = time.Second
	// floodFirst is how many of them have a record of their own.
	floodFirst = 20
	// maxSources is how many sources are told apart at once.
	maxSources = 1024
)

// A source is what refusals have in common that are counted together. Its size is
// bounded, whatever a client sends.
type source struct {
	// caller is the caller's id; session is what tells sessions apart, as on record.
	caller, session string
	// host is the client's address without the port.
	host, transport string
	// method is empty for words that are no method: a client has as many of them as it likes.
	method string
	reason mcp.Reason
	code   int
	// others says that it is all that were too many to be told apart; only reason is set then.
	others bool
}

// A flood is the refusals of one source within a window.
type flood struct {
	until time.Time
	// own is how many have a record of their own, count how many only a number.
	own, count int
	// first and last are when those that are counted came in.
	first, last time.Time
}

// floods are those whose window is not over.
type floods map[source]*flood

// sourceOf returns the source of a refused call.
func sourceOf(call *mcp.Call) *source {
	s := &source{transport: call.Transport, reason: call.Refused.Reason, code: call.Refused.Code}
	if call.Caller != nil {
		s.caller = call.Caller.ID
	}
	if call.Session != nil {
		s.session = string(appendTag(nil, call.Session.ID))
	}
	if _, known := mcp.MethodByName(call.Method); known {
		s.method = call.Method
	}
	host, _, err := net.SplitHostPort(call.Remote)
	if err != nil {
		host = call.Remote
	}
	s.host = host
	return s
}

// add takes note of a refusal. It reports whether that one is only counted, and
// returns the record of the window before where the refusal begins another.
func (all floods) add(s source, at time.Time) (counted bool, before []byte) {
	f := all[s]
	if f == nil && len(all) >= maxSources {
		s = source{reason: s.reason, others: true}
		f = all[s]
	}
	switch {
	case f == nil:
		f = &flood{until: at.Add(floodWindow)}
		all[s] = f
	case !at.Before(f.until):
		before = f.record(s)
		*f = flood{until: at.Add(floodWindow)}
	}
	if f.own < floodFirst {
		f.own++
		return false, before
	}
	if f.count == 0 || at.Before(f.first) {
		f.first = at
	}
	if at.After(f.last) {
		f.last = at
	}
	f.count++
	return true, before
}

// end ends the windows that are over at a time and yields what is to be put on record of them.
func (all floods) end(at time.Time, yield func(record []byte)) {
	for s, f := range all {
		if at.Before(f.until) {
			continue
		}
		delete(all, s)
		if record := f.record(s); record != nil {
			yield(record)
		}
	}
}

// record returns the record of those that were only counted, nil if there are
// none. It says what holds of all of them, which no digest does.
func (f *flood) record(s source) []byte {
	if f.count == 0 {
		return nil
	}
	b := appendTime([]byte(`{"v":1,"time":`), f.first)
	b = appendTime(append(b, `,"until":`...), f.last)
	b = appendString(b, "caller", s.caller)
	b = appendString(b, "session", s.session)
	b = appendString(b, "transport", s.transport)
	b = appendString(b, "remote", s.host)
	b = appendString(b, "method", s.method)
	b = appendString(b, "outcome", refused)
	if s.others {
		b = append(b, `,"others":true`...)
	} else {
		b = strconv.AppendInt(append(b, `,"code":`...), int64(s.code), 10)
	}
	b = appendString(b, "reason", string(s.reason))
	b = strconv.AppendInt(append(b, `,"count":`...), int64(f.count), 10)
	return append(b, '}')
}
