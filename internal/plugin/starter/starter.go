// Package starter is what a new plugin begins with, in each language.
package starter

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

//go:embed template
var template embed.FS

// Languages returns the languages that there is a beginning in.
func Languages() []string { return []string{"node", "python", "go", "wasm"} }

// A File is a file of a plugin: its path below the folder of plugins, with slashes, and what stands in it.
type File struct{ Name, Text string }

// Files returns the files of a new plugin of that name, its main file first. In the templates {{name}} is the name.
func Files(language, name string) ([]File, error) {
	switch language {
	case "node":
		return one("node/file.mjs", name+".mjs", name)
	case "python":
		return one("python/file.py", name+".py", name)
	case "go":
		return all(name, "go")
	case "wasm":
		return all(name, "go", "wasm") // the same code, built for another machine
	}
	return nil, fmt.Errorf("there is no beginning in %q; there are %s", language, strings.Join(Languages(), ", "))
}

// one returns a plugin of one file.
func one(from, to, name string) ([]File, error) {
	text, err := template.ReadFile(path.Join("template", from))
	return []File{{to, fill(string(text), name)}}, err
}

// all returns a plugin that is a directory, of the files of some templates.
func all(name string, templates ...string) ([]File, error) {
	files, err := one("go/main.go.tmpl", name+"/main.go", name)
	for _, t := range templates {
		entries, readErr := fs.ReadDir(template, path.Join("template", t))
		if err != nil || readErr != nil {
			return nil, fmt.Errorf("reading a template: %w", fs.ErrNotExist)
		}
		for _, e := range entries {
			to := strings.TrimSuffix(e.Name(), ".tmpl")
			if to == "main.go" {
				continue
			}
			file, err := one(path.Join(t, e.Name()), path.Join(name, to), name)
			if err != nil {
				return nil, err
			}
			files = append(files, file...)
		}
	}
	return files, err
}

func fill(text, name string) string { return strings.ReplaceAll(text, "{{name}}", name) }
