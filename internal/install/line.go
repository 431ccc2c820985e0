package install

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
)

// A Line is what a host's configuration starts: a command and its arguments, with the variables and the directory that it names.
type Line struct {
	Command string
	Args    []string
	Env     map[string]string
	Dir     string
}

// The kinds of packages.
type kind string

const (
	npm    kind = "npm"
	python kind = "pypi"
	golang kind = "go"
)

// A wish is what a line wants installed and run.
type wish struct {
	kind    kind
	specs   []string // NAME@RANGE for npm, a requirement for python
	program string   // which of their programs runs; empty for the one that a package is known for
	args    []string
	python  string            // the version of the interpreter, as it was asked for; empty for any
	uv      bool              // the line is one of uv
	indexes map[string]string // where packages are looked for, by the name of the variable that says so
	fresh   bool              // what is remembered does not count
}

// ErrForeign is in the error of a line that cannot be installed in a phase of its own, since it wants something else than packages of a registry.
var ErrForeign = errors.New("it cannot be installed beforehand")

// foreign is the error of such a line.
func foreign(what, hint string) error { return fmt.Errorf("%s: %w; %s", what, ErrForeign, hint) }

// A runner is a program that gets packages and runs one of their programs.
type runner struct {
	program string
	verb    []string
	read    func(words []string) (*wish, error)
}

var runners = []runner{
	{"npx", nil, readNpx},
	{"pnpx", nil, readNpx},
	{"bunx", nil, readNpx},
	{"bun", []string{"x"}, readNpx},
	{"pnpm", []string{"dlx"}, readNpx},
	{"yarn", []string{"dlx"}, readNpx},
	{"npm", []string{"exec"}, readNpmExec},
	{"npm", []string{"x"}, readNpmExec},
	{"uvx", nil, readUvx},
	{"uv", []string{"tool", "run"}, readUvx},
	{"uv", []string{"x"}, readUvx},
	{"pipx", []string{"run"}, readPipx},
}

// read returns what a line wants installed, or nil if it wants nothing.
func read(line Line) (*wish, error) {
	program := strings.ToLower(path.Base(strings.ReplaceAll(line.Command, `\`, "/")))
	program = strings.TrimSuffix(strings.TrimSuffix(program, ".exe"), ".cmd")
	for _, r := range runners {
		if r.program != program || len(line.Args) < len(r.verb) || !slices.Equal(line.Args[:len(r.verb)], r.verb) {
			continue
		}
		w, err := r.read(line.Args[len(r.verb):])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", strings.Join(append([]string{line.Command}, line.Args...), " "), err)
		}
		return w, nil
	}
	return nil, nil //nolint:nilnil // no wish is no fault
}

// words reads the options in front of the first word that is none, and hands each with its value to option, which reports whether it takes
// the next word as its value where none stands behind "=".
func words(all []string, valued func(name string) bool, option func(name, value string) error) (rest []string, err error) {
	for len(all) > 0 {
		word := all[0]
		if word == "--" {
			return all[1:], nil
		}
		if !strings.HasPrefix(word, "-") || word == "-" {
			return all, nil
		}
		all = all[1:]
		name, value, has := strings.Cut(word, "=")
		if !has && len(all) > 0 && valued(name) {
			value, all = all[0], all[1:]
		}
		if err := option(name, value); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// npmValued are the options of npx and its like that take a value, of those that configurations have.
var npmValued = []string{
	"-p", "--package", "-c", "--call", "--registry", "--cache", "--userconfig", "--prefix", "-C", "-w", "--workspace", "--loglevel", "--shell",
	"--node-options", "--script-shell", "--before", "--tag",
}

func isNpmValued(name string) bool { return slices.Contains(npmValued, name) }

// npmOption takes one option of npx.
func (w *wish) npmOption(name, value string) error {
	switch name {
	case "-p", "--package":
		w.specs = append(w.specs, value)
	case "--registry":
		w.indexes = map[string]string{"npm_config_registry": value}
	case "--prefer-online":
		w.fresh = true
	case "-c", "--call":
		return foreign("a command for a shell (-c)", "write the program and its arguments instead")
	case "-C", "--prefix", "-w", "--workspace":
		return foreign("a package of the folder that "+name+" names", "write node and the path of its program")
	}
	return nil
}

func readNpx(all []string) (*wish, error) {
	w := &wish{kind: npm}
	rest, err := words(all, isNpmValued, w.npmOption)
	if err != nil {
		return nil, err
	}
	return w.npmWords(rest)
}

// readNpmExec reads the words of npm exec, whose options may stand behind the package too, up to --.
func readNpmExec(all []string) (*wish, error) {
	w := &wish{kind: npm}
	mine, theirs := all, []string(nil)
	if i := slices.Index(all, "--"); i >= 0 {
		mine, theirs = all[:i], all[i+1:]
	}
	var plain []string
	for len(mine) > 0 {
		rest, err := words(mine, isNpmValued, w.npmOption)
		if err != nil {
			return nil, err
		}
		if len(rest) == 0 {
			break
		}
		plain, mine = append(plain, rest[0]), rest[1:]
	}
	return w.npmWords(append(plain, theirs...))
}

// npmWords takes the words behind the options: a package unless one was named, and what its program is started with.
func (w *wish) npmWords(rest []string) (*wish, error) {
	if len(rest) == 0 {
		return nil, errors.New("no package is named")
	}
	if len(w.specs) == 0 {
		w.specs = []string{rest[0]}
	} else {
		w.program = rest[0]
	}
	w.args = rest[1:]
	for i, spec := range w.specs {
		name, version, err := splitNpm(spec)
		if err != nil {
			return nil, err
		}
		w.specs[i] = name + "@" + version
		w.fresh = w.fresh && !isExact(npm, w.specs[i])
	}
	return w, nil
}

// npmName matches the name of a package, npmRange what may stand behind its @: a version, a range, a tag, or another package's.
var (
	npmName  = regexp.MustCompile(`^(?:@[a-zA-Z0-9~][a-zA-Z0-9._~-]*/)?[a-zA-Z0-9~][a-zA-Z0-9._~-]*$`)
	npmRange = regexp.MustCompile(`^(?:npm:(?:@[a-zA-Z0-9~][a-zA-Z0-9._~-]*/)?[a-zA-Z0-9~][a-zA-Z0-9._~-]*@)?[a-zA-Z0-9.*^~<>=| +-]+$`)
)

// splitNpm splits NAME@RANGE. Only packages of a registry are taken: what comes from a repository, a folder or a URL is built when it is installed.
func splitNpm(spec string) (name, version string, err error) {
	name, version = strings.TrimPrefix(spec, "npm:"), "latest"
	if i := strings.Index(name[min(1, len(name)):], "@"); i >= 0 {
		name, version = name[:i+1], name[i+2:]
	}
	if !npmName.MatchString(name) || !npmRange.MatchString(version) {
		return "", "", foreign(fmt.Sprintf("%q is no package of a registry", spec), "install it yourself and write node and the path of its program")
	}
	return name, version, nil
}

// uvValued are the options of uvx that take a value.
var uvValued = []string{
	"--from", "--with", "-w", "--with-editable", "--with-requirements", "-p", "--python", "--index", "--default-index", "-i", "--index-url", "--extra-index-url", "-f", "--find-links",
	"--index-strategy", "--keyring-provider", "--resolution", "--prerelease", "--fork-strategy", "--exclude-newer", "--link-mode", "-C", "--config-setting", "--refresh-package",
	"-P", "--upgrade-package", "--reinstall-package", "--no-build-package", "--no-binary-package", "--no-build-isolation-package", "-b", "--build-constraints",
	"-c", "--constraints", "--overrides", "--env-file", "--cache-dir", "--python-preference", "--color", "--allow-insecure-host", "--directory", "--project", "--config-file", "--python-platform", "--torch-backend",
}

// uvIndexes are the variables that say what options of uv say.
var uvIndexes = map[string]string{
	"--index": "UV_INDEX", "--default-index": "UV_DEFAULT_INDEX", "-i": "UV_INDEX_URL", "--index-url": "UV_INDEX_URL",
	"--extra-index-url": "UV_EXTRA_INDEX_URL", "-f": "UV_FIND_LINKS", "--find-links": "UV_FIND_LINKS", "--prerelease": "UV_PRERELEASE", "--exclude-newer": "UV_EXCLUDE_NEWER",
}

func readUvx(all []string) (*wish, error) {
	w := &wish{kind: python, uv: true, indexes: map[string]string{}}
	from := ""
	rest, err := words(all, func(name string) bool { return slices.Contains(uvValued, name) }, func(name, value string) error {
		switch name {
		case "--from":
			from = value
		case "-w", "--with":
			w.specs = append(w.specs, strings.Split(value, ",")...)
		case "-p", "--python":
			w.python = value
		case "--refresh", "--upgrade", "-U", "--reinstall":
			w.fresh = true
		case "--with-editable", "--with-requirements", "--env-file", "-c", "--constraints", "--overrides", "-b", "--build-constraints":
			return foreign("the option "+name, "leave it out, or write the server's variables under env")
		default:
			if variable, ok := uvIndexes[name]; ok {
				w.indexes[variable] = value
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return w.pythonWords(from, rest)
}

func readPipx(all []string) (*wish, error) {
	w := &wish{kind: python, indexes: map[string]string{}}
	from := ""
	valued := []string{"--spec", "--python", "--pip-args", "-i", "--index-url", "--with", "--backend"}
	rest, err := words(all, func(name string) bool { return slices.Contains(valued, name) }, func(name, value string) error {
		switch name {
		case "--spec":
			from = value
		case "--with":
			w.specs = append(w.specs, value)
		case "--python":
			w.python = value
		case "-i", "--index-url":
			w.indexes["PIP_INDEX_URL"] = value
		case "--no-cache":
			w.fresh = true
		case "--pip-args", "--path", "--pypackages":
			return foreign("the option "+name, "leave it out; indexes are configured by PIP_INDEX_URL and pip.conf")
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return w.pythonWords(from, rest)
}

// pythonWords takes the words behind the options: a program, and what it is started with. Its package is from, unless that is empty.
func (w *wish) pythonWords(from string, rest []string) (*wish, error) {
	if len(rest) == 0 {
		return nil, errors.New("no program is named")
	}
	w.args = rest[1:]
	if from == "" {
		from = rest[0]
	} else {
		w.program = rest[0]
	}
	w.specs = append([]string{from}, w.specs...)
	for i, spec := range w.specs {
		var err error
		if w.specs[i], err = requirement(spec); err != nil {
			return nil, err
		}
		if i == 0 && strings.HasSuffix(spec, "@latest") {
			w.fresh = w.fresh || w.uv
		}
	}
	if w.program == "" {
		w.program = requirementName(w.specs[0])
	}
	return w, nil
}

// pythonRequirement matches a requirement (PEP 508) of a registry without a marker: a name, extras, and which versions.
var pythonRequirement = regexp.MustCompile(`^([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*(\[[A-Za-z0-9._, -]*\])?\s*((?:(?:===?|~=|!=|<=?|>=?)\s*[A-Za-z0-9.*+!_-]+\s*,?\s*)*)$`)

// requirement reads a requirement, or NAME@VERSION as uv takes it, and returns it without blanks.
func requirement(spec string) (string, error) {
	text := strings.TrimSpace(spec)
	if before, version, ok := strings.Cut(text, "@"); ok {
		switch version = strings.TrimSpace(version); {
		case version == "latest":
			text = before
		case strings.Trim(version, "0123456789.abcdefghijklmnopqrstuvwxyz+!-") == "" && version != "":
			text = before + "==" + version
		}
	}
	m := pythonRequirement.FindStringSubmatch(text)
	if m == nil {
		return "", foreign(fmt.Sprintf("%q is no package of an index", spec), "install it yourself into an environment and write the path of its python, -m and its module")
	}
	return strings.ToLower(m[1]) + strings.ReplaceAll(m[2], " ", "") + strings.ReplaceAll(m[3], " ", ""), nil
}

func requirementName(spec string) string { return pythonRequirement.FindStringSubmatch(spec)[1] }

// exactNpm matches a version in full, as semver writes it, behind a package's name.
var exactNpm = regexp.MustCompile(`[^:]@v?[0-9]+\.[0-9]+\.[0-9]+(?:[-+][A-Za-z0-9.+-]+)?$`)

// exactPython matches a requirement of one version.
var exactPython = regexp.MustCompile(`^[^=<>~!]+===?[^,*]+$`)

// isExact reports whether a spec names one version, which stays the same.
func isExact(k kind, spec string) bool {
	if k == npm {
		return exactNpm.MatchString(spec)
	}
	return exactPython.MatchString(spec)
}
