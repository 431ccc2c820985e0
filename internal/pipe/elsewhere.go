package pipe

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"sync/atomic"

	"github.com/sumun-mcp/sumun/internal/dialect"
	outward "github.com/sumun-mcp/sumun/internal/line"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// Across a bridge the dialect is answered by the gateway behind it, to which its
// messages go as they came: there each stands alone.

// watching is the request by which a line is told of the resources that it subscribes to.
var watching = []byte(`{"jsonrpc":"2.0","id":0,"method":"` + mcp.MethodSubscribeEvents + `","params":{"types":["` + mcp.EventResourceUpdated + `"]}}`)

// pass takes a message of the dialect to the gateway behind and its answer back.
func (p *pipe) pass(m *wire.Message, b *batch) {
	method := dialect.Canonical(string(m.MethodName()))
	raw := bytes.Clone(m.Raw)
	if m.Kind == wire.Notification {
		_ = p.requests.add(func() { p.passNotice(raw) }) // it is not answered, not even a wrong one
		return
	}
	id := bytes.Clone(m.Bytes(m.ID))
	ctx, done, err := p.calls.Begin(id)
	if err != nil {
		p.refuse(m, mcp.Errorf(mcp.CodeInvalidRequest, mcp.Malformed, "%v", err), b)
		return
	}
	b.begin()
	answer := func() {
		defer b.end()
		defer done()
		p.say(id, b, p.askElsewhere(ctx, raw, id))
	}
	switch method {
	case mcp.MethodSubscribeEvents:
		streams := p.hears
		streams.Add(1)
		p.listening.Go(func() {
			defer streams.Add(-1)
			defer b.end()
			defer done()
			defer context.AfterFunc(p.notices.Context(), done)()
			p.listenElsewhere(ctx, raw, id)
		})
		return
	case mcp.MethodUnsubscribeEvents:
		p.hears = new(atomic.Int32)
	case mcp.MethodWatch:
		if streams := p.hears; streams.Load() == 0 {
			streams.Add(1)
			p.listening.Go(func() {
				defer streams.Add(-1)
				p.listenElsewhere(p.notices.Context(), watching, nil)
			})
		}
	}
	if refused := p.requests.add(answer); refused != nil {
		done()
		p.refuse(m, refused, b)
		b.end()
	}
}

func (p *pipe) passNotice(raw []byte) {
	if _, err := p.Elsewhere.Ask(p.calls.Context(), raw); err != nil {
		p.Log.DebugContext(p.calls.Context(), "notification not handed on", slog.Any("error", err))
	}
}

// say sends the answer to one request.
func (p *pipe) say(id []byte, b *batch, message []byte) {
	p.calls.Answering(id)
	p.answer(b, func(dst []byte) []byte { return append(dst, message...) })
}

// askElsewhere returns the answer to a request, whatever becomes of it.
func (p *pipe) askElsewhere(ctx context.Context, raw, id []byte) []byte {
	reply, err := p.Elsewhere.Ask(ctx, raw)
	if err != nil {
		return unanswered(id, err.Error())
	}
	body := bytes.TrimSpace(reply.Body)
	if answers(body, id) {
		return body
	}
	return unanswered(id, reply.Response.Status)
}

// answers reports whether a body is the answer to the request with that id.
func answers(body, id []byte) bool {
	m := new(wire.Message)
	err := wire.NewScanner(wire.Vocabulary{}, 0).Answer(body, m)
	return err == nil && (m.Kind == wire.Result || m.Kind == wire.Failure) && bytes.Equal(m.Bytes(m.ID), id) && !bytes.ContainsAny(body, "\r\n")
}

func unanswered(id []byte, why string) []byte {
	return dialect.AppendFailure(nil, id, new(mcp.Call), mcp.Errorf(mcp.CodeInternal, mcp.Upstream, "the gateway does not answer: %s", why))
}

// listenElsewhere hands on the events of a stream, which begins with the answer to the
// request that opened it, until the stream or the line ends. Without an id nobody asked
// for the stream itself.
func (p *pipe) listenElsewhere(ctx context.Context, raw, id []byte) {
	first := true
	err := p.Elsewhere.Listen(ctx, raw, func(event []byte) error {
		if first {
			first = false
			if id != nil {
				p.calls.Answering(id)
			} else {
				return nil
			}
		}
		p.write(func(dst []byte) []byte { return append(dst, event...) })
		return nil
	})
	if ctx.Err() != nil || errors.Is(err, io.EOF) {
		return
	}
	p.Log.WarnContext(ctx, "events of the gateway are not heard any more", slog.Any("error", err))
	if !first || id == nil {
		return
	}
	message := unanswered(id, err.Error())
	if refusal, ok := errors.AsType[*outward.StatusError](err); ok && answers(bytes.TrimSpace(refusal.Body), id) {
		message = bytes.TrimSpace(refusal.Body)
	}
	p.say(id, nil, message)
}
