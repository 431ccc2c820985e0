package mcp

import (
	"context"
	"crypto/sha256"
	"errors"

	"github.com/sumun-mcp/sumun/internal/wire"
)

// A Reply answers one Call in the era and the transport in which it came. Ids
// and progress tokens are its own affair: messages pass with the server's, and
// the Reply puts the client's in their place. Messages and results are valid
// only during the method. Its methods may be called concurrently until Done.
type Reply interface {
	// Notify sends a notification that belongs to the call, as the server wrote it.
	Notify(ctx context.Context, notice *wire.Message) error
	// Ask puts a server's questions to the client and waits for the answers, in
	// the order of the questions. It returns ErrUnsupported where the client
	// cannot be asked, ErrDeclined where it refused to answer, ErrExpired where
	// the answer did not come in time.
	Ask(ctx context.Context, questions []Question) ([]Answer, error)
	// Done ends the call with its result. It is called at most once.
	Done(ctx context.Context, result *Result) error
}

// Reasons why a question gets no answer.
var (
	ErrUnsupported = errors.New("the client cannot be asked")
	ErrDeclined    = errors.New("the client declined to answer")
	ErrExpired     = errors.New("the client did not answer in time")
)

// A Question is something a server needs from the client in mid-call:
// elicitation, sampling or roots.
type Question struct {
	// Key tells questions of one round apart.
	Key string
	// Method is elicitation/create, sampling/createMessage, roots/list or ping.
	Method string
	// Params is the question's JSON object, or nil.
	Params []byte
}

// An Answer is what the client said to one Question: a result or an error.
type Answer struct {
	// Result is a JSON value; nil if Err is set.
	Result []byte
	// Err is the client's error object.
	Err *Error
}

// A Result is how a call ends well.
type Result struct {
	// Value is the JSON-RPC result.
	Value []byte
	// Message is the server's whole answer, in which Value stands, so that it can
	// be relayed byte for byte; nil when the house answers by itself.
	Message *wire.Message
	// Revision is what the server speaks, nil when the house answers by itself:
	// then Value is already in the form of the call's revision.
	Revision *Revision
	// Shared says that several clients share the session with the server.
	Shared bool
	// Sum is the SHA-256 of Value where it is known beforehand, else nil; see Digest.
	Sum *[sha256.Size]byte
}

// Digest returns the SHA-256 of Value.
func (r *Result) Digest() [sha256.Size]byte {
	if r.Sum != nil {
		return *r.Sum
	}
	return sha256.Sum256(r.Value)
}

// With returns the result with another value: in the server's message as it came, where there is one. The error is that the message
// would be none any more.
func (r *Result) With(scanner *wire.Scanner, value []byte) (*Result, error) {
	changed := *r
	changed.Value, changed.Message, changed.Sum = value, nil, nil
	if m := r.Message; m != nil && m.Result.Ok() && string(m.Bytes(m.Result)) == string(r.Value) {
		message, err := Amended(scanner, m, m.Result, value)
		if err != nil {
			return nil, err
		}
		changed.Message, changed.Value = message, message.Bytes(message.Result)
	}
	return &changed, nil
}

// Amended returns a server's message with one part changed.
func Amended(scanner *wire.Scanner, m *wire.Message, at wire.Span, part []byte) (*wire.Message, error) {
	changed := new(wire.Message)
	return changed, scanner.Answer(wire.AppendPatched(nil, m.Raw, wire.Patch{Span: at, With: part}), changed)
}

// Own returns the result of a call that the house answers by itself.
func Own(value []byte) *Result { return &Result{Value: value} }
