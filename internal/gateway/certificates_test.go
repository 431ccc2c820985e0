package gateway_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/devca"
	"github.com/sumun-mcp/sumun/internal/port"
	"github.com/sumun-mcp/sumun/internal/store"
)

// A certified is a gate that knows its callers by certificates, on a door of its own beside the gate's.
type certified struct {
	*gate
	dir  string
	made *devca.Made
}

// openCertified opens a gate that knows anna and carl, and whose authority vouches for bob too.
func openCertified(t *testing.T) *certified {
	t.Helper()
	dir := t.TempDir()
	made, err := devca.Make(devca.Order{Dir: dir, Clients: []string{"anna", "bob", "carl"}})
	if err != nil {
		t.Fatal(err)
	}
	c := &certified{dir: dir, made: made}
	c.trust(t, made.CA.CertFile)
	cfg := configured(t, startPeer(t, true).server("peer"))
	cfg.Anonymous, cfg.APIKey = false, "of-somebody-with-a-key"
	cfg.Scopes = map[string]config.Scope{"invoke:echo": {Names: []string{"echo"}}}
	cfg.TLS.Identities = []config.Identity{
		{Name: "anna", URI: "spiffe://localhost/anna", Scopes: []string{"*"}},
		{Name: "others", URI: "spiffe://localhost/c*", Scopes: []string{"invoke:echo"}},
	}
	c.gate = openWith(t, cfg)
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener, err := port.Secure(t.Context(), port.Patient(inner), port.TLS{
		CertFile: made.Server.CertFile, KeyFile: made.Server.KeyFile, ClientCAFile: filepath.Join(dir, "clients.pem"), Optional: true,
		Again: 50 * time.Millisecond, Log: testLog(t),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	served := make(chan error, 1)
	go func() { served <- c.Serve(ctx, listener) }()
	t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	c.url = "https://" + inner.Addr().String() + "/mcp"
	return c
}

// trust makes the certificates in a file those of who vouches for clients.
func (c *certified) trust(t *testing.T, file string) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err == nil {
		err = os.WriteFile(filepath.Join(c.dir, "clients.pem"), data, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// as is the gate as one client reaches it, over HTTP/2 if told.
func (c *certified) as(t *testing.T, name string, http2 bool) *gate {
	t.Helper()
	roots := x509.NewCertPool()
	ca, err := os.ReadFile(c.made.CA.CertFile)
	if err != nil || !roots.AppendCertsFromPEM(ca) {
		t.Fatal(err)
	}
	secure := &tls.Config{RootCAs: roots}
	if name != "" {
		pair, err := tls.LoadX509KeyPair(filepath.Join(c.dir, name+".crt"), filepath.Join(c.dir, name+".key"))
		if err != nil {
			t.Fatal(err)
		}
		secure.Certificates = []tls.Certificate{pair}
	}
	transport := &http.Transport{TLSClientConfig: secure, ForceAttemptHTTP2: http2}
	t.Cleanup(transport.CloseIdleConnections)
	return &gate{Gateway: c.Gateway, url: c.url, web: &http.Client{Transport: transport, Timeout: 2 * time.Minute}, stop: c.stop}
}

// socket opens a WebSocket.
func (g *gate) socket(t *testing.T, ctx context.Context) (*websocket.Conn, error) { //nolint:revive // t first, as everywhere here
	t.Helper()
	conn, _, err := websocket.Dial(ctx, g.url, &websocket.DialOptions{HTTPClient: g.web}) //nolint:bodyclose // nothing to close (websocket.Dial)
	if err == nil {
		t.Cleanup(func() { conn.CloseNow() })
	}
	return conn, err
}

// TestCertificates knows a caller by its certificate at every door, and nobody else.
func TestCertificates(t *testing.T) {
	t.Parallel()
	c := openCertified(t)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for _, http2 := range []bool{false, true} {
		anna := c.as(t, "anna", http2)
		if got := anna.modernClient("{}").call(t, "echo"); !strings.Contains(got, `"echo"`) {
			t.Errorf("modern: %s", got)
		}
		if got := anna.legacy(t, "{}").call(t, "echo"); !strings.Contains(got, `"echo"`) {
			t.Errorf("legacy: %s", got)
		}
	}
	anna := c.as(t, "anna", false)
	s, err := sdk.NewClient(&sdk.Implementation{Name: "c", Version: "1"}, nil).Connect(ctx, &sdk.SSEClientTransport{Endpoint: c.url, HTTPClient: anna.web}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.CallTool(ctx, &sdk.CallToolParams{Name: "echo", Arguments: map[string]any{}}); err != nil {
		t.Errorf("HTTP+SSE: %v", err)
	}
	s.Close()
	conn, err := anna.socket(t, ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Write(ctx, websocket.MessageText, []byte(`{"jsonrpc":"2.0","id":1,"method":"mcp.invoke","params":{"tool":"echo","args":{}}}`)); err != nil {
		t.Fatal(err)
	}
	if _, data, err := conn.Read(ctx); err != nil || strings.Contains(string(data), `"reason":"unauthenticated"`) {
		t.Errorf("WebSocket: %s, %v", data, err)
	}

	bob := c.as(t, "bob", false)
	in, _ := bob.modernClient("{}").start(t, "tools/list", "{}", nil)
	if body := in.last(t); in.status != http.StatusUnauthorized || !strings.Contains(body, "nobody's who is known here") {
		t.Errorf("a certificate that fits no identity: %d %s", in.status, body)
	}
	if _, err := bob.socket(t, ctx); err == nil {
		t.Error("a certificate that fits no identity opens a WebSocket")
	}
	keyed := bob.modernClient("{}")
	keyed.key = "of-somebody-with-a-key"
	if got := keyed.call(t, "echo"); !strings.Contains(got, `"echo"`) {
		t.Errorf("with a key besides: %s", got)
	}
	if in, _ := c.as(t, "", false).modernClient("{}").start(t, "tools/list", "{}", nil); in.status != http.StatusUnauthorized {
		t.Errorf("without a certificate: %d", in.status)
	}
	carl := c.as(t, "carl", false).modernClient("{}")
	if list := carl.ask(t, "tools/list", "{}"); strings.Count(list, `"inputSchema"`) != 1 || !strings.Contains(list, `"echo"`) {
		t.Errorf("carl sees %s", list)
	}
	stolen := c.as(t, "carl", false).legacyWithKey(t, "{}", "")
	stolen.session = anna.legacy(t, "{}").session
	if in := stolen.post(t, `{"jsonrpc":"2.0","id":9,"method":"tools/list"}`, nil); in.status == http.StatusOK {
		t.Errorf("the session of another caller: %d %s", in.status, in.last(t))
	}
	record := strings.Join(c.records(t), "\n")
	for _, want := range []string{`"caller":"cert:anna"`, `"caller":"cert:others:spiffe://localhost/carl"`, `"caller":"apiKey"`} {
		if !strings.Contains(record, want) {
			t.Errorf("%s is not on record", want)
		}
	}
}

// TestCertificatesEnd ends what a caller has open once nobody vouches for it any more, or the configuration does not know it.
func TestCertificatesEnd(t *testing.T) {
	t.Parallel()
	c := openCertified(t)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	anna := c.as(t, "anna", false)
	modern := anna.modernClient("{}")
	stream, _ := modern.start(t, "subscriptions/listen", `{"notifications":{"toolsListChanged":true}}`, nil)
	stream.must(t, `"notifications/subscriptions/acknowledged"`)
	get := anna.legacy(t, "{}").listen(t, nil)
	conn, err := anna.socket(t, ctx)
	if err != nil {
		t.Fatal(err)
	}
	without := *c.Config()
	without.TLS.Identities = without.TLS.Identities[:1]
	if err := c.Reload(&without); err != nil {
		t.Fatal(err)
	}
	if in, _ := c.as(t, "carl", false).modernClient("{}").start(t, "tools/list", "{}", nil); in.status != http.StatusUnauthorized {
		t.Errorf("an identity that was taken out: %d", in.status)
	}
	other, err := devca.Make(devca.Order{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	c.trust(t, other.CA.CertFile)
	began := time.Now()
	if _, _, err := conn.Read(ctx); err == nil || ctx.Err() != nil {
		t.Errorf("the WebSocket goes on: %v", err)
	}
	for name, in := range map[string]*incoming{"subscriptions/listen": stream, "GET": get} {
		_, _ = io.Copy(io.Discard, in.lines)
		if d := time.Since(began); d > 3*time.Second {
			t.Errorf("%s ended after %v", name, d)
		}
	}
	if answer, err := anna.web.Get(strings.TrimSuffix(c.url, "/mcp") + "/healthz"); err == nil {
		answer.Body.Close()
		t.Error("a certificate that nobody vouches for is let in")
	}
}

// TestHandshakeOnRecord puts on record that a client was not let in by the handshake, and why.
func TestHandshakeOnRecord(t *testing.T) {
	c := openCertified(t)
	stranger := t.TempDir()
	if _, err := devca.Make(devca.Order{Dir: stranger, Clients: []string{"eve"}}); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{".crt", ".key"} {
		if err := os.Rename(filepath.Join(stranger, "eve"+kind), filepath.Join(c.dir, "eve"+kind)); err != nil {
			t.Fatal(err)
		}
	}
	if answer, err := c.as(t, "eve", false).web.Get(c.url); err == nil {
		answer.Body.Close()
		t.Fatal("a certificate that nobody vouches for was let in")
	}
	kept, err := store.Open(t.Context(), c.Config().Store)
	if err != nil {
		t.Fatal(err)
	}
	defer kept.Close()
	for start := time.Now(); ; time.Sleep(20 * time.Millisecond) { // the client may know before it is written
		for row, err := range kept.Records(t.Context(), 0) {
			if err != nil {
				t.Fatal(err)
			}
			if body := string(row.Body); strings.Contains(body, "unknown authority") && strings.Contains(body, `"outcome":"refused"`) && strings.Contains(body, `"remote":"127.0.0.1:`) {
				return
			}
		}
		if time.Since(start) > 10*time.Second {
			t.Fatal("it is not on record")
		}
	}
}
