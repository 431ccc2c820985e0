package advisory

import (
	"path"
	"regexp"
	"slices"
	"strings"
)

// A Package is software that a server consists of, as far as its command line or its papers tell.
type Package struct {
	// Ecosystem is that of OSV: npm, PyPI, Go, OCI for images, or GIT for a repository.
	Ecosystem string
	// Name is its name there, and Version which one it is; empty where that is not said.
	Name, Version string
	// Fetched says that it is got from its registry when the server starts, as npx and uvx do.
	Fetched bool
	// Pinned says that it is one version, and stays that one.
	Pinned bool
}

// String returns the package as people read it.
func (p Package) String() string {
	if p.Version == "" {
		return p.Name
	}
	return p.Name + " " + p.Version
}

// Packages returns what a command line starts, as far as that can be told without looking at the machine. It never runs anything.
func Packages(command string, args ...string) []Package {
	program := strings.TrimSuffix(strings.ToLower(path.Base(strings.ReplaceAll(command, `\`, "/"))), ".exe")
	program = strings.TrimSuffix(program, ".cmd")
	for _, r := range runners {
		if r.program != program || len(args) < len(r.verb) || !slices.Equal(args[:len(r.verb)], r.verb) {
			continue
		}
		return r.read(args[len(r.verb):], r.valued)
	}
	var found []Package
	for _, word := range append([]string{command}, args...) {
		if p, ok := installed(word); ok {
			found = append(found, p)
		}
	}
	return found
}

// A runner is a program that fetches a package and runs it.
type runner struct {
	program string
	verb    []string
	// valued are its options that have a value of their own in the next word; see [reader].
	valued []string
	read   reader
}

// A reader reads the words behind a runner and its verb.
type reader func(args, valued []string) []Package

var (
	npmOptions    = []string{"-p", "--package", "-c", "--call", "--registry", "-w", "--workspace", "--prefix", "--cache", "--userconfig"}
	pythonOptions = []string{"--from", "--with", "--with-editable", "-p", "--python", "--index", "--index-url", "-i", "--default-index", "--extra-index-url", "--find-links", "-f", "--spec", "--directory", "--project", "--cache-dir", "--config-file", "--pip-args", "--env-file"}
	imageOptions  = []string{
		"-v", "--volume", "-e", "--env", "--env-file", "-p", "--publish", "--name", "--network", "--net", "-u", "--user", "-w", "--workdir", "--mount", "-m", "--memory",
		"--cpus", "--entrypoint", "--platform", "--pull", "-l", "--label", "--add-host", "--dns", "-h", "--hostname", "--security-opt", "--cap-add", "--cap-drop", "--tmpfs",
		"--ulimit", "--pids-limit", "--device", "--gpus", "--ipc", "--pid", "--restart", "--runtime", "--log-driver", "--log-opt", "--shm-size", "--expose", "--cidfile", "-a", "--attach", "--group-add", "--volumes-from", "--stop-timeout", "--userns",
	}
)

// runners are those that hosts start servers with.
var runners = []runner{
	{"npx", nil, npmOptions, npm},
	{"pnpx", nil, npmOptions, npm},
	{"bunx", nil, npmOptions, npm},
	{"bun", []string{"x"}, npmOptions, npm},
	{"npm", []string{"exec"}, npmOptions, npm},
	{"npm", []string{"x"}, npmOptions, npm},
	{"pnpm", []string{"dlx"}, npmOptions, npm},
	{"yarn", []string{"dlx"}, npmOptions, npm},
	{"uvx", nil, pythonOptions, python},
	{"uv", []string{"tool", "run"}, pythonOptions, python},
	{"pipx", []string{"run"}, pythonOptions, python},
	{"docker", []string{"run"}, imageOptions, image},
	{"podman", []string{"run"}, imageOptions, image},
	{"nerdctl", []string{"run"}, imageOptions, image},
	{"go", []string{"run"}, nil, golang},
}

// options splits words into those behind options that have one, by option, and the first that is none.
func options(args, valued []string) (values map[string][]string, first string) {
	values = map[string][]string{}
	for i := 0; i < len(args); i++ {
		word := args[i]
		if word == "--" {
			if i+1 < len(args) {
				first = args[i+1]
			}
			return values, first
		}
		if !strings.HasPrefix(word, "-") || word == "-" {
			return values, word
		}
		if name, value, ok := strings.Cut(word, "="); ok {
			values[name] = append(values[name], value)
		} else if slices.Contains(valued, word) && i+1 < len(args) {
			i++
			values[word] = append(values[word], args[i])
		}
	}
	return values, ""
}

// repository matches a repository as package managers take it, with what stands behind # or @.
var repository = regexp.MustCompile(`^(?:git\+)?(?:https?|ssh|git)://(?:[^/@]+@)?([^/:]+(?::\d+)?/[^#@]+?)(?:\.git)?(?:[#@](.*))?$`)

// short matches a repository of GitHub as npm takes it.
var short = regexp.MustCompile(`^(?:github:)?([A-Za-z0-9-]+/[A-Za-z0-9._-]+?)(?:#(.*))?$`)

// source reads a repository.
func source(spec string, npm bool) (Package, bool) {
	if m := repository.FindStringSubmatch(spec); m != nil {
		return Package{Ecosystem: gitEcosystem, Name: strings.ToLower(m[1]), Version: m[2], Fetched: true, Pinned: isCommit(m[2])}, true
	}
	if m := short.FindStringSubmatch(spec); npm && m != nil && !strings.HasPrefix(spec, "@") && !strings.HasPrefix(spec, ".") {
		return Package{Ecosystem: gitEcosystem, Name: "github.com/" + strings.ToLower(m[1]), Version: m[2], Fetched: true, Pinned: isCommit(m[2])}, true
	}
	return Package{}, false
}

const gitEcosystem = "GIT"

// isCommit reports whether a version is the name of a commit, in full.
func isCommit(v string) bool {
	return len(v) >= 40 && strings.Trim(strings.ToLower(v), "0123456789abcdef") == ""
}

func npm(args, valued []string) []Package {
	values, first := options(args, valued)
	specs := slices.Concat(values["-p"], values["--package"])
	if len(specs) == 0 && first != "" {
		specs = []string{first}
	}
	var all []Package
	for _, spec := range specs {
		if p, ok := source(spec, true); ok {
			all = append(all, p)
			continue
		}
		name, version := spec, ""
		if i := strings.LastIndex(spec, "@"); i > 0 {
			name, version = spec[:i], spec[i+1:]
		}
		all = append(all, fetched("npm", strings.TrimPrefix(name, "npm:"), version))
	}
	return all
}

// requirement matches a Python requirement: a name, extras, and a version.
var requirement = regexp.MustCompile(`^([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[[^\]]*\])?\s*(?:(===?|@)\s*(\S+)|[<>~!].*)?$`)

func python(args, valued []string) []Package {
	values, first := options(args, valued)
	specs := slices.Concat(values["--from"], values["--spec"])
	if len(specs) == 0 && first != "" {
		specs = []string{first}
	}
	var all []Package
	for _, spec := range slices.Concat(specs, values["--with"]) {
		if p, ok := source(spec, false); ok {
			all = append(all, p)
		} else if m := requirement.FindStringSubmatch(spec); m != nil {
			if p, ok := source(m[3], false); ok {
				all = append(all, p)
				continue
			}
			all = append(all, fetched("PyPI", m[1], m[3]))
		}
	}
	return all
}

func golang(args, _ []string) []Package {
	_, first := options(args, nil)
	name, version, _ := strings.Cut(first, "@")
	if host, _, _ := strings.Cut(name, "/"); !strings.Contains(host, ".") || strings.HasPrefix(name, ".") {
		return nil // a directory here
	}
	return []Package{fetched("Go", name, version)}
}

func image(args, valued []string) []Package {
	_, ref := options(args, valued)
	if ref == "" {
		return nil
	}
	name, digest, pinned := strings.Cut(ref, "@")
	tag := ""
	if i := strings.LastIndex(name, ":"); i > strings.LastIndex(name, "/") {
		name, tag = name[:i], name[i+1:]
	}
	for _, hub := range []string{"docker.io/", "index.docker.io/", "library/"} {
		name = strings.TrimPrefix(name, hub)
	}
	p := Package{Ecosystem: "OCI", Name: strings.ToLower(name), Version: tag, Fetched: true, Pinned: pinned}
	if tag == "" {
		p.Version = digest
	}
	return []Package{p}
}

// fetched is a package that a runner gets. What is no version is the newest that fits, whichever that is.
func fetched(ecosystem, name, version string) Package {
	p := Package{Ecosystem: ecosystem, Name: name, Fetched: true}
	if isVersion(ecosystem, version) {
		p.Version, p.Pinned = version, true
	}
	return p
}

// installed finds the package that a path leads into: one of node_modules. Its version is not told by the path.
func installed(word string) (Package, bool) {
	_, inside, ok := cutLast(strings.ReplaceAll(word, `\`, "/"), "node_modules/")
	if !ok {
		return Package{}, false
	}
	parts := strings.Split(inside, "/")
	switch {
	case parts[0] == ".bin" && len(parts) > 1:
		return Package{Ecosystem: "npm", Name: strings.TrimSuffix(parts[1], ".cmd"), Pinned: true}, true
	case strings.HasPrefix(parts[0], "@") && len(parts) > 1:
		return Package{Ecosystem: "npm", Name: parts[0] + "/" + parts[1], Pinned: true}, true
	}
	return Package{Ecosystem: "npm", Name: parts[0], Pinned: true}, parts[0] != "" && parts[0] != ".bin"
}

func cutLast(s, sep string) (before, after string, ok bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}
