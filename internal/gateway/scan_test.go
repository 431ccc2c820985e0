package gateway_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/gateway"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/survey"
	"github.com/sumun-mcp/sumun/internal/transport"
	"github.com/sumun-mcp/sumun/internal/wire"
	"github.com/sumun-mcp/sumun/trust"
)

// A glance is a scanner that looks at nothing and says what it was told to look at.
type glance struct{ targets []survey.Target }

func (s *glance) Scan(_ context.Context, target survey.Target, progress func(string)) (*survey.Result, error) {
	s.targets = append(s.targets, target)
	if target.Name == "broken" {
		return nil, errors.New("it said nothing")
	}
	progress("connecting")
	progress("judging")
	return &survey.Result{Subject: &trust.Subject{Name: target.Name, Target: target.URL, Software: "s", Version: "1"}, Verdict: trust.Verdict{Tier: 1, Label: "Tier 1", Score: 70}}, nil
}

// TestScan has servers scanned with what the gate shows them, and tells and keeps the verdict.
func TestScan(t *testing.T) {
	t.Parallel()
	cfg := config.Default()
	for _, name := range []string{"web", "broken"} {
		s := config.NewServer(name)
		s.URL, s.Headers = "http://127.0.0.1:1/"+name, map[string]string{"X-Key": "0123456789"}
		cfg.Servers = append(cfg.Servers, s)
	}
	cfg.Store = "sqlite:" + t.TempDir() + "/sumun.db"
	looks := &glance{}
	g := openParts(t, cfg, gateway.Parts{Scanner: looks})
	ask := overHTTP(t, g)

	answer := ask(`{"jsonrpc":"2.0","id":1,"method":"mcp.trust.scan","params":{"target":"web"}}`)
	if !strings.Contains(answer, `"label":"Tier 1"`) || !strings.Contains(answer, `"findings":[]`) {
		t.Errorf("the answer is %s", answer)
	}
	if len(looks.targets) != 1 || looks.targets[0].URL != "http://127.0.0.1:1/web" || looks.targets[0].Header.Get("X-Key") != "0123456789" || looks.targets[0].RoundTripper == nil || looks.targets[0].Base == nil {
		t.Errorf("it looked at %+v", looks.targets)
	}
	if known := ask(`{"jsonrpc":"2.0","id":2,"method":"mcp.trust.registry","params":{"filter":{"name":"web"}}}`); !strings.Contains(known, `"label":"Tier 1"`) {
		t.Errorf("the registry knows %s", known)
	}
	for target, want := range map[string]string{
		"broken": "it said nothing", "http://10.1.2.3/mcp": "not a public address", "nobody": "there is no server", "": "target is missing", "ftp://example.com": "refused",
	} {
		if answer := ask(`{"jsonrpc":"2.0","id":3,"method":"mcp.trust.scan","params":{"target":"` + target + `"}}`); !strings.Contains(answer, want) {
			t.Errorf("%q: %s, want %q", target, answer, want)
		}
	}
	public := ask(`{"jsonrpc":"2.0","id":4,"method":"mcp.trust.scan","params":{"target":"https://mcp.example.com/mcp"}}`)
	last := looks.targets[len(looks.targets)-1]
	if last.URL != "https://mcp.example.com/mcp" || len(last.Header) != 0 || last.Base.DialContext == nil {
		t.Errorf("a stranger: %s, %+v", public, last)
	}
}

// TestScanProgress tells a caller of the standard what is being done.
func TestScanProgress(t *testing.T) {
	t.Parallel()
	cfg := config.Default()
	s := config.NewServer("web")
	s.URL = "http://127.0.0.1:1/web"
	cfg.Servers, cfg.Store = append(cfg.Servers, s), "sqlite:"+t.TempDir()+"/sumun.db"
	g := openParts(t, cfg, gateway.Parts{Scanner: &glance{}})
	session, err := transport.Open(t.Context(), transport.Target{
		Name: "gate", URL: g.url, Header: http.Header{"Authorization": {"Bearer " + g.localKey(t)}}, Era: transport.Modern,
	}, transport.Hello{})
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	var heard progressed
	a, err := session.Call(t.Context(), transport.Request{Method: "mcp.trust.scan", Params: []byte(`{"target":"web"}`), Progress: true}, &heard)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Release()
	var result struct {
		Verdict trust.Verdict `json:"verdict"`
	}
	if err := json.Unmarshal(a.Result(), &result); err != nil || result.Verdict.Score != 70 {
		t.Errorf("the result is %s (%v)", a.Message.Raw, err)
	}
	if got := heard.texts(); strings.Join(got, ", ") != "connecting, judging" {
		t.Errorf("progress: %q", got)
	}
}

// progressed gathers the messages of progress notifications.
type progressed struct {
	mu    sync.Mutex
	heard []string
}

func (p *progressed) Notice(m *wire.Message) {
	p.mu.Lock()
	defer p.mu.Unlock()
	text, _ := wire.Unquote(m.Bytes(m.Member("message")))
	p.heard = append(p.heard, text)
}

func (*progressed) Question(context.Context, *wire.Message) ([]byte, *mcp.Error) { return nil, nil }

func (p *progressed) texts() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.heard
}
