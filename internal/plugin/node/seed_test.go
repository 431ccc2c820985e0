package node_test

import (
	"crypto/tls"
	_ "embed"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"testing"
)

// weatherSample is the server of the guide's section 4.3, byte for byte: its two pieces of code, one after the other.
//
//go:embed testdata/weather.ts
var weatherSample string

// TestSeed: the guide's sample is a plugin as it stands. Its host is a server of ours, with a certificate of that name.
func TestSeed(t *testing.T) {
	r := prepared(t, "weather.ts", weatherSample)
	p := start(t, r, "", weatherHost(t)...)

	var tool struct {
		InputSchema json.RawMessage `json:"inputSchema"`
	}
	if err := json.Unmarshal(p.list()["weather.getCurrent"], &tool); err != nil {
		t.Fatal(err)
	}
	if want := `{"type":"object","properties":{"location":{}}}`; string(tool.InputSchema) != want {
		t.Errorf("the input schema is %s, want %s", tool.InputSchema, want)
	}
	if got := p.call("weather.getCurrent", `{"location":"Seoul"}`); string(got.Structured) != `{"temperature":21.5,"condition":"/v3/Seoul"}` {
		t.Errorf("the answer is %s: %s", got.Structured, got.text())
	}

	templates := string(p.ask("resources/templates/list", "{}").Result)
	if want := `{"resourceTemplates":[{"uriTemplate":"sumun://file.read{?path}","name":"file.read"}]}`; templates != want {
		t.Errorf("templates are %s, want %s", templates, want)
	}
	file := filepath.Join(t.TempDir(), "ein Brief.txt")
	if err := os.WriteFile(file, []byte("안녕\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	read := p.ask("resources/read", fmt.Sprintf(`{"uri":%q}`, "sumun://file.read?path="+url.PathEscape(file)))
	var contents struct {
		Contents []struct {
			Text string         `json:"text"`
			Meta map[string]any `json:"_meta"`
		} `json:"contents"`
	}
	if err := json.Unmarshal(read.Result, &contents); err != nil || len(contents.Contents) != 1 {
		t.Fatalf("reading gave %+v: %v", read, err)
	}
	if got := contents.Contents[0]; got.Text != `{"content":"안녕\n"}` || got.Meta["io.github.sumun-mcp/object"] != true {
		t.Errorf("reading gave %+v", got)
	}
	if missing := p.ask("resources/read", `{"uri":"sumun://file.read?path=/no/such/file"}`); missing.Error == nil || missing.Error.Code != -32002 {
		t.Errorf("reading what is not there gave %s", missing.Result)
	}
}

// weatherHost starts a server that has the certificate of api.weather.com, and returns the environment in which Node takes it for
// that host.
func weatherHost(t *testing.T) []string {
	t.Helper()
	certificate, authority := certificateFor(t, "api.weather.com")
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"temp":21.5,"text":%q}`, r.URL.Path)
	}))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}}
	server.StartTLS()
	t.Cleanup(server.Close)
	at, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	ca, hook := filepath.Join(dir, "ca.pem"), filepath.Join(dir, "hook.cjs")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: authority}), 0o600); err != nil {
		t.Fatal(err)
	}
	lookup := fmt.Sprintf(`const net = require('net');
const { connect } = net.Socket.prototype;
net.Socket.prototype.connect = function (...args) {
  const options = Array.isArray(args[0]) ? args[0][0] : args[0];
  if (options.host === 'api.weather.com') { options.host = '127.0.0.1'; options.port = %s; }
  return connect.apply(this, args);
};
`, at.Port())
	if err := os.WriteFile(hook, []byte(lookup), 0o600); err != nil {
		t.Fatal(err)
	}
	return []string{"NODE_EXTRA_CA_CERTS=" + ca, "NODE_OPTIONS=--require=" + hook}
}
