package client

import (
	"context"
	"encoding/json"

	"github.com/sumun-mcp/sumun/client/internal/value"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
	"github.com/sumun-mcp/sumun/trust"
)

// The bounds of a list, which comes in pages.
const (
	mostPages    = 1000
	mostElements = 100_000
)

// list asks for all pages of a list and returns its elements as the server sent them.
func (c *Client) list(ctx context.Context, method, member string) ([]json.RawMessage, error) {
	var all []json.RawMessage
	seen := map[string]struct{}{}
	for cursor := ""; ; {
		result, err := c.do(ctx, request{method: method, params: wire.Object{}.Text("cursor", cursor).End(), repeat: true})
		if err != nil {
			return nil, err
		}
		all = append(all, value.Elements(result, member)...)
		if cursor = value.Text(result, "nextCursor"); cursor == "" {
			return all, c.untrusted(c.opts.verifier.List(member, all))
		}
		if _, again := seen[cursor]; again || len(seen) >= mostPages || len(all) > mostElements {
			return nil, &Error{Code: mcp.CodeInternal, Message: "the list does not end", doing: method}
		}
		seen[cursor] = struct{}{}
	}
}

// listOf asks for a list and reads its elements.
func listOf[T any](ctx context.Context, c *Client, method, member string, read func(raw json.RawMessage) T) ([]T, error) {
	raw, err := c.list(ctx, method, member)
	if err != nil {
		return nil, err
	}
	all := make([]T, len(raw))
	for i, one := range raw {
		all[i] = read(one)
	}
	return all, nil
}

// A Tool is a tool that a server offers.
type Tool struct {
	// Name calls it. Title and Description tell people and the model what it does.
	Name, Title, Description string
	// InputSchema and OutputSchema are JSON Schemas; nil where the server gives none.
	InputSchema, OutputSchema json.RawMessage
	// Annotations are hints, such as readOnlyHint, that a server may give and nobody has checked.
	Annotations json.RawMessage
	// Checksum and Digest identify what a Sumun has approved of the tool (see package trust); empty where another server is asked.
	Checksum, Digest string
	// Raw is the tool as the server listed it.
	Raw json.RawMessage
}

// Changed reports whether the input schema is another than the one that the Sumun has approved, or has seen first (seed section 5.7). It
// is false where the server names no checksum.
func (t Tool) Changed() bool {
	if t.Checksum == "" {
		return false
	}
	now, err := trust.Checksum(t.InputSchema)
	return err != nil || now != t.Checksum
}

// Tools lists the tools that the caller may use.
func (c *Client) Tools(ctx context.Context) ([]Tool, error) {
	tools, err := listOf(ctx, c, mcp.MethodToolsList, "tools", func(raw json.RawMessage) Tool {
		meta := wire.Get(raw, "_meta")
		return Tool{
			Name: value.Text(raw, "name"), Title: value.Text(raw, "title"), Description: value.Text(raw, "description"),
			InputSchema: wire.Get(raw, "inputSchema"), OutputSchema: wire.Get(raw, "outputSchema"), Annotations: wire.Get(raw, "annotations"),
			Checksum: value.Text(meta, mcp.MetaChecksum), Digest: value.Text(meta, mcp.MetaDigest), Raw: raw,
		}
	})
	if err == nil {
		c.learn(tools)
	}
	return tools, err
}

// A Resource is a resource that a server offers.
type Resource struct {
	// URI reads it. Name, Title and Description tell what it is, and MIMEType of what type.
	URI, Name, Title, Description, MIMEType string
	// Size is in bytes, -1 where the server does not say it.
	Size int64
	// Type is the kind of a Sumun's resource: file, database, web, cache or object; ETag and Revision say in which state it is.
	Type, ETag string
	Revision   int64
	// Raw is the resource as the server listed it.
	Raw json.RawMessage
}

// Resources lists the resources that the caller may list.
func (c *Client) Resources(ctx context.Context) ([]Resource, error) {
	return listOf(ctx, c, mcp.MethodResources, "resources", func(raw json.RawMessage) Resource {
		meta := wire.Get(raw, "_meta")
		size, ok := wire.ParseInt(wire.Get(raw, "size"))
		if !ok {
			size = -1
		}
		return Resource{
			URI: value.Text(raw, "uri"), Name: value.Text(raw, "name"), Title: value.Text(raw, "title"), Description: value.Text(raw, "description"),
			MIMEType: value.Text(raw, "mimeType"), Size: size, Type: value.Text(meta, mcp.MetaType), ETag: value.Text(meta, mcp.MetaETag),
			Revision: number(meta, mcp.MetaRevisionNumber), Raw: raw,
		}
	})
}

// A Template is a family of resources, by a template of their URIs.
type Template struct {
	// URITemplate is as RFC 6570 has it. The others are as those of a Resource.
	URITemplate, Name, Title, Description, MIMEType string
	// Raw is the template as the server listed it.
	Raw json.RawMessage
}

// Templates lists the templates of resources.
func (c *Client) Templates(ctx context.Context) ([]Template, error) {
	return listOf(ctx, c, mcp.MethodTemplates, "resourceTemplates", func(raw json.RawMessage) Template {
		return Template{
			URITemplate: value.Text(raw, "uriTemplate"), Name: value.Text(raw, "name"), Title: value.Text(raw, "title"),
			Description: value.Text(raw, "description"), MIMEType: value.Text(raw, "mimeType"), Raw: raw,
		}
	})
}

// A Prompt is a prompt that a server offers.
type Prompt struct {
	// Name renders it. Title and Description tell what it is for.
	Name, Title, Description string
	// Arguments are the variables that it takes.
	Arguments []PromptArgument
	// Raw is the prompt as the server listed it.
	Raw json.RawMessage
}

// A PromptArgument is a variable of a prompt.
type PromptArgument struct {
	Name, Description string
	Required          bool
}

// Prompts lists the prompts that the caller may use.
func (c *Client) Prompts(ctx context.Context) ([]Prompt, error) {
	return listOf(ctx, c, mcp.MethodPromptsList, "prompts", func(raw json.RawMessage) Prompt {
		p := Prompt{Name: value.Text(raw, "name"), Title: value.Text(raw, "title"), Description: value.Text(raw, "description"), Raw: raw}
		for _, a := range value.Elements(raw, "arguments") {
			p.Arguments = append(p.Arguments, PromptArgument{value.Text(a, "name"), value.Text(a, "description"), value.Truth(a, "required")})
		}
		return p
	})
}

// number returns an integer member of an object, 0 where it has none.
func number(object []byte, member string) int64 {
	n, _ := wire.ParseInt(wire.Get(object, member))
	return n
}
