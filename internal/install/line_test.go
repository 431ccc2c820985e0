package install

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// line splits a command line at its blanks.
func line(text string) Line {
	words := strings.Fields(text)
	return Line{Command: words[0], Args: words[1:]}
}

func TestRead(t *testing.T) {
	uv := func(w wish) *wish {
		w.kind, w.uv = python, true
		return &w
	}
	tests := map[string]*wish{
		"npx -y @modelcontextprotocol/server-filesystem /data":       {kind: npm, specs: []string{"@modelcontextprotocol/server-filesystem@latest"}, args: []string{"/data"}},
		"npx --yes server@1.2.3 -y --package x":                      {kind: npm, specs: []string{"server@1.2.3"}, args: []string{"-y", "--package", "x"}},
		"npx -y server@^1.2 -- --port 1":                             {kind: npm, specs: []string{"server@^1.2"}, args: []string{"--", "--port", "1"}},
		"npx -q -p @a/b@next -p c -- run --flag":                     {kind: npm, specs: []string{"@a/b@next", "c@latest"}, program: "run", args: []string{"--flag"}},
		"npx --package=@a/b run":                                     {kind: npm, specs: []string{"@a/b@latest"}, program: "run", args: []string{}},
		"npx --registry https://npm.example.com x":                   {kind: npm, specs: []string{"x@latest"}, args: []string{}, indexes: map[string]string{"npm_config_registry": "https://npm.example.com"}},
		`C:\Program\npx.cmd -y x`:                                    {kind: npm, specs: []string{"x@latest"}, args: []string{}},
		"/usr/local/bin/npx -y --prefer-online x":                    {kind: npm, specs: []string{"x@latest"}, args: []string{}, fresh: true},
		"npx -y mcp-remote https://example.com/mcp --header A:b":     {kind: npm, specs: []string{"mcp-remote@latest"}, args: []string{"https://example.com/mcp", "--header", "A:b"}},
		"npm exec --yes x@2 -- --port 1":                             {kind: npm, specs: []string{"x@2"}, args: []string{"--port", "1"}},
		"npm exec x --yes -- --port 1":                               {kind: npm, specs: []string{"x@latest"}, args: []string{"--port", "1"}},
		"npm x --package=a -- run b":                                 {kind: npm, specs: []string{"a@latest"}, program: "run", args: []string{"b"}},
		"bunx --bun x":                                               {kind: npm, specs: []string{"x@latest"}, args: []string{}},
		"bun x x@1.0.0":                                              {kind: npm, specs: []string{"x@1.0.0"}, args: []string{}},
		"pnpm dlx x":                                                 {kind: npm, specs: []string{"x@latest"}, args: []string{}},
		"npx -y alias@npm:@a/b@1.0.0":                                {kind: npm, specs: []string{"alias@npm:@a/b@1.0.0"}, args: []string{}},
		"uvx mcp-server-time --local-timezone=Europe/Berlin":         uv(wish{specs: []string{"mcp-server-time"}, program: "mcp-server-time", args: []string{"--local-timezone=Europe/Berlin"}}),
		"uvx mcp_server_git@1.0 -v":                                  uv(wish{specs: []string{"mcp_server_git==1.0"}, program: "mcp_server_git", args: []string{"-v"}}),
		"uvx Server@latest":                                          uv(wish{specs: []string{"server"}, program: "server", args: []string{}, fresh: true}),
		"uvx --from mcp[cli]>=1.2,<2 mcp run":                        uv(wish{specs: []string{"mcp[cli]>=1.2,<2"}, program: "mcp", args: []string{"run"}}),
		"uvx --python 3.12 --with httpx,rich -w anyio==4 --from a b": uv(wish{specs: []string{"a", "httpx", "rich", "anyio==4"}, program: "b", args: []string{}, python: "3.12"}),
		"uv tool run --index-url https://pypi.example.com/simple a":  uv(wish{specs: []string{"a"}, program: "a", args: []string{}, indexes: map[string]string{"UV_INDEX_URL": "https://pypi.example.com/simple"}}),
		"uvx -q --refresh --no-cache a":                              uv(wish{specs: []string{"a"}, program: "a", args: []string{}, fresh: true}),
		"pipx run --spec a==1 b c":                                   {kind: python, specs: []string{"a==1"}, program: "b", args: []string{"c"}},
		"pipx run a":                                                 {kind: python, specs: []string{"a"}, program: "a", args: []string{}},
		"node server.js":                                             nil,
		"python -m mcp_server":                                       nil,
		"uv run server.py":                                           nil,
		"npm start":                                                  nil,
		"docker run -i image":                                        nil,
		"/opt/my-npx/server -y x":                                    nil,
	}
	for text, want := range tests {
		got, err := read(line(text))
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got != nil && len(got.indexes) == 0 {
			got.indexes = nil
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(wish{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
}

// TestForeign has lines that cannot be installed from a registry alone.
func TestForeign(t *testing.T) {
	for _, text := range []string{
		"npx -y github:a/b", "npx a/b", "npx git+https://example.com/a.git", "npx https://example.com/a.tgz", "npx ./server", "npx .", "npx /srv/server", "npx file:x",
		"npx -p ../x run", "npx a@git+ssh://example.com/a", "npx a@../b", "npx -c run", "npx --prefix /srv x", "npm exec -w a x", "npx --call=x",
		"uvx git+https://example.com/a", "uvx --from git+https://example.com/a b", "uvx --from . b", "uvx --from /srv/a b", "uvx a@https://example.com/a.whl",
		"uvx --with-editable . a", "uvx --with ../x a", "uvx --env-file .env a", "uvx a;evil", "pipx run --spec ./a b", "pipx run --pip-args=--pre a",
		"uvx --constraints=x a", "uvx --with-requirements r.txt a",
	} {
		if w, err := read(line(text)); !errors.Is(err, ErrForeign) {
			t.Errorf("%s: %+v, %v", text, w, err)
		}
	}
	for _, text := range []string{"npx", "npx -y", "npx -p a", "uvx", "uvx --from a", "npm exec --", "pipx run"} {
		if w, err := read(line(text)); err == nil || errors.Is(err, ErrForeign) {
			t.Errorf("%s: %+v, %v", text, w, err)
		}
	}
}

func TestExact(t *testing.T) {
	tests := map[string]bool{
		"a@1.2.3": true, "@a/b@1.2.3": true, "a@1.2.3-beta.1": true, "a@v1.2.3": true, "a@1.2.3+x": true,
		"a@latest": false, "a@1": false, "a@1.2": false, "a@^1.2.3": false, "a@1.x": false, "a@>=1.2.3": false, "a@next": false,
	}
	for spec, want := range tests {
		if got := isExact(npm, spec); got != want {
			t.Errorf("%s: %v", spec, got)
		}
	}
	tests = map[string]bool{"a==1.2": true, "a[x]==1": true, "a===1.0": true, "a": false, "a>=1": false, "a==1.*": false, "a==1,<2": false, "a~=1.2": false, "a!=1": false}
	for spec, want := range tests {
		if got := isExact(python, spec); got != want {
			t.Errorf("%s: %v", spec, got)
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, text := range []string{"npx -y @a/b@1 c", "npm exec -- a", "uvx --from a[b]>=1 c -d", "pipx run --spec a b", "uvx a@latest", "npx -p", "uvx --with=, a"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		words := strings.Split(text, " ")
		w, err := read(Line{Command: words[0], Args: words[1:]})
		if err != nil || w == nil {
			return
		}
		if len(w.specs) == 0 {
			t.Fatalf("%q wants nothing", text)
		}
		for _, spec := range w.specs {
			// What reaches a tool's command line or a file of its own is never an option, a path, a URL or a second line.
			if strings.HasPrefix(spec, "-") || strings.HasPrefix(spec, ".") || strings.HasPrefix(spec, "/") || strings.Contains(spec, "://") || strings.ContainsAny(spec, "\n\r;") {
				t.Errorf("%q wants %q", text, spec)
			}
			_ = isExact(w.kind, spec)
		}
		if key := w.key("x"); strings.ContainsAny(key, `/\:`) || len(key) > 120 || strings.HasPrefix(key, ".") {
			t.Errorf("%q is remembered as %q", text, key)
		}
	})
}
