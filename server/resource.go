package server

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	sdk "github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/yosida95/uritemplate/v3"

	"github.com/sumun-mcp/sumun/internal/declared"
	"github.com/sumun-mcp/sumun/internal/mcp"
)

// ErrNotFound is wrapped by the error of a resource's handler if there is nothing for these parameters.
var ErrNotFound = errors.New("not found")

// RegisterResource offers a resource that a function of yours reads. P is a struct whose fields are the resource's parameters,
// or struct{}: with parameters it is a resource template of that name, read in the dialect by
// mcp.resource.read {resourceId, params}, and otherwise by its URI (see the option URI). Parameters are held against the schema
// of P, as the arguments of tools are.
//
// T is the content: a string is a text, []byte a blob, and anything else is JSON. Each state of it has an etag, and a revision
// that grows with every change that is seen. An error that wraps ErrNotFound says that there is nothing; of any other the caller
// is told the text.
func RegisterResource[P, T any](s *Server, name string, handler func(ctx context.Context, params P, c *Context) (T, error), options ...Option) {
	s.register("resource "+name, func() error {
		if err := checkName(name); err != nil {
			return err
		}
		a := described(options)
		input, err := inputOf[P](a)
		if err != nil {
			return err
		}
		r := &resource{server: s, about: a, input: input}
		if err := r.place(name); err != nil {
			return err
		}
		return r.offer(name, func(ctx context.Context, req *sdk.ReadResourceRequest) (*sdk.ReadResourceResult, error) {
			return readResource(ctx, r, req, handler)
		})
	})
}

// A resource is one that is registered.
type resource struct {
	server   *Server
	about    *about
	input    *declared.Schema
	template *uritemplate.Template
}

// place finds out the URI, or the template, under which the resource is read.
func (r *resource) place(name string) error {
	var parameters struct {
		Properties json.RawMessage `json:"properties"`
	}
	if err := json.Unmarshal(r.input.JSON(), &parameters); err != nil {
		return fmt.Errorf("the parameters: %w", err)
	}
	names, err := keys(parameters.Properties)
	if err != nil {
		return fmt.Errorf("the parameters: %w", err)
	}
	if r.about.uri == "" {
		r.about.uri = "sumun://" + name
		if len(names) > 0 {
			r.about.uri += "{?" + strings.Join(names, ",") + "}"
		}
	}
	if r.template, err = uritemplate.New(r.about.uri); err != nil {
		return fmt.Errorf("the URI %q: %w", r.about.uri, err)
	}
	for _, name := range r.template.Varnames() {
		if !slices.Contains(names, name) {
			return fmt.Errorf("the URI %q has the variable %s, which is no parameter", r.about.uri, name)
		}
	}
	for _, name := range names {
		if !slices.Contains(r.template.Varnames(), name) {
			return fmt.Errorf("the URI %q does not have the parameter %s", r.about.uri, name)
		}
	}
	return nil
}

// keys returns the keys of a JSON object in their order.
func keys(object json.RawMessage) ([]string, error) {
	if len(object) == 0 {
		return nil, nil
	}
	dec := json.NewDecoder(strings.NewReader(string(object)))
	if _, err := dec.Token(); err != nil {
		return nil, err
	}
	var all []string
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return nil, err
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return nil, err
		}
		if name, ok := key.(string); ok {
			all = append(all, name)
		}
	}
	return all, nil
}

// offer adds the resource, and makes an error of the panic with which the SDK refuses one.
func (r *resource) offer(name string, handler sdk.ResourceHandler) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
		}
	}()
	a, own := r.about, r.server.own
	if len(r.template.Varnames()) == 0 {
		own.AddResource(&sdk.Resource{Name: name, Title: a.title, Description: a.description, MIMEType: a.mimeType, URI: a.uri}, handler)
		return nil
	}
	own.AddResourceTemplate(&sdk.ResourceTemplate{
		Name: name, Title: a.title, Description: a.description, MIMEType: a.mimeType, URITemplate: a.uri,
	}, handler)
	return nil
}

// parameters takes the parameters out of a URI, as JSON.
func (r *resource) parameters(uri string) (json.RawMessage, error) {
	out := map[string]json.RawMessage{}
	for name, value := range r.template.Match(uri) {
		if !value.Valid() {
			continue
		}
		schema, _ := r.input.Property(name)
		raw, err := typed(schema, value)
		if err != nil {
			return nil, err
		}
		out[name] = raw
	}
	return json.Marshal(out)
}

// typed returns a value of a URI as JSON of the kind that a schema wants. What does not fit is for the schema to tell.
func typed(schema json.RawMessage, value uritemplate.Value) (json.RawMessage, error) {
	var kind struct {
		Type any `json:"type"`
	}
	_ = json.Unmarshal(schema, &kind) // without a type it is a text
	text := value.String()
	if value.T == uritemplate.ValueTypeList {
		text = strings.Join(value.V, ",")
	}
	wanted := fmt.Sprint(kind.Type)
	switch {
	case strings.Contains(wanted, "string") || kind.Type == nil:
	case strings.Contains(wanted, "array") && !json.Valid([]byte(text)):
		return json.Marshal(strings.Split(text, ","))
	case json.Valid([]byte(text)):
		return json.RawMessage(text), nil
	}
	return json.Marshal(text)
}

// readResource answers one read.
func readResource[P, T any](ctx context.Context, r *resource, req *sdk.ReadResourceRequest, handler func(context.Context, P, *Context) (T, error)) (*sdk.ReadResourceResult, error) {
	uri, s := req.Params.URI, r.server
	raw, err := r.parameters(uri)
	if err != nil {
		return nil, invalid(err)
	}
	params, err := decode[P](r.input, raw)
	if err != nil {
		return nil, invalid(err)
	}
	c := newContext(req.Session, req.Params.Meta, nil)
	out, err := guarded(ctx, s, "resource "+uri, func() (T, error) { return handler(ctx, params, c) })
	switch {
	case err == nil:
	case errors.Is(err, ErrNotFound):
		return nil, sdk.ResourceNotFoundError(uri)
	case isWire(err) || ctx.Err() != nil:
		return nil, err
	default:
		return nil, &jsonrpc.Error{Code: jsonrpc.CodeInternalError, Message: err.Error()}
	}
	return r.contents(req, any(out))
}

func invalid(err error) error {
	return &jsonrpc.Error{Code: jsonrpc.CodeInvalidParams, Message: err.Error()}
}

// contents is the answer with what a handler has returned, or that it is what the client has already.
func (r *resource) contents(req *sdk.ReadResourceRequest, out any) (*sdk.ReadResourceResult, error) {
	content := &sdk.ResourceContents{URI: req.Params.URI, MIMEType: r.about.mimeType, Meta: sdk.Meta{}}
	var data []byte
	switch out := out.(type) {
	case string:
		content.Text, data = out, []byte(out)
		content.MIMEType = or(content.MIMEType, "text/plain")
	case []byte:
		content.Blob, data = append([]byte{}, out...), out
		content.MIMEType = or(content.MIMEType, "application/octet-stream")
	default:
		value, err := encode(out)
		if err != nil {
			return nil, fmt.Errorf("making JSON of a resource: %w", err)
		}
		content.Text, data = string(value), value
		content.MIMEType = or(content.MIMEType, "application/json")
		if value[0] == '{' {
			content.Meta[mcp.MetaObject] = true
		}
	}
	if content.Text == "" && content.Blob == nil {
		content.Blob = []byte{} // the SDK leaves an empty text out
	}
	sum := sha256.Sum256(data)
	etag := hex.EncodeToString(sum[:16])
	content.Meta[mcp.MetaETag], content.Meta[mcp.MetaRevisionNumber] = etag, r.server.states.see(req.Params.URI, etag)
	if known, _ := req.Params.Meta[mcp.MetaIfNoneMatch].(string); strings.Trim(strings.TrimPrefix(known, "W/"), `"`) == etag {
		content.Meta[mcp.MetaNotModified] = true
		delete(content.Meta, mcp.MetaObject)
		return &sdk.ReadResourceResult{Meta: content.Meta, Contents: []*sdk.ResourceContents{}}, nil
	}
	return &sdk.ReadResourceResult{Contents: []*sdk.ResourceContents{content}}, nil
}

func or(given, otherwise string) string {
	if given != "" {
		return given
	}
	return otherwise
}

// maxStates is how many resources are remembered.
const maxStates = 10_000

// states number the states of resources. A number is the time in milliseconds when the state was first seen, or one more than
// the last: none is given twice, also after a restart.
type states struct {
	mu    sync.Mutex
	known map[[sha256.Size]byte]seen // by the hash of the URI, which may be of any length
	last  int64
}

type seen struct {
	etag     string
	revision int64
}

// see returns the number of the state with that etag.
func (s *states) see(uri, etag string) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	of := sha256.Sum256([]byte(uri))
	if now := s.known[of]; now.etag == etag {
		return now.revision
	}
	if s.known == nil || len(s.known) >= maxStates {
		s.known = map[[sha256.Size]byte]seen{}
	}
	s.last = max(s.last+1, time.Now().UnixMilli())
	s.known[of] = seen{etag, s.last}
	return s.last
}
