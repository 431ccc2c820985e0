package mcp

import (
	"slices"

	"github.com/sumun-mcp/sumun/internal/wire"
)

// A Revision is one dated revision of the MCP specification, told as abilities.
// The house asks a revision what it can do and never compares its name;
// this file is the only one in which a revision's name stands.
type Revision struct {
	// Name is the revision's date, as it stands in headers and messages.
	Name string

	// Stateless marks the modern era: every request stands alone, there is no
	// initialize and no session, and a lost connection cancels its calls.
	Stateless bool
	// Sessions says that the Streamable HTTP transport may assign a session.
	Sessions bool
	// EventsTransport marks the revision whose only HTTP transport is HTTP+SSE.
	EventsTransport bool
	// Batch says that several messages may come in one JSON array.
	Batch bool
	// VersionHeader says that requests after the handshake name the revision in a header.
	VersionHeader bool
	// HeaderRules says that Mcp-Method, Mcp-Name and Mcp-Param-* must agree with the body.
	HeaderRules bool
	// Priming says that a stream opens with an empty event that carries an id,
	// so that a client can resume before the first message.
	Priming bool

	// ServerRequests says that a server may send requests while a call runs.
	ServerRequests bool
	// InputRequired says that a server asks by ending the call with an input_required result.
	InputRequired bool
	// Elicitation and ElicitationURL tell which kinds of elicitation exist.
	Elicitation, ElicitationURL bool
	// SamplingTools says that a sampling request may carry tools.
	SamplingTools bool

	// Tasks says that a request may ask to be run as a task, in the legacy era's way.
	Tasks bool

	// ToolMeta says that a listed tool may have _meta.
	ToolMeta bool

	// ResultType says that every result names its type.
	ResultType bool
	// CacheHints says that lists, discoveries and reads carry ttlMs and cacheScope.
	CacheHints bool
	// Structured and AnyStructured tell whether structuredContent exists, and
	// whether it may be any JSON value instead of an object only.
	Structured, AnyStructured bool

	// NotFound is the error code for a resource that does not exist.
	NotFound int
}

// revisions stand in order of age. A new revision of the specification is a new row.
var revisions = [...]*Revision{
	{
		Name: "2024-11-05", EventsTransport: true,
		ServerRequests: true, NotFound: CodeResourceNotFound,
	},
	{
		Name: "2025-03-26", Sessions: true, Batch: true,
		ServerRequests: true, NotFound: CodeResourceNotFound,
	},
	{
		Name: "2025-06-18", Sessions: true, VersionHeader: true,
		ServerRequests: true, Elicitation: true, ToolMeta: true, Structured: true, NotFound: CodeResourceNotFound,
	},
	{
		Name: "2025-11-25", Sessions: true, VersionHeader: true, Priming: true,
		ServerRequests: true, Elicitation: true, ElicitationURL: true, SamplingTools: true,
		Tasks: true, ToolMeta: true, Structured: true, NotFound: CodeResourceNotFound,
	},
	{
		Name: "2026-07-28", Stateless: true, VersionHeader: true, HeaderRules: true,
		InputRequired: true, Elicitation: true, ElicitationURL: true, SamplingTools: true,
		ToolMeta: true, ResultType: true, CacheHints: true, Structured: true, AnyStructured: true, NotFound: CodeInvalidParams,
	},
}

// unnamed is the index of the revision that a Streamable HTTP request without
// a version header speaks (basic/transports, "Protocol Version Header").
const unnamed = 1

// Revisions returns every known revision, oldest first.
func Revisions() []*Revision { return slices.Clone(revisions[:]) }

// Latest returns the newest revision of the modern era.
func Latest() *Revision { return revisions[len(revisions)-1] }

// LatestLegacy returns the newest revision of the legacy era.
func LatestLegacy() *Revision {
	for _, r := range slices.Backward(revisions[:]) {
		if !r.Stateless {
			return r
		}
	}
	return nil
}

// Unnamed returns the revision of a request over HTTP that names none.
func Unnamed() *Revision { return revisions[unnamed] }

// ParseRevision returns the revision of that name, or nil when we do not know it.
func ParseRevision(name string) *Revision {
	for _, r := range revisions {
		if r.Name == name {
			return r
		}
	}
	return nil
}

// NewestModern returns the newest revision of the modern era that a JSON array
// names and we know, nil if there is none.
func NewestModern(names []byte) *Revision {
	var best *Revision
	for raw := range wire.Elements(names) {
		name, _ := wire.Unquote(raw)
		if r := ParseRevision(name); r != nil && r.Stateless && (best == nil || r.Name > best.Name) {
			best = r
		}
	}
	return best
}

// Negotiate returns the legacy revision that answers an initialize request for
// name: the one asked for when we speak it, else our newest of that era
// (basic/lifecycle, "Version Negotiation").
func Negotiate(name string) *Revision {
	if r := ParseRevision(name); r != nil && !r.Stateless {
		return r
	}
	return LatestLegacy()
}

// NamesModern reports whether name, known to us or not, belongs to the modern
// era. Revisions are named by date, so that later ones sort later.
func NamesModern(name string) bool {
	for _, r := range revisions {
		if r.Stateless {
			return name >= r.Name
		}
	}
	return false
}

// AppendNames appends the names of all revisions, newest first, as a JSON array.
func AppendNames(dst []byte) []byte {
	dst = append(dst, '[')
	for i, r := range slices.Backward(revisions[:]) {
		if i < len(revisions)-1 {
			dst = append(dst, ',')
		}
		dst = append(dst, '"')
		dst = append(dst, r.Name...)
		dst = append(dst, '"')
	}
	return append(dst, ']')
}
