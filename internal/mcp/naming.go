package mcp

// A Naming says in which form clients are shown the names of tools and prompts;
// calls by either form are understood. Empty leaves it to who knows more: the key's
// is taken before the endpoint's, and that before what the client says it is.
type Naming string

// The forms of names.
const (
	// FullNames are those that scopes, the audit record and the configuration use.
	FullNames Naming = "full"
	// ShortNames have no dots and leave room for what a host puts before them.
	ShortNames Naming = "short"
)
