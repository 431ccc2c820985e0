package probe

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"sync/atomic"
	"time"

	"github.com/sumun-mcp/sumun/internal/http1"
	"github.com/sumun-mcp/sumun/internal/listing"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/registry"
	"github.com/sumun-mcp/sumun/internal/transport"
	"github.com/sumun-mcp/sumun/internal/wire"
	"github.com/sumun-mcp/sumun/trust"
)

// A visit is a session with what the server has told in it of changes.
type visit struct {
	*transport.Session
	*changes
}

// changes counts what a server tells of changes, and refuses its questions.
type changes struct{ told atomic.Int64 }

// Notice counts a change.
func (c *changes) Notice(m *wire.Message) {
	if bytes.HasSuffix(m.MethodName(), []byte("/list_changed")) {
		c.told.Add(1)
	}
}

// Question is answered by nobody.
func (*changes) Question(context.Context, *wire.Message) ([]byte, *mcp.Error) {
	return nil, mcp.Errorf(mcp.CodeMethodNotFound, mcp.Unsupported, "a scan answers no questions")
}

// connect finds the server's endpoint, opens a session, reads its lists, and finds out which eras it speaks.
func (p *prober) connect(ctx context.Context) error {
	if err := p.secure(ctx); err != nil {
		return err
	}
	var errs []error
	for _, candidate := range candidates(p.target.URL) {
		p.target.URL = candidate
		session, err := p.open(ctx, p.Self, transport.AnyEra)
		if err == nil {
			p.session = session
			break
		}
		if ctx.Err() == nil && p.shut(ctx) {
			return &DeniedError{err}
		}
		errs = append(errs, err)
		if ctx.Err() != nil || !addressed(err) {
			break
		}
	}
	if p.session == nil {
		return likeliest(errs)
	}
	if p.target.Command == nil && p.target.URL != "" {
		p.subject.Target = registry.URLTarget(p.target.URL)
	}
	if err := p.introduce(ctx); err != nil {
		return err
	}
	p.otherEra(ctx)
	return nil
}

// candidates returns the addresses at which a server may be found: where the URL has no path, /mcp is usual, and / is where some say they are.
func candidates(address string) []string {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Path != "" && u.Path != "/" {
		return []string{address}
	}
	at := func(path string) string {
		c := *u
		c.Path = path
		return c.String()
	}
	return []string{at("/mcp"), at("/"), at("/sse")}
}

// addressed reports whether an error is one that another path may not have.
func addressed(err error) bool {
	lost, ok := errors.AsType[*transport.LostError](err)
	return !ok || lost.Sent
}

// A DeniedError says that a server asks for credentials that it was not shown.
type DeniedError struct{ Err error }

// Error returns what the server has said.
func (e *DeniedError) Error() string { return "it asks who calls: " + e.Err.Error() }

// Unwrap returns the error.
func (e *DeniedError) Unwrap() error { return e.Err }

// IsDenied reports whether an error is a [DeniedError].
func IsDenied(err error) bool {
	_, ok := errors.AsType[*DeniedError](err)
	return ok
}

// shut reports whether the server refuses at its address for who asks.
func (p *prober) shut(ctx context.Context) bool {
	if p.target.URL == "" || p.subject.Transport == "websocket" {
		return false
	}
	k := knock{carrier: p.target.RoundTripper, address: p.target.URL, header: p.target.Header, who: p.Self, each: p.Each}
	a := k.post(ctx, mcp.MethodInitialize, k.hello())
	return refuses(a.status)
}

// likeliest returns what is to be said of addresses at none of which a server was found: what the first said, unless that is only that
// there is nothing.
func likeliest(errs []error) error {
	for _, err := range errs {
		if status := statusOf(err); status != http.StatusNotFound && status != http.StatusMethodNotAllowed {
			return err
		}
	}
	if len(errs) == 0 {
		return errors.New("no server was named")
	}
	return errs[0]
}

// refuses reports whether a status is about who asks.
func refuses(status int) bool {
	return status == http.StatusUnauthorized || status == http.StatusForbidden
}

// open opens a session in the name of a client.
func (p *prober) open(ctx context.Context, who Identity, era transport.Era) (*visit, error) {
	info, err := json.Marshal(map[string]string{"name": who.Name, "version": who.Version})
	if err != nil {
		return nil, err
	}
	told := &changes{}
	session, err := transport.Open(ctx, p.target.Target, transport.Hello{Info: info, Require: era, Unsolicited: told})
	if err != nil {
		return nil, err
	}
	return &visit{session, told}, nil
}

// introduce notes who the server says it is and what it offers.
func (p *prober) introduce(ctx context.Context) error {
	l, err := p.lists(ctx, p.session)
	if err != nil {
		return err
	}
	s := p.subject
	s.Software, s.Version = named(l.Info)
	s.Instructions = l.Instructions
	s.Tools, s.Prompts, s.Resources, s.Templates = raw(l.Tools), raw(l.Prompts), raw(l.Resources), raw(l.Templates)
	s.Revisions = []string{p.session.Revision().Name}
	if p.session.Events() {
		s.Transport, p.target.Events = "sse", true
	}
	p.read = time.Now()
	return nil
}

// lists reads all that a session's server offers, to the last page.
func (p *prober) lists(ctx context.Context, session *visit) (*mcp.Listing, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, 3*p.Each, fmt.Errorf("its lists were not read within %v", 3*p.Each))
	defer cancel()
	l, err := listing.Read(ctx, session.Session, p.target.Name, p.Log)
	if err != nil {
		if ctx.Err() != nil {
			err = errors.Join(err, context.Cause(ctx))
		}
		return nil, err
	}
	size := len(l.Instructions)
	for _, list := range [][][]byte{l.Tools, l.Prompts, l.Resources, l.Templates} {
		for _, element := range list {
			size += len(element)
		}
	}
	if size > mostOffered {
		return nil, fmt.Errorf("what it offers is larger than %d MiB", mostOffered>>20)
	}
	return l, nil
}

const (
	// mostOffered is how many bytes the lists of a server may have, so that its facts, with all views, can be kept.
	mostOffered = 8 << 20
	// mostMessage is how many bytes one message of a server may have.
	mostMessage = 16 << 20
)

func named(info []byte) (name, version string) {
	name, _ = wire.Unquote(wire.Get(info, "name"))
	version, _ = wire.Unquote(wire.Get(info, "version"))
	return name, version
}

// otherEra finds out whether a server of the modern era speaks the legacy one, too. The other way round it was tried when the session was opened.
func (p *prober) otherEra(ctx context.Context) {
	if transport.EraOf(p.session.Revision()) != transport.Modern {
		return
	}
	session, err := p.open(ctx, p.Self, transport.Legacy)
	if err != nil {
		return
	}
	defer session.Close()
	if name := session.Revision().Name; !slices.Contains(p.subject.Revisions, name) {
		p.subject.Revisions = append(p.subject.Revisions, name)
	}
}

// view asks once more what the server offers, on a session.
func (p *prober) view(ctx context.Context, session *visit, cause, target string) error {
	l, err := p.lists(ctx, session)
	if err != nil {
		return err
	}
	_, version := named(l.Info)
	p.subject.Views = append(p.subject.Views, trust.View{
		Cause: cause, Target: target, Announced: session.told.Load() > 0, Version: version, Instructions: l.Instructions, Tools: raw(l.Tools),
	})
	return nil
}

// later asks again after a while.
func (p *prober) later(ctx context.Context) error {
	pause := p.Rounds.Pause
	if !wait(ctx, pause-time.Since(p.read)) {
		return context.Cause(ctx)
	}
	return p.view(ctx, p.session, trust.ViewLater, pause.String())
}

// others asks in the names of other clients, each on a session of its own. One that is not let in is no fault of the server's.
func (p *prober) others(ctx context.Context) error {
	if p.target.InProcess != nil {
		return nil
	}
	for _, who := range p.As {
		session, err := p.open(ctx, who, transport.EraOf(p.session.Revision()))
		if err != nil {
			p.Log.DebugContext(ctx, "another client is not let in", slog.String("client", who.Name), slog.Any("error", err))
			continue
		}
		err = p.view(ctx, session, trust.ViewClient, who.Name)
		session.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

// carriers sets what carries requests: Base what shows nothing, RoundTripper what is the operator's.
func (p *prober) carriers() error {
	if p.target.URL == "" {
		return nil
	}
	u, err := url.Parse(p.target.URL)
	if err != nil {
		return errors.New("the URL of the server cannot be read")
	}
	if p.target.Base == nil {
		p.target.Base = &http.Transport{Proxy: http.ProxyFromEnvironment, DisableCompression: true, TLSHandshakeTimeout: p.Each}
	}
	if p.target.RoundTripper == nil {
		p.target.RoundTripper = http1.New(u, p.target.Base)
	}
	return nil
}
