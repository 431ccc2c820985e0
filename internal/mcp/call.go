package mcp

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/sumun-mcp/sumun/internal/wire"
)

// A Call is one request or notification of a client on its way through the
// house. The door makes it; the rooms behind read it. What a room decides on is
// a field; everything else stays in Request as the bytes that came.
type Call struct {
	// ID names the call in the audit record and the log. It is ours, not the client's.
	ID string
	// Caller is who asks, once authenticated.
	Caller *Caller
	// Session is the client that asks, for as long as it stays: a legacy session,
	// over HTTP or on a pipe. Nil for a modern call, which stands alone.
	Session *Session
	// Revision is what the client speaks.
	Revision *Revision
	// Capabilities and ClientInfo are what the client said of itself: JSON objects, or nil.
	Capabilities, ClientInfo []byte
	// LogLevel is the least severe log message that the client asked for; empty for none.
	LogLevel string

	// Method is the JSON-RPC method in the words of the standard.
	Method string
	// Name is the tool's or prompt's name or the resource's URI. The door fills in
	// what the client wrote; the hall puts the full name in the place of a short one
	// before anything is decided. It is decided on here and put back into the message
	// on the way out, so that what was allowed and what is forwarded cannot differ.
	Name string
	// Asked is the name as the client wrote it, where Name has come to be another.
	Asked string
	// Task is the server's own id of the task that the call addresses, once the hall has
	// opened the one that the client wrote; Name is the tool's then.
	Task string
	// Request is the message as it came. It is valid until Handle returns.
	Request *wire.Message
	// Header holds the Mcp-Param-* and trace headers of an HTTP request.
	Header http.Header
	// Transport is how the call came in: "http", "sse" (HTTP+SSE), "websocket", "stdio"
	// or "inproc".
	Transport string
	// Line tells apart what keeps one conversation: a pipe, a WebSocket. Empty over HTTP.
	Line string
	// Remote is the client's network address, empty on a pipe.
	Remote string

	// Dialect is the method of a call that came in the mcp.* dialect, in its canonical form,
	// whatever Method and Request say now; empty for the standard.
	Dialect string
	// Context is what a call of the dialect says of the root that it belongs to: a JSON object, or nil.
	Context []byte
	// Workspace is the URI of the directory that the client works in, where its transport
	// tells; it is the client's word.
	Workspace string
	// Root is the id of the root that the call belongs to, once it is known; empty where
	// that makes no difference.
	Root string
	// Sampling are the sampling parameters in force for the call, a JSON object, once
	// they are known; nil where there are none.
	Sampling []byte
	// Began is when the call came in; zero where nobody asks for it.
	Began time.Time

	// Resume continues a parked call with the client's answers; nil for a call that
	// begins.
	Resume *Resume

	// Withheld is why the gate itself answered in the place of a tool, where it does so by a result; empty for every other call.
	Withheld Reason

	// Refused is why the door refused the message. Such a call is only recorded;
	// nothing behind the audit sees it.
	Refused *Error
	// Server is the name of the server that the call went to. Route sets it for
	// the audit record.
	Server string
	// Findings are what of the call or of its answer was redacted or refused, for the
	// record. Who finds something adds it before the answer is handed on.
	Findings *Findings
	// Approval is the id of the decision that let the call go on, for the record.
	Approval string
}

// Findings are what was found in one call. Copies of a call share them. They may be used
// concurrently; nil keeps nothing.
type Findings struct {
	mu  sync.Mutex
	all []Finding
}

// maxFindings is how many findings of one call are kept.
const maxFindings = 50

// Add keeps a finding, and reports whether it is a new one that has room.
func (f *Findings) Add(one Finding) bool {
	if f == nil {
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.all) >= maxFindings || slices.Contains(f.all, one) {
		return false
	}
	f.all = append(f.all, one)
	return true
}

// All returns what was found so far.
func (f *Findings) All() []Finding {
	if f == nil {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clip(f.all)
}

// A Finding is something in a message that was redacted or refused. It never holds
// what was found.
type Finding struct {
	// Kind is what it is, such as "card" or "too-long".
	Kind string
	// Action is what was done: "flagged", "redacted", "refused", or "blocked" because of a secret.
	Action string
	// Pointer is where it was (RFC 6901), from "/params", "/result", "/notice", "/question", "/answer" or "/error" on.
	Pointer string
}

// Settle puts in the place of a view that depends on circumstances the one that holds for this call.
func (c *Call) Settle() {
	if c.Caller == nil || c.Caller.View == nil || c.Caller.View.At == nil {
		return
	}
	caller := *c.Caller
	caller.View = caller.View.At(c)
	c.Caller = &caller
}

// Params returns the call's parameters, a JSON object, or nil without any.
func (c *Call) Params() []byte { return c.member(func(m *wire.Message) wire.Span { return m.Params }) }

// Member returns the value of a top-level member of the parameters, or nil.
func (c *Call) Member(name string) []byte {
	return c.member(func(m *wire.Message) wire.Span { return m.Member(name) })
}

// Meta returns the value of a member of the parameters' _meta, or nil.
func (c *Call) Meta(name string) []byte {
	return c.member(func(m *wire.Message) wire.Span { return m.Meta(name) })
}

func (c *Call) member(find func(*wire.Message) wire.Span) []byte {
	if c.Request == nil {
		return nil
	}
	if s := find(c.Request); s.Ok() {
		return c.Request.Bytes(s)
	}
	return nil
}

// IsNotification reports whether nobody waits for an answer.
func (c *Call) IsNotification() bool {
	return c.Request != nil && c.Request.Kind == wire.Notification
}

// Asks reports whether the client declared one of the capabilities that let a
// server ask it something in mid-call: sampling, elicitation or roots.
func (c *Call) Asks() bool {
	for _, capability := range [...]string{"sampling", "elicitation", "roots"} {
		if wire.Get(c.Capabilities, capability) != nil {
			return true
		}
	}
	return false
}

// A Resume is what a client's retry continues: a call that was parked when its
// server asked something.
type Resume struct {
	// Parent is the id of the parked call; empty if that is not known any more.
	Parent string
	// Continue hands the answers to the parked call and speaks through reply until
	// that call ends or asks again. It ends as a Handler does.
	Continue func(ctx context.Context, reply Reply) error
	// Lapse ends the parked call, unless Continue was called: its token is used up, so
	// that nobody can come for it any more. Nil where there is nothing to end.
	Lapse func()
}

// A Session is one client of the legacy era for as long as it stays. Upstream
// sessions of its own and its subscriptions are kept under its ID and dropped
// when it ends.
type Session struct {
	// ID is unique, and no secret: what a client shows is a sealed token that holds it.
	ID string
}

// A Caller is who asks.
type Caller struct {
	// ID names the caller in the audit record: the key's name, or "anonymous".
	ID string
	// View is what the caller may see and use.
	View *View
	// Naming is the form of names that the caller's key asks for, or empty.
	Naming Naming
	// Admin says that the caller may run the gate itself: it has every scope that a method needs as such.
	Admin bool
	// Scopes are the scopes of what the caller has shown, those of its roles among them; Given are those that it has by itself, and Roles
	// its roles.
	Scopes, Given, Roles []string
	// Claims are those of the caller's token, a JSON object; nil for a key.
	Claims []byte
	// Key is the hash of the key that the caller has shown; zero for one without a key.
	Key [32]byte
	// Over is closed when what the caller has shown is good for nothing any more; nil if that never happens.
	Over <-chan struct{}
}

// Expired reports whether what the caller has shown is good for nothing any more.
func (c *Caller) Expired() bool {
	select {
	case <-c.Over: // never, if it is nil
		return true
	default:
		return false
	}
}

// A Kind is a kind of thing that has a name.
type Kind uint8

// The kinds of named things.
const (
	Tool Kind = iota
	Prompt
	Resource
	Template
)

// A Verb is what is done with a thing, as scopes and conditions call it.
type Verb string

// The verbs. Tools and prompts are invoked, and listed exactly where they can be; resources are read, listed and written.
const (
	ToInvoke Verb = "invoke"
	ToRead   Verb = "read"
	ToList   Verb = "list"
	ToWrite  Verb = "write"
)

// Use returns the verb of calling, getting or reading a thing of that kind.
func Use(kind Kind) Verb {
	if kind == Tool || kind == Prompt {
		return ToInvoke
	}
	return ToRead
}

// A View is what a caller may see. Listing and calling ask the same View, so
// that a tool or prompt is listed exactly when it can be called.
type View struct {
	// ID is equal for equal views; rendered lists are kept under it.
	ID string
	// Whole says that the view hides nothing.
	Whole bool
	// Allow decides on one name. It is pure and safe for concurrent use; nil allows nothing.
	Allow func(kind Kind, name string) bool
	// Deny decides what is withheld from being used in that way although Allow, List and Write say otherwise; nil withholds nothing.
	Deny func(kind Kind, name string, verb Verb) bool
	// Write decides which resources may be written; nil allows none.
	Write func(uri string) bool
	// List decides which names stand in lists, where that is not what Allow
	// says: a scope may list a resource without reading it. Nil lists what Allow allows.
	List func(kind Kind, name string) bool
	// StepUp returns the scopes that the caller lacks and can ask for, each of which would let it use, or write, the thing of that kind and
	// name; none where there are none. Lists show such things. Nil has none of anything.
	StepUp func(kind Kind, name string, write bool) []string

	// At returns the view that holds for one call, where that depends on its circumstances; nil where it does not. What depends on the
	// call's arguments is in it as far as they may allow it. Until then the view shows what it shows in any case.
	At func(call *Call) *View
	// Judge decides by the arguments of a call that Allow lets through, and returns why it is refused; nil where they make no difference.
	Judge func(call *Call) *Error
}

// Sees reports whether the thing of that kind and name may be called, got or read.
func (v *View) Sees(kind Kind, name string) bool {
	return v != nil && !v.Denies(kind, name, Use(kind)) && (v.Whole || v.Allow != nil && v.Allow(kind, name))
}

// Denies reports whether the thing of that kind and name is withheld from being used in that way, whatever else is said of it.
func (v *View) Denies(kind Kind, name string, verb Verb) bool {
	return v != nil && v.Deny != nil && v.Deny(kind, name, verb)
}

// Writes reports whether the resource may be written.
func (v *View) Writes(uri string) bool {
	return v != nil && !v.Denies(Resource, uri, ToWrite) && (v.Whole || v.Write != nil && v.Write(uri))
}

// Lists reports whether lists show the thing of that kind and name.
func (v *View) Lists(kind Kind, name string) bool {
	if v == nil || v.Whole || v.List == nil {
		return v.Sees(kind, name)
	}
	verb := ToList
	if kind == Tool || kind == Prompt {
		verb = ToInvoke
	}
	return !v.Denies(kind, name, verb) && (v.List(kind, name) || v.StepUp != nil && len(v.StepUp(kind, name, false)) > 0)
}

// Steps returns the scopes of which the caller lacks one for using, or writing, the thing of that kind and name, and can ask for.
func (v *View) Steps(kind Kind, name string, write bool) []string {
	verb := Use(kind)
	if write {
		verb = ToWrite
	}
	if v == nil || v.StepUp == nil || v.Denies(kind, name, verb) {
		return nil
	}
	return v.StepUp(kind, name, write)
}
