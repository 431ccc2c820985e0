// Package probe gathers the facts of a live server: who it says it is, what it offers, to whom and when, what it asks of callers, and
// what its harmless tools answer to random questions. It judges nothing.
//
// It is safe by default: it asks only what an honest client might ask, calls only tools that change nothing as far as their names,
// texts and annotations tell, and gets paths without changing anything. Whatever the server does, [Look] ends: each request has a
// deadline, and all of them together.
package probe

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/sumun-mcp/sumun/internal/transport"
	"github.com/sumun-mcp/sumun/trust"
)

// A Target is a server to look at. Its Header, and what its RoundTripper adds, are the operator's credentials: no fact shows them.
type Target struct {
	transport.Target

	// Base carries requests that show no credentials; nil stands for one that trusts the system's authorities.
	Base *http.Transport
	// Secrets are further texts that no fact may show, such as the values of a program's environment.
	Secrets []string
	// Witness sees what the program does beside its answers; nil if nobody does. Sandbox is what confines the program.
	Witness Witness
	Sandbox string
}

// An Identity is how a client names itself.
type Identity struct{ Name, Version string }

// Options say how a server is looked at. The zero value is what [Look] does by default.
type Options struct {
	// Self is who asks; sumun if empty.
	Self Identity
	// As are further clients in whose name the server is asked what it offers; nil stands for [Hosts].
	As []Identity
	// Rounds is how often harmless tools are asked; Quiet asks them nothing at all.
	Rounds Rounds
	Quiet  bool
	// Active also tries whether tools leave their bounds: paths upwards, addresses of this machine, commands in arguments. All of it
	// ends at files and a listener of our own.
	Active bool
	// Each bounds one request, 10 s if 0; Whole bounds all of them, 90 s if 0.
	Each, Whole time.Duration
	// Idle is for how long a program that is watched is left alone, to see what it does unasked: 3 s if 0.
	Idle time.Duration
	// Log gets what the server's program writes to its standard error; nil is silence.
	Log *slog.Logger
	// Progress is told what is being done; nil if nobody waits.
	Progress func(string)
}

// Hosts are clients that servers know, in whose names they are asked by default.
func Hosts() []Identity {
	return []Identity{{"claude-ai", "0.1.0"}, {"cursor-vscode", "1.0.0"}}
}

// The bounds of Options that set none.
const (
	defaultEach  = 10 * time.Second
	defaultWhole = 90 * time.Second
	defaultIdle  = 3 * time.Second
)

func (o Options) withDefaults() Options {
	o.Self.Name, o.Self.Version = cmp.Or(o.Self.Name, "sumun"), cmp.Or(o.Self.Version, "1")
	if o.As == nil {
		o.As = Hosts()
	}
	o.Each, o.Whole, o.Idle = cmp.Or(o.Each, defaultEach), cmp.Or(o.Whole, defaultWhole), cmp.Or(o.Idle, defaultIdle)
	if o.Progress == nil {
		o.Progress = func(string) {}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	o.Rounds = o.Rounds.withDefaults()
	o.Rounds.Progress = o.Progress
	return o
}

// A prober looks at one server, once.
type prober struct {
	Options
	target  Target
	subject *trust.Subject
	session *visit      // the one in which the server was met; nil before
	read    time.Time   // when the lists were read first
	asked   http.Header // of the answer to who asks as nobody: it may say what credentials are wanted
	papers  bool        // the server asks who asks as nobody for a certificate
	secrets []string
	diary   diary
	lures   []string // what stands in the commands that we have hidden
}

// Look gathers the facts of a server. Beside an error stand those that were gathered until then; none, a nil subject, if there was no
// conversation at all.
func Look(ctx context.Context, target Target, o Options) (*trust.Subject, error) {
	p := &prober{Options: o.withDefaults(), target: target}
	p.target.Log = p.Log
	p.target.MaxMessage = mostMessage
	p.target.StartTimeout = min(cmp.Or(target.StartTimeout, 30*time.Second), p.Whole)
	p.secrets = secretsOf(&target)
	p.subject = describe(&p.target)
	p.subject.Sandbox = target.Sandbox
	ctx, cancel := context.WithTimeoutCause(ctx, p.Whole, fmt.Errorf("the server was not done within %v", p.Whole))
	defer cancel()
	err := p.look(ctx)
	if p.session != nil {
		p.session.Close()
	}
	p.testify()
	if err != nil && ctx.Err() != nil {
		err = errors.Join(context.Cause(ctx), err)
	}
	if err != nil && p.read.IsZero() && len(p.subject.Observations) == 0 {
		return nil, scrubError(err, p.secrets)
	}
	return scrub(p.subject, p.secrets), scrubError(err, p.secrets)
}

// look does all there is to do, in order. What comes later does not take back what came before.
func (p *prober) look(ctx context.Context) error {
	p.Progress("connecting")
	if err := p.connect(ctx); err != nil {
		if IsDenied(err) { // what it asks of others can be seen all the same
			err = errors.Join(err, p.surface(ctx))
		}
		return err
	}
	for _, step := range []struct {
		what string
		do   func(context.Context) error
	}{
		{"asking as nobody, as a stranger, and for what there is not", p.surface},
		{"asking again what it offers", p.later},
		{"asking harmless tools", p.ask},
		{"asking as other clients", p.others},
		{"leaving it alone", p.idle},
		{"trying whether tools leave their bounds", p.bounds},
	} {
		p.Progress(step.what)
		if err := step.do(ctx); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	return nil
}

// observe notes what was tried.
func (p *prober) observe(o trust.Observation) {
	o.Text = excerpt(clean(o.Text, p.secrets)) // before it is cut, where half of a secret would stay
	p.subject.Observations = append(p.subject.Observations, o)
}

// wait waits, and reports whether it has come to its end.
func wait(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// raw returns elements of a list as JSON.
func raw(elements [][]byte) []json.RawMessage {
	all := make([]json.RawMessage, 0, len(elements))
	for _, e := range elements {
		all = append(all, e)
	}
	return all
}
