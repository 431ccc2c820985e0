package probe

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/sumun-mcp/sumun/internal/check"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/transport"
	"github.com/sumun-mcp/sumun/internal/wire"
	"github.com/sumun-mcp/sumun/trust"
)

// A Caller calls the tools of one server, on a session that somebody else keeps.
type Caller interface {
	// List returns the elements of the list of tools as they are now.
	List(ctx context.Context) ([]json.RawMessage, error)
	// Call calls a tool, and returns the text of its answer as [trust.Answer] has it and whether it is an error. Its own error says that
	// nothing came back.
	Call(ctx context.Context, tool string, arguments json.RawMessage) (text string, failed bool, err error)
}

// Rounds say how often harmless tools are asked.
type Rounds struct {
	// Count is how many rounds there are, 2 if 0, and Pause how long it is between two of them, 1 s if 0.
	Count int
	Pause time.Duration
	// Tools is how many tools are asked at most, 24 if 0, and Calls how many calls of a round there are at least if one tool can be
	// asked, 6 if 0: some servers are honest for the first few.
	Tools, Calls int
	// Progress is told of each round; nil if nobody waits.
	Progress func(string)
}

func (r Rounds) withDefaults() Rounds {
	r.Count, r.Pause = cmp.Or(r.Count, 2), cmp.Or(r.Pause, time.Second)
	r.Tools, r.Calls = cmp.Or(r.Tools, 24), cmp.Or(r.Calls, 6)
	if r.Progress == nil {
		r.Progress = func(string) {}
	}
	return r
}

const (
	// fewCalls is how often each tool is asked in a round at least: what two answers have in common that nobody asked for stands out.
	fewCalls = 2
	// mostSilent is how many calls in a row may stay without an answer before no more are made.
	mostSilent = 3
)

// Answers asks the harmless tools of a server, in rounds, with arguments that are new each time, and returns what they answered. Tools that
// are not known to be harmless are never called (see check.Harmless). The error says that the server did not answer any more; what it had
// answered stands beside it.
func Answers(ctx context.Context, server Caller, rounds Rounds) ([]trust.Answer, error) {
	rounds = rounds.withDefaults()
	var all []trust.Answer
	for round := 1; round <= rounds.Count; round++ {
		if round > 1 && !wait(ctx, rounds.Pause) {
			return all, context.Cause(ctx)
		}
		tools, err := server.List(ctx)
		if err != nil {
			return all, fmt.Errorf("listing the tools before round %d: %w", round, err)
		}
		r := asking{server: server, round: round, digest: ListDigest(tools)}
		err = r.all(ctx, harmless(tools, rounds.Tools), rounds)
		if all = append(all, r.answers...); err != nil {
			return all, err
		}
	}
	return all, nil
}

// ListDigest returns one digest for a list of tools, whatever its order: equal digests, equal lists.
func ListDigest(tools []json.RawMessage) string {
	var digests []string
	for _, t := range tools {
		d, err := trust.Digest(t)
		if err != nil {
			d = fmt.Sprintf("%x", sha256.Sum256(t))
		}
		digests = append(digests, d)
	}
	slices.Sort(digests)
	h := sha256.New()
	for _, d := range digests {
		fmt.Fprintln(h, d)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// harmless returns the tools that may be asked, at most so many.
func harmless(tools []json.RawMessage, most int) []json.RawMessage {
	var all []json.RawMessage
	for _, t := range tools {
		if len(all) < most && check.Harmless(t) {
			all = append(all, t)
		}
	}
	return all
}

// asking is one round.
type asking struct {
	server  Caller
	round   int
	digest  string
	answers []trust.Answer
	silent  int
	size    int // of all answers, in bytes
}

func (r *asking) all(ctx context.Context, tools []json.RawMessage, rounds Rounds) error {
	if len(tools) == 0 {
		return nil
	}
	rounds.Progress(fmt.Sprintf("round %d: asking %d of its tools", r.round, len(tools)))
	each := max(fewCalls, (rounds.Calls+len(tools)-1)/len(tools))
	for _, tool := range tools {
		name, _ := wire.Unquote(wire.Get(tool, "name"))
		schema := wire.Get(tool, "inputSchema")
		for turn := range max(each, choices(schema)) {
			with, ok := arguments(schema, turn)
			if !ok {
				break
			}
			if err := r.ask(ctx, name, with); err != nil {
				return err
			}
			if turn+1 >= fewCalls && bytes.Equal(with, []byte("{}")) && r.round > 1 {
				break // it takes nothing: it was asked often enough
			}
		}
	}
	return nil
}

// ask calls a tool. Without an answer the call has failed; too many of those end the round.
func (r *asking) ask(ctx context.Context, tool string, with json.RawMessage) error {
	text, failed, err := r.server.Call(ctx, tool, with)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		if r.silent++; r.silent == mostSilent {
			return fmt.Errorf("calling %s: %w", tool, err)
		}
		text, failed = err.Error(), true
	} else {
		r.silent = 0
	}
	if text = bounded(text); r.size+len(text) > mostAnswers {
		text = text[:0]
	}
	r.size += len(text)
	r.answers = append(r.answers, trust.Answer{Round: r.round, Tool: tool, Arguments: with, Text: text, Failed: failed, Tools: r.digest})
	return nil
}

// mostAnswer is how many bytes of an answer are kept: its begin and its end, since that is where something is added.
const mostAnswer = 64 << 10

// mostAnswers is how many bytes the answers of one round have together; later ones are kept without text.
const mostAnswers = 4 << 20

func bounded(text string) string {
	if len(text) <= mostAnswer {
		return text
	}
	return text[:mostAnswer/2] + "…" + text[len(text)-mostAnswer/2:]
}

// ask asks the server's harmless tools, reads some of its prompts and resources, and then looks at its tools once more.
func (p *prober) ask(ctx context.Context) error {
	if p.Quiet {
		return nil
	}
	answers, err := Answers(ctx, p.seat(), p.Rounds)
	p.subject.Answers = answers
	if err == nil {
		err = p.recite(ctx)
	}
	if len(p.subject.Answers) == 0 || err != nil {
		return err
	}
	return p.view(ctx, p.session, trust.ViewCalls, strconv.Itoa(len(p.subject.Answers)))
}

// mostRead is how many prompts and how many resources are read.
const mostRead = 8

// recite reads the first prompts and resources of a server, whose texts reach models as answers do.
func (p *prober) recite(ctx context.Context) error {
	s := p.seat()
	note := func(what string, arguments []byte, r transport.Request) {
		text, failed, err := s.answer(ctx, r)
		if err == nil {
			p.subject.Answers = append(p.subject.Answers, trust.Answer{Round: 1, Tool: what, Arguments: arguments, Text: bounded(text), Failed: failed})
		}
	}
	for _, prompt := range p.subject.Prompts[:min(len(p.subject.Prompts), mostRead)] {
		name, _ := wire.Unquote(wire.Get(prompt, "name"))
		with := map[string]string{}
		for argument := range wire.Elements(wire.Get(prompt, "arguments")) {
			if key, _ := wire.Unquote(wire.Get(argument, "name")); string(wire.Get(argument, "required")) == "true" {
				with[key] = random(10)
			}
		}
		given, err := json.Marshal(with)
		params, err2 := json.Marshal(map[string]any{"name": name, "arguments": with})
		if errors.Join(err, err2) == nil {
			note("prompt "+name, given, transport.Request{Method: mcp.MethodPromptsGet, Name: name, Params: params})
		}
	}
	for _, resource := range p.subject.Resources[:min(len(p.subject.Resources), mostRead)] {
		uri, _ := wire.Unquote(wire.Get(resource, "uri"))
		if params, err := json.Marshal(map[string]string{"uri": uri}); err == nil {
			note("resource "+uri, nil, transport.Request{Method: mcp.MethodRead, Name: uri, Params: params})
		}
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}
