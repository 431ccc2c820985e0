// Package mcp is the vocabulary of the house: the Call that goes through it,
// the Reply that answers it, the Handler and Middleware that work on it, the
// methods, the errors and the table of revisions.
package mcp

import (
	"context"
	"slices"
)

// A Handler answers calls. Handle ends with exactly one reply.Done and a nil
// error, or with an error and no Done; a notification gets neither. The context
// ends by the rules of the call's era, which the door that took it knows: with
// the connection in the modern era, with the session in the legacy one. Handle
// may be called concurrently.
type Handler interface {
	Handle(ctx context.Context, call *Call, reply Reply) error
}

// HandlerFunc makes a Handler of a function.
type HandlerFunc func(ctx context.Context, call *Call, reply Reply) error

// Handle calls f.
func (f HandlerFunc) Handle(ctx context.Context, call *Call, reply Reply) error {
	return f(ctx, call, reply)
}

// A Middleware puts something before, after or around a Handler.
type Middleware func(next Handler) Handler

// Chain returns h behind the middlewares, the first of them outermost.
func Chain(h Handler, outermostFirst ...Middleware) Handler {
	for _, m := range slices.Backward(outermostFirst) {
		h = m(h)
	}
	return h
}
