package dialogue

import (
	"context"
	"time"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/session"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// askTimeout is how long a client may take to answer a question.
const askTimeout = 5 * time.Minute

// AskAll sends the questions to a legacy client, as requests of ours, and waits for
// all answers. Questions that nobody waits for any more are withdrawn.
func AskAll(ctx context.Context, s *session.Session, questions []mcp.Question, send func([]byte) error) ([]mcp.Answer, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, askTimeout, mcp.ErrExpired)
	defer cancel()
	waiting, ids := make([]<-chan mcp.Answer, len(questions)), make([]int64, len(questions))
	for i, q := range questions {
		id, answer, forget := s.Ask()
		defer forget()
		waiting[i], ids[i] = answer, id
		if err := send(appendRequest(nil, id, q)); err != nil {
			return nil, err
		}
	}
	answers := make([]mcp.Answer, len(questions))
	for i := range waiting {
		select {
		case answers[i] = <-waiting[i]:
		case <-ctx.Done():
			for _, id := range ids[i:] { // a client passes over those that it has answered
				_ = send(appendCancelled(nil, id)) // one that has gone need not know
			}
			return nil, context.Cause(ctx)
		}
	}
	return answers, nil
}

// appendCancelled withdraws a question (basic/utilities/cancellation).
func appendCancelled(dst []byte, id int64) []byte {
	dst = append(dst, `{"jsonrpc":"2.0","method":"`+mcp.NoticeCancelled+`","params":{"requestId":`...)
	return append(wire.AppendInt(dst, id), `,"reason":"nobody waits for the answer any more"}}`...)
}

func appendRequest(dst []byte, id int64, q mcp.Question) []byte {
	dst = append(dst, `{"jsonrpc":"2.0","id":`...)
	dst = wire.AppendInt(dst, id)
	dst = append(dst, `,"method":`...)
	dst = wire.AppendQuote(dst, q.Method)
	if q.Params != nil {
		dst = append(append(dst, `,"params":`...), q.Params...)
	}
	return append(dst, '}')
}
