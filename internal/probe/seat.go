package probe

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/sumun-mcp/sumun/internal/line"
	"github.com/sumun-mcp/sumun/internal/listing"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/transport"
	"github.com/sumun-mcp/sumun/internal/wire"
	"github.com/sumun-mcp/sumun/trust"
)

// A seat is a place from which one server is called: a session. It is a [Caller].
type seat struct {
	session *transport.Session
	each    time.Duration
	secrets []string // that no text shows
	diary   *diary   // nil for none
}

// List returns the tools as they are listed now.
func (s *seat) List(ctx context.Context) ([]json.RawMessage, error) {
	ctx, cancel := context.WithTimeout(ctx, 3*s.each)
	defer cancel()
	elements, err := listing.Tools(ctx, s.session)
	return raw(elements), err
}

// Call calls a tool.
func (s *seat) Call(ctx context.Context, tool string, arguments json.RawMessage) (text string, failed bool, err error) {
	params, err := json.Marshal(map[string]any{"name": tool, "arguments": arguments})
	if err != nil {
		return "", false, err
	}
	defer s.diary.begin(tool)()
	return s.answer(ctx, transport.Request{Method: mcp.MethodToolsCall, Name: tool, Params: params})
}

// answer makes a request and returns the texts of what came back.
func (s *seat) answer(ctx context.Context, r transport.Request) (text string, failed bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.each)
	defer cancel()
	a, err := s.session.Call(ctx, r, nil)
	if err != nil {
		return "", false, err
	}
	defer a.Release()
	if e := a.Err(s.session.Revision()); e != nil {
		return clean(e.Message, s.secrets), true, nil
	}
	result := a.Result()
	return clean(texts(result), s.secrets), string(wire.Get(result, "isError")) == "true", nil
}

// texts returns the texts of a result: of its content, of a prompt's messages, of a resource's contents.
func texts(result []byte) string {
	var all []string
	add := func(block []byte) {
		for _, value := range [][]byte{wire.Get(block, "text"), wire.Get(wire.Get(block, "resource"), "text")} {
			if text, ok := wire.Unquote(value); ok {
				all = append(all, text)
			}
		}
	}
	for block := range wire.Elements(wire.Get(result, "content")) {
		add(block)
	}
	for block := range wire.Elements(wire.Get(result, "contents")) {
		add(block)
	}
	for message := range wire.Elements(wire.Get(result, "messages")) {
		add(wire.Get(message, "content"))
	}
	text := strings.Join(all, "\n")
	if structured := wire.Get(result, "structuredContent"); structured != nil {
		for _, inner := range strung(structured) {
			if !strings.Contains(text, inner) {
				text += "\n" + inner
			}
		}
	}
	return text
}

// strung returns the texts in a JSON value that are long enough to say something, apart from the names of members.
func strung(value []byte) (all []string) {
	switch {
	case len(value) > 0 && value[0] == '{':
		for _, v := range wire.Members(value) {
			all = append(all, strung(v)...)
		}
	case len(value) > 0 && value[0] == '[':
		for v := range wire.Elements(value) {
			all = append(all, strung(v)...)
		}
	default:
		if text, ok := wire.Unquote(value); ok && len(text) > fewSecret {
			all = append(all, text)
		}
	}
	return all
}

// seat returns the place at the server from which it was met.
func (p *prober) seat() *seat { return &seat{p.session.Session, p.Each, p.secrets, &p.diary} }

// observed calls a tool that there is not, or none, and tells what came of it.
func (s *seat) observed(ctx context.Context, probe, tool string) trust.Observation {
	params := "{}"
	if tool != "" {
		params = `{"name":"` + tool + `","arguments":{}}`
	}
	o := s.asked(ctx, mcp.MethodToolsCall, params)
	o.Probe, o.Target = probe, tool
	return o
}

// asked makes a request and tells what came of it.
func (s *seat) asked(ctx context.Context, method, params string) (o trust.Observation) {
	ctx, cancel := context.WithTimeout(ctx, s.each)
	defer cancel()
	a, err := s.session.Call(ctx, transport.Request{Method: method, Params: []byte(params)}, nil)
	if err != nil {
		if o.Status = statusOf(err); o.Status != 0 {
			o.Text = err.Error()
		}
		return o
	}
	defer a.Release()
	if e := a.Err(s.session.Revision()); e != nil {
		o.Code, o.Text = e.Code, e.Message
		return o
	}
	o.Text = string(a.Result())
	return o
}

// statusOf returns the status of HTTP that an error tells, 0 if it tells none.
func statusOf(err error) int {
	if e, ok := errors.AsType[*line.StatusError](err); ok {
		return e.Response.StatusCode
	}
	return 0
}
