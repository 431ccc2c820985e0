package install

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"github.com/sumun-mcp/sumun/internal/install/wish"
)

// A pythonHome is an interpreter of the machine, with pip, or uv beside it.
type pythonHome struct {
	*tools

	path    string // of the interpreter, of no virtual environment
	prefix  string
	version string // such as 3.11.7
	uv      string // the path of uv; empty for pip
	reached *reach // what pip or uv has said of indexes
}

// described has an interpreter tell where it is, whatever environment or version manager it was found through, and whether it has a pip that
// can install for another interpreter.
const described = `import json, sys
try:
    import pip
    version = pip.__version__
except ImportError:
    version = ""
print(json.dumps([getattr(sys, "_base_executable", None) or sys.executable, sys.base_prefix, "%d.%d.%d" % sys.version_info[:3], version]))`

// findPython finds an interpreter of the version that is asked for, and what installs for it: uv for lines of uv, if it is there, else pip.
func (t *tools) findPython(ctx context.Context, w *wish.Wish) (*pythonHome, error) {
	uv, _ := t.look("uv")
	return t.choose(ctx, w.Python, func(p *pythonHome, pip bool) error {
		switch {
		case uv != "" && (w.UV || !pip):
			p.uv = uv
		case !pip:
			return fmt.Errorf("%s has no pip of 22.3 or newer; install it (python3 -m ensurepip, or the package python3-pip), or uv (https://docs.astral.sh/uv)", p.path)
		}
		return nil
	})
}

// choose finds an interpreter of the version that is asked for, and that will do. It is told whether that has a pip which can install.
func (t *tools) choose(ctx context.Context, asked string, will func(p *pythonHome, pip bool) error) (*pythonHome, error) {
	var faults []error
	for _, name := range t.interpreters(ctx, asked) {
		p, pip, err := t.interpreter(ctx, name)
		if err == nil && !matchesVersion(p.version, asked) {
			continue
		}
		if err == nil {
			err = will(p, pip)
		}
		if err == nil {
			return p, nil
		}
		faults = append(faults, err)
	}
	if len(faults) == 0 {
		return nil, fmt.Errorf("there is no Python %s here; install it (https://www.python.org), or ask for another by --python", asked)
	}
	return nil, faults[0]
}

// wanted matches how a version of Python is asked for.
var wanted = regexp.MustCompile(`^(?:cpython|python)?@?([0-9]+(?:\.[0-9]+){0,2})$`)

// interpreters are the names and paths under which an interpreter may be found, the likeliest first.
func (t *tools) interpreters(ctx context.Context, version string) []string {
	var names []string
	if filepath.IsAbs(version) {
		return []string{version}
	}
	if m := wanted.FindStringSubmatch(version); m != nil {
		if parts := strings.Split(m[1], "."); len(parts) > 1 {
			names = append(names, "python"+parts[0]+"."+parts[1])
		}
	}
	names = append(names, "python3", "python")
	if strings.HasPrefix(version, ">=") {
		for minor := newestPython; minor >= 10; minor-- {
			names = append(names, "python3."+strconv.Itoa(minor))
		}
	}
	if uv, err := t.look("uv"); err == nil {
		args := []string{"python", "find", "--no-project", "--system"}
		if answer, err := t.identify(ctx, uv, append(args, strings.Fields(version)...)...); err == nil {
			names = append(names, strings.TrimSpace(answer))
		}
	}
	return names
}

// newestPython is the newest minor version of Python 3 that is looked for by its name, where several would do.
const newestPython = 16

// matchesVersion reports whether a version is what was asked for: 3, 3.11, 3.11.7, >=3.10, a path, or nothing.
func matchesVersion(version, asked string) bool {
	if asked == "" || filepath.IsAbs(asked) {
		return true
	}
	if m := wanted.FindStringSubmatch(asked); m != nil {
		return version == m[1] || strings.HasPrefix(version, m[1]+".")
	}
	least, ok := strings.CutPrefix(asked, ">=")
	return ok && compareVersions(version, least) >= 0
}

// compareVersions compares versions that are numbers between dots.
func compareVersions(a, b string) int {
	number := func(parts []string, i int) int {
		if i >= len(parts) {
			return 0
		}
		n, _ := strconv.Atoi(parts[i]) // what is no number counts as the least
		return n
	}
	as, bs := strings.Split(a, "."), strings.Split(b, ".")
	for i := range max(len(as), len(bs)) {
		if c := cmp.Compare(number(as, i), number(bs, i)); c != 0 {
			return c
		}
	}
	return 0
}

// interpreter asks an interpreter about itself, and whether its pip will do.
func (t *tools) interpreter(ctx context.Context, name string) (p *pythonHome, pip bool, err error) {
	found, err := t.look(name)
	if err != nil {
		return nil, false, err
	}
	answer, err := t.identify(ctx, found, "-I", "-c", described)
	if err != nil {
		return nil, false, fmt.Errorf("asking %s where it is: %w", name, err)
	}
	var said [4]string
	if err := json.Unmarshal([]byte(answer), &said); err != nil {
		return nil, false, fmt.Errorf("asking %s where it is: %w", name, err)
	}
	p = &pythonHome{tools: t, path: resolved(said[0]), prefix: resolved(said[1]), version: said[2]}
	return p, said[3] != "" && compareVersions(said[3], "22.3") >= 0, nil
}

func (p *pythonHome) target() string { return machine() + " python " + p.version + " " + p.path }

// installation is the directory of the interpreter, unless it is the system's.
func (p *pythonHome) installation() []string { return home(filepath.Join(p.prefix, "bin", "python")) }

// reach finds out where indexes are, as the user of the tool has configured it.
func (p *pythonHome) reach(ctx context.Context) (r *reach, err error) {
	if p.reached != nil {
		return p.reached, nil
	}
	if p.uv != "" {
		r, err = p.uvReach()
	} else {
		r, err = p.pipReach(ctx)
	}
	if err != nil {
		return nil, err
	}
	for _, dir := range p.installation() {
		r.file(dir)
	}
	if p.uv != "" {
		r.file(resolved(p.uv))
	}
	if slices.Contains(r.hosts, publicIndex+":443") { // the index names files of another host
		r.host("https://files.pythonhosted.org")
	}
	p.reached = r
	return r, nil
}

// pipKeys are the settings of pip that say where indexes are, and the variables by which they are handed on.
var pipKeys = map[string]string{
	"index-url": "PIP_INDEX_URL", "extra-index-url": "PIP_EXTRA_INDEX_URL", "find-links": "PIP_FIND_LINKS", "no-index": "PIP_NO_INDEX", "cert": "PIP_CERT",
	"client-cert": "PIP_CLIENT_CERT", "proxy": "PIP_PROXY", "trusted-host": "PIP_TRUSTED_HOST", "timeout": "PIP_TIMEOUT", "default-timeout": "PIP_DEFAULT_TIMEOUT",
}

// pipReach asks pip for its settings and hands them on as variables: its files are not there in an installation.
func (p *pythonHome) pipReach(ctx context.Context) (*reach, error) {
	answer, err := p.configuration(ctx, p.path, "-I", "-m", "pip", "config", "list", "--disable-pip-version-check")
	if err != nil {
		return nil, fmt.Errorf("asking pip where its index is: %w", err)
	}
	r := newReach(p.env)
	rank := map[string]int{}
	for line := range strings.Lines(answer) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), "=")
		where, key, dotted := strings.Cut(name, ".")
		variable, known := pipKeys[strings.ReplaceAll(key, "_", "-")]
		level := 1 + slices.Index([]string{"global", "install", ":env:"}, where)
		if !ok || !dotted || !known || level < rank[variable] || level == 0 {
			continue
		}
		rank[variable] = level
		r.env[variable] = pythonString(value)
	}
	r.env["PIP_CONFIG_FILE"] = os.DevNull
	r.indexes("https://"+publicIndex, r.env["PIP_INDEX_URL"], r.env["PIP_EXTRA_INDEX_URL"], r.env["PIP_FIND_LINKS"])
	r.host(r.env["PIP_PROXY"])
	for _, name := range []string{"PIP_CERT", "PIP_CLIENT_CERT"} {
		r.file(r.env[name])
	}
	return r, nil
}

// pythonString reads how pip prints a text: as Python would write it, on one line.
func pythonString(text string) string {
	if len(text) < 2 || text[0] != text[len(text)-1] || text[0] != '\'' && text[0] != '"' {
		return text
	}
	return strings.NewReplacer(`\n`, "\n", `\'`, `'`, `\\`, `\`).Replace(text[1 : len(text)-1])
}

// indexes adds the hosts of indexes: that of first unless it is empty, else that of the default, and of all others, which are lists.
func (r *reach) indexes(usual, first string, others ...string) {
	r.host(cmp.Or(first, usual))
	for _, list := range others {
		for _, item := range strings.FieldsFunc(list, func(c rune) bool { return c == ' ' || c == '\n' || c == ',' }) {
			if strings.Contains(item, "://") {
				_, after, named := strings.Cut(item, "=") // uv writes NAME=URL
				if !named || strings.Contains(strings.SplitN(item, "=", 2)[0], "://") {
					after = item
				}
				r.host(after)
			}
			r.file(item)
		}
	}
}

// publicIndex is the host of the index that pip and uv go to where nothing is configured.
const publicIndex = "pypi.org"

// uvReach reads what variables and the user's uv.toml say of indexes.
func (p *pythonHome) uvReach() (*reach, error) {
	r := newReach(p.env, "UV_")
	r.indexes("https://"+publicIndex, cmp.Or(p.env["UV_DEFAULT_INDEX"], p.env["UV_INDEX_URL"]), p.env["UV_INDEX"], p.env["UV_EXTRA_INDEX_URL"], p.env["UV_FIND_LINKS"])
	file := cmp.Or(p.env["UV_CONFIG_FILE"], filepath.Join(cmp.Or(p.env["XDG_CONFIG_HOME"], filepath.Join(p.env["HOME"], ".config")), "uv", "uv.toml"))
	text, err := os.ReadFile(file) //nolint:gosec // where its user keeps it
	if err != nil {
		return r, nil //nolint:nilerr // most have none
	}
	type index struct {
		URL string `toml:"url"`
	}
	var config struct {
		Index []index  `toml:"index"`
		URL   string   `toml:"index-url"`
		Extra []string `toml:"extra-index-url"`
		Pip   struct {
			URL   string   `toml:"index-url"`
			Extra []string `toml:"extra-index-url"`
		} `toml:"pip"`
	}
	if err := toml.Unmarshal(text, &config); err != nil {
		return nil, fmt.Errorf("reading %s: %w", file, err)
	}
	r.file(file)
	r.env["UV_CONFIG_FILE"] = file
	urls := append([]string{config.URL, config.Pip.URL}, slices.Concat(config.Extra, config.Pip.Extra)...)
	for _, i := range config.Index {
		urls = append(urls, i.URL)
	}
	for _, u := range urls {
		r.host(u)
	}
	return r, nil
}

// lock finds out what the wish leads to: wheels only, whose installation runs nothing.
func (p *pythonHome) lock(ctx context.Context, dir string, w *wish.Wish) (string, error) {
	r, err := p.reach(ctx)
	if err != nil {
		return "", err
	}
	if p.uv != "" {
		return p.uvLock(ctx, r, dir, w)
	}
	report := filepath.Join(dir, "report.json")
	args := append([]string{
		"-I", "-m", "pip", "install", "--dry-run", "--ignore-installed", "--quiet", "--no-input", "--disable-pip-version-check", "--no-cache-dir", "--only-binary", ":all:",
		"--report", report, "--",
	}, w.Specs...)
	if _, err := p.run(ctx, r.step(dir, p.path, args...)); err != nil {
		return "", fmt.Errorf("pip: %w%s", err, wheelsOnly(err))
	}
	text, err := readBounded(report)
	if err != nil {
		return "", err
	}
	return requirementsOf([]byte(text))
}

// wheelsOnly is added to what pip says when it finds no wheel.
func wheelsOnly(err error) string {
	if strings.Contains(err.Error(), "No matching distribution") {
		return " (only wheels are installed: building a source distribution would run its code)"
	}
	return ""
}

// uvLock has uv find it out.
func (p *pythonHome) uvLock(ctx context.Context, r *reach, dir string, w *wish.Wish) (string, error) {
	in, out := filepath.Join(dir, "requirements.in"), filepath.Join(dir, "requirements.txt")
	if err := os.WriteFile(in, []byte(strings.Join(w.Specs, "\n")+"\n"), 0o600); err != nil {
		return "", err
	}
	s := r.step(dir, p.uv, "pip", "compile", "--quiet", "--no-build", "--generate-hashes", "--no-header", "--no-annotate", "--no-progress", "--no-cache",
		"--python", p.path, "--no-python-downloads", "--output-file", out, in)
	s.Exec = uvStarts
	if _, err := p.run(ctx, s); err != nil {
		return "", fmt.Errorf("uv: %w", err)
	}
	return readBounded(out)
}

// uvStarts is how many programs a step of uv may start: interpreters, which it asks about themselves.
const uvStarts = 8

// requirementsOf makes a requirements.txt with digests of a report of pip.
func requirementsOf(report []byte) (string, error) {
	var said struct {
		Install []struct {
			Metadata struct {
				Name    string `json:"name"`
				Version string `json:"version"`
			} `json:"metadata"`
			Download struct {
				Archive struct {
					Hashes map[string]string `json:"hashes"`
				} `json:"archive_info"`
			} `json:"download_info"`
		} `json:"install"`
	}
	if err := json.Unmarshal(report, &said); err != nil {
		return "", fmt.Errorf("reading what pip has found: %w", err)
	}
	var lines []string
	for _, i := range said.Install {
		sum := i.Download.Archive.Hashes["sha256"]
		line := fmt.Sprintf("%s==%s --hash=sha256:%s", strings.ToLower(i.Metadata.Name), i.Metadata.Version, sum)
		if !locked.MatchString(line) {
			return "", fmt.Errorf("%s %s has no digest", i.Metadata.Name, i.Metadata.Version)
		}
		lines = append(lines, line)
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n") + "\n", nil
}

// locked matches a line of a requirements.txt that names one version and its digests, with or without a marker.
var locked = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*(\[[A-Za-z0-9._, -]*\])?\s*==\s*[A-Za-z0-9.+!_-]+\s*(;[^#]*?)?(\s+--hash=(sha256|sha384|sha512):[0-9a-f]{64,128})+$`)

// checkRequirements reports what of a requirements.txt is no lock. Options in it could lead anywhere, so there are none.
func checkRequirements(text string) error {
	lines := bufio.NewScanner(strings.NewReader(strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\\\n", " ")))
	lines.Buffer(nil, maxLock)
	for lines.Scan() {
		line, _, _ := strings.Cut(" "+lines.Text(), " #")
		line = strings.TrimSpace(line)
		option := func(word string) bool { return strings.HasPrefix(word, "-") && !strings.HasPrefix(word, "--hash=") }
		if line != "" && (!locked.MatchString(line) || slices.ContainsFunc(strings.Fields(line), option)) {
			return fmt.Errorf("%.100q is not NAME==VERSION with --hash=sha256:…; `uv pip compile --generate-hashes` and `pip-compile --generate-hashes` write such files", line)
		}
	}
	return lines.Err()
}

// build makes a virtual environment with what a lock lists, and nothing else.
func (p *pythonHome) build(ctx context.Context, dir string, l lockfile) error {
	r, err := p.reach(ctx)
	if err != nil {
		return err
	}
	file := filepath.Join(dir, "requirements.txt")
	if err := os.WriteFile(file, []byte(l.Text), 0o600); err != nil {
		return err
	}
	env := filepath.Join(dir, "venv")
	venv := (&reach{read: r.read, env: map[string]string{}}).step(dir, p.path, "-I", "-m", "venv", "--without-pip", env)
	if _, err := p.run(ctx, venv); err != nil {
		return fmt.Errorf("making a virtual environment: %w", err)
	}
	args := []string{
		"-I", "-m", "pip", "--python", interpreterOf(env), "install", "--quiet", "--no-input", "--disable-pip-version-check", "--no-cache-dir", "--only-binary", ":all:",
		"--no-deps", "--require-hashes", "--no-warn-script-location", "--requirement", file,
	}
	s := r.step(dir, p.path, args...)
	if p.uv != "" {
		s = r.step(dir, p.uv, "pip", "install", "--quiet", "--no-build", "--no-deps", "--require-hashes", "--no-progress", "--no-cache", "--compile-bytecode",
			"--python", interpreterOf(env), "--link-mode", "copy", "--requirement", file)
	}
	s.Exec = uvStarts
	if _, err := p.run(ctx, s); err != nil {
		return fmt.Errorf("installing packages: %w%s", err, wheelsOnly(err))
	}
	return nil
}

func (p *pythonHome) describe(dir string, _ lockfile) Tree {
	env := filepath.Join(dir, "venv")
	return Tree{Dir: dir, Read: p.installation(), Python: interpreterOf(env), Site: siteOf(env)}
}

// siteOf is where the packages of an environment lie.
func siteOf(env string) string {
	if runtime.GOOS == "windows" {
		return filepath.Join(env, "Lib", "site-packages")
	}
	found, err := filepath.Glob(filepath.Join(env, "lib", "python*", "site-packages"))
	if err != nil || len(found) == 0 {
		return ""
	}
	return found[0]
}

// program finds the program that is wished for among those that the packages brought.
func (p *pythonHome) program(dir string, w *wish.Wish) (Program, error) {
	env := filepath.Join(dir, "venv")
	program, err := inEnvironment(env, w)
	program.Packages = p.packages(env, w)
	return program, err
}

// isScript reports whether a file begins as scripts do.
func isScript(file string) (bool, error) {
	f, err := os.Open(file) //nolint:gosec // in a tree of ours
	if err != nil {
		return false, err
	}
	defer func() { _ = f.Close() }()
	head := make([]byte, 2)
	_, err = io.ReadFull(f, head)
	return err == nil && string(head) == "#!", nil
}

// packages are those that a wish names, with the versions that an environment has.
func (p *pythonHome) packages(env string, w *wish.Wish) []string {
	var all []string
	for _, spec := range w.Specs {
		name := strings.ReplaceAll(strings.ReplaceAll(wish.RequirementName(spec), "-", "_"), ".", "_")
		found, _ := filepath.Glob(filepath.Join(siteOf(env), name+"-*.dist-info")) // the pattern is one
		if len(found) > 0 {
			version := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(found[0]), name+"-"), ".dist-info")
			all = append(all, wish.RequirementName(spec)+" "+version)
		}
	}
	return all
}

// plain returns a line that wants nothing installed, with the interpreter itself in place of a version manager's script that looks for it.
func (t *tools) plain(ctx context.Context, line Line) (Program, error) {
	p := Program{Command: line.Command, Args: line.Args}
	base := filepath.Base(line.Command)
	if base != "node" && !slices.Contains([]string{"python", "python3"}, base) {
		return p, nil
	}
	found, err := t.look(line.Command)
	if err != nil {
		return p, nil //nolint:nilerr // whoever starts it will say so
	}
	if script, err := isScript(found); err != nil || !script {
		return p, err
	}
	if base == "node" {
		if n, err := t.findNode(ctx); err == nil {
			p.Command, p.Read = n.path, home(n.path)
		}
		return p, nil
	}
	if h, _, err := t.interpreter(ctx, found); err == nil {
		p.Command, p.Read = h.path, h.installation()
	}
	return p, nil
}
