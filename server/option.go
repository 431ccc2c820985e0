package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"regexp"
	"runtime/debug"

	"github.com/google/jsonschema-go/jsonschema"
	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/sumun-mcp/sumun/internal/declared"
)

// An Option says more of a tool or a resource than its name.
type Option func(*about)

// about is what options say.
type about struct {
	title, description, mimeType, uri string
	annotations                       sdk.ToolAnnotations
	input                             json.RawMessage
}

// Title names a tool or a resource for people.
func Title(title string) Option { return func(a *about) { a.title = title } }

// Description tells people and models what a tool or a resource is for.
func Description(text string) Option { return func(a *about) { a.description = text } }

// ReadOnly says that a tool changes nothing.
func ReadOnly() Option { return func(a *about) { a.annotations.ReadOnlyHint = true } }

// Idempotent says that a second call of a tool with the same arguments changes nothing further.
func Idempotent() Option { return func(a *about) { a.annotations.IdempotentHint = true } }

// Additive says that a tool destroys nothing: what it changes, it adds.
func Additive() Option { return func(a *about) { a.annotations.DestructiveHint = new(false) } }

// ClosedWorld says that a tool reaches nothing beyond this program and what belongs to it.
func ClosedWorld() Option { return func(a *about) { a.annotations.OpenWorldHint = new(false) } }

// InputSchema is the JSON Schema of a tool's arguments, or of a resource's parameters, where the Go type does not say enough.
// Its type must be object.
func InputSchema(schema string) Option {
	return func(a *about) { a.input = json.RawMessage(schema) }
}

// MIMEType says of what type the content of a resource is, if it is another than follows from what the handler returns.
func MIMEType(mimeType string) Option { return func(a *about) { a.mimeType = mimeType } }

// URI is the URI of a resource, or for one with parameters its template (RFC 6570), in which each parameter stands. Without it
// the URI of the resource file.read with the parameter path is sumun://file.read{?path}.
func URI(uri string) Option { return func(a *about) { a.uri = uri } }

func described(options []Option) *about {
	a := &about{}
	for _, o := range options {
		o(a)
	}
	return a
}

// named matches the names of tools and resources that all clients can use.
var named = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,128}$`)

func checkName(name string) error {
	if !named.MatchString(name) {
		return fmt.Errorf("%q cannot be a name; use letters, digits, _, - and dots, at most 128", name)
	}
	return nil
}

// inputOf returns the schema of what a handler takes: that of the option, or that of the type.
func inputOf[In any](a *about) (*declared.Schema, error) {
	raw := a.input
	if raw == nil {
		var err error
		if raw, err = schemaOf[In](); err != nil {
			return nil, fmt.Errorf("the arguments: %w", err)
		}
	}
	if raw == nil {
		raw = json.RawMessage(`{"type":"object"}`)
	}
	schema, err := declared.Compile(raw)
	if err != nil {
		return nil, fmt.Errorf("the arguments: %w", err)
	}
	return schema, nil
}

// schemaOf returns the JSON Schema of a type, or nil for those that may be anything.
func schemaOf[T any]() (json.RawMessage, error) {
	t := reflect.TypeFor[T]()
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() == reflect.Interface || t == reflect.TypeFor[json.RawMessage]() {
		return nil, nil
	}
	schema, err := jsonschema.ForType(t, &jsonschema.ForOptions{TypeSchemas: map[reflect.Type]*jsonschema.Schema{ // as encoding/json writes them
		reflect.TypeFor[json.RawMessage](): {},
		reflect.TypeFor[json.Number]():     {Type: "number"},
		reflect.TypeFor[[]byte]():          {Types: []string{"null", "string"}, ContentEncoding: "base64"},
	}})
	if err != nil {
		return nil, fmt.Errorf("the type %v has no JSON Schema: %w", t, err)
	}
	return json.Marshal(schema)
}

// decode reads arguments that fit the schema into a value of the handler's type.
func decode[In any](schema *declared.Schema, raw json.RawMessage) (in In, err error) {
	args, err := schema.Read(raw)
	if err != nil {
		return in, err
	}
	whole, err := json.Marshal(args)
	if err != nil {
		return in, fmt.Errorf("reading the arguments: %w", err)
	}
	if err := json.Unmarshal(whole, &in); err != nil {
		return in, fmt.Errorf("reading the arguments: %w", err)
	}
	return in, nil
}

// guarded calls a handler. A panic is told to the log, and to the client only that there was one.
func guarded[T any](ctx context.Context, s *Server, name string, call func() (T, error)) (out T, err error) {
	defer func() {
		if p := recover(); p != nil {
			s.log.ErrorContext(ctx, "a handler has panicked", slog.String("name", name), slog.Any("panic", p), slog.String("stack", string(debug.Stack())))
			err = &jsonrpc.Error{Code: jsonrpc.CodeInternalError, Message: "internal error in " + name + "; the log of the server tells more"}
		}
	}()
	return call()
}

// isWire reports whether an error is to be told as one of the protocol.
func isWire(err error) bool {
	_, ok := errors.AsType[*jsonrpc.Error](err)
	return ok
}
