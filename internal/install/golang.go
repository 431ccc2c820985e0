package install

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
)

// A goHome is the machine's Go.
type goHome struct {
	*tools

	path string
	root string
}

// findGo finds Go.
func (t *tools) findGo(ctx context.Context) (*goHome, error) {
	found, err := t.look("go")
	if err != nil {
		return nil, fmt.Errorf("%w (https://go.dev/dl)", err)
	}
	answer, err := t.identify(ctx, found, "env", "GOROOT")
	if err != nil {
		return nil, fmt.Errorf("asking go where it is: %w", err)
	}
	root := resolved(strings.TrimSpace(answer))
	return &goHome{tools: t, path: filepath.Join(root, "bin", filepath.Base(found)), root: root}, nil
}

func (*goHome) target() string { return "" } // modules are source, the same for all

func (g *goHome) describe(dir string, _ lockfile) Tree {
	return Tree{Dir: dir, Read: []string{g.root}, GoCache: filepath.Join(dir, "cache")}
}

// build fetches the modules that a go.mod needs and a go.sum knows, from proxies only: no program that fetches repositories is started.
func (g *goHome) build(ctx context.Context, dir string, l lockfile) error {
	answer, err := g.configuration(ctx, g.path, "env", "-json", "GOPROXY", "GOSUMDB", "GONOSUMDB", "GONOPROXY", "GOPRIVATE", "GOINSECURE")
	if err != nil {
		return fmt.Errorf("asking go where its proxy is: %w", err)
	}
	r := newReach(g.env)
	r.file(g.root)
	if err := json.Unmarshal([]byte(answer), &r.env); err != nil {
		return fmt.Errorf("asking go where its proxy is: %w", err)
	}
	var proxies []string
	for proxy := range strings.FieldsFuncSeq(r.env["GOPROXY"], func(c rune) bool { return c == ',' || c == '|' }) {
		if proxy != "direct" && proxy != "off" {
			proxies = append(proxies, proxy)
			r.host(proxy)
			r.file(proxy)
		}
	}
	if sums := strings.Fields(r.env["GOSUMDB"]); len(sums) > 0 && sums[0] != "off" {
		name, _, _ := strings.Cut(sums[0], "+")
		r.host("https://" + name)
	}
	for name, text := range map[string]string{"go.mod": l.Module, "go.sum": l.Text} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	if err := noTelemetry(homeIn(dir)); err != nil {
		return err
	}
	s := r.step(dir, g.path, "mod", "download")
	maps.Copy(s.Env, map[string]string{
		"GOPROXY": strings.Join(proxies, ","), "GOMODCACHE": filepath.Join(dir, "cache"), "GOFLAGS": "-modcacherw -mod=readonly", "GOTOOLCHAIN": "local",
		"XDG_CONFIG_HOME": filepath.Join(homeIn(dir), ".config"), "GOENV": "off", "GOWORK": "off", "GOPATH": homeIn(dir), "GOCACHE": filepath.Join(homeIn(dir), "build"),
	})
	if len(proxies) == 0 {
		s.Env["GOPROXY"] = "off"
	}
	if _, err := g.run(ctx, s); err != nil {
		return fmt.Errorf("go mod download: %w", err)
	}
	return os.MkdirAll(filepath.Join(dir, "cache"), 0o700) // a go.sum may list nothing
}

// noTelemetry has go count nothing in its home, which it does in a process that outlives it.
func noTelemetry(home string) error {
	for _, config := range []string{".config", "Library/Application Support"} { // of Linux and macOS
		dir := filepath.Join(home, config, "go", "telemetry")
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, "mode"), []byte("off"), 0o600); err != nil {
			return err
		}
	}
	return nil
}
