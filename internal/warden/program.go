package warden

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A program is what is started, and the files that it consists of beside those of the system.
type program struct {
	path string
	args []string
	own  []string // files and directories, by the names under which they were found
}

// system are the directories in which every program finds its libraries, and the few files of the system that programs read. Nothing in
// them is anybody's secret.
var system = []string{
	"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store", "/gnu/store",
	"/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/alternatives", "/etc/localtime", "/etc/timezone", "/etc/mime.types",
	"/etc/ssl/certs", "/etc/ssl/openssl.cnf", "/etc/ca-certificates", "/etc/pki/tls/certs", "/etc/pki/ca-trust", "/etc/pki/tls/cert.pem",
	"/etc/protocols", "/etc/services",
}

// isSystem reports whether a path is open to every program anyway.
func isSystem(path string) bool {
	return slices.ContainsFunc(system, func(dir string) bool { return within(dir, path) })
}

// mostScripts bounds how often a script may be run by a script.
const mostScripts = 4

// newProgram returns what a command line starts, with its own files. A script becomes the command line of its interpreter, so that none
// has to be started on the way. path is absolute, dir the working directory, and look finds a program by its name.
func newProgram(path string, args []string, dir string, look func(string) (string, error)) program {
	p := program{path: unshimmed(path, dir), args: args}
	for range mostScripts {
		interpreter, argument := shebang(p.path)
		if interpreter == "" {
			break
		}
		if name, ok := byName(interpreter, argument); ok {
			found, err := look(name)
			if err != nil {
				break
			}
			interpreter, argument = found, ""
		}
		before := []string{p.path}
		if argument != "" {
			before = []string{argument, p.path}
		}
		p.args = append(before, p.args...)
		p.path = unshimmed(interpreter, dir)
	}
	p.own = append(installation(p.path), scriptOf(p.path, p.args, dir)...)
	return p
}

// shebang returns the interpreter that a script asks for, with its argument; empty for what is no script.
func shebang(path string) (interpreter, argument string) {
	f, err := os.Open(path) //nolint:gosec // the program that is about to be started
	if err != nil {
		return "", ""
	}
	defer func() { _ = f.Close() }() // only read
	head := make([]byte, 512)
	n, _ := io.ReadFull(f, head) // a shorter file is fine
	line, ok := bytes.CutPrefix(head[:n], []byte("#!"))
	if !ok {
		return "", ""
	}
	line, _, ok = bytes.Cut(line, []byte("\n"))
	if !ok {
		return "", ""
	}
	interpreter, argument, _ = strings.Cut(strings.TrimSpace(string(line)), " ")
	if !filepath.IsAbs(interpreter) {
		return "", ""
	}
	return interpreter, strings.TrimSpace(argument)
}

// byName returns the program that env looks for.
func byName(interpreter, argument string) (string, bool) {
	argument = strings.TrimSpace(strings.TrimPrefix(argument, "-S"))
	ok := filepath.Base(interpreter) == "env" && argument != "" && !strings.ContainsAny(argument, " =")
	return argument, ok
}

// unshimmed returns the program that one of pyenv's shims would start, since a shim is a script that starts several others first.
func unshimmed(path, dir string) string {
	root, name := filepath.Split(path)
	root = filepath.Clean(root)
	if filepath.Base(root) != "shims" || filepath.Base(filepath.Dir(root)) != ".pyenv" {
		return path
	}
	root = filepath.Dir(root)
	for _, version := range pyenvVersions(root, dir) {
		if chosen := filepath.Join(root, "versions", version, "bin", name); isFile(chosen) {
			return chosen
		}
	}
	return path
}

// pyenvVersions returns the versions that hold in a directory, the first of which has precedence.
func pyenvVersions(root, dir string) []string {
	for at := dir; at != ""; at = filepath.Dir(at) {
		if text, err := os.ReadFile(filepath.Join(at, ".python-version")); err == nil { //nolint:gosec // as pyenv does
			return strings.Fields(string(text))
		}
		if at == filepath.Dir(at) {
			break
		}
	}
	text, _ := os.ReadFile(filepath.Join(root, "version")) //nolint:gosec // without one there is none
	return strings.Fields(string(text))
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// installation returns what a program consists of: where it is an interpreter, all that was installed with it.
func installation(path string) []string {
	actual := resolved(path)
	var own []string
	if venv := filepath.Dir(filepath.Dir(path)); isFile(filepath.Join(venv, "pyvenv.cfg")) {
		own = append(own, venv)
	}
	prefix := filepath.Dir(filepath.Dir(actual))
	switch {
	case isSystem(actual):
	case language(actual) != "" && filepath.Base(filepath.Dir(actual)) == "bin" && isFile(actual):
		return append(own, path, prefix)
	default:
		own = append(own, path)
	}
	return own
}

// language returns the language that a program interprets, by its name; empty if it is not known to do so.
func language(path string) string {
	name := strings.TrimRight(strings.TrimSuffix(filepath.Base(path), ".exe"), "0123456789.")
	switch name {
	case "node", "nodejs", "bun", "deno", "tsx", "ts-node":
		return "node"
	case "python", "pypy":
		return "python"
	case "ruby", "perl", "php", "java", "lua", "dotnet":
		return name
	}
	return ""
}

// scriptOf returns the files of the script that an interpreter is given: its directory, and where its packages lie.
func scriptOf(path string, args []string, dir string) []string {
	lang := language(resolved(path))
	if lang == "" {
		lang = language(path)
	}
	if lang == "" {
		if len(args) > 0 && filepath.IsAbs(args[0]) && isShell(path) {
			return []string{args[0]}
		}
		return nil
	}
	for i, arg := range args {
		if lang == "python" && arg == "-m" && i+1 < len(args) {
			return moduleOf(args[i+1], dir)
		}
		script := arg
		if !filepath.IsAbs(script) {
			script = filepath.Join(dir, script)
		}
		if strings.HasPrefix(arg, "-") || !isFile(script) {
			continue
		}
		own := []string{script, filepath.Dir(script)}
		if lang == "node" {
			own = append(own, packagesOf(resolved(script))...)
		}
		return append(own, filepath.Dir(resolved(script)))
	}
	return nil
}

func isShell(path string) bool {
	return slices.Contains([]string{"sh", "bash", "dash", "ash", "zsh"}, filepath.Base(path))
}

// moduleOf returns the files of a module of Python that lies in the working directory.
func moduleOf(name, dir string) []string {
	name, _, _ = strings.Cut(name, ".")
	var own []string
	for _, at := range []string{filepath.Join(dir, name), filepath.Join(dir, name+".py")} {
		if _, err := os.Lstat(at); err == nil {
			own = append(own, at)
		}
	}
	return own
}

// packagesOf returns where Node.js looks for the packages of a script, and the descriptions of packages that it lies in.
func packagesOf(script string) []string {
	var own []string
	for dir := filepath.Dir(script); ; dir = filepath.Dir(dir) {
		if filepath.Base(dir) == "node_modules" {
			own = append(own, dir)
		}
		for _, name := range []string{"node_modules", "package.json"} {
			if at := filepath.Join(dir, name); exists(at) {
				own = append(own, at)
			}
		}
		if dir == filepath.Dir(dir) {
			return own
		}
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
