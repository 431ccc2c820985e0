// Package scaffold makes the project that `sumun init` makes: an MCP server in
// TypeScript behind the gateway, as the seed lays it out (section 4.5).
package scaffold

import (
	"cmp"
	"embed"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// template has the files of a new project. In their text {{name}} is the project and {{version}} our release; in
// their names "dot-" stands for the dot of a hidden file.
//
//go:embed template
var template embed.FS

// A File is a file of a project.
type File struct {
	// Name is the file's path below the project's directory, with slashes.
	Name string
	// Text is what stands in it.
	Text string
}

// Name returns the name of the directory as npm and Docker accept it.
func Name(dir string) string {
	name := strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z', '0' <= r && r <= '9', r == '-':
			return r
		case 'A' <= r && r <= 'Z':
			return r - 'A' + 'a'
		}
		return '-'
	}, filepath.Base(dir))
	return cmp.Or(strings.Trim(name, "-"), "mcp-server")
}

// Files returns the files of a project, in alphabetical order. Version is our release.
func Files(project, version string) ([]File, error) {
	fill := strings.NewReplacer("{{name}}", project, "{{version}}", version)
	var files []File
	err := fs.WalkDir(template, "template", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := template.ReadFile(name)
		if err != nil {
			return err
		}
		dir, base := path.Split(strings.TrimPrefix(name, "template/"))
		if hidden, ok := strings.CutPrefix(base, "dot-"); ok {
			base = "." + hidden
		}
		files = append(files, File{dir + base, fill.Replace(string(text))})
		return nil
	})
	slices.SortFunc(files, func(a, b File) int { return cmp.Compare(a.Name, b.Name) })
	return files, err
}

// Existing returns the names of the files that are in dir already.
func Existing(dir string, files []File) ([]string, error) {
	var there []string
	for _, f := range files {
		if _, err := os.Lstat(filepath.Join(dir, filepath.FromSlash(f.Name))); err == nil {
			there = append(there, f.Name)
		} else if !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	return there, nil
}

// Write writes the files below dir, and nowhere else: links that lead out of it are refused.
func Write(dir string, files []File) error {
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // others may read a project
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	for _, f := range files {
		if err = root.MkdirAll(path.Dir(f.Name), 0o755); err != nil {
			break
		}
		if err = root.WriteFile(f.Name, []byte(f.Text), 0o644); err != nil {
			break
		}
	}
	return errors.Join(err, root.Close())
}
