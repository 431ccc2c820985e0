package install

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/dirhash"
)

// TestModules fetches the modules of a go.sum from a proxy, which is a directory here.
func TestModules(t *testing.T) {
	needs(t, "go")
	t.Run("plain", func(t *testing.T) { testModules(t, nil) })
	t.Run("boxed", func(t *testing.T) {
		needsBox(t)
		b := &boxed{log: slog.New(slog.NewTextHandler(t.Output(), nil))}
		t.Cleanup(b.work.Wait)
		testModules(t, b.run)
	})
}

func testModules(t *testing.T, run Run) {
	t.Helper()
	proxy, module := t.TempDir(), "example.com/words@v1.0.0/"
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for name, text := range map[string]string{"go.mod": "module example.com/words\n", "words.go": "package words\n"} {
		f, err := w.Create(module + name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	plant(filepath.Join(proxy, "example.com/words/@v"), map[string]string{
		"v1.0.0.info": `{"Version":"v1.0.0"}`, "v1.0.0.mod": "module example.com/words\n", "v1.0.0.zip": b.String(), "list": "v1.0.0\n",
	})
	whole, err := dirhash.HashZip(filepath.Join(proxy, "example.com/words/@v/v1.0.0.zip"), dirhash.Hash1)
	if err != nil {
		t.Fatal(err)
	}
	mod, err := dirhash.Hash1([]string{"go.mod"}, func(string) (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader("module example.com/words\n")), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	environ := []string{"HOME=" + t.TempDir(), "PATH=" + pathOf(), "GOPROXY=file://" + proxy + ",direct", "GOSUMDB=off"}
	i := open(t, Options{Environ: environ, Run: run})
	author := t.TempDir()
	plant(author, map[string]string{
		"go.mod": "module example.com/plugin\n\ngo 1.21\n\nrequire example.com/words v1.0.0\n",
		"go.sum": "example.com/words v1.0.0 " + whole + "\nexample.com/words v1.0.0/go.mod " + mod + "\n",
	})
	tree, err := i.Locked(t.Context(), filepath.Join(author, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(tree.GoCache, "example.com/words@v1.0.0/words.go")); err != nil {
		t.Error(err)
	}
	plant(author, map[string]string{"go.sum": "example.com/words v1.0.0 h1:" + strings.Repeat("A", 43) + "=\nexample.com/words v1.0.0/go.mod " + mod + "\n"})
	if tree, err := i.Locked(t.Context(), filepath.Join(author, "go.sum")); err == nil || !strings.Contains(err.Error(), "NOT match") {
		t.Errorf("with another digest: %+v, %v", tree, err)
	}
}

func TestLockFiles(t *testing.T) {
	sum := strings.Repeat("ab", 32)
	lock := func(at, rest string) string {
		return fmt.Sprintf(`{"lockfileVersion":3,"packages":{"":{"dependencies":{"a":"1"}},%q:{%s}}}`, at, rest)
	}
	good := map[string][]string{
		"package-lock.json": {
			`{"lockfileVersion":3,"packages":{"":{}}}`, lock("node_modules/a", `"integrity":"sha512-x","resolved":"https://r.example/a.tgz"`),
			lock("node_modules/a", `"integrity":"sha512-x"`), lock("node_modules/a/node_modules/b", `"inBundle":true`),
		},
		"requirements.txt": {"", "# nothing\n", "a==1 --hash=sha256:" + sum + "\n", "a[x]==1.0 ; python_version > '3' \\\n    --hash=sha256:" + sum + " \\\n    --hash=sha256:" + sum + "\n    # via b\n"},
	}
	bad := map[string][]string{
		"package-lock.json": {
			"", "{}", `{"lockfileVersion":1,"dependencies":{}}`, lock("node_modules/a", `"resolved":"https://r.example/a.tgz"`),
			lock("node_modules/a", `"integrity":"sha512-x","resolved":"git+ssh://git@example.com/a.git#1"`), lock("node_modules/a", `"integrity":"sha512-x","resolved":"file:../a"`),
			lock("node_modules/a", `"link":true,"resolved":"packages/a"`), lock("../a", `"integrity":"sha512-x"`),
		},
		"requirements.txt": {
			"a\n", "a==1\n", "a>=1 --hash=sha256:" + sum, "-e .\n", "--index-url https://evil.example/\n", "https://evil.example/a.whl --hash=sha256:" + sum, "-r other.txt\n",
			"a==1 ; python_version > '3' --index-url=https://evil.example --hash=sha256:" + sum, "a==1 --hash=md5:" + sum[:32], "a @ https://evil.example/a.whl --hash=sha256:" + sum, "a==1 --hash=sha256:" + sum + " --index-url=https://evil.example",
		},
		"yarn.lock": {""},
	}
	for want, all := range map[bool]map[string][]string{true: good, false: bad} {
		for name, texts := range all {
			for _, text := range texts {
				path := filepath.Join(t.TempDir(), name)
				if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
				if l, err := readLock(path); (err == nil) != want {
					t.Errorf("%s with %q: %v, %v", name, text, l.Kind, err)
				}
			}
		}
	}
}

func FuzzLockFiles(f *testing.F) {
	f.Add("a==1 --hash=sha256:" + strings.Repeat("ab", 32))
	f.Add(`{"lockfileVersion":3,"packages":{"":{},"node_modules/a":{"integrity":"sha512-x","resolved":"https://r.example/a.tgz"}}}`)
	f.Fuzz(func(t *testing.T, text string) {
		if checkRequirements(text) == nil {
			for part := range strings.FieldsSeq(text) {
				if strings.HasPrefix(part, "-") && !strings.HasPrefix(part, "--hash=") && !strings.Contains(text, "#") && !strings.Contains(text, ";") {
					t.Errorf("%q has the option %q", text, part)
				}
			}
		}
		if checkNpmLock(text) == nil && !json.Valid([]byte(text)) {
			t.Errorf("%q is taken for a lock", text)
		}
	})
}
