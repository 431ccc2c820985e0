package egress

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/notice"
	"github.com/sumun-mcp/sumun/internal/translate"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// This file carries questions between the eras on the way out: what a modern server asks by the end of a request is put to a
// legacy client as requests, and a legacy server's wish for a visit of a URL is put to a modern client as a question.

const (
	// maxRounds is how often one call may ask.
	maxRounds = 10
	// mostQuestions is how many things a server may ask at once.
	mostQuestions = 64
	// visitTimeout is how long a call waits for a server to say that a visit of a URL is over. Servers need not say it.
	visitTimeout = 30 * time.Second
)

// isQuestion reports whether a result of the modern era is a question.
func isQuestion(result []byte) bool {
	return wire.IsString(wire.Get(result, "resultType"), "input_required")
}

// consult asks the client what an input_required result wants, and keeps the answers for the next request. A result that wants
// nothing asks for patience.
func (f *flow) consult(result []byte) error {
	f.responses, f.state = nil, slices.Clone(wire.Get(result, "requestState"))
	questions := f.questions(wire.Get(result, "inputRequests"))
	if len(questions) == 0 {
		return f.pause()
	}
	if len(questions) > mostQuestions {
		return mcp.Errorf(mcp.CodeInternal, mcp.Upstream,
			"server %q asks %d things at once; at most %d are carried", f.server.config.Name, len(questions), mostQuestions)
	}
	for _, q := range questions {
		if !f.can(q) {
			return mcp.Errorf(mcp.CodeInvalidParams, mcp.Unsupported,
				"server %q asks for %s, which the client has not declared to answer", f.server.config.Name, q.Method)
		}
	}
	answers, err := f.ask(f.ctx, questions)
	if err != nil {
		return f.unanswered(err)
	}
	f.responses, err = f.collect(questions, answers)
	return err
}

// questions returns what an input_required result asks.
func (f *flow) questions(requests []byte) []mcp.Question {
	if len(requests) == 0 || requests[0] != '{' {
		return nil
	}
	var questions []mcp.Question
	for key, request := range wire.Members(requests) {
		method, _ := wire.Unquote(wire.Get(request, "method"))
		q := mcp.Question{Key: string(key), Method: method, Params: wire.Get(request, "params")}
		questions = append(questions, translate.LegacyQuestion(q, f.newVisit))
	}
	return questions
}

// newVisit returns the id of a further visit of a URL.
func (f *flow) newVisit() string {
	id := rand.Text()
	f.visits = append(f.visits, id)
	return id
}

// collect writes the client's answers as a modern server takes them.
func (f *flow) collect(questions []mcp.Question, answers []mcp.Answer) ([]byte, error) {
	dst := []byte("{")
	for i, a := range answers {
		if a.Err != nil {
			return nil, mcp.Errorf(mcp.CodeInternal, mcp.Cancelled,
				"the client did not answer to %s of server %q: %s", questions[i].Method, f.server.config.Name, a.Err.Message)
		}
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(append(append(append(dst, '"'), questions[i].Key...), `":`...), a.Result...)
	}
	return append(dst, '}'), nil
}

// can reports whether the client has declared that it answers such a question.
func (f *flow) can(q mcp.Question) bool {
	return translate.Answers(translate.Introduction(f.call.Capabilities, f.call.Revision), q)
}

// unanswered tells the client why its call ends when a question was not answered.
func (f *flow) unanswered(err error) error {
	name := f.server.config.Name
	switch {
	case errors.Is(err, mcp.ErrExpired):
		return mcp.Errorf(mcp.CodeInternal, mcp.Timeout, "the client did not answer the question of server %q in time", name)
	case errors.Is(err, mcp.ErrUnsupported):
		return mcp.Errorf(mcp.CodeInternal, mcp.Unsupported, "server %q asks something that the client cannot be asked now", name)
	case errors.Is(err, mcp.ErrDeclined):
		return mcp.Errorf(mcp.CodeInternal, mcp.Cancelled, "the client declined to answer the question of server %q", name)
	}
	return err
}

// pause waits before a request is made again that only wants patience.
func (f *flow) pause() error {
	const first = 100 * time.Millisecond
	return f.sleep(first<<f.round, nil)
}

// sleep waits, until woken at the latest.
func (f *flow) sleep(d time.Duration, woken <-chan struct{}) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-woken:
	case <-f.ctx.Done():
		return context.Cause(f.ctx)
	}
	return nil
}

// visited tells a legacy client that the visits are over which its call waited for (client/elicitation, "Completion").
func (f *flow) visited() {
	for _, id := range f.visits {
		raw := wire.AppendQuote([]byte(`{"jsonrpc":"2.0","method":"`+mcp.NoticeElicited+`","params":{"elicitationId":`), id)
		_ = f.reply.Notify(f.ctx, notice.Message(append(raw, "}}"...))) // a client that is gone gets no result either
	}
	f.visits = nil
}

// elicited notes that a visit of a URL is over; a modern client is not told.
func (f *flow) elicited(m *wire.Message) {
	if id, ok := translate.VisitID(m.Bytes(m.Params)); ok {
		f.visiting.Over(id)
	}
}

// visitURLs asks a modern client to visit what a legacy server wants to be visited first (-32042), and waits a while for the
// server to say that it was.
func (f *flow) visitURLs(e *mcp.Error) error {
	var questions []mcp.Question
	var ids []string
	if list := wire.Get(e.Data, "elicitations"); len(list) > 0 && list[0] == '[' {
		for one := range wire.Elements(list) {
			if id, ok := translate.VisitID(one); ok {
				ids = append(ids, id)
			}
			key := "visit" + strconv.Itoa(len(questions)+1)
			questions = append(questions, translate.ModernQuestion(mcp.Question{Key: key, Method: mcp.MethodElicit, Params: one}))
		}
	}
	if len(questions) == 0 || !f.can(questions[0]) {
		return e
	}
	over := f.visiting.Await(ids)
	answers, err := f.ask(f.ctx, questions)
	if err != nil {
		return f.unanswered(err)
	}
	for _, a := range answers {
		if a.Err != nil || !wire.IsString(wire.Get(a.Result, "action"), "accept") {
			return mcp.Errorf(mcp.CodeInternal, mcp.Cancelled, "the user did not visit what server %q asked for", f.server.config.Name)
		}
	}
	return f.sleep(min(visitTimeout, f.patience()), over)
}
