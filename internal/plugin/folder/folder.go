// Package folder finds plugins in folders: which files and directories are some, what each is made of at one moment, and when that
// changes. It starts nothing.
package folder

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// A Kind says how a plugin is started.
type Kind string

// The kinds of plugins.
const (
	Node    Kind = "node"
	Python  Kind = "python"
	Go      Kind = "go"      // a directory with a go.mod
	WASM    Kind = "wasm"    // a WASI module
	Program Kind = "program" // an executable file, a directory with one called run, or with a plugin.yaml that names a command
	None    Kind = ""        // nothing that could be started
)

// Manifest names of plugins: of a directory, within it; of a file, beside it, with the plugin's name before.
const (
	manifestName = "plugin.yaml"
	manifestTail = ".plugin.yaml"
)

// kinds are those of files, by their endings.
var kinds = map[string]Kind{
	".mjs": Node, ".js": Node, ".cjs": Node, ".ts": Node, ".mts": Node, ".cts": Node, ".py": Python, ".wasm": WASM,
}

// A Plugin is one file or directory that is a plugin, where its author keeps it.
type Plugin struct {
	// Name is what it is called: the name of its file without the ending, or of its directory.
	Name string
	// Path is the file or directory, absolute.
	Path string
	// Kind says how it is started; Entry is the file for that, relative to Path, for directories only.
	Kind  Kind
	Entry string
	// Dir says that it is a directory.
	Dir bool
	// Fault says why it cannot be one although it looks like it; empty for all others.
	Fault string
}

// names are what plugins can be called: what servers can.
var names = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// IsName reports whether a plugin can be called so.
func IsName(name string) bool { return names.MatchString(name) }

// Find returns the plugins in directories, in the order of these and of their names. Of several by one name the first is one, and the
// others have a fault. Directories that are not there have none.
func Find(dirs []string) []Plugin {
	var all []Plugin
	first := map[string]string{}
	for _, dir := range dirs {
		entries, _ := os.ReadDir(dir) // one that cannot be read now has nothing now
		for _, e := range entries {
			p, ok := one(filepath.Join(dir, e.Name()))
			if !ok {
				continue
			}
			if other := first[p.Name]; other != "" && p.Fault == "" {
				p.Fault = fmt.Sprintf("%s is called %s too; rename one of them", other, p.Name)
			} else if p.Fault == "" {
				first[p.Name] = p.Path
			}
			all = append(all, p)
		}
	}
	return all
}

// One returns the plugin at a path. The error says why there is none.
func One(path string) (Plugin, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return Plugin{}, fmt.Errorf("finding the plugin: %w", err)
	}
	if _, err := os.Stat(path); err != nil {
		return Plugin{}, fmt.Errorf("finding the plugin: %w", err)
	}
	p, ok := one(path)
	switch {
	case !ok:
		return p, fmt.Errorf("%s is no plugin: write .mjs, .js, .ts, .py or .wasm, an executable, or a directory", path)
	case p.Fault != "":
		return p, fmt.Errorf("%s: %s", path, p.Fault)
	}
	return p, nil
}

// one looks at one entry of a directory; it reports false for what is plainly no plugin: notes, locks, what is hidden.
func one(path string) (Plugin, bool) {
	base := filepath.Base(path)
	if strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") || strings.HasSuffix(base, "~") || base == "node_modules" {
		return Plugin{}, false
	}
	info, err := os.Stat(path)
	if err != nil {
		return Plugin{}, false // gone again, or a link that leads nowhere
	}
	p := Plugin{Path: path, Dir: info.IsDir()}
	switch {
	case p.Dir:
		p.Name = base
		p.Kind, p.Entry = within(path)
		if p.Kind == None {
			p.Fault = "nothing in it can be started: it has no plugin.yaml, go.mod, run, index.mjs or main.py"
		}
	case !info.Mode().IsRegular():
		return Plugin{}, false
	default:
		ext := filepath.Ext(base)
		p.Name, p.Kind = strings.TrimSuffix(base, ext), kinds[ext]
		switch {
		case strings.HasSuffix(base, ".d.ts") || p.Kind == None && (strings.HasPrefix(ext, ".") && isNote(ext) || !executable(info)):
			return Plugin{}, false
		case p.Kind == None:
			p.Kind = Program
		}
	}
	if !IsName(p.Name) {
		p.Fault = fmt.Sprintf("%q cannot be the name of a plugin; use letters, digits, _ and -, at most 64", p.Name)
	}
	return p, true
}

// isNote reports whether files with that ending are no programs, whatever their mode says: some file systems have all modes set.
func isNote(ext string) bool {
	return slices.Contains([]string{".md", ".txt", ".json", ".yaml", ".yml", ".toml", ".lock", ".sum", ".mod", ".go", ".map", ".db", ".csv", ".html", ".tmp"}, ext)
}

// executable reports whether a file is a program.
func executable(info fs.FileInfo) bool {
	return info.Mode().IsRegular() && (info.Mode().Perm()&0o111 != 0 || strings.EqualFold(filepath.Ext(info.Name()), ".exe"))
}

// within says how a directory is started: by the first that it has of a manifest with a command, Go code, a program called run, a WASI
// module, and an entry in JavaScript, TypeScript or Python.
func within(dir string) (Kind, string) {
	has := func(name string) bool {
		info, err := os.Stat(filepath.Join(dir, name))
		return err == nil && info.Mode().IsRegular()
	}
	if m, err := readManifest(filepath.Join(dir, manifestName), manifestName); err == nil && m != nil && m.Command != "" {
		return Program, ""
	}
	if info, err := os.Stat(filepath.Join(dir, "run")); err == nil && executable(info) {
		return Program, "run"
	}
	for _, entry := range entries(filepath.Base(dir)) {
		if has(entry.name) {
			return entry.kind, entry.name
		}
	}
	if has(manifestName) {
		return Program, "" // its faults are told when it is read
	}
	return None, ""
}

// An entry is a file whose presence tells what a directory is.
type entry struct {
	name string
	kind Kind
}

// entries are those of a directory of that name, in the order in which they count.
func entries(name string) []entry {
	all := []entry{{"go.mod", Go}, {name + ".wasm", WASM}, {"plugin.wasm", WASM}, {"package.json", Node}}
	for _, dir := range []string{"", "src/"} {
		for _, stem := range []string{"plugin", "index", "server", "main", name} {
			for _, ext := range []string{".ts", ".mts", ".mjs", ".js", ".cjs"} {
				all = append(all, entry{dir + stem + ext, Node})
			}
		}
	}
	for _, stem := range []string{"plugin", "main", "__main__", "server", name} {
		all = append(all, entry{stem + ".py", Python})
	}
	return all
}
