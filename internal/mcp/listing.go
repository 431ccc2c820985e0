package mcp

import "time"

// A Listing is what one server offers, element by element in the bytes it sent.
type Listing struct {
	// Revision is what the server speaks.
	Revision *Revision
	// Tools, Prompts, Resources and Templates are JSON objects in the server's order.
	Tools, Prompts, Resources, Templates [][]byte
	// Capabilities and Info are what the server said of itself: JSON objects, or nil.
	Capabilities, Info []byte
	// Instructions is the server's advice on its use.
	Instructions string
	// Version is that of the server at whose word this is (see Destination).
	Version uint64
}

// A Destination is where a call goes: a server, and the name by which that
// server knows what the call addresses.
type Destination struct {
	// Server is the server's name in the configuration.
	Server string
	// Name is the tool's or prompt's name or the URI that the server itself uses.
	Name string
	// Headers are the arguments that a modern HTTP request repeats in its headers.
	Headers []HeaderParam
	// Timeout is how long the call may stay silent; each progress notification starts it anew. 0 leaves only the server's own
	// bound, which stands above it.
	Timeout time.Duration
	// Task says that the call asks a server of the legacy era to be run as a task, so that its session is kept for the answer.
	Task bool
	// Repeatable says that the call may be made twice: the server says so of the tool, and is believed.
	Repeatable bool
	// Version says which of the servers that follow each other under one name has offered this: calls go to that one while it is there.
	// 0 leaves it to the one that is there now.
	Version uint64
}
