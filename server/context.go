package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/sumun-mcp/sumun/internal/mcp"
)

// ErrCannotAsk is returned by Elicit and Context.Sample when the client has not declared that it can be asked that.
var ErrCannotAsk = errors.New("the client cannot be asked this")

// ErrDeclined is returned by Elicit when the user has declined or dismissed the question.
var ErrDeclined = errors.New("the user has not answered")

// A Context is in which circumstances a handler is called. It is the call's own; its methods may be called concurrently until
// the handler returns.
type Context struct {
	// RootID and Path are the root in which the call is made, and the place in its tree; empty outside of roots.
	RootID, Path string
	// Sampling are the sampling parameters in force.
	Sampling Sampling
	// Variables are those of the place, inherited ones too.
	Variables map[string]json.RawMessage
	// Memory are earlier results in the root, the oldest first, if the root has a memory.
	Memory []Step

	session *sdk.ServerSession
	token   any

	mu   sync.Mutex // guards next
	next *Sampling
}

// Sampling are parameters for asking a model. What is nil is left to others.
type Sampling struct {
	Temperature   *float64 `json:"temperature,omitempty"`
	TopP          *float64 `json:"topP,omitempty"`
	TopK          *int     `json:"topK,omitempty"`
	MaxTokens     *int     `json:"maxTokens,omitempty"`
	StopSequences []string `json:"stopSequences,omitempty"`
}

// A Step is an earlier call of a tool in a root.
type Step struct {
	Tool   string          `json:"tool"`
	Args   json.RawMessage `json:"args"`
	Output json.RawMessage `json:"output"`
	At     time.Time       `json:"at"`
}

// newContext makes the context of a call of what the gateway has put into its _meta.
func newContext(session *sdk.ServerSession, meta sdk.Meta, token any) *Context {
	c := &Context{session: session, token: token}
	told, ok := meta[mcp.MetaContext]
	if !ok {
		return c
	}
	var from struct {
		RootID    string                     `json:"rootId"`
		Path      string                     `json:"path"`
		Sampling  Sampling                   `json:"sampling"`
		Variables map[string]json.RawMessage `json:"variables"`
		Memory    []Step                     `json:"memory"`
	}
	raw, err := json.Marshal(told)
	if err != nil || json.Unmarshal(raw, &from) != nil {
		return c // what is not in that form is not from the gateway
	}
	c.RootID, c.Path, c.Sampling, c.Variables, c.Memory = from.RootID, from.Path, from.Sampling, from.Variables, from.Memory
	return c
}

// SetSampling changes the sampling parameters for what follows the call of a tool in the same place of its root. It has no
// effect outside of roots and in other handlers.
func (c *Context) SetSampling(next Sampling) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.next = &next
}

func (c *Context) changed() *Sampling {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.next
}

// Progress tells the client how far the call has come: done of total, which is 0 if it is not known. Nothing is told to a
// client that has not asked for it.
func (c *Context) Progress(ctx context.Context, done, total float64, message string) error {
	if c.token == nil {
		return nil
	}
	return c.session.NotifyProgress(ctx, &sdk.ProgressNotificationParams{
		ProgressToken: c.token, Progress: done, Total: total, Message: message,
	})
}

// Elicit asks the user of the client, in mid-call, for a T: a struct whose fields are texts, numbers and booleans. Whatever
// revision the client speaks, Elicit waits for the answer. The error is ErrCannotAsk, ErrDeclined, or tells what went wrong.
func Elicit[T any](ctx context.Context, c *Context, question string) (answer T, err error) {
	capabilities := c.clientCapabilities()
	if capabilities.Elicitation == nil {
		return answer, ErrCannotAsk
	}
	schema, err := schemaOf[T]()
	if err != nil {
		return answer, err
	}
	result, err := c.session.Elicit(ctx, &sdk.ElicitParams{Message: question, RequestedSchema: plain(schema)})
	if err != nil {
		return answer, fmt.Errorf("asking the user: %w", err)
	}
	if result.Action != "accept" {
		return answer, ErrDeclined
	}
	raw, err := json.Marshal(result.Content)
	if err == nil {
		err = json.Unmarshal(raw, &answer)
	}
	if err != nil {
		return answer, fmt.Errorf("reading the user's answer: %w", err)
	}
	return answer, nil
}

// plain returns a schema without additionalProperties, which questions to users do not have.
func plain(schema json.RawMessage) any {
	var out map[string]any
	if json.Unmarshal(schema, &out) != nil {
		return nil
	}
	delete(out, "additionalProperties")
	return out
}

// Sample asks the model of the client for the continuation of a text, of at most that many tokens, with the sampling parameters
// in force. The error is ErrCannotAsk, or tells what went wrong.
func (c *Context) Sample(ctx context.Context, text string, maxTokens int) (string, error) {
	capabilities := c.clientCapabilities()
	if capabilities.Sampling == nil { //nolint:staticcheck // deprecated, and served while clients have it
		return "", ErrCannotAsk
	}
	said := sdk.SamplingMessage{Role: "user", Content: &sdk.TextContent{Text: text}} //nolint:staticcheck // see above
	//nolint:staticcheck // see above
	result, err := c.session.CreateMessage(ctx, &sdk.CreateMessageParams{
		MaxTokens: int64(maxTokens), Messages: []*sdk.SamplingMessage{&said}, //nolint:staticcheck // see above
	})
	if err != nil {
		return "", fmt.Errorf("asking the model: %w", err)
	}
	answer, ok := result.Content.(*sdk.TextContent)
	if !ok {
		return "", fmt.Errorf("asking the model: the answer is no text but a %T", result.Content)
	}
	return answer.Text, nil
}

func (c *Context) clientCapabilities() sdk.ClientCapabilities {
	if p := c.session.InitializeParams(); p != nil && p.Capabilities != nil {
		return *p.Capabilities
	}
	return sdk.ClientCapabilities{}
}
