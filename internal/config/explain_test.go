package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestExplain compares the explanation of a file with what it should be.
func TestExplain(t *testing.T) {
	for name, file := range archives(t, "explain") {
		t.Run(name, func(t *testing.T) {
			archive := unpack(t, file)
			path := archive.Files[0].Name
			if path == "none" {
				path = ""
			}
			out, err := Explain(path, environment)
			if err != nil {
				t.Fatal(err)
			}
			wd, err := os.Getwd()
			if err != nil {
				t.Fatal(err)
			}
			golden(t, file, archive, strings.ReplaceAll(out.YAML(), wd, "DIR"))
		})
	}
}

// TestExplainLoads reads an explanation back: but for what is masked it is the same configuration.
func TestExplainLoads(t *testing.T) {
	for name, file := range examples(t) {
		t.Run(name, func(t *testing.T) {
			path := withCertificates(t, file)
			want, err := Load(path, environment)
			if err != nil {
				t.Fatal(err)
			}
			out, err := Explain(path, environment)
			if err != nil {
				t.Fatal(err)
			}
			for _, secret := range []string{"0123456789abcdef", "1ssues"} {
				if strings.Contains(fmt.Sprint(out), secret) {
					t.Errorf("a secret is shown: %v", out)
				}
			}
			again := filepath.Join(want.Dir, "explained.yaml")
			if err := os.WriteFile(again, []byte(out.YAML()), 0o600); err != nil {
				t.Fatal(err)
			}
			got, err := Load(again, environment)
			if err != nil {
				t.Fatalf("%v\n%s", err, out.YAML())
			}
			forget(got)
			forget(want)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-written +explained)\n%s", diff)
			}
		})
	}
}

// forget removes from c what is masked, and how it was written.
func forget(c *Config) {
	c.APIKey, c.CredentialsKey, c.Path, c.Port, c.Host, c.Warnings = "", "", "", 0, "", nil
	for i := range c.Servers {
		c.Servers[i].Env, c.Servers[i].Headers = nil, nil
		if o := c.Servers[i].OAuth; o != nil {
			o.ClientSecret = ""
		}
	}
	for i := range c.Tools {
		c.Tools[i].Env = nil
		if h := c.Tools[i].HTTP; h != nil {
			h.Headers, h.Body = nil, nil
		}
	}
	for i := range c.APIs {
		c.APIs[i].Headers = nil
	}
	for i := range c.Audit.Ship {
		c.Audit.Ship[i].Headers = nil
	}
	if c.Weather != nil {
		c.Weather.Headers = nil
	}
}

// TestExplainBad answers a file that is wrong with its faults.
func TestExplainBad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mcp.yaml")
	if err := os.WriteFile(path, []byte("port: no"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := Explain(path, environment)
	if _, ok := errors.AsType[Faults](err); !ok || out != nil {
		t.Errorf("error = %v, explanation = %v", err, out)
	}
}
