package probe

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/sumun-mcp/sumun/internal/http1"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/transport"
	"github.com/sumun-mcp/sumun/internal/wire"
	"github.com/sumun-mcp/sumun/trust"
)

const (
	// foreignHost is a name that no server of anybody has (RFC 2606), and foreignOrigin a page under it.
	foreignHost   = "evil.example"
	foreignOrigin = "http://" + foreignHost
	// noRevision is a revision of the protocol that there is not.
	noRevision = "1999-12-31"
	// oversize is how many bytes are far too many for a list to be asked for.
	oversize = 6 << 20
)

// secure looks at the certificate of an https or wss server. Where it does not hold, the server is asked without the operator's credentials,
// which anybody on the way would see.
func (p *prober) secure(ctx context.Context) error {
	u, err := url.Parse(p.target.URL)
	if err != nil || p.target.URL == "" || u.Scheme != "https" && u.Scheme != "wss" {
		return p.carriers()
	}
	var config *tls.Config
	if p.target.Base != nil && p.target.Base.TLSClientConfig != nil {
		config = p.target.Base.TLSClientConfig.Clone()
	}
	fault := p.handshake(ctx, u, config)
	invalid, ok := errors.AsType[*tls.CertificateVerificationError](fault)
	switch {
	case fault == nil || wantsCertificate(fault): // its own holds
		p.subject.TLS = true
		p.observe(trust.Observation{Probe: trust.ProbeCertificate, Target: u.Hostname()})
	case ok:
		p.observe(trust.Observation{Probe: trust.ProbeCertificate, Target: u.Hostname(), Text: invalid.Err.Error()})
		p.insecure()
	}
	return p.carriers() // who cannot be reached is told of when the session is opened
}

// insecure goes on without credentials and without a certificate that holds.
func (p *prober) insecure() {
	p.Log.Warn("the server's certificate does not hold: it is asked without credentials", slog.String("server", p.target.Name))
	base := &http.Transport{Proxy: http.ProxyFromEnvironment}
	if p.target.Base != nil {
		base = p.target.Base.Clone()
	}
	base.TLSClientConfig = &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12} //nolint:gosec // that it does not hold is the fact; nothing secret is sent
	p.target.Base, p.target.RoundTripper, p.target.Header = base, nil, nil
}

// handshake makes a connection to the server, and nothing more.
func (p *prober) handshake(ctx context.Context, u *url.URL, config *tls.Config) error {
	ctx, cancel := context.WithTimeout(ctx, p.Each)
	defer cancel()
	probe := &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: config}
	if p.target.Base != nil {
		probe.Proxy, probe.DialContext = p.target.Base.Proxy, p.target.Base.DialContext
	}
	defer probe.CloseIdleConnections()
	at := url.URL{Scheme: "https", Host: u.Host, Path: "/robots.txt"}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String(), nil)
	if err != nil {
		return err
	}
	resp, err := probe.RoundTrip(req)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// surface tries what the server asks of those who call it. Servers without an address have no surface.
func (p *prober) surface(ctx context.Context) error {
	switch {
	case p.target.URL == "":
		return p.inside(ctx)
	case p.subject.Transport != "http":
		p.lines(ctx)
	default:
		p.doors(ctx)
	}
	p.metadata(ctx)
	p.paths(ctx)
	p.judge()
	return nil
}

// inside asks a program for what there is not, on the session.
func (p *prober) inside(ctx context.Context) error {
	caller := p.seat()
	for _, probe := range []struct{ name, tool string }{{trust.ProbeEmptyCall, ""}, {trust.ProbeUnknownTool, unknownTool()}} {
		p.observe(caller.observed(ctx, probe.name, probe.tool))
		if p.session.Err() != nil {
			return fmt.Errorf("the server ended when it was asked for what there is not (%s): %w", probe.name, p.session.Err())
		}
	}
	return nil
}

// doors tries the ways to a server over Streamable HTTP.
func (p *prober) doors(ctx context.Context) {
	own := knock{carrier: p.target.RoundTripper, address: p.target.URL, header: p.target.Header, who: p.Self, each: p.Each}
	if p.session != nil && p.session.Revision().Stateless {
		own.modern = p.session.Revision()
	}
	nobody := own
	nobody.carrier, nobody.header = p.target.Base, nil
	list := func(k knock) answer { return k.ask(ctx, mcp.MethodToolsList, "{}") }

	if own.modern == nil && list(own).needsSession() {
		nobody.session, own.session = true, true
	}
	first := list(nobody)
	p.observe(first.observation(trust.ProbeList, ""))
	p.asked, p.papers = first.header, first.papers
	p.observe(list(nobody.with("Authorization", "Bearer "+random(24))).observation(trust.ProbeWrongCredentials, ""))
	p.observe(nobody.ask(ctx, mcp.MethodToolsCall, "{}").observation(trust.ProbeEmptyCall, ""))
	tool := unknownTool()
	p.observe(nobody.with("Mcp-Name", tool).ask(ctx, mcp.MethodToolsCall, `{"name":"`+tool+`","arguments":{}}`).observation(trust.ProbeUnknownTool, tool))

	p.observe(list(own.with("Origin", foreignOrigin)).observation(trust.ProbeForeignOrigin, foreignOrigin))
	foreign := own
	foreign.host = foreignHost
	p.observe(list(foreign).observation(trust.ProbeForeignHost, foreignHost))
	p.observe(list(own.with(headerVersion, noRevision)).observation(trust.ProbeBadVersion, noRevision))
	twice := strings.Replace(string(own.request(mcp.MethodToolsList, "{}")), `"jsonrpc"`, `"method":"ping","jsonrpc"`, 1)
	p.observe(own.send(ctx, mcp.MethodToolsList, []byte(twice)).observation(trust.ProbeDuplicateMembers, ""))
	large := own.request(mcp.MethodToolsList, `{"filler":"`+strings.Repeat("x", oversize)+`"}`)
	p.observe(own.send(ctx, mcp.MethodToolsList, large).observation(trust.ProbeOversize, strconv.Itoa(len(large))))
}

// lines tries the ways to a server over HTTP+SSE or a WebSocket: who gets a session there is let in.
func (p *prober) lines(ctx context.Context) {
	try := func(probe, target string, header http.Header, carrier *http1.Transport) {
		to := p.target.Target
		to.Header, to.RoundTripper, to.StartTimeout = header, carrier, p.Each
		session, err := transport.Open(ctx, to, transport.Hello{Require: transport.Legacy})
		if err != nil {
			o := trust.Observation{Probe: probe, Target: target, Status: statusOf(err)}
			if o.Status != 0 {
				o.Text = err.Error()
			}
			p.observe(o)
			return
		}
		defer session.Close()
		there := &seat{session, p.Each, p.secrets, nil}
		o := there.asked(ctx, mcp.MethodToolsList, "{}")
		o.Probe, o.Target, o.Status = probe, target, http.StatusOK
		p.observe(o)
		if probe == trust.ProbeList {
			p.observe(there.observed(ctx, trust.ProbeEmptyCall, ""))
			p.observe(there.observed(ctx, trust.ProbeUnknownTool, unknownTool()))
		}
	}
	u, err := url.Parse(p.target.URL)
	if err != nil {
		return
	}
	nobody := http1.New(u, p.target.Base)
	try(trust.ProbeList, "", nil, nobody)
	try(trust.ProbeWrongCredentials, "", http.Header{"Authorization": {"Bearer " + random(24)}}, nobody)
	strange := p.target.Header.Clone()
	if strange == nil {
		strange = http.Header{}
	}
	strange.Set("Origin", foreignOrigin)
	try(trust.ProbeForeignOrigin, foreignOrigin, strange, p.target.RoundTripper)
}

// judge notes what the server asks of callers, as far as it can be told from what was tried.
func (p *prober) judge() {
	var list, wrong *trust.Observation
	metadata := false
	for i := range p.subject.Observations {
		switch o := &p.subject.Observations[i]; o.Probe {
		case trust.ProbeList:
			list = o
		case trust.ProbeWrongCredentials:
			wrong = o
		case trust.ProbeResourceMetadata:
			metadata = metadata || o.Status == http.StatusOK && strings.Contains(o.Text, "authorization_servers")
		}
	}
	switch {
	case p.papers:
		p.subject.Authentication = trust.AuthStrong
	case list == nil || list.Status == 0 && list.Code == 0:
		return
	case list.Accepted(), wrong != nil && wrong.Accepted(): // who takes any credentials knows nobody by them
		p.subject.Authentication = trust.AuthNone
	case metadata || strings.Contains(strings.ToLower(p.asked.Get("WWW-Authenticate")), "resource_metadata"):
		p.subject.Authentication = trust.AuthStrong
	case refuses(list.Status) || list.Code != 0:
		p.subject.Authentication = trust.AuthStatic
	}
}

// metadata gets what RFC 9728 has servers say of who gives access to them.
func (p *prober) metadata(ctx context.Context) {
	u, err := url.Parse(p.target.URL)
	if err != nil {
		return
	}
	const known = "/.well-known/oauth-protected-resource"
	for _, path := range []string{known + strings.TrimSuffix(u.EscapedPath(), "/"), known} {
		a := p.get(ctx, path)
		text := string(wire.Get(a.message, "authorization_servers"))
		if text != "" {
			text = `{"authorization_servers":` + text + "}"
		}
		o := a.observation(trust.ProbeResourceMetadata, path)
		if text != "" {
			o.Text = text
		}
		p.observe(o)
		if a.status == http.StatusOK && text != "" || path == known {
			return
		}
	}
}

// get gets a path of the server as nobody.
func (p *prober) get(ctx context.Context, path string) answer {
	u, err := url.Parse(p.target.URL)
	if err != nil {
		return answer{}
	}
	scheme := strings.Replace(u.Scheme, "ws", "http", 1)
	at := url.URL{Scheme: scheme, Host: u.Host, Path: path}
	return knock{carrier: p.target.Base, address: at.String(), each: p.Each}.do(ctx, http.MethodGet, nil)
}

// operators are paths where servers have interfaces for those who run them.
var operators = []string{
	"/info", "/tool-prompts", "/extra-note", "/init-url", "/health", "/status", "/config", "/settings", "/prompts", "/tools",
	"/admin", "/admin/config", "/api/config", "/api/settings", "/api/tools", "/api/prompts", "/api/admin", "/manage", "/manage/instances",
	"/nodes", "/instances", "/logs", "/sessions", "/debug", "/debug/vars", "/env", "/actuator/env", "/notes", "/inject", "/telemetry",
}

// paths gets the paths of operators, beside one that there is not.
func (p *prober) paths(ctx context.Context) {
	none := "/" + random(12)
	p.observe(p.get(ctx, none).observation(trust.ProbeNoPath, none))
	for _, path := range operators {
		if a := p.get(ctx, path); a.status != 0 && a.status != http.StatusNotFound {
			p.observe(a.observation(trust.ProbePath, path))
		}
		if ctx.Err() != nil {
			return
		}
	}
}
