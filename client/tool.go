package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/sumun-mcp/sumun/client/internal/value"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/terminal"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// A CallOption is a wish for one call.
type CallOption func(*request)

// OnProgress hands the progress of a call to f, which must return soon and must not use the Client. Not every tool tells of it.
func OnProgress(f func(Progress)) CallOption {
	return func(q *request) { q.progress = f }
}

// Call calls a tool. Args are something that becomes a JSON object: a map, a struct, a json.RawMessage; nil is the empty one. A tool
// that ran and says that it failed gives a Result with IsError, no error.
func (c *Client) Call(ctx context.Context, tool string, args any, with ...CallOption) (*Result, error) {
	arguments, err := value.Object("the arguments of "+tool, args)
	if err != nil {
		return nil, err
	}
	q := request{
		method: mcp.MethodToolsCall, name: tool, meta: wire.Object{}.Member(mcp.MetaContext, c.context).Members(), header: c.headers(tool, arguments),
		params: wire.Object{}.Text("name", tool).Member("arguments", arguments).End(),
	}
	for _, option := range with {
		option(&q)
	}
	if err := c.untrusted(c.opts.verifier.Call(tool)); err != nil {
		return nil, err
	}
	raw, err := c.do(ctx, q)
	if e, ok := errors.AsType[*Error](err); ok && e.Code == mcp.CodeHeaderMismatch {
		// The server wants some arguments in headers too, and has refused the call: its schemas tell which.
		if _, err := c.Tools(ctx); err != nil {
			return nil, err
		}
		q.header = c.headers(tool, arguments)
		raw, err = c.do(ctx, q)
	}
	if err != nil {
		return nil, err
	}
	return &Result{IsError: value.Truth(raw, "isError"), Raw: raw}, nil
}

// Call calls a tool and reads its answer into a value of the type Out: the structured content, or else the text as JSON, or, where
// Out is a string, as it is. A tool that says that it failed is a [*ToolError].
func Call[Out any](ctx context.Context, c *Client, tool string, args any, with ...CallOption) (Out, error) {
	var out Out
	result, err := c.Call(ctx, tool, args, with...)
	if err != nil {
		return out, err
	}
	if result.IsError {
		return out, &ToolError{Tool: tool, Result: result}
	}
	if s, ok := any(&out).(*string); ok && wire.Get(result.Raw, "structuredContent") == nil {
		*s = result.Text()
		return out, nil
	}
	if err := result.Structured(&out); err != nil {
		return out, fmt.Errorf("reading the answer of %s: %w", tool, err)
	}
	return out, nil
}

// A Result is the answer of a tool.
type Result struct {
	// IsError says that the tool ran and failed.
	IsError bool
	// Raw is the whole result as the server sent it.
	Raw json.RawMessage
}

// Text returns the texts of the answer, each on lines of its own.
func (r *Result) Text() string {
	var texts []string
	for _, block := range r.Content() {
		if block.Type == "text" {
			texts = append(texts, block.Text)
		}
	}
	return strings.Join(texts, "\n")
}

// Structured reads the structured content of the answer into v, as json.Unmarshal does. Where the tool gives none, the text is
// read, if that is JSON.
func (r *Result) Structured(v any) error {
	if raw := wire.Get(r.Raw, "structuredContent"); raw != nil {
		return value.Decode(raw, v)
	}
	if err := value.Decode([]byte(r.Text()), v); err != nil {
		return fmt.Errorf("the answer has no structured content, and its text is no JSON for it: %w", err)
	}
	return nil
}

// Content returns the blocks of the answer.
func (r *Result) Content() []Content {
	var all []Content
	for _, raw := range value.Elements(r.Raw, "content") {
		all = append(all, content(raw))
	}
	return all
}

// A Content is one block of an answer or a message.
type Content struct {
	// Type is text, image, audio, resource_link, resource, or something newer.
	Type string
	// Text is the text of a text.
	Text string
	// MIMEType and Data are the type and the bytes of an image or a sound.
	MIMEType string
	Data     []byte
	// URI is the address of a resource.
	URI string
	// Raw is the block as the server sent it.
	Raw json.RawMessage
}

func content(raw json.RawMessage) Content {
	b := Content{Type: value.Text(raw, "type"), Text: value.Text(raw, "text"), MIMEType: value.Text(raw, "mimeType"), URI: value.Text(raw, "uri"), Raw: raw}
	b.Data = decodeBase64(value.Text(raw, "data"))
	if of := wire.Get(raw, "resource"); of != nil {
		b.URI, b.MIMEType = value.Text(of, "uri"), value.Text(of, "mimeType")
		b.Text, b.Data = value.Text(of, "text"), decodeBase64(value.Text(of, "blob"))
	}
	return b
}

// learn keeps the schemas of tools that want arguments in headers too.
func (c *Client) learn(tools []Tool) {
	schemas := map[string]json.RawMessage{}
	for _, tool := range tools {
		if marked, err := mcp.HeaderParams(tool.InputSchema); err == nil && len(marked) > 0 {
			schemas[tool.Name] = tool.InputSchema
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.schemas = schemas
}

// headers returns the headers that repeat arguments.
func (c *Client) headers(tool string, arguments []byte) http.Header {
	c.mu.Lock()
	schema := c.schemas[tool]
	c.mu.Unlock()
	if schema == nil {
		return nil
	}
	return terminal.Headers(schema, arguments)
}
