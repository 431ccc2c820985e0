package gateway_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestOwnPrompts offers prompts of files under their own names, follows their changes, and leaves them when the configuration does.
func TestOwnPrompts(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("greet.md", "---\nsampling: {temperature: 0.5}\n---\nHello {{ name }}!")
	cfg := configured(t)
	cfg.Prompts = []string{dir}
	g := openWith(t, cfg)
	c := g.modernClient("{}")
	render := func() string {
		return c.ask(t, "prompts/get", `{"name":"greet","arguments":{"name":"Ada"}}`)
	}
	if text := render(); !strings.Contains(text, "Hello Ada!") || !strings.Contains(text, `{"temperature":0.5}`) {
		t.Error(text)
	}
	put("greet.md", "Bye {{ name }}!")
	eventually(t, "the change is in force", func() bool { return strings.Contains(render(), "Bye Ada!") })
	put("later.md", "later")
	eventually(t, "the new one is listed", func() bool { return strings.Contains(c.ask(t, "prompts/list", "{}"), `"later"`) })
	off := *cfg
	off.Prompts = nil
	if err := g.Reload(&off); err != nil {
		t.Fatal(err)
	}
	if code, _ := fault(render()); code != -32602 {
		t.Error("the prompts are still offered")
	}
}
