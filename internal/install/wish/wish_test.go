package wish

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// line reads a command line, split at its blanks.
func line(text string) (*Wish, error) {
	words := strings.Split(text, " ")
	return Read(words[0], words[1:])
}

func TestRead(t *testing.T) {
	uv := func(w Wish) *Wish {
		w.Kind, w.UV = Python, true
		return &w
	}
	tests := map[string]*Wish{
		"npx -y @modelcontextprotocol/server-filesystem /data":       {Kind: Npm, Specs: []string{"@modelcontextprotocol/server-filesystem@latest"}, Args: []string{"/data"}},
		"npx --yes server@1.2.3 -y --package x":                      {Kind: Npm, Specs: []string{"server@1.2.3"}, Args: []string{"-y", "--package", "x"}},
		"npx -y server@^1.2 -- --port 1":                             {Kind: Npm, Specs: []string{"server@^1.2"}, Args: []string{"--", "--port", "1"}},
		"npx -q -p @a/b@next -p c -- run --flag":                     {Kind: Npm, Specs: []string{"@a/b@next", "c@latest"}, Program: "run", Args: []string{"--flag"}},
		"npx --package=@a/b run":                                     {Kind: Npm, Specs: []string{"@a/b@latest"}, Program: "run", Args: []string{}},
		"npx --registry https://npm.example.com x":                   {Kind: Npm, Specs: []string{"x@latest"}, Args: []string{}, Indexes: map[string]string{"npm_config_registry": "https://npm.example.com"}},
		`C:\Program\npx.cmd -y x`:                                    {Kind: Npm, Specs: []string{"x@latest"}, Args: []string{}},
		"/usr/local/bin/npx -y --prefer-online x":                    {Kind: Npm, Specs: []string{"x@latest"}, Args: []string{}},
		"npx -y mcp-remote https://example.com/mcp --header A:b":     {Kind: Npm, Specs: []string{"mcp-remote@latest"}, Args: []string{"https://example.com/mcp", "--header", "A:b"}},
		"npm exec --yes x@2 -- --port 1":                             {Kind: Npm, Specs: []string{"x@2"}, Args: []string{"--port", "1"}},
		"npm exec x --yes -- --port 1":                               {Kind: Npm, Specs: []string{"x@latest"}, Args: []string{"--port", "1"}},
		"npm x --package=a -- run b":                                 {Kind: Npm, Specs: []string{"a@latest"}, Program: "run", Args: []string{"b"}},
		"bunx --bun x":                                               {Kind: Npm, Specs: []string{"x@latest"}, Args: []string{}},
		"bun x x@1.0.0":                                              {Kind: Npm, Specs: []string{"x@1.0.0"}, Args: []string{}},
		"pnpm dlx x":                                                 {Kind: Npm, Specs: []string{"x@latest"}, Args: []string{}},
		"npx -y alias@npm:@a/b@1.0.0":                                {Kind: Npm, Specs: []string{"alias@npm:@a/b@1.0.0"}, Args: []string{}},
		"uvx mcp-server-time --local-timezone=Europe/Berlin":         uv(Wish{Specs: []string{"mcp-server-time"}, Program: "mcp-server-time", Args: []string{"--local-timezone=Europe/Berlin"}}),
		"uvx mcp_server_git@1.0 -v":                                  uv(Wish{Specs: []string{"mcp_server_git==1.0"}, Program: "mcp_server_git", Args: []string{"-v"}}),
		"uvx Server@latest":                                          uv(Wish{Specs: []string{"server"}, Program: "server", Args: []string{}}),
		"uvx --from mcp[cli]>=1.2,<2 mcp run":                        uv(Wish{Specs: []string{"mcp[cli]>=1.2,<2"}, Program: "mcp", Args: []string{"run"}}),
		"uvx --python 3.12 --with httpx,rich -w anyio==4 --from a b": uv(Wish{Specs: []string{"a", "httpx", "rich", "anyio==4"}, Program: "b", Args: []string{}, Python: "3.12"}),
		"uv tool run --index-url https://pypi.example.com/simple a":  uv(Wish{Specs: []string{"a"}, Program: "a", Args: []string{}, Indexes: map[string]string{"UV_INDEX_URL": "https://pypi.example.com/simple"}}),
		"uvx -q --refresh --no-cache a":                              uv(Wish{Specs: []string{"a"}, Program: "a", Args: []string{}}),
		"pipx run --spec a==1 b c":                                   {Kind: Python, Specs: []string{"a==1"}, Program: "b", Args: []string{"c"}},
		"pipx run a":                                                 {Kind: Python, Specs: []string{"a"}, Program: "a", Args: []string{}},
		"node server.js":                                             nil,
		"python -m mcp_server":                                       nil,
		"uv run --with mcp[cli] mcp run /srv/server.py":              uv(Wish{Run: true, Specs: []string{"mcp[cli]"}, Program: "mcp", Args: []string{"run", "/srv/server.py"}}),
		"uv --directory /srv/app run server.py --port 1":             uv(Wish{Run: true, Program: "server.py", Args: []string{"--port", "1"}, Dir: "/srv/app"}),
		"uv run --directory=/srv -q --python 3.12 -m app":            uv(Wish{Run: true, Program: "python", Args: []string{"-m", "app"}, Dir: "/srv", Python: "3.12"}),
		"uv run --no-project --with a,b x":                           uv(Wish{Run: true, Specs: []string{"a", "b"}, Program: "x", Args: []string{}, Bare: true}),
		"uv --project /srv run --frozen x":                           uv(Wish{Run: true, Program: "x", Args: []string{}, Project: "/srv"}),
		"uv pip install x":                                           nil,
		"uv --version":                                               nil,
		"npm start":                                                  nil,
		"docker run -i image":                                        nil,
		"/opt/my-npx/server -y x":                                    nil,
	}
	for text, want := range tests {
		got, err := line(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got != nil && len(got.Indexes) == 0 {
			got.Indexes = nil
		}
		if diff := cmp.Diff(want, got); diff != "" {
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
		"uvx --constraints=x a", "uv run --with ./x y", "uv run --env-file .env x", "uvx --with-requirements r.txt a",
	} {
		if w, err := line(text); !errors.Is(err, ErrForeign) {
			t.Errorf("%s: %+v, %v", text, w, err)
		}
	}
	for _, text := range []string{"npx", "npx -y", "npx -p a", "uvx", "uvx --from a", "npm exec --", "pipx run", "uv run", "uv run --with a"} {
		if w, err := line(text); err == nil || errors.Is(err, ErrForeign) {
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
		if got := isExact(Npm, spec); got != want {
			t.Errorf("%s: %v", spec, got)
		}
	}
	tests = map[string]bool{"a==1.2": true, "a[x]==1": true, "a===1.0": true, "a": false, "a>=1": false, "a==1.*": false, "a==1,<2": false, "a~=1.2": false, "a!=1": false}
	for spec, want := range tests {
		if got := isExact(Python, spec); got != want {
			t.Errorf("%s: %v", spec, got)
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, text := range []string{"npx -y @a/b@1 c", "npm exec -- a", "uvx --from a[b]>=1 c -d", "pipx run --spec a b", "uvx a@latest", "npx -p", "uvx --with=, a"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		w, err := line(text)
		if err != nil || w == nil {
			return
		}
		if len(w.Specs) == 0 {
			t.Fatalf("%q wants nothing", text)
		}
		for _, spec := range w.Specs {
			// What reaches a tool's command line or a file of its own is never an option, a path, a URL or a second line.
			if strings.HasPrefix(spec, "-") || strings.HasPrefix(spec, ".") || strings.HasPrefix(spec, "/") || strings.Contains(spec, "://") || strings.ContainsAny(spec, "\n\r;") {
				t.Errorf("%q wants %q", text, spec)
			}
			_ = isExact(w.Kind, spec)
		}
	})
}
