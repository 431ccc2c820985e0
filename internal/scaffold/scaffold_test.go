package scaffold_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/scaffold"
)

// project writes what `sumun init` makes.
func project(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	files, err := scaffold.Files("demo", "0.1.0")
	if err != nil {
		t.Fatal(err)
	}
	if err := scaffold.Write(dir, files); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestInitConfig loads the configuration that init makes, as serve would: here, and in the container.
func TestInitConfig(t *testing.T) {
	dir := project(t)
	env := map[string]string{"MCP_API_KEY": "0123456789abcdef0123456789abcdef"}
	load := func() (*config.Config, error) {
		return config.Load(filepath.Join(dir, "config", "mcp.yaml"), func(name string) (string, bool) {
			v, ok := env[name]
			return v, ok
		})
	}
	cfg, err := load()
	if err != nil {
		t.Fatal(err)
	}
	if len(cfg.Warnings) > 0 || cfg.Listen != "127.0.0.1:8080" || len(cfg.Scopes) != 2 {
		t.Errorf("warnings %q, listen %s, scopes %v", cfg.Warnings, cfg.Listen, cfg.Scopes)
	}
	if len(cfg.Servers) != 1 || cfg.Servers[0].Cwd != dir || cfg.Servers[0].Prefix != "" {
		t.Errorf("servers %+v", cfg.Servers)
	}

	env["SUMUN_HOST"] = "0.0.0.0"
	if _, err := load(); err == nil || !strings.Contains(err.Error(), "TLS") {
		t.Errorf("reachable from outside without TLS: %v", err)
	}
	env["TLS_TERMINATED"] = "true"
	if cfg, err := load(); err != nil || cfg.Listen != "0.0.0.0:8080" {
		t.Errorf("behind a proxy: %v", err)
	}
}

// TestInitDockerfile checks what can be checked without pulling images: each file that is copied is one that init
// makes or an earlier step builds, and none of them is held back by .dockerignore.
func TestInitDockerfile(t *testing.T) {
	dir := project(t)
	read := func(name string) string {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	docker, ignore := read("Dockerfile"), read(".dockerignore")
	for _, m := range regexp.MustCompile(`(?m)^COPY ([^-].*) \S+$`).FindAllStringSubmatch(docker, -1) {
		found, err := filepath.Glob(filepath.Join(dir, m[1]))
		if err != nil || len(found) == 0 {
			t.Errorf("COPY %s: init makes no such file", m[1])
		}
		if !strings.Contains(ignore, "!"+m[1]+"\n") {
			t.Errorf("COPY %s: .dockerignore holds it back", m[1])
		}
	}
	stages := map[string]bool{}
	last := ""
	for line := range strings.Lines(docker) {
		words := strings.Fields(line)
		switch {
		case len(words) == 0:
		case words[0] == "FROM":
			last = words[len(words)-1]
			stages[last] = true
		case words[0] == "COPY" && strings.HasPrefix(words[1], "--from="):
			if !stages[strings.TrimPrefix(words[1], "--from=")] {
				t.Errorf("%s: no such stage before it", strings.TrimSpace(line))
			}
		}
	}
	for _, want := range []string{"\nUSER node\n", "\nEXPOSE 8080\n", "/healthz", "SUMUN_HOST=0.0.0.0", "sumun@${SUMUN_VERSION}"} {
		if !strings.Contains(docker, want) {
			t.Errorf("the Dockerfile lacks %q", want)
		}
	}
	if !strings.Contains(read("src/server.ts"), `"demo"`) || strings.Contains(read("README.md"), "{{") {
		t.Error("the name was not filled in")
	}
}
