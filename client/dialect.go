package client

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/sumun-mcp/sumun/client/internal/value"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// This file speaks the dialect of a Sumun where the standard has no word for what is wanted. Errors of a server that does not speak
// it are ErrUnsupported.

// speak makes a request of the dialect, with the context of the Client.
func (c *Client) speak(ctx context.Context, q request) (json.RawMessage, error) {
	if c.context != nil && takesContext[q.method] {
		q.params = join(q.params, wire.Object{}.Member("context", c.context))
	}
	return c.do(ctx, q)
}

// takesContext are the methods of the dialect that happen in a root.
var takesContext = map[string]bool{
	"mcp.tool.invoke": true, "mcp.resource.read": true, "mcp.resource.write": true, "mcp.prompt.render": true,
}

// Invoke calls a tool of a Sumun by the dialect (mcp.tool.invoke), whose answer is what the tool gave and what is to be said of the
// call. Args are as those of [Client.Call].
func (c *Client) Invoke(ctx context.Context, tool string, args any) (*Invocation, error) {
	arguments, err := value.Object("the arguments of "+tool, args)
	if err != nil {
		return nil, err
	}
	raw, err := c.speak(ctx, request{
		method: "mcp.tool.invoke", name: tool, params: wire.Object{}.Text("toolId", tool).Member("args", arguments).End(),
	})
	if err != nil {
		return nil, err
	}
	i := &Invocation{Output: wire.Get(raw, "output"), Raw: raw}
	if err := value.Decode(wire.Get(raw, "metadata"), &i.Metadata); err != nil {
		return nil, fmt.Errorf("reading the metadata of %s: %w", tool, err)
	}
	return i, nil
}

// An Invocation is the answer to Invoke.
type Invocation struct {
	// Output is the structured content of the tool's answer, or its text as a JSON string, or its content blocks.
	Output json.RawMessage
	// Metadata is what the gateway says of the call.
	Metadata Metadata
	// Raw is the whole result as the server sent it.
	Raw json.RawMessage
}

// Decode reads the output into v, as json.Unmarshal does.
func (i *Invocation) Decode(v any) error { return value.Decode(i.Output, v) }

// A Metadata says of a call how it went.
type Metadata struct {
	ToolID     string  `json:"toolId"`
	Server     string  `json:"server"`
	DurationMS float64 `json:"durationMs"`
	Revision   string  `json:"revision"`
	// IsError says that the tool ran and failed; Output says why.
	IsError bool `json:"isError"`
	// Sampling is the parameters in force for what follows.
	Sampling  Sampling          `json:"sampling"`
	Findings  []json.RawMessage `json:"findings"`
	Truncated bool              `json:"truncated"`
	TraceID   string            `json:"traceId"`
}

// A NewRoot is a root to create: the start of a context tree of its own (seed section 3.5).
type NewRoot struct {
	// RootID is the host's own name for it; empty lets the Sumun choose one.
	RootID string `json:"rootId,omitempty"`
	// Name and URI are what standard clients see of it.
	Name string `json:"name,omitempty"`
	URI  string `json:"uri,omitempty"`
	// Sampling and Variables are what the calls in it begin with.
	Sampling  *Sampling      `json:"sampling,omitempty"`
	Variables map[string]any `json:"variables,omitempty"`
	// TTL is for how long it stays without being used: a duration such as "1h", or a number of seconds.
	TTL any `json:"ttl,omitempty"`
	// Memory keeps bounded earlier results for later tools and prompts: true, or an object with bounds.
	Memory any `json:"memory,omitempty"`
}

// CreateRoot creates a root and returns its id, for a [Context].
func (c *Client) CreateRoot(ctx context.Context, root NewRoot) (rootID string, err error) {
	params, err := value.Object("the root", root)
	if err != nil {
		return "", err
	}
	raw, err := c.speak(ctx, request{method: "mcp.root.create", params: params})
	if err != nil {
		return "", err
	}
	return value.Text(raw, "rootId"), nil
}

// CloseRoot closes a root, and with it its tree, its subscriptions and the calls that wait in it.
func (c *Client) CloseRoot(ctx context.Context, rootID string) error {
	_, err := c.speak(ctx, request{method: "mcp.root.close", params: wire.Object{}.Text("rootId", rootID).End()})
	return err
}

// UpdateSampling sets sampling parameters of a root, or of a sub-prompt in it, and returns those that are in force. Feedback is a
// user's words, such as "more creative" or "더 창의적으로", that move them by a step; it may be empty.
func (c *Client) UpdateSampling(ctx context.Context, in Context, change Sampling, feedback string) (Sampling, error) {
	params, err := value.Object("the sampling", change)
	if err != nil {
		return Sampling{}, err
	}
	in.Sampling = nil
	where, err := value.Encode(in)
	if err != nil {
		return Sampling{}, err
	}
	params = join(params, wire.Object{}.Member("context", where).Text("feedback", feedback))
	raw, err := c.speak(ctx, request{method: "mcp.sampling.update", params: params})
	if err != nil {
		return Sampling{}, err
	}
	var inForce Sampling
	return inForce, value.Decode(raw, &inForce)
}
