package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/sumun-mcp/sumun/internal/config"
)

// pages returns the text of every Markdown page of the repository that is for users, by its path from here.
func pages(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, pattern := range []string{"../../*.md", "../../docs/*.md"} {
		names, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			all[name] = string(text)
		}
	}
	return all
}

// secrets is an environment in which nothing is set but secrets.
func secrets(name string) (string, bool) {
	for _, end := range []string{"_PASSWORD", "_TOKEN", "_SECRET"} {
		if strings.HasSuffix(name, end) {
			return "0123456789abcdef", true
		}
	}
	return "", false
}

// TestDocsConfigurations loads every configuration that stands in the pages.
func TestDocsConfigurations(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"docs", "notes", "prompts", "work", "certs"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"key.txt", "certs/server.crt", "certs/server.key", "certs/clients.pem", "certs/revoked.pem"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("0123456789abcdef\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	block := regexp.MustCompile("(?ms)^```yaml\n(.*?)^```$")
	loaded := 0
	for name, text := range pages(t) {
		for _, m := range block.FindAllStringSubmatch(text, -1) {
			file := filepath.Join(dir, "mcp.yaml")
			if err := os.WriteFile(file, []byte(m[1]), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := config.Load(file, secrets); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			loaded++
		}
	}
	if loaded < 4 {
		t.Errorf("found %d configurations in the pages", loaded)
	}
}

// TestDocsKeys wants every key of the configuration on the page that tells how to write one.
func TestDocsKeys(t *testing.T) {
	page := pages(t)["../../docs/configure.md"]
	var schema struct {
		Properties map[string]any `json:"properties"`
		Defs       map[string]struct {
			Properties map[string]any `json:"properties"`
		} `json:"$defs"`
	}
	if err := json.Unmarshal(config.Schema(), &schema); err != nil {
		t.Fatal(err)
	}
	keys := schema.Properties
	for _, def := range schema.Defs {
		for key := range def.Properties {
			keys[key] = true
		}
	}
	for key := range keys {
		if !regexp.MustCompile("[`.{ ]" + key + "[`:.]").MatchString(page) {
			t.Errorf("docs/configure.md does not tell of %q", key)
		}
	}
	if len(keys) < 40 {
		t.Errorf("the schema has %d keys only", len(keys))
	}
}

// TestDocsLinks follows every link from a page to another file, and to a heading in it.
func TestDocsLinks(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	all := pages(t)
	for name, text := range all {
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			path, anchor, _ := strings.Cut(m[1], "#")
			target := filepath.Join(filepath.Dir(name), path)
			if path == "" {
				target = name
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s: %s: %v", name, m[1], err)
			} else if anchor != "" && !hasHeading(all[target], anchor) {
				t.Errorf("%s: %s: there is no such heading", name, m[1])
			}
		}
	}
}

// hasHeading reports whether a page has the heading to which an anchor leads.
func hasHeading(page, anchor string) bool {
	for line := range strings.Lines(page) {
		title, ok := strings.CutPrefix(strings.TrimLeft(line, "#"), " ")
		if ok && strings.HasPrefix(line, "#") && strings.ReplaceAll(strings.ToLower(strings.TrimSpace(title)), " ", "-") == anchor {
			return true
		}
	}
	return false
}

// TestDocsVerbs wants every verb and flag on the page of the command line.
func TestDocsVerbs(t *testing.T) {
	page := pages(t)["../../docs/command-line.md"]
	a := &app{getenv: func(string) string { return "" }}
	root := a.rootCommand()
	for _, verb := range root.Commands() {
		if verb.Name() != "help" && !verb.Hidden && !strings.Contains(page, "`"+verb.Name()) {
			t.Errorf("docs/command-line.md does not tell of %q", verb.Name())
		}
		for _, inner := range append(verb.Commands(), verb) {
			for _, flag := range flagNames(inner) {
				if flag != "help" && !strings.Contains(page, "--"+flag) {
					t.Errorf("docs/command-line.md does not tell of --%s of %q", flag, inner.CommandPath())
				}
			}
		}
	}
}
