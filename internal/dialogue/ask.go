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
// all answers.
func AskAll(ctx context.Context, s *session.Session, questions []mcp.Question, send func([]byte) error) ([]mcp.Answer, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, askTimeout, mcp.ErrExpired)
	defer cancel()
	waiting := make([]<-chan mcp.Answer, len(questions))
	for i, q := range questions {
		id, answer, forget := s.Ask()
		defer forget()
		waiting[i] = answer
		if err := send(appendRequest(nil, id, q)); err != nil {
			return nil, err
		}
	}
	answers := make([]mcp.Answer, len(questions))
	for i := range waiting {
		select {
		case answers[i] = <-waiting[i]:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	return answers, nil
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
