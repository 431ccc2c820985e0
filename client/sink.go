package client

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// A Progress says how far a call has come (notifications/progress).
type Progress struct {
	// Progress grows; Total is what it grows to, empty where the server does not know.
	Progress, Total json.Number
	// Message is what the server says of it, which may be empty.
	Message string
}

// A sink takes what a server says in a call, or, without a call, whatever else it says.
type sink struct {
	client   *Client
	progress func(Progress)
}

// Notice tells whoever is concerned. It copies what it hands on.
func (s sink) Notice(m *wire.Message) {
	c := s.client
	switch method := string(m.MethodName()); {
	case method == mcp.NoticeProgress && s.progress != nil:
		s.progress(Progress{
			Progress: json.Number(m.Bytes(m.Member("progress"))), Total: json.Number(m.Bytes(m.Member("total"))),
			Message: member(m, "message"),
		})
	case method == mcp.NoticeMessage && c.opts.log != nil:
		c.opts.log(LogMessage{
			Level: member(m, "level"), Logger: member(m, "logger"), Data: append(json.RawMessage(nil), m.Bytes(m.Member("data"))...),
		})
	case method == mcp.NoticeUpdated:
		c.updated(member(m, "uri"), etagOf(m.Bytes(m.MetaSpan())))
	case strings.HasPrefix(method, eventPrefix):
		c.happened(nil, method, m.Bytes(m.Params))
	}
}

// Question answers a question of the server.
func (s sink) Question(ctx context.Context, m *wire.Message) ([]byte, *mcp.Error) {
	return s.client.answer(ctx, string(m.MethodName()), m.Bytes(m.Params))
}

// member returns a string member of a message, empty where it has none.
func member(m *wire.Message, name string) string {
	s, _ := wire.Unquote(m.Bytes(m.Member(name)))
	return s
}
