package gateway_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sumun-mcp/sumun/internal/config/belief"
	"github.com/sumun-mcp/sumun/internal/signature"
	"github.com/sumun-mcp/sumun/trust"
)

// TestSignedUntil has a server that must be signed stop telling its lists before its manifest ends: what it offered is absent from then on,
// although it still answers calls.
func TestSignedUntil(t *testing.T) {
	t.Parallel()
	p := startPeer(t, true)
	const tool = `{"name":"echo","inputSchema":{"type":"object"}}`
	p.setList("tools/list", `{"tools":[`+tool+`]`+p.envelope(true)+`}`)
	for _, list := range []string{"prompts/list", "resources/list", "resources/templates/list"} {
		member := map[string]string{"prompts/list": "prompts", "resources/list": "resources", "resources/templates/list": "resourceTemplates"}[list]
		p.setList(list, `{"`+member+`":[]`+p.envelope(true)+`}`)
	}
	owner, err := signature.Generate()
	if err != nil {
		t.Fatal(err)
	}
	m, err := trust.Describe(&trust.Subject{Tools: []json.RawMessage{[]byte(tool)}})
	if err != nil {
		t.Fatal(err)
	}
	server := p.server("up")
	m.Name, m.URI, m.Epoch, m.Issued, m.Expires = "up", server.URL, 1, time.Now().Add(-time.Minute), time.Now().Add(5*time.Second)
	text, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	sig, err := signature.Sign(text, owner)
	if err != nil {
		t.Fatal(err)
	}
	key, err := owner.Key.PEM()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, text := range map[string][]byte{"manifest.json": text, "server.sig": sig, "owner.pub": key} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	server.Trust.Signature, server.Trust.Manifest, server.Trust.Keys = belief.Required, filepath.Join(dir, "manifest.json"), filepath.Join(dir, "owner.pub")
	c := open(t, server).modernClient("{}")
	if answer := c.ask(t, "tools/call", `{"name":"echo","arguments":{}}`); !strings.Contains(answer, `"content"`) {
		t.Fatalf("at first: %s", answer)
	}
	p.setList("tools/list", "")
	eventually(t, "the tool is absent", func() bool {
		return !strings.Contains(c.ask(t, "tools/call", `{"name":"echo","arguments":{}}`), `"content"`) && !strings.Contains(c.ask(t, "tools/list", "{}"), "echo")
	})
}
