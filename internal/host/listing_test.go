package host

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestLook reads what is there, and says why where it cannot.
func TestLook(t *testing.T) {
	home, dir := t.TempDir(), t.TempDir()
	for name, text := range map[string]string{
		filepath.Join(home, ".cursor", "mcp.json"):   `{"mcpServers": {"sumun": {}, "other": {}}}`,
		filepath.Join(home, ".codex", "config.toml"): `[`,
	} {
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	env := Env{GOOS: "linux", Dir: dir, Getenv: func(name string) string { return map[string]string{"HOME": home}[name] }}
	got := map[string]Listing{}
	for _, l := range Look(env, "sumun") {
		got[l.Host+" "+l.Scope] = l
	}
	want := Listing{
		Host: "cursor", Title: "Cursor", Scope: "user", File: filepath.Join(home, ".cursor", "mcp.json"),
		Exists: true, Present: true, Others: []string{"other"},
	}
	if diff := cmp.Diff(want, got["cursor user"]); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if l := got["codex user"]; !l.Exists || l.Error == "" || l.Present {
		t.Errorf("a file that cannot be read: %+v", l)
	}
	if l := got["claude-code project"]; l.Exists || l.Error != "" || l.File != filepath.Join(dir, ".mcp.json") {
		t.Errorf("a file that is not there: %+v", l)
	}
	env.Dir = home
	for _, l := range Look(env, "sumun") {
		if l.Host == "cursor" && l.Scope == "project" {
			t.Errorf("one file is told twice: %+v", l)
		}
	}
}
