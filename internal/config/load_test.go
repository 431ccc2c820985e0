package config

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

// environment is what the tests' files see.
func environment(name string) (string, bool) {
	value, ok := map[string]string{
		"MCP_API_KEY":  "0123456789abcdef0123456789abcdef",
		"TOKEN":        "t0ken",
		"ISSUES_TOKEN": "1ssues",
		"HOME":         "/home/you",
		"HOST":         "mcp.example.com",
		"PORT":         "9090",
		"YES":          "true",
		"EMPTY":        "",
		"LINES":        "a\nb",
		"YAML":         "{enabled: true}",
	}[name]
	return value, ok
}

// unpack writes the files of an archive to a new directory, makes that the working directory, and returns the archive. Its first file
// is the configuration.
func unpack(t *testing.T, name string) *txtar.Archive {
	t.Helper()
	archive, err := txtar.ParseFile(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	if err := txtar.Write(archive, "."); err != nil {
		t.Fatal(err)
	}
	return archive
}

// archives returns the archives in a folder of testdata, by name.
func archives(t *testing.T, folder string) map[string]string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join("testdata", folder, "*.txtar"))
	if err != nil || len(names) == 0 {
		t.Fatalf("archives in %s: %v, %v", folder, names, err)
	}
	found := map[string]string{}
	for _, name := range names {
		full, err := filepath.Abs(name)
		if err != nil {
			t.Fatal(err)
		}
		found[strings.TrimSuffix(filepath.Base(name), ".txtar")] = full
	}
	return found
}

// examples returns the example files that the project ships, by name.
func examples(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, name := range []string{"mcp.yaml", "seed.yaml", "servers.yaml", "everything.yaml", "mcp.json"} {
		full, err := filepath.Abs(filepath.Join("..", "..", "examples", name))
		if err != nil {
			t.Fatal(err)
		}
		found[name] = full
	}
	return found
}

// TestExamples loads every example, from a copy in which absolute certificate files are there.
func TestExamples(t *testing.T) {
	for name, file := range examples(t) {
		t.Run(name, func(t *testing.T) {
			c, err := Load(withCertificates(t, file), environment)
			if err != nil {
				t.Fatal(err)
			}
			if len(c.Warnings) > 0 {
				t.Errorf("warnings: %q", c.Warnings)
			}
		})
	}
}

// withCertificates copies an example to a new directory beside the folder that it offers, with /certs below that directory.
func withCertificates(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, sub := range []string{"docs", "certs"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for name, content := range map[string]string{
		"certs/server.crt":  "",
		"certs/server.key":  "",
		filepath.Base(file): strings.ReplaceAll(string(data), " /certs/", " "+dir+"/certs/"),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, filepath.Base(file))
}

// TestSeed reads the seed's own sample as it stands: where its certificate is absent, nothing else is wrong.
func TestSeed(t *testing.T) {
	path := examples(t)["seed.yaml"]
	_, err := Load(path, environment)
	faults, ok := errors.AsType[Faults](err)
	if err != nil && !ok {
		t.Fatal(err)
	}
	for _, f := range faults {
		if f.Path != "tls.certFile" && f.Path != "tls.keyFile" {
			t.Errorf("fault: %v", f)
		}
	}
	c, err := Load(withCertificates(t, path), environment)
	if err != nil {
		t.Fatal(err)
	}
	want := *defaults(c.Dir)
	want.Path, want.Port = c.Path, 8080
	want.APIKey = "0123456789abcdef0123456789abcdef"
	want.TLS = TLS{Enabled: true, CertFile: c.Dir + "/certs/server.crt", KeyFile: c.Dir + "/certs/server.key"}
	want.Scopes = map[string][]string{"read:file": {"file.read"}, "invoke:weather_api": {"weather.getCurrent"}}
	want.Store = "sqlite:" + c.Dir + "/.sumun/sumun.db"
	if diff := cmp.Diff(&want, c); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestBad loads files that are wrong and compares all that is said about them. UPDATE=1 takes what is said as right.
func TestBad(t *testing.T) {
	for name, file := range archives(t, "bad") {
		t.Run(name, func(t *testing.T) {
			archive := unpack(t, file)
			_, err := Load(archive.Files[0].Name, environment)
			if err == nil {
				t.Fatal("the file is accepted")
			}
			wd, err2 := os.Getwd()
			if err2 != nil {
				t.Fatal(err2)
			}
			golden(t, file, archive, strings.ReplaceAll(err.Error(), wd, "DIR")+"\n")
		})
	}
}

// golden compares got with the file called want of an archive, or with UPDATE=1 puts it there.
func golden(t *testing.T, file string, archive *txtar.Archive, got string) {
	t.Helper()
	for i := range archive.Files {
		f := &archive.Files[i]
		if f.Name != "want" {
			continue
		}
		if diff := cmp.Diff(string(f.Data), got); diff == "" {
			return
		} else if os.Getenv("UPDATE") == "" {
			t.Fatalf("(-want +got)\n%s", diff)
		}
		f.Data = []byte(got)
		if err := os.WriteFile(file, txtar.Format(archive), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if os.Getenv("UPDATE") == "" {
		t.Fatalf("%s has no file called want; it would be:\n%s", file, got)
	}
	archive.Files = append(archive.Files, txtar.File{Name: "want"})
	golden(t, file, archive, got)
}

// loadText reads text as a file of that name in a directory of its own.
func loadText(t *testing.T, name, text string) (*Config, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return Load(path, environment)
}

// TestServers reads servers in all their forms.
func TestServers(t *testing.T) {
	c, err := loadText(t, "mcp.yaml", `
servers:
  zeta: &base
    command: npx
    args: [-y, "pkg", ./docs]
    env: {LOG: "${HOME}/log", EMPTY: ""}
    maxRuntime: 1m
  alpha:
    <<: *base
    prefix: ""
    isolation: session
mcpServers:
  mid:
    type: streamable-http
    url: https://${HOST}/mcp
    headers: {Authorization: "Bearer ${TOKEN}"}
    tools: {allow: ["list_*"], rename: {a.b: c}, timeout: 0s}
    trust: {annotations: true}
`)
	if err != nil {
		t.Fatal(err)
	}
	zeta := NewServer("zeta")
	zeta.Type, zeta.Command, zeta.Args, zeta.Cwd = "stdio", "npx", []string{"-y", "pkg", "./docs"}, c.Dir
	zeta.Env = map[string]string{"LOG": "/home/you/log", "EMPTY": ""}
	zeta.MaxRuntime, zeta.Tools.Timeout = time.Minute, time.Minute
	alpha := zeta
	alpha.Name, alpha.Prefix, alpha.Isolation = "alpha", "", "session"
	mid := NewServer("mid")
	mid.Type, mid.URL = "http", "https://mcp.example.com/mcp"
	mid.Headers = map[string]string{"Authorization": "Bearer t0ken"}
	mid.Tools = ToolRules{Allow: []string{"list_*"}, Rename: map[string]string{"a.b": "c"}}
	mid.Trust.Annotations = true
	if diff := cmp.Diff([]Server{zeta, alpha, mid}, c.Servers); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if !c.Servers[0].Equal(zeta) || c.Servers[0].Equal(alpha) {
		t.Error("Equal does not tell servers apart")
	}
}

// TestExpansion expands variables in texts; what they hold is never read as YAML.
func TestExpansion(t *testing.T) {
	tests := []struct{ text, want string }{
		{"${TOKEN}", "t0ken"},
		{"a${TOKEN}b${TOKEN}c", "at0kenbt0kenc"},
		{"${UNSET:-fallback}", "fallback"},
		{"${EMPTY:-fallback}", "fallback"},
		{"${UNSET:-}", ""},
		{"${TOKEN:-fallback}", "t0ken"},
		{"${TOKEN:?why}", "t0ken"},
		{"${EMPTY:-}", ""},
		{"$${TOKEN}", "${TOKEN}"},
		{"$$$${TOKEN}", "$${TOKEN}"},
		{"$$${TOKEN}", "$t0ken"},
		{"$TOKEN costs 5$", "$TOKEN costs 5$"},
		{"${YAML}", "{enabled: true}"},
		{"${LINES}", "a\nb"},
		{"${file:secret}", "from a file"},
		{"${UNSET:-http://x:1/}", "http://x:1/"},
	}
	for _, tt := range tests {
		t.Run(tt.text, func(t *testing.T) {
			t.Chdir(t.TempDir())
			files := map[string]string{
				"secret":   "from a file\n",
				"mcp.yaml": "servers: {a: {command: x, args: ['" + tt.text + "']}}",
			}
			for name, content := range files {
				if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			c, err := Load("", environment)
			if err != nil {
				t.Fatal(err)
			}
			if got := c.Servers[0].Args[0]; got != tt.want {
				t.Errorf("args[0] = %q, want %q", got, tt.want)
			}
		})
	}
}

// TestExpandedTypes gives numbers, booleans, durations and sizes by variables.
func TestExpandedTypes(t *testing.T) {
	c, err := loadText(t, "mcp.yaml", `
port: ${PORT}
anonymous: "${YES}"
limits: {bodyBytes: "${UNSET:-2MiB}"}
log: {level: "${UNSET:-debug}"}
servers: {a: {command: x, maxSessions: "${PORT}", idleStop: "${UNSET:-90s}"}}
`)
	if err != nil {
		t.Fatal(err)
	}
	s := c.Servers[0]
	if c.Port != 9090 || c.Listen != "127.0.0.1:9090" || !c.Anonymous || c.Limits.BodyBytes != 2<<20 || c.Log.Level != "debug" ||
		s.MaxSessions != 9090 || s.IdleStop != 90*time.Second {
		t.Errorf("config = %+v", c)
	}
}

// TestListen makes the address of listen, or of host and port, or of SUMUN_HOST.
func TestListen(t *testing.T) {
	tests := []struct{ name, text, host, want string }{
		{"nothing", "", "", "127.0.0.1:8080"},
		{"listen", "listen: 127.0.0.1:0", "", "127.0.0.1:0"},
		{"port", "port: 9000", "", "127.0.0.1:9000"},
		{"host", "host: localhost", "", "localhost:8080"},
		{"six", "host: ::1\nport: 9000", "", "[::1]:9000"},
		{"six in brackets", "host: '[::1]'", "", "[::1]:8080"},
		{"variable", "port: 9000\ntls: {terminated: true}", "0.0.0.0", "0.0.0.0:9000"},
		{"the file wins", "host: 127.0.0.1", "0.0.0.0", "127.0.0.1:8080"},
		{"listen wins", "listen: 127.0.0.1:1", "0.0.0.0", "127.0.0.1:1"},
		{"behind a proxy", "listen: ':80'\ntls: {terminated: true}", "", ":80"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv(HostVariable, tt.host)
			path := filepath.Join(t.TempDir(), "mcp.yaml")
			if err := os.WriteFile(path, []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}
			c, err := Load(path, nil)
			if err != nil {
				t.Fatal(err)
			}
			if c.Listen != tt.want {
				t.Errorf("Listen = %q, want %q", c.Listen, tt.want)
			}
		})
	}
}

// TestListenVariable refuses strangers without TLS also when a variable invites them.
func TestListenVariable(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv(HostVariable, "0.0.0.0")
	_, err := Load("", nil)
	if err == nil || !strings.Contains(err.Error(), HostVariable) {
		t.Errorf("error = %v", err)
	}
}

// TestListeningOn holds an address from elsewhere to the same rules.
func TestListeningOn(t *testing.T) {
	c := Default()
	got, err := c.ListeningOn("127.0.0.1:0")
	if err != nil || got.Listen != "127.0.0.1:0" || c.Listen != "127.0.0.1:8080" {
		t.Errorf("config = %+v, error = %v", got, err)
	}
	for _, address := range []string{"", "nonsense", "127.0.0.1", "0.0.0.0:8080", ":0", "127.0.0.1:99999"} {
		if got, err := c.ListeningOn(address); err == nil {
			t.Errorf("ListeningOn(%q) = %+v, want an error", address, got)
		}
	}
	c.TLS.Terminated = true
	if _, err := c.ListeningOn("0.0.0.0:8080"); err != nil {
		t.Error(err)
	}
}

// TestScopes tells no scopes from empty ones: without any a key may use all.
func TestScopes(t *testing.T) {
	for text, isNil := range map[string]bool{"port: 1": true, "scopes:": false, "scopes: {}": false, "scopes: {a: []}": false} {
		c, err := loadText(t, "mcp.yaml", text)
		if err != nil {
			t.Fatal(err)
		}
		if (c.Scopes == nil) != isNil {
			t.Errorf("%s: Scopes = %v", text, c.Scopes)
		}
	}
}

// TestFind prefers mcp.yaml, and keeps state beside the project rather than inside config.
func TestFind(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	if got := Find("."); got != "" {
		t.Errorf("Find in an empty directory = %q", got)
	}
	c, err := Load("", environment)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Default(), c); diff != "" {
		t.Errorf("without a file (-Default +Load)\n%s", diff)
	}
	if err := os.Mkdir("config", 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{filepath.Join("config", "mcp.yaml"), "mcp.yaml"} {
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := Load("", environment)
		if err != nil {
			t.Fatal(err)
		}
		if c.Path != name {
			t.Errorf("Path = %q, want %q", c.Path, name)
		}
		if want := filepath.Join(dir, ".sumun", "sumun.db"); c.StoreFile() != want {
			t.Errorf("StoreFile = %q, want %q", c.StoreFile(), want)
		}
	}
}

// TestFile refuses what is no file of a sensible size.
func TestFile(t *testing.T) {
	dir := t.TempDir()
	large := filepath.Join(dir, "large.yaml")
	if err := os.WriteFile(large, bytes.Repeat([]byte("# "), maxBytes), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir, large, filepath.Join(dir, "absent.yaml")} {
		_, err := Load(path, environment)
		if faults, ok := errors.AsType[Faults](err); !ok || len(faults) != 1 || faults[0].File != path {
			t.Errorf("%s: error = %v", path, err)
		}
	}
}

// TestText reads files as editors on other systems write them, and no others.
func TestText(t *testing.T) {
	for _, text := range []string{"\uFEFFport: 9000\n", "port: 9000\r\nlog:\r\n  level: debug\r\n", "# 포트\nport: 9000", "---\nport: 9000\n...\n", "{port: 9000}"} {
		if c, err := loadText(t, "mcp.yaml", text); err != nil || c.Port != 9000 {
			t.Errorf("%q: config = %+v, error = %v", text, c, err)
		}
	}
	for _, text := range []string{"apiKey: \"\xff\"", "\x00", "\xff\xfep\x00o\x00"} {
		if c, err := loadText(t, "mcp.yaml", text); err == nil {
			t.Errorf("%q: config = %+v, want an error", text, c)
		}
	}
	for _, text := range []string{"", "  \n", "# only a comment\n", "---\n"} {
		if _, err := loadText(t, "mcp.yaml", text); err != nil {
			t.Errorf("%q: error = %v", text, err)
		}
	}
	for _, text := range []string{"", "  \n", "{}", "// a comment\n{}", "{\"port\": 9000,}"} {
		if _, err := loadText(t, "mcp.json", text); err != nil {
			t.Errorf("%q as JSON: error = %v", text, err)
		}
	}
}

// TestYAML follows anchors, merge keys and the tags of plain YAML.
func TestYAML(t *testing.T) {
	c, err := loadText(t, "mcp.yaml", `
log: !!map {level: !!str debug}
? port
: !!int 9000
publicURL: >-
  https://mcp.example.com
servers:
  one: &one {command: &cmd x, args: &args !!seq [a], env: {N: !!str 8080, T: !!str true}}
  two: &two {prefix: p, command: y}
  three:
    <<: [*two, *one]
    args: *args
`)
	if err != nil {
		t.Fatal(err)
	}
	one, three := c.Servers[0], c.Servers[2]
	if c.Port != 9000 || c.Log.Level != "debug" || c.PublicURL != "https://mcp.example.com" || one.Env["N"] != "8080" || one.Env["T"] != "true" {
		t.Errorf("config = %+v", c)
	}
	if three.Command != "y" || three.Prefix != "p" || three.Env["N"] != "8080" || three.Args[0] != "a" {
		t.Errorf("three = %+v", three)
	}
}

// TestMany tells the first of very many faults, and does so quickly.
func TestMany(t *testing.T) {
	var b strings.Builder
	for i := range 5_000 {
		fmt.Fprintf(&b, "portt%d: 1\n", i)
	}
	_, err := loadText(t, "mcp.yaml", b.String())
	faults, ok := errors.AsType[Faults](err)
	if !ok || len(faults) != maxFaults+1 || faults[maxFaults].Message != "and 4900 more" {
		t.Errorf("%d faults, the last %v", len(faults), faults[len(faults)-1])
	}
}

// TestLong refuses a file with more in it than anyone writes.
func TestLong(t *testing.T) {
	for _, text := range []string{strings.Repeat("#\n", maxParts+1), "origins: [" + strings.Repeat("a,", maxParts) + "]"} {
		_, err := loadText(t, "mcp.yaml", text)
		if faults, ok := errors.AsType[Faults](err); !ok || len(faults) != 1 {
			t.Errorf("error = %v", err)
		}
	}
}

// TestWarning remarks on a short key.
func TestWarning(t *testing.T) {
	c, err := loadText(t, "mcp.yaml", "apiKey: short")
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Warnings) != 1 || strings.Contains(c.Warnings[0], "short") {
		t.Errorf("Warnings = %q", c.Warnings)
	}
}

// TestSize reads and writes sizes.
func TestSize(t *testing.T) {
	for text, want := range map[string]Size{"0": 0, "1": 1, "2B": 2, "1KB": 1000, "1kB": 1000, "3KiB": 3 << 10, "4 MiB": 4 << 20, "1GiB": 1 << 30} {
		got, err := parseSize(text)
		if err != nil || got != want {
			t.Errorf("parseSize(%q) = %d, %v, want %d", text, got, err, want)
		}
		if again, err := parseSize(got.String()); err != nil || again != got {
			t.Errorf("%d is written %q, which is %d, %v", got, got.String(), again, err)
		}
	}
	for _, text := range []string{"", "MiB", "-1", "1.5MiB", "99999999999GiB", "1 apple"} {
		if got, err := parseSize(text); err == nil {
			t.Errorf("parseSize(%q) = %d, want an error", text, got)
		}
	}
}

// FuzzLoad wants a value or Faults of any file, and no panic.
func FuzzLoad(f *testing.F) {
	names, err := filepath.Glob(filepath.Join("testdata", "bad", "*.txtar"))
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range names {
		archive, err := txtar.ParseFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(filepath.Ext(archive.Files[0].Name) == ".json", archive.Files[0].Data)
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, isJSON bool, data []byte) {
		name := "mcp.yaml"
		if isJSON {
			name = "mcp.json"
		}
		l := newLoader(filepath.Join(dir, name), dir, environment)
		if err := l.take(data); err == nil {
			if l.config.Listen == "" || l.config.Store == "" {
				t.Errorf("config = %+v", l.config)
			}
		} else if faults, ok := errors.AsType[Faults](err); !ok || len(faults) == 0 || faults.Error() == "" {
			t.Errorf("error = %#v", err)
		}
	})
}
