package node

import (
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/sumun-mcp/sumun/internal/plugin/recipe"
)

// maxFile bounds one file of a plugin, in bytes.
const maxFile = 2 << 20

// A tree is the folder that the files of a plugin lie in, and which of them is the plugin's own. Nothing outside of it is read.
type tree struct {
	root   string // absolute, without symbolic links
	file   string // slashed, relative to root
	origin string // root as the author knows it
}

// treeOf finds the plugin's own file.
func treeOf(s recipe.Source) (*tree, error) {
	where, err := filepath.EvalSymlinks(s.Path)
	if err != nil {
		return nil, fmt.Errorf("finding the plugin: %w", err)
	}
	info, err := os.Stat(where)
	if err != nil {
		return nil, fmt.Errorf("finding the plugin: %w", err)
	}
	t := &tree{root: where, origin: s.Origin}
	if t.origin == "" {
		t.origin = s.Path
	}
	if info.IsDir() {
		if t.file = entry(os.DirFS(where)); t.file == "" {
			return nil, &recipe.Error{File: t.origin, Message: "the folder has no file that is the plugin: index.ts, index.mjs, index.js, or what package.json calls main"}
		}
		return t, nil
	}
	t.root, t.file = filepath.Split(where)
	t.root = filepath.Clean(t.root)
	if path.Ext(t.origin) == path.Ext(where) {
		t.origin = filepath.Dir(t.origin)
	}
	if base := filepath.Base(t.root); s.Dir && (base == "src" || base == "dist" || base == "lib" || base == "build") {
		t.root, t.file = filepath.Dir(t.root), base+"/"+t.file
		if filepath.Base(t.origin) == base {
			t.origin = filepath.Dir(t.origin)
		}
	}
	return t, nil
}

// entry returns the file of a folder that is the plugin's own; "" if there is none.
func entry(folder fs.FS) string {
	var manifest struct {
		Main string `json:"main"`
	}
	if raw, err := fs.ReadFile(folder, "package.json"); err == nil && json.Unmarshal(raw, &manifest) == nil && manifest.Main != "" {
		if name := path.Clean(filepath.ToSlash(manifest.Main)); fs.ValidPath(name) && isRegular(folder, name) {
			return name
		}
	}
	for _, in := range []string{"", "src/"} {
		for _, name := range []string{"plugin", "index", "server", "main"} {
			for _, ending := range Endings {
				if isRegular(folder, in+name+ending) {
					return in + name + ending
				}
			}
		}
	}
	return ""
}

func isRegular(folder fs.FS, name string) bool {
	info, err := fs.Stat(folder, name)
	return err == nil && info.Mode().IsRegular()
}

// named returns a place below the root as the author knows it.
func (t *tree) named(file string) string { return filepath.Join(t.origin, filepath.FromSlash(file)) }

// relative returns the slashed path of a file below the root; ok is false for one that lies, or leads, elsewhere.
func (t *tree) relative(file string) (name string, ok bool) {
	found, err := filepath.EvalSymlinks(file)
	if err != nil {
		return "", false
	}
	name, err = filepath.Rel(t.root, found)
	if err != nil || !filepath.IsLocal(name) {
		return "", false
	}
	return filepath.ToSlash(name), true
}

// read returns a file below the root.
func (t *tree) read(name string) (string, error) {
	root, err := os.OpenRoot(t.root)
	if err != nil {
		return "", err
	}
	defer func() { _ = root.Close() }()
	f, err := root.Open(filepath.FromSlash(name))
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return "", fmt.Errorf("%s is no file", name)
	}
	raw, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(raw) > maxFile {
		err = fmt.Errorf("%s is larger than %d bytes", name, maxFile)
	}
	return string(raw), err
}

// text returns a file below the root for package typing.
func (t *tree) text(name string) (string, bool) {
	src, err := t.read(name)
	return src, err == nil
}

// manifest returns the files that say what the plugin may reach, as they are.
func (t *tree) manifest(name string) string {
	var all strings.Builder
	for _, file := range []string{"plugin.yaml", name + ".plugin.yaml"} {
		src, _ := t.read(file)
		all.WriteString(src)
		beside, _ := os.ReadFile(filepath.Join(t.origin, file)) //nolint:gosec // the author's own file beside the plugin
		all.Write(beside)
	}
	return all.String()
}

// version returns what package.json says.
func (t *tree) version() string {
	var manifest struct {
		Version string `json:"version"`
	}
	raw, err := t.read("package.json")
	if err == nil && json.Unmarshal([]byte(raw), &manifest) == nil && manifest.Version != "" {
		return strings.TrimSpace(manifest.Version)
	}
	return "0.0.0"
}
