package client

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/sumun-mcp/sumun/client/internal/value"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// A Message is one message for the model.
type Message struct {
	// Role is user, assistant or system.
	Role string
	// Content is what it says, most often one block.
	Content []Content
}

// Text returns the text of the message.
func (m Message) Text() string {
	for _, block := range m.Content {
		if block.Type == "text" {
			return block.Text
		}
	}
	return ""
}

// messages reads the messages of a prompt, or of a question to the model.
func messages(result []byte) []Message {
	var all []Message
	for _, raw := range value.Elements(result, "messages") {
		m := Message{Role: value.Text(raw, "role")}
		switch said := wire.Get(raw, "content"); {
		case len(said) > 0 && said[0] == '[':
			for block := range wire.Elements(said) {
				m.Content = append(m.Content, content(block))
			}
		case said != nil:
			m.Content = []Content{content(said)}
		}
		all = append(all, m)
	}
	return all
}

// A Rendering is a prompt with its variables filled in.
type Rendering struct {
	// Description says what the prompt is for, and may be empty.
	Description string
	// Messages is what the model is to be told.
	Messages []Message
	// Sampling is the parameters that a Sumun's prompt asks for.
	Sampling Sampling
	// Raw is the whole result as the server sent it.
	Raw json.RawMessage
}

// Render fills in a prompt. Variables that are no strings reach a Sumun as they are, and other servers as their JSON: the standard
// has strings only.
func (c *Client) Render(ctx context.Context, prompt string, variables map[string]any) (*Rendering, error) {
	arguments, typed, err := split(variables)
	if err != nil {
		return nil, fmt.Errorf("writing the variables of %s: %w", prompt, err)
	}
	params := wire.Object{}.Text("name", prompt)
	if len(variables) > 0 {
		params = params.Member("arguments", arguments)
	}
	meta := wire.Object{}.Member(mcp.MetaContext, c.context).Member(mcp.MetaVariables, typed)
	raw, err := c.do(ctx, request{method: mcp.MethodPromptsGet, name: prompt, params: params.End(), meta: meta.Members(), repeat: true})
	if err != nil {
		return nil, err
	}
	r := &Rendering{Description: value.Text(raw, "description"), Messages: messages(raw), Raw: raw}
	if asked := wire.Get(wire.Get(raw, "_meta"), mcp.MetaSampling); asked != nil {
		if err := value.Decode(asked, &r.Sampling); err != nil {
			return nil, fmt.Errorf("reading the sampling of %s: %w", prompt, err)
		}
	}
	return r, nil
}

// split returns variables as the standard has them, all strings, and as they are; typed is nil if that is the same.
func split(variables map[string]any) (arguments, typed []byte, err error) {
	var all, exact wire.Object
	same := true
	for _, name := range slices.Sorted(maps.Keys(variables)) {
		raw, err := value.Encode(variables[name])
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", name, err)
		}
		exact = exact.Member(name, raw)
		if len(raw) == 0 || raw[0] != '"' {
			same = false
			raw = wire.AppendQuote(nil, string(raw))
		}
		all = all.Member(name, raw)
	}
	if !same {
		typed = exact.End()
	}
	return all.End(), typed, nil
}
