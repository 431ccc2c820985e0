package install

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
)

// A registry serves packages to npm and to pip.
type registry struct {
	*httptest.Server

	mu     sync.Mutex
	npm    map[string]map[string]packed // by name and version
	wheels map[string]map[string][]byte // by name of the project and of the file
	asked  []string
}

// packed is one version of an npm package.
type packed struct {
	manifest map[string]any
	tarball  []byte
}

func newRegistry(t *testing.T) *registry {
	t.Helper()
	r := &registry{npm: map[string]map[string]packed{}, wheels: map[string]map[string][]byte{}}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

// environ says to the tools that this registry is theirs, to this machine's PATH and nothing else but a secret.
func (r *registry) environ(t *testing.T) []string {
	t.Helper()
	home := t.TempDir()
	env := []string{
		"HOME=" + home, "SECRET_TOKEN=do-not-tell",
		"npm_config_registry=" + r.URL + "/npm/", "PIP_INDEX_URL=" + r.URL + "/simple/", "PIP_CONFIG_FILE=/dev/null", "UV_INDEX_URL=" + r.URL + "/simple/",
	}
	return append(env, "PATH="+pathOf())
}

// publish adds a version of an npm package: its package.json without name and version, and its files.
func (r *registry) publish(t *testing.T, name, version string, manifest map[string]any, files map[string]string) {
	t.Helper()
	manifest = maps.Clone(manifest)
	if manifest == nil {
		manifest = map[string]any{}
	}
	manifest["name"], manifest["version"] = name, version
	text, err := json.Marshal(manifest)
	if err != nil {
		t.Fatal(err)
	}
	files = maps.Clone(files)
	if files == nil {
		files = map[string]string{}
	}
	files["package.json"] = string(text)
	var b bytes.Buffer
	zipped := gzip.NewWriter(&b)
	w := tar.NewWriter(zipped)
	for _, file := range slices.Sorted(maps.Keys(files)) {
		if err := w.WriteHeader(&tar.Header{Name: "package/" + file, Mode: 0o755, Size: int64(len(files[file]))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(files[file])); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := zipped.Close(); err != nil {
		t.Fatal(err)
	}
	sum := sha512.Sum512(b.Bytes())
	manifest["dist"] = map[string]any{
		"tarball": fmt.Sprintf("%s/tarball/%s/%s", r.URL, strings.ReplaceAll(name, "/", "+"), version), "integrity": "sha512-" + base64.StdEncoding.EncodeToString(sum[:]),
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.npm[name] == nil {
		r.npm[name] = map[string]packed{}
	}
	r.npm[name][version] = packed{manifest, b.Bytes()}
}

// wheel adds a wheel of version 1.0 of a Python project: its modules, its programs as entry_points.txt has them, and what it requires.
func (r *registry) wheel(t *testing.T, name, programs string, modules map[string]string, requires ...string) {
	t.Helper()
	info := strings.ReplaceAll(name, "-", "_") + "-1.0.dist-info/"
	var meta, record strings.Builder
	fmt.Fprintf(&meta, "Metadata-Version: 2.1\nName: %s\nVersion: 1.0\n", name)
	for _, one := range requires {
		fmt.Fprintf(&meta, "Requires-Dist: %s\n", one)
	}
	files := maps.Clone(modules)
	files[info+"METADATA"] = meta.String()
	files[info+"WHEEL"] = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
	files[info+"entry_points.txt"] = programs
	for _, file := range slices.Sorted(maps.Keys(files)) {
		sum := sha256.Sum256([]byte(files[file]))
		fmt.Fprintf(&record, "%s,sha256=%s,%d\n", file, base64.RawURLEncoding.EncodeToString(sum[:]), len(files[file]))
	}
	files[info+"RECORD"] = record.String() + info + "RECORD,,\n"
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, file := range slices.Sorted(maps.Keys(files)) {
		f, err := w.Create(file)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(files[file])); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	r.file(name, strings.ReplaceAll(name, "-", "_")+"-1.0-py3-none-any.whl", b.Bytes())
}

// file adds a file of a Python project.
func (r *registry) file(project, name string, content []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.wheels[project] == nil {
		r.wheels[project] = map[string][]byte{}
	}
	r.wheels[project][name] = content
}

// paths are what was asked for.
func (r *registry) paths() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.asked)
}

// ServeHTTP serves one file.
func (r *registry) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked = append(r.asked, req.URL.Path)
	switch parts := strings.Split(strings.Trim(req.URL.Path, "/"), "/"); {
	case parts[0] == "npm":
		r.packument(w, strings.Join(parts[1:], "/"))
	case parts[0] == "tarball" && len(parts) == 3:
		_, _ = w.Write(r.npm[strings.ReplaceAll(parts[1], "+", "/")][parts[2]].tarball)
	case parts[0] == "simple" && len(parts) == 2 && r.wheels[parts[1]] != nil:
		w.Header().Set("Content-Type", "text/html")
		for _, name := range slices.Sorted(maps.Keys(r.wheels[parts[1]])) {
			sum := sha256.Sum256(r.wheels[parts[1]][name])
			fmt.Fprintf(w, "<a href=\"/files/%s/%s#sha256=%s\">%s</a>\n", parts[1], name, hex.EncodeToString(sum[:]), name)
		}
	case parts[0] == "files" && len(parts) == 3:
		_, _ = w.Write(r.wheels[parts[1]][parts[2]])
	default:
		http.NotFound(w, req)
	}
}

func (r *registry) packument(w http.ResponseWriter, name string) {
	all := r.npm[name]
	if all == nil {
		http.Error(w, `{"error":"not found"}`, http.StatusNotFound)
		return
	}
	versions := map[string]any{}
	newest := ""
	for v, p := range all {
		versions[v], newest = p.manifest, max(newest, v)
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"name": path.Clean(name), "dist-tags": map[string]string{"latest": newest}, "versions": versions})
}
