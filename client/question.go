package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"

	"github.com/sumun-mcp/sumun/client/internal/value"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// ErrDeclined is returned by a function that answers a server's question when the user does not want to answer.
var ErrDeclined = errors.New("the user declined")

// An Elicitation is a server's question to the user (elicitation/create).
type Elicitation struct {
	// Message is what the user is asked.
	Message string
	// Schema is the JSON Schema of the form that the answer fills in.
	Schema json.RawMessage
	// Raw is the question as the server sent it.
	Raw json.RawMessage
}

// An ElicitationAnswer is what the user said.
type ElicitationAnswer struct {
	// Content is the form as it was filled in: something that becomes a JSON object.
	Content any
}

// WithElicitation answers what the server asks the user in mid-call. An error cancels the question, [ErrDeclined] declines it. F may
// be called concurrently, its ctx ends with the call, and it may use the Client.
func WithElicitation(f func(ctx context.Context, question Elicitation) (ElicitationAnswer, error)) Option {
	return func(o *options) { o.elicit = f }
}

// A Visit is a page that the server asks the user to visit in mid-call, for what must not pass through the client.
type Visit struct {
	// Message tells the user why.
	Message string
	// URL is the page. It is the server's choice, and nothing of it has been checked.
	URL string
	// Raw is the question as the server sent it.
	Raw json.RawMessage
}

// WithVisits asks the user to visit pages. Nil says that the user has agreed to it, [ErrDeclined] that not; another error cancels.
func WithVisits(f func(ctx context.Context, page Visit) error) Option {
	return func(o *options) { o.visit = f }
}

// A SamplingRequest is a server's wish for an answer of the model (sampling/createMessage).
type SamplingRequest struct {
	// Messages is what the model is told.
	Messages []Message
	// SystemPrompt is the server's wish for the system prompt, empty for none.
	SystemPrompt string
	// Sampling is the parameters that the server asks for.
	Sampling Sampling
	// Raw is the question as the server sent it.
	Raw json.RawMessage
}

// A SamplingAnswer is what the model said.
type SamplingAnswer struct {
	// Text is what it said; Content is in its place any content block that is no text.
	Text    string
	Content any
	// Model is the name of the model. StopReason is why it ended, "endTurn" if it is empty.
	Model, StopReason string
}

// WithSampling lets the server ask the model. An error refuses; [ErrDeclined] says that the user did. F may be called concurrently,
// and its ctx ends with the call.
func WithSampling(f func(ctx context.Context, question SamplingRequest) (SamplingAnswer, error)) Option {
	return func(o *options) { o.sample = f }
}

// A Root is a folder that the user works in (roots/list).
type Root struct {
	// URI is a file URI, and Name is what people call it, which may be empty.
	URI, Name string
}

// WithRoots tells the server in which folders the user works, whenever it asks.
func WithRoots(f func(ctx context.Context) ([]Root, error)) Option {
	return func(o *options) { o.workspaces = f }
}

// consult answers what a server asks by the end of its turn. It returns a JSON object of answers, nil if nothing was asked.
func (c *Client) consult(ctx context.Context, questions []byte) ([]byte, error) {
	var answers wire.Object
	n := 0
	for key, question := range wire.Members(questions) {
		if n++; n > mostQuestions {
			return nil, mcp.Errorf(mcp.CodeInternal, mcp.Upstream, "the server asks more than %d things at once", mostQuestions)
		}
		name, ok := wire.Unquote(append(append([]byte{'"'}, key...), '"'))
		if !ok {
			return nil, mcp.Errorf(mcp.CodeInternal, mcp.Upstream, "the server's questions have no names")
		}
		answer, e := c.answer(ctx, value.Text(question, "method"), wire.Get(question, "params"))
		if e != nil {
			return nil, e
		}
		answers = answers.Member(name, answer)
	}
	if n == 0 {
		return nil, nil
	}
	return answers.End(), nil
}

// answer answers one question of the server, in either era.
func (c *Client) answer(ctx context.Context, method string, params []byte) ([]byte, *mcp.Error) {
	var answer []byte
	var err error
	switch {
	case method == mcp.MethodElicit && value.Text(params, "url") != "" && c.opts.visit != nil:
		answer = c.visited(ctx, params)
	case method == mcp.MethodElicit && value.Text(params, "url") == "" && c.opts.elicit != nil:
		answer, err = c.elicited(ctx, params)
	case method == mcp.MethodSample && c.opts.sample != nil:
		answer, err = c.sampled(ctx, params)
	case method == mcp.MethodRoots && c.opts.workspaces != nil:
		answer, err = c.located(ctx)
	default:
		return nil, mcp.Errorf(mcp.CodeMethodNotFound, mcp.Unsupported, "the client does not answer %s", method)
	}
	if err == nil {
		return answer, nil
	}
	if errors.Is(err, ErrDeclined) {
		const rejected = -1 // by the user (client/sampling, "Error Handling")
		return nil, mcp.Errorf(rejected, mcp.Cancelled, "the user declined to answer")
	}
	c.set.Log.WarnContext(ctx, "question of the server not answered", slog.String("method", method), slog.Any("error", err))
	return nil, mcp.Errorf(mcp.CodeInternal, mcp.Internal, "the client could not answer %s", method)
}

// elicited puts a question to the user.
func (c *Client) elicited(ctx context.Context, params []byte) ([]byte, error) {
	params = bytes.Clone(params) // which are the transport's
	answer, err := c.opts.elicit(ctx, Elicitation{
		Message: value.Text(params, "message"), Schema: wire.Get(params, "requestedSchema"), Raw: params,
	})
	dst := c.action(ctx, err)
	if err == nil {
		content, err := value.Object("the content of an answer", answer.Content)
		if err != nil {
			return nil, err
		}
		dst = dst.Member("content", content)
	}
	return dst.End(), nil
}

// visited asks the user to visit a page.
func (c *Client) visited(ctx context.Context, params []byte) []byte {
	params = bytes.Clone(params)
	err := c.opts.visit(ctx, Visit{Message: value.Text(params, "message"), URL: value.Text(params, "url"), Raw: params})
	return c.action(ctx, err).End()
}

// action tells what the user has done with a question (client/elicitation, "Response Actions").
func (c *Client) action(ctx context.Context, err error) wire.Object {
	switch {
	case err == nil:
		return wire.Object{}.Text("action", "accept")
	case errors.Is(err, ErrDeclined):
		return wire.Object{}.Text("action", "decline")
	}
	c.set.Log.WarnContext(ctx, "question to the user cancelled", slog.Any("error", err))
	return wire.Object{}.Text("action", "cancel")
}

// sampled asks the model.
func (c *Client) sampled(ctx context.Context, params []byte) ([]byte, error) {
	params = bytes.Clone(params)
	q := SamplingRequest{Messages: messages(params), SystemPrompt: value.Text(params, "systemPrompt"), Raw: params}
	if err := value.Decode(params, &q.Sampling); err != nil {
		return nil, fmt.Errorf("reading the server's question: %w", err)
	}
	answer, err := c.opts.sample(ctx, q)
	if err != nil {
		return nil, err
	}
	content := wire.Object{}.Text("type", "text").Member("text", wire.AppendQuote(nil, answer.Text)).End()
	if answer.Content != nil {
		if content, err = value.Encode(answer.Content); err != nil {
			return nil, fmt.Errorf("writing the model's answer: %w", err)
		}
	}
	stop := answer.StopReason
	if stop == "" {
		stop = "endTurn"
	}
	return wire.Object{}.Text("role", "assistant").Member("content", content).
		Member("model", wire.AppendQuote(nil, answer.Model)).Text("stopReason", stop).End(), nil
}

// located tells the folders.
func (c *Client) located(ctx context.Context) ([]byte, error) {
	roots, err := c.opts.workspaces(ctx)
	if err != nil {
		return nil, err
	}
	list := []byte("[")
	for i, r := range roots {
		if i > 0 {
			list = append(list, ',')
		}
		list = append(list, wire.Object{}.Text("uri", r.URI).Text("name", r.Name).End()...)
	}
	return wire.Object{}.Member("roots", append(list, ']')).End(), nil
}
