// Package survey answers mcp.trust.scan: it finds out which server is meant and how the gate reaches it, has it scanned by the scanner that
// it was given, and tells the verdict.
package survey

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/dial"
	"github.com/sumun-mcp/sumun/internal/http1"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/route"
	"github.com/sumun-mcp/sumun/internal/sandbox"
	"github.com/sumun-mcp/sumun/internal/transport"
	"github.com/sumun-mcp/sumun/internal/wire"
	"github.com/sumun-mcp/sumun/trust"
)

// A Target is a server to look at.
type Target struct {
	// Target is how it is reached, with the credentials of the gate.
	transport.Target

	// Base carries requests that show no credentials.
	Base *http.Transport
	// Secrets are further texts that nobody is to be told.
	Secrets []string
	// Program is the server that Command starts; nil for one that no program of ours is.
	Program *config.Server
}

// A Scanner looks at servers and judges them.
type Scanner interface {
	// Scan looks at one server. Progress is told what is being done, by one goroutine at a time.
	Scan(ctx context.Context, target Target, progress func(string)) (*Result, error)
}

// A Result is what a scan has found.
type Result struct {
	Subject  *trust.Subject
	Verdict  trust.Verdict
	Findings []trust.Finding
}

// A Survey has servers scanned for callers.
type Survey struct {
	Scanner Scanner
	// Config is the configuration in force.
	Config func() *config.Config
	// Authority returns what requests to a server show besides its configured headers; nil for nothing.
	Authority func(server, caller string) http1.Authority
	// TLS says whose certificates servers may have; nil stands for the system's authorities.
	TLS *tls.Config
	// Command returns what starts the program of a server.
	Command func(context.Context, config.Server) (*sandbox.Command, error)
	// Record keeps a verdict.
	Record func(context.Context, *trust.Subject, trust.Verdict) error

	free chan struct{} // one element for each scan that runs
}

// mostScans is how many scans run at once, each of which may start a program.
const mostScans = 4

// New returns s, ready to be asked.
func New(s Survey) *Survey {
	s.free = make(chan struct{}, mostScans)
	return &s
}

// Handle answers mcp.trust.scan {target}: the name of a server of the configuration, or a URL. Who may ask is decided before. With a nil
// Survey nobody scans.
func (s *Survey) Handle(ctx context.Context, call *mcp.Call, reply mcp.Reply) error {
	if s == nil || s.Scanner == nil {
		return mcp.Errorf(mcp.CodeMethodNotFound, mcp.Unsupported, "this gateway has no scanner")
	}
	name, ok := wire.Unquote(call.Member("target"))
	if !ok || name == "" {
		return mcp.Errorf(mcp.CodeInvalidParams, mcp.InvalidArguments, "target is missing: the name of a server, or its URL")
	}
	target, end, err := s.target(ctx, name)
	if err != nil {
		return err
	}
	defer end()
	select {
	case s.free <- struct{}{}:
		defer func() { <-s.free }()
	default:
		return mcp.Errorf(mcp.CodeInternal, mcp.RateLimited, "%d scans run already; wait for one to end", mostScans)
	}
	found, err := s.Scanner.Scan(ctx, target, teller(ctx, call, reply))
	if err != nil {
		return mcp.Errorf(mcp.CodeInternal, mcp.Upstream, "scanning %s: %v", target.Name, err)
	}
	if s.Record != nil {
		if err := s.Record(ctx, found.Subject, found.Verdict); err != nil {
			return err
		}
	}
	return answer(ctx, name, found, reply)
}

// answer tells what was found.
func answer(ctx context.Context, name string, found *Result, reply mcp.Reply) error {
	findings := found.Findings
	if findings == nil {
		findings = []trust.Finding{}
	}
	text, err := json.Marshal(map[string]any{
		"target": name, "software": found.Subject.Software, "version": found.Subject.Version, "verdict": found.Verdict, "findings": findings,
	})
	if err != nil {
		return fmt.Errorf("telling of a scan: %w", err)
	}
	return reply.Done(ctx, mcp.Own(text))
}

// target returns the server of that name as the gate reaches it, or the one at a URL under the rules for addresses that others have chosen. End
// lets go of what it needs.
func (s *Survey) target(ctx context.Context, name string) (t Target, end func(), err error) {
	for _, server := range route.Expand(s.Config()) {
		if server.Name == name || name != "" && server.URL == name {
			return s.configured(ctx, &server)
		}
	}
	if !strings.Contains(name, "://") {
		return t, nil, mcp.Errorf(mcp.CodeInvalidParams, mcp.NotFound, "there is no server %.80q; sumun server list names them", name)
	}
	return s.stranger(name)
}

// configured returns a server of the configuration.
func (s *Survey) configured(ctx context.Context, c *config.Server) (Target, func(), error) {
	t := Target{Target: transport.Target{Name: c.Name, StartTimeout: c.StartTimeout}}
	if c.Command != "" {
		var err error
		t.Command, err = s.Command(ctx, *c)
		t.Secrets, t.Program = slices.Collect(maps.Values(c.Env)), c
		return t, func() {}, err
	}
	u, err := url.Parse(c.URL)
	if err != nil {
		return t, nil, fmt.Errorf("the URL of the server %s cannot be read", c.Name)
	}
	t.URL, t.Events, t.Header = c.URL, c.Type == "sse", http.Header{}
	for name, value := range c.Headers {
		t.Header.Set(name, value)
	}
	t.Base = &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: s.TLS.Clone(), DisableCompression: true, TLSHandshakeTimeout: 10 * time.Second}
	t.RoundTripper = http1.New(u, t.Base)
	if s.Authority != nil {
		if who := s.Authority(c.Name, ""); who != nil {
			t.RoundTripper = t.RoundTripper.As(who)
		}
	}
	return t, t.Base.CloseIdleConnections, nil
}

// stranger returns the server at a URL that a caller has named: only what anybody reaches may be reached through the gate.
func (s *Survey) stranger(address string) (t Target, end func(), err error) {
	refused := func(err error) error { return mcp.Errorf(mcp.CodeInvalidParams, mcp.Forbidden, "%v", err) }
	u, err := url.Parse(address)
	if err != nil {
		return t, nil, mcp.Errorf(mcp.CodeInvalidParams, mcp.InvalidArguments, "%.80q is no URL", address)
	}
	dialer, err := dial.New(dial.Policy{Redirects: -1})
	if err == nil {
		err = dialer.Check(u)
	}
	if err != nil {
		return t, nil, refused(fmt.Errorf("%w; a server of the configuration may be named instead", err))
	}
	t.Base = &http.Transport{DialContext: dialer.DialContext, TLSClientConfig: s.TLS.Clone(), DisableCompression: true, TLSHandshakeTimeout: 10 * time.Second}
	t.Target = transport.Target{Name: u.Host, URL: address, RoundTripper: http1.New(u, t.Base)}
	return t, func() { t.Base.CloseIdleConnections(); dialer.Close() }, nil
}

// notices reads what we write ourselves.
var notices = wire.NewScanner(mcp.Vocabulary(), 0)

// teller tells the caller what is being done, if he has asked for that.
func teller(ctx context.Context, call *mcp.Call, reply mcp.Reply) func(string) {
	if call.Meta("progressToken") == nil {
		return func(string) {}
	}
	n := int64(0)
	return func(text string) {
		n++
		raw := wire.AppendInt([]byte(`{"jsonrpc":"2.0","method":"`+mcp.NoticeProgress+`","params":{"progressToken":0,"progress":`), n)
		raw = append(wire.AppendQuote(append(raw, `,"message":`...), text), "}}"...)
		var notice wire.Message
		if err := notices.Answer(raw, &notice); err == nil {
			_ = reply.Notify(ctx, &notice) // a client that has gone shows in the context
		}
	}
}
