// Package wish reads the command lines of hosts that get packages and run one of their programs: npx, uvx and their like. It looks at nothing but the
// words.
package wish

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
)

// A Kind is where packages come from.
type Kind string

// The kinds of packages.
const (
	Npm    Kind = "npm"
	Python Kind = "pypi"
	Go     Kind = "go"
)

// A Wish is what a command line wants installed and run.
type Wish struct {
	Kind Kind
	// Specs are packages: NAME@RANGE for npm, requirements for Python.
	Specs []string
	// Program is which of their programs runs; empty for the one that a package of npm is known for. Args are its arguments.
	Program string
	Args    []string
	// Python is the version of the interpreter, as it was asked for; empty for any. UV says that the line is one of uv.
	Python string
	UV     bool
	// Indexes are where packages are looked for, by the name of the variable that says so.
	Indexes map[string]string

	// Run says that the line is one of `uv run`; Dir is then where it runs, Project the directory of its project, and Bare says that it is for none.
	Run, Bare    bool
	Dir, Project string
}

// ErrForeign is in the error of a line that cannot be installed in a phase of its own, since it wants something else than packages of a registry.
var ErrForeign = errors.New("it cannot be installed beforehand")

// Foreign is the error of such a line.
func Foreign(what, hint string) error { return fmt.Errorf("%s: %w; %s", what, ErrForeign, hint) }

// A runner is a program that gets packages and runs one of their programs.
type runner struct {
	program string
	verb    []string
	read    func(words []string) (*Wish, error)
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
	{"uv", []string{"run"}, readUvRun},
	{"pipx", []string{"run"}, readPipx},
}

// Read returns what a line wants installed, or nil if it wants nothing.
func Read(command string, args []string) (*Wish, error) {
	program := strings.ToLower(path.Base(strings.ReplaceAll(command, `\`, "/")))
	program = strings.TrimSuffix(strings.TrimSuffix(program, ".exe"), ".cmd")
	if program == "uv" {
		args = verbFirst(args)
	}
	for _, r := range runners {
		if r.program != program || len(args) < len(r.verb) || !slices.Equal(args[:len(r.verb)], r.verb) {
			continue
		}
		w, err := r.read(args[len(r.verb):])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", strings.Join(append([]string{command}, args...), " "), err)
		}
		return w, nil
	}
	return nil, nil //nolint:nilnil // no wish is no fault
}

// verbFirst puts the verb of uv in front of options that stand before it.
func verbFirst(args []string) []string {
	for i := 0; i < len(args) && i < 8; i++ {
		switch {
		case slices.Contains(uvValued, args[i]):
			i++
		case !strings.HasPrefix(args[i], "-"):
			return slices.Concat([]string{args[i]}, args[:i], args[i+1:])
		}
	}
	return args
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
func (w *Wish) npmOption(name, value string) error {
	switch name {
	case "-p", "--package":
		w.Specs = append(w.Specs, value)
	case "--registry":
		w.Indexes = map[string]string{"npm_config_registry": value}
	case "-c", "--call":
		return Foreign("a command for a shell (-c)", "write the program and its arguments instead")
	case "-C", "--prefix", "-w", "--workspace":
		return Foreign("a package of the folder that "+name+" names", "write node and the path of its program")
	}
	return nil
}

func readNpx(all []string) (*Wish, error) {
	w := &Wish{Kind: Npm}
	rest, err := words(all, isNpmValued, w.npmOption)
	if err != nil {
		return nil, err
	}
	return w.npmWords(rest)
}

// readNpmExec reads the words of npm exec, whose options may stand behind the package too, up to --.
func readNpmExec(all []string) (*Wish, error) {
	w := &Wish{Kind: Npm}
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
func (w *Wish) npmWords(rest []string) (*Wish, error) {
	if len(rest) == 0 {
		return nil, errors.New("no package is named")
	}
	if len(w.Specs) == 0 {
		w.Specs = []string{rest[0]}
	} else {
		w.Program = rest[0]
	}
	w.Args = rest[1:]
	for i, spec := range w.Specs {
		name, version, err := SplitNpm(spec)
		if err != nil {
			return nil, err
		}
		w.Specs[i] = name + "@" + version
	}
	return w, nil
}

// npmName matches the name of a package, npmRange what may stand behind its @: a version, a range, a tag, or another package's.
var (
	npmName  = regexp.MustCompile(`^(?:@[a-zA-Z0-9~][a-zA-Z0-9._~-]*/)?[a-zA-Z0-9~][a-zA-Z0-9._~-]*$`)
	npmRange = regexp.MustCompile(`^(?:npm:(?:@[a-zA-Z0-9~][a-zA-Z0-9._~-]*/)?[a-zA-Z0-9~][a-zA-Z0-9._~-]*@)?[a-zA-Z0-9.*^~<>=| +-]+$`)
)

// SplitNpm splits NAME@RANGE. Only packages of a registry are taken: what comes from a repository, a folder or a URL is built when it is installed.
func SplitNpm(spec string) (name, version string, err error) {
	name, version = strings.TrimPrefix(spec, "npm:"), "latest"
	if i := strings.Index(name[min(1, len(name)):], "@"); i >= 0 {
		name, version = name[:i+1], name[i+2:]
	}
	if !npmName.MatchString(name) || !npmRange.MatchString(version) {
		return "", "", Foreign(fmt.Sprintf("%q is no package of a registry", spec), "install it yourself and write node and the path of its program")
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

// uvOption takes one option that uvx and `uv run` have.
func (w *Wish) uvOption(name, value string) error {
	switch name {
	case "-w", "--with":
		w.Specs = append(w.Specs, strings.Split(value, ",")...)
	case "-p", "--python":
		w.Python = value
	case "--with-editable", "--with-requirements", "--env-file", "-c", "--constraints", "--overrides", "-b", "--build-constraints":
		return Foreign("the option "+name, "leave it out, or write the server's variables under env")
	default:
		if variable, ok := uvIndexes[name]; ok {
			w.Indexes[variable] = value
		}
	}
	return nil
}

func readUvx(all []string) (*Wish, error) {
	w := &Wish{Kind: Python, UV: true, Indexes: map[string]string{}}
	from := ""
	rest, err := words(all, func(name string) bool { return slices.Contains(uvValued, name) }, func(name, value string) error {
		if name == "--from" {
			from = value
			return nil
		}
		return w.uvOption(name, value)
	})
	if err != nil {
		return nil, err
	}
	return w.pythonWords(from, rest)
}

// readUvRun reads the words of `uv run`, which runs a program of a project, or a script, in an environment that it brings up to date first.
func readUvRun(all []string) (*Wish, error) {
	w := &Wish{Kind: Python, UV: true, Run: true, Indexes: map[string]string{}}
	module := ""
	rest, err := words(all, func(name string) bool { return slices.Contains(uvValued, name) || slices.Contains(runValued, name) }, func(name, value string) error {
		switch name {
		case "--directory":
			w.Dir = value
		case "--project":
			w.Project = value
		case "--no-project":
			w.Bare = true
		case "-m", "--module":
			module = value
		default:
			return w.uvOption(name, value)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	switch {
	case module != "":
		w.Program, w.Args = "python", append([]string{"-m", module}, rest...)
	case len(rest) > 0:
		w.Program, w.Args = rest[0], rest[1:]
	default:
		return nil, errors.New("no program is named")
	}
	return w, w.Requirements()
}

// runValued are options of `uv run` that take a value, beside those of uvx.
var runValued = []string{"-m", "--module", "--extra", "--group", "--only-group", "--no-group", "--package"}

func readPipx(all []string) (*Wish, error) {
	w := &Wish{Kind: Python, Indexes: map[string]string{}}
	from := ""
	valued := []string{"--spec", "--python", "--pip-args", "-i", "--index-url", "--with", "--backend"}
	rest, err := words(all, func(name string) bool { return slices.Contains(valued, name) }, func(name, value string) error {
		switch name {
		case "--spec":
			from = value
		case "--with":
			w.Specs = append(w.Specs, value)
		case "--python":
			w.Python = value
		case "-i", "--index-url":
			w.Indexes["PIP_INDEX_URL"] = value
		case "--pip-args", "--path", "--pypackages":
			return Foreign("the option "+name, "leave it out; indexes are configured by PIP_INDEX_URL and pip.conf")
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return w.pythonWords(from, rest)
}

// pythonWords takes the words behind the options: a program, and what it is started with. Its package is from, unless that is empty.
func (w *Wish) pythonWords(from string, rest []string) (*Wish, error) {
	if len(rest) == 0 {
		return nil, errors.New("no program is named")
	}
	w.Args = rest[1:]
	if from == "" {
		from = rest[0]
	} else {
		w.Program = rest[0]
	}
	w.Specs = append([]string{from}, w.Specs...)
	if err := w.Requirements(); err != nil {
		return nil, err
	}
	if w.Program == "" {
		w.Program = RequirementName(w.Specs[0])
	}
	return w, nil
}

// Requirements puts what is asked for into the form that requirement returns.
func (w *Wish) Requirements() error {
	for i, spec := range w.Specs {
		var err error
		if w.Specs[i], err = requirement(spec); err != nil {
			return err
		}
	}
	return nil
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
		return "", Foreign(fmt.Sprintf("%q is no package of an index", spec), "install it yourself into an environment and write the path of its python, -m and its module")
	}
	return strings.ToLower(m[1]) + strings.ReplaceAll(m[2], " ", "") + strings.ReplaceAll(m[3], " ", ""), nil
}

// RequirementName returns the name of the package in a requirement that Requirements has made.
func RequirementName(spec string) string { return pythonRequirement.FindStringSubmatch(spec)[1] }

// exactNpm matches a version in full, as semver writes it, behind a package's name.
var exactNpm = regexp.MustCompile(`[^:]@v?[0-9]+\.[0-9]+\.[0-9]+(?:[-+][A-Za-z0-9.+-]+)?$`)

// exactPython matches a requirement of one version.
var exactPython = regexp.MustCompile(`^[^=<>~!]+===?[^,*]+$`)

// Exact reports whether a wish names one version of all that it wants, which stays the same.
func (w *Wish) Exact() bool {
	return !slices.ContainsFunc(w.Specs, func(spec string) bool { return !isExact(w.Kind, spec) })
}

// isExact reports whether a spec names one version, which stays the same.
func isExact(k Kind, spec string) bool {
	if k == Npm {
		return exactNpm.MatchString(spec)
	}
	return exactPython.MatchString(spec)
}
