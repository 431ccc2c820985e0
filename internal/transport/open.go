package transport

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/sumun-mcp/sumun/internal/http1"
	"github.com/sumun-mcp/sumun/internal/line"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// probeTime is how long a server on a pipe gets to answer in the modern era, before the legacy one is tried. A server that is
// only slow to start still finds the handshake when it comes to read it.
const probeTime = 5 * time.Second

// A wrongEraError is an error that says, as far as it can be understood, that the server does not speak the era that was tried.
type wrongEraError struct{ error }

// Unwrap returns the error itself.
func (e wrongEraError) Unwrap() error { return e.error }

// IsWrongEra reports whether err, which Open returned, says that the server does not speak the era that was required.
func IsWrongEra(err error) bool {
	_, ok := errors.AsType[wrongEraError](err)
	return ok
}

// Open opens a session with the server, in the era that hello requires or prefers or that the target is known to speak;
// otherwise it finds out by a modern request, as the standard wants (basic/versioning, "Backward Compatibility"). The session
// outlives ctx. Errors say what the server is called and what to try.
func Open(ctx context.Context, target Target, hello Hello) (*Session, error) {
	target = target.withDefaults()
	ctx, cancel := context.WithTimeoutCause(ctx, target.StartTimeout,
		upstream("server %q was not ready within %v", target.Name, target.StartTimeout))
	defer cancel()
	s := newSession(ctx, target, hello)
	if err := s.dial(ctx); err != nil {
		s.end()
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, err
	}
	err := s.greet(ctx)
	if err == nil {
		s.conn.opened()
		return s, nil
	}
	s.Close()
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if mcp.AsError(err) == nil {
		err = fmt.Errorf("server %q: %w", target.Name, err)
	}
	return nil, err
}

func newSession(ctx context.Context, target Target, hello Hello) *Session {
	s := &Session{target: target, hello: hello, log: target.Log, table: newTable()}
	s.root, s.end = context.WithCancel(context.WithoutCancel(ctx))
	return s
}

func (s *Session) dial(ctx context.Context) (err error) {
	s.conn, err = dial(ctx, s)
	return err
}

// greet tries the eras that may be tried, in order.
func (s *Session) greet(ctx context.Context) error {
	switch {
	case s.target.Events && s.hello.Require == Modern:
		return wrongEraError{errors.New("it speaks HTTP+SSE, which is of the legacy era")}
	case s.target.Events:
		return s.speak(ctx, Legacy)
	case s.hello.Require != AnyEra:
		return s.speak(ctx, s.hello.Require)
	}
	first := s.hello.Prefer
	switch {
	case first != AnyEra:
	case s.target.Era != AnyEra:
		first = s.target.Era
	default:
		first = Modern
	}
	err := s.try(ctx, first)
	if !IsWrongEra(err) {
		return err
	}
	if err := s.revive(ctx); err != nil {
		return err
	}
	if second := s.speak(ctx, first.other()); second != nil {
		return s.tryAgain(ctx, first, err, second)
	}
	return nil
}

// try speaks an era, for a bounded time if it is the modern one and the server is on a pipe: legacy servers may leave unanswered
// what they do not know.
func (s *Session) try(ctx context.Context, e Era) error {
	if e == Modern && s.target.isPiped() && s.target.Era != Modern {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, probeTime, errSilent)
		defer cancel()
	}
	return s.speak(ctx, e)
}

// errSilent says that a server did not answer the probe.
var errSilent = wrongEraError{fmt.Errorf("no answer within %v", probeTime)}

// tryAgain gives a server that was only slow to start a second chance to speak the era that was tried first.
func (s *Session) tryAgain(ctx context.Context, era Era, first, second error) error {
	if errors.Is(first, errSilent) && s.conn.err() == nil && ctx.Err() == nil && s.speak(ctx, era) == nil {
		return nil
	}
	if IsWrongEra(second) && !errors.Is(first, errSilent) {
		return first
	}
	return second
}

// revive starts a server anew that has ended because it was spoken to in the wrong era.
func (s *Session) revive(ctx context.Context) error {
	if s.conn.err() == nil {
		return nil
	}
	s.conn.close(ctx)
	s.table = newTable()
	return s.dial(ctx)
}

// speak makes the handshake of an era. The error is a wrongEraError if the server does not speak it.
func (s *Session) speak(ctx context.Context, e Era) error {
	if e == Modern {
		return s.discover(ctx, mcp.Latest(), true)
	}
	err := s.initialize(ctx)
	if s.isOlder(err) && s.turn(ctx) {
		return s.initialize(ctx)
	}
	return err
}

// discover asks the server what it is, in a modern revision; when it speaks another modern one, once more in that.
func (s *Session) discover(ctx context.Context, r *mcp.Revision, again bool) error {
	s.conn.speak(r)
	s.envelope = mcp.Envelope(r, s.hello.Info, s.hello.Capabilities, s.hello.LogLevel)
	a, err := s.Call(ctx, Request{Method: mcp.MethodDiscover, Params: []byte("{}")}, nil)
	if err != nil {
		return s.judgeError(err)
	}
	defer a.Release()
	if e := a.Err(r); e != nil {
		if other := mcp.NewestModern(wire.Get(e.Data, "supported")); again && e.Code == mcp.CodeUnsupportedRevision && other != nil {
			return s.discover(ctx, other, false)
		}
		return judgeAnswer(e)
	}
	result := a.Result()
	versions := wire.Get(result, "supportedVersions")
	if versions == nil {
		return wrongEraError{errors.New("it does not name the revisions that it speaks")}
	}
	switch chosen := mcp.NewestModern(versions); {
	case chosen == nil:
		return wrongEraError{fmt.Errorf("it speaks only %s, which this gateway does not", line.Shorten(string(versions)))}
	case chosen != r:
		s.conn.speak(chosen)
		s.envelope = mcp.Envelope(chosen, s.hello.Info, s.hello.Capabilities, s.hello.LogLevel)
		s.revision = chosen
	default:
		s.revision = r
	}
	info := a.Message.Bytes(a.Message.Meta(mcp.MetaServerInfo))
	if info == nil {
		info = wire.Get(result, "serverInfo")
	}
	s.keep(info, result)
	return nil
}

// keep remembers what the server said of itself.
func (s *Session) keep(info, result []byte) {
	s.info = slices.Clone(info)
	s.capabilities = slices.Clone(wire.Get(result, "capabilities"))
	s.advice = slices.Clone(wire.Get(result, "instructions"))
}

// judgeAnswer tells what an error object says about the era: the modern era's own codes come from servers that speak it, and a gateway
// of ours would refuse in any era who calls too often, or whom it cannot tell from others.
func judgeAnswer(e *mcp.Error) error {
	switch e.Code {
	case mcp.CodeHeaderMismatch, mcp.CodeMissingCapability:
		return e
	}
	word, _ := wire.Unquote(wire.Get(e.Data, "reason"))
	if reason := mcp.Reason(word); reason == mcp.RateLimited || reason == mcp.Unavailable {
		return e
	}
	return wrongEraError{e}
}

// judgeError tells what a call without an answer says about the era. A server that cannot be reached, or refuses who we are,
// would do so in any era.
func (s *Session) judgeError(err error) error {
	if IsWrongEra(err) || http1.IsRefusal(err) {
		return err
	}
	if e, ok := errors.AsType[*statusError](err); ok {
		if e.status == http.StatusUnauthorized || e.status == http.StatusForbidden || e.status == http.StatusTooManyRequests {
			return err
		}
		return wrongEraError{err}
	}
	if e, ok := errors.AsType[*LostError](err); ok && (!s.target.isPiped() || !e.Sent) {
		return err
	}
	return wrongEraError{err}
}

// initialize makes the handshake of the legacy era (basic/lifecycle).
func (s *Session) initialize(ctx context.Context) error {
	s.conn.speak(nil)
	s.envelope = nil
	asking, cancel := outlasting(ctx) // an answer that comes late names the session that is to be ended
	defer cancel()
	a, err := s.Call(asking, Request{Method: mcp.MethodInitialize, Params: s.introduction()}, s.hello.Unsolicited)
	if err != nil {
		return s.judgeError(err)
	}
	defer a.Release()
	if e := a.Err(nil); e != nil {
		return judgeAnswer(e)
	}
	result := a.Result()
	name, _ := wire.Unquote(wire.Get(result, "protocolVersion"))
	r := mcp.ParseRevision(name)
	if r == nil || r.Stateless {
		return wrongEraError{fmt.Errorf("it answers in revision %q, which this gateway does not speak", line.Shorten(name))}
	}
	s.revision = r
	s.keep(wire.Get(result, "serverInfo"), result)
	s.conn.speak(r)
	return s.Notify(ctx, mcp.NoticeInitialized, nil)
}

// outlasting returns a context that ends a little later than ctx.
func outlasting(ctx context.Context) (context.Context, context.CancelFunc) {
	later, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(courtesy, cancel) })
	return later, func() {
		stop()
		cancel()
	}
}

// introduction returns the parameters of initialize.
func (s *Session) introduction() []byte {
	dst := wire.AppendQuote([]byte(`{"protocolVersion":`), mcp.LatestLegacy().Name)
	dst = append(append(dst, `,"capabilities":`...), orEmpty(s.hello.Capabilities)...)
	info := s.hello.Info
	if len(info) == 0 {
		info = []byte(`{"name":"sumun","version":"0"}`)
	}
	dst = append(append(dst, `,"clientInfo":`...), info...)
	return append(dst, '}')
}

func orEmpty(object []byte) []byte {
	if len(object) == 0 {
		return []byte("{}")
	}
	return object
}
