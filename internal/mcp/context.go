package mcp

// Prefix begins the keys of ours in _meta (basic/index, "_meta": a reverse domain name).
const Prefix = "io.github.sumun-mcp/"

// Keys of ours in _meta.
const (
	// MetaContext tells a server in which context it is called: a JSON object with rootId, path, uri, sampling,
	// variables and memory, each where it is known.
	MetaContext = Prefix + "context"
	// MetaVariables has the variables of a prompt with their JSON types; arguments are strings only.
	MetaVariables = Prefix + "variables"
	// MetaSampling has, in a prompt's result, the sampling parameters that it asks for, and in a tool's those for
	// what follows.
	MetaSampling = Prefix + "sampling"
	// MetaRemembered says that a result was remembered in the root, and since when.
	MetaRemembered = Prefix + "remembered"
	// MetaIfNoneMatch asks for a resource only if its etag is another.
	MetaIfNoneMatch = Prefix + "ifNoneMatch"
	// MetaNotModified says that a resource was left out because its etag is the one that was named.
	MetaNotModified = Prefix + "notModified"
	// MetaETag and MetaRevisionNumber say in which state a resource is.
	MetaETag           = Prefix + "etag"
	MetaRevisionNumber = Prefix + "revision"
	// MetaType is the kind of a resource: file, database, web, cache or object.
	MetaType = Prefix + "type"
	// MetaObject says that a resource's text is a JSON object that answers a question, not a document.
	MetaObject = Prefix + "object"
	// MetaChecksum and MetaDigest identify what a listed tool says of itself (package trust).
	MetaChecksum = Prefix + "checksum"
	MetaDigest   = Prefix + "digest"
	// MetaFindings says what was found in a result.
	MetaFindings = Prefix + "findings"
)
