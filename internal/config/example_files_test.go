package config

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

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

// TestEverything wants every key in the example that claims to show them.
func TestEverything(t *testing.T) {
	data, err := os.ReadFile(examples(t)["everything.yaml"])
	if err != nil {
		t.Fatal(err)
	}
	var keys func(reflect.Type)
	keys = func(s reflect.Type) {
		for field := range s.Fields() {
			for key := range strings.SplitSeq(field.Tag.Get("yaml"), ",") {
				if key != "" && key != "-" && !regexp.MustCompile(`\b`+key+`\b`).Match(data) {
					t.Errorf("examples/everything.yaml does not show %s of %s", key, s.Name())
				}
			}
			inner := field.Type
			if inner.Kind() == reflect.Slice {
				inner = inner.Elem()
			}
			if inner.Kind() == reflect.Struct {
				keys(inner)
			}
		}
	}
	keys(reflect.TypeFor[Config]())
}

// withCertificates copies an example to a new directory beside the folder that it offers, with /certs below that directory.
func withCertificates(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, sub := range []string{"docs", "prompts", "certs"} {
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
	want.Scopes = map[string]Scope{"read:file": {Names: []string{"file.read"}}, "invoke:weather_api": {Names: []string{"weather.getCurrent"}}}
	want.Store = "sqlite:" + c.Dir + "/.sumun/sumun.db"
	if diff := cmp.Diff(&want, c); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
