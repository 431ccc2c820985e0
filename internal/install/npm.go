package install

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/sumun-mcp/sumun/internal/install/wish"
)

// A node is the machine's Node.js with its npm.
type node struct {
	*tools

	path string // of node
	cli  string // of npm, a program of node

	reached *reach // what npm has said of its registries
}

// findNode finds Node.js and npm.
func (t *tools) findNode(ctx context.Context) (*node, error) {
	found, err := t.look("node")
	if err != nil {
		return nil, err
	}
	// What is found may be a script or a link of a version manager, which no box should have to start.
	answer, err := t.identify(ctx, found, "-p", "process.execPath")
	if err != nil {
		return nil, fmt.Errorf("asking node where it is: %w", err)
	}
	n := &node{tools: t, path: resolved(strings.TrimSpace(answer))}
	prefix := filepath.Dir(filepath.Dir(n.path))
	candidates := []string{filepath.Join(prefix, "lib/node_modules/npm/bin/npm-cli.js"), filepath.Join(filepath.Dir(n.path), "node_modules/npm/bin/npm-cli.js")}
	if npm, err := t.look("npm"); err == nil && strings.HasSuffix(resolved(npm), "npm-cli.js") {
		candidates = slices.Insert(candidates, 0, resolved(npm))
	}
	for _, c := range candidates {
		if _, err := os.Stat(c); err == nil {
			n.cli = c
			return n, nil
		}
	}
	return nil, errors.New("npm was not found beside node; it comes with Node.js (https://nodejs.org)")
}

// resolved is a file without symbolic links, or the file itself where that cannot be told.
func resolved(file string) string {
	if r, err := filepath.EvalSymlinks(file); err == nil {
		return r
	}
	return file
}

// home is the installation that a program of a bin directory belongs to: none where that is the system's, which all can read, and the program alone
// where it is somebody's home, in which much else lies.
func home(program string) []string {
	switch prefix := filepath.Dir(filepath.Dir(program)); {
	case prefix == "/usr" || prefix == "/" || prefix == "/usr/local":
		return nil
	case prefix == "/root", filepath.Base(prefix) == ".local", filepath.Dir(prefix) == "/home", filepath.Dir(prefix) == "/Users":
		return []string{program}
	default:
		return []string{prefix}
	}
}

func (*node) target() string { return machine() }

// reach asks npm where its registries are, as its user has configured them.
func (n *node) reach(ctx context.Context) (*reach, error) {
	if n.reached != nil {
		return n.reached, nil
	}
	answer, err := n.configuration(ctx, n.path, n.cli, "config", "list", "--json", "--loglevel=error")
	if err != nil {
		return nil, fmt.Errorf("asking npm where its registry is: %w", err)
	}
	var config map[string]any
	if err := json.Unmarshal([]byte(answer), &config); err != nil {
		return nil, fmt.Errorf("asking npm where its registry is: %w", err)
	}
	r := newReach(n.env, "NPM_CONFIG_", "NODE_EXTRA_CA_CERTS", "NODE_USE_SYSTEM_CA")
	for _, file := range append(home(n.path), filepath.Dir(filepath.Dir(n.cli))) {
		r.file(file)
	}
	for name, value := range config {
		text, ok := value.(string)
		switch {
		case !ok:
		case name == "registry", strings.HasSuffix(name, ":registry"), name == "proxy", name == "https-proxy":
			r.host(text)
		case name == "cafile", strings.HasSuffix(name, ":cafile"), strings.HasSuffix(name, ":certfile"), strings.HasSuffix(name, ":keyfile"), name == "globalconfig":
			r.file(text)
		case name == "userconfig":
			n.userconfig(r, text)
		}
	}
	n.reached = r
	return r, nil
}

// variable matches how an .npmrc names a variable.
var variable = regexp.MustCompile(`\$\{([A-Za-z_][A-Za-z0-9_]*)\??\}`)

// userconfig hands on the file in which a user names registries, with the variables that it names: those are credentials of registries.
func (n *node) userconfig(r *reach, file string) {
	text, err := os.ReadFile(file) //nolint:gosec // npm says which
	if err != nil {
		return
	}
	r.file(file)
	r.env["NPM_CONFIG_USERCONFIG"] = file
	for _, m := range variable.FindAllStringSubmatch(string(text), -1) {
		for _, entry := range n.environ {
			if name, value, _ := strings.Cut(entry, "="); name == m[1] {
				r.env[name] = value
			}
		}
	}
}

// npmOptions make npm install only: no script of a package runs, and nothing but the packages is asked for.
var npmOptions = []string{
	"--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--omit=dev", "--loglevel=error", "--no-progress", "--logs-max=0", "--fetch-retries=1", "--fetch-retry-mintimeout=1000", "--fetch-timeout=60000",
}

// npm runs npm in dir.
func (n *node) npm(ctx context.Context, r *reach, dir string, words ...string) error {
	args := slices.Concat([]string{n.cli}, words, npmOptions, []string{"--prefix=" + dir, "--cache=" + filepath.Join(homeIn(dir), "npm")})
	if _, err := n.run(ctx, r.step(dir, n.path, args...)); err != nil {
		return fmt.Errorf("npm: %w", err)
	}
	return nil
}

// A manifest is a package.json, as far as we write it and read it.
type manifest struct {
	Name         string            `json:"name,omitempty"`
	Version      string            `json:"version,omitempty"`
	Private      bool              `json:"private,omitempty"`
	Dependencies map[string]string `json:"dependencies,omitempty"`
	Optional     map[string]string `json:"optionalDependencies,omitempty"`
	Development  map[string]string `json:"devDependencies,omitempty"`
	Peers        map[string]string `json:"peerDependencies,omitempty"`
	Bin          json.RawMessage   `json:"bin,omitempty"`
}

func writeManifest(dir string, m *manifest) error {
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "package.json"), text, 0o600)
}

// lock has npm find out what the wish leads to.
func (n *node) lock(ctx context.Context, dir string, w *wish.Wish) (string, error) {
	r, err := n.reach(ctx)
	if err != nil {
		return "", err
	}
	m := &manifest{Name: "installed", Private: true, Dependencies: map[string]string{}}
	for _, spec := range w.Specs {
		name, version, err := wish.SplitNpm(spec)
		if err != nil {
			return "", err
		}
		m.Dependencies[name] = version
	}
	if err := writeManifest(dir, m); err != nil {
		return "", err
	}
	if err := n.npm(ctx, r, dir, "install", "--package-lock-only"); err != nil {
		return "", err
	}
	text, err := readBounded(filepath.Join(dir, "package-lock.json"))
	if err != nil {
		return "", err
	}
	return text, checkNpmLock(text)
}

// An npmLock is a package-lock.json (lockfileVersion 2 and 3).
type npmLock struct {
	Version  int `json:"lockfileVersion"`
	Packages map[string]struct {
		manifest

		Resolved  string `json:"resolved"`
		Integrity string `json:"integrity"`
		Link      bool   `json:"link"`
		InBundle  bool   `json:"inBundle"`
		Scripts   bool   `json:"hasInstallScript"`
		Optional  bool   `json:"optional"`
	} `json:"packages"`
}

// checkNpmLock reports what of a lock cannot be installed from a registry alone, digests checked.
func checkNpmLock(text string) error {
	var l npmLock
	if err := json.Unmarshal([]byte(text), &l); err != nil {
		return err
	}
	if _, ok := l.Packages[""]; l.Version < 2 || !ok {
		return errors.New("it is of an npm before 7; `npm install --package-lock-only` writes it anew")
	}
	for _, at := range slices.Sorted(maps.Keys(l.Packages)) {
		p := l.Packages[at]
		u, err := url.Parse(p.Resolved)
		switch {
		case at == "" || p.InBundle:
		case !strings.HasPrefix(at, "node_modules/") || p.Link:
			return fmt.Errorf("%s is a folder of its own, and no package of a registry: %w", at, ErrForeign)
		case err != nil || p.Resolved != "" && u.Scheme != "https" && u.Scheme != "http":
			return fmt.Errorf("%s comes from %s, and not from a registry: %w", at, p.Resolved, ErrForeign)
		case p.Integrity == "":
			return fmt.Errorf("%s has no digest (integrity); `npm install --package-lock-only` writes the lock file anew", at)
		}
	}
	return nil
}

// build installs what a lock lists, and nothing else.
func (n *node) build(ctx context.Context, dir string, l lockfile) error {
	r, err := n.reach(ctx)
	if err != nil {
		return err
	}
	var locked npmLock
	if err := json.Unmarshal([]byte(l.Text), &locked); err != nil {
		return err
	}
	root := locked.Packages[""].manifest
	root.Private = true
	if err := writeManifest(dir, &root); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "package-lock.json"), []byte(l.Text), 0o600); err != nil {
		return err
	}
	if err := n.npm(ctx, r, dir, "ci"); err != nil {
		return err
	}
	return os.MkdirAll(filepath.Join(dir, "node_modules"), 0o700) // a lock may list nothing
}

func (n *node) describe(dir string, l lockfile) Tree {
	return Tree{Dir: dir, Read: home(n.path), Modules: filepath.Join(dir, "node_modules"), Notices: silenced(l)}
}

// silenced names packages whose scripts did not run: they may miss what those would have built.
func silenced(l lockfile) []string {
	var locked npmLock
	if json.Unmarshal([]byte(l.Text), &locked) != nil {
		return nil
	}
	var names []string
	for at, p := range locked.Packages {
		if p.Scripts && !p.Optional {
			names = append(names, strings.TrimPrefix(at, "node_modules/"))
		}
	}
	if len(names) == 0 {
		return nil
	}
	slices.Sort(names)
	return []string{"scripts of packages are not run when they are installed; these have some, and may miss what they would have built: " + strings.Join(names, ", ")}
}

// program finds the program that is wished for among those of the packages.
func (n *node) program(dir string, w *wish.Wish) (Program, error) {
	var p Program
	for _, spec := range w.Specs {
		name, _, err := wish.SplitNpm(spec)
		if err != nil {
			return p, err
		}
		m, err := readManifest(filepath.Join(dir, "node_modules", filepath.FromSlash(name)))
		if err != nil {
			return p, err
		}
		p.Packages = append(p.Packages, m.Name+" "+m.Version)
		if p.Command != "" {
			continue
		}
		file, ok, err := m.program(w.Program)
		if err != nil {
			return p, err
		}
		if ok {
			at := filepath.Join(dir, "node_modules", filepath.FromSlash(name), filepath.FromSlash(file))
			if p.Command, p.Args, err = n.start(dir, at); err != nil {
				return p, err
			}
		}
	}
	if link := filepath.Join(dir, "node_modules", ".bin", w.Program); p.Command == "" && path.Base(w.Program) == w.Program {
		if _, err := os.Stat(link); err == nil { // a program of a package that one of them needs
			if p.Command, p.Args, err = n.start(dir, link); err != nil {
				return p, err
			}
		}
	}
	if p.Command == "" {
		return p, fmt.Errorf("none of %s has a program %q", strings.Join(w.Specs, ", "), w.Program)
	}
	p.Args = append(p.Args, w.Args...)
	return p, nil
}

// readManifest reads the package.json of a package.
func readManifest(dir string) (*manifest, error) {
	text, err := os.ReadFile(filepath.Join(dir, "package.json")) //nolint:gosec // in a tree of ours
	if err != nil {
		return nil, err
	}
	var m manifest
	if err := json.Unmarshal(text, &m); err != nil {
		return nil, fmt.Errorf("reading the package.json of %s: %w", filepath.Base(dir), err)
	}
	return &m, nil
}

// program returns the file of a package's program: that of the name, or without one the only one, or the one that is called as the package.
func (m *manifest) program(name string) (file string, ok bool, err error) {
	base := m.Name[strings.LastIndex(m.Name, "/")+1:]
	var one string
	programs := map[string]string{}
	if json.Unmarshal(m.Bin, &one) == nil && one != "" {
		programs[base] = one
	} else if len(m.Bin) > 0 && json.Unmarshal(m.Bin, &programs) != nil {
		return "", false, fmt.Errorf("the programs of %s cannot be read", m.Name)
	}
	if name != "" {
		file, ok = programs[name]
		return path.Clean(file), ok, nil
	}
	files := slices.Compact(slices.Sorted(maps.Values(programs)))
	file, ok = programs[base]
	switch {
	case ok:
	case len(files) == 1:
		file = files[0]
	case len(files) == 0:
		return "", false, fmt.Errorf("the package %s has no program", m.Name)
	default:
		return "", false, fmt.Errorf("the package %s has several programs; say which: -p %s and one of %s", m.Name, m.Name,
			strings.Join(slices.Sorted(maps.Keys(programs)), ", "))
	}
	return path.Clean(file), true, nil
}

// start returns the command that runs a file of a tree: node for its scripts, another interpreter that they name, or the file itself.
func (n *node) start(tree, file string) (command string, args []string, err error) {
	at, err := filepath.EvalSymlinks(file)
	if err != nil {
		return "", nil, err
	}
	if inside, err := filepath.Rel(resolved(tree), at); err != nil || !filepath.IsLocal(inside) {
		return "", nil, fmt.Errorf("the program %s lies outside of what was installed", file)
	}
	words, script, err := shebang(at)
	if err != nil {
		return "", nil, err
	}
	switch {
	case script && words[0] == "node", !script && isJavaScript(at):
		return n.path, append(words[min(1, len(words)):], at), nil
	case script:
		found, err := n.look(words[0])
		return found, append(words[1:], at), err
	}
	return at, nil, nil
}

func isJavaScript(file string) bool {
	return slices.Contains([]string{".js", ".mjs", ".cjs"}, filepath.Ext(file))
}

// shebang returns the interpreter that the first line of a script names, without its directory, and its options.
func shebang(file string) (words []string, script bool, err error) {
	f, err := os.Open(file) //nolint:gosec // in a tree of ours
	if err != nil {
		return nil, false, err
	}
	defer func() { _ = f.Close() }()
	head := make([]byte, 512)
	n, _ := f.Read(head) // an empty file is no script
	line, found := bytes.CutPrefix(head[:n], []byte("#!"))
	if !found {
		return nil, false, nil
	}
	line, _, _ = bytes.Cut(line, []byte("\n"))
	words = strings.Fields(string(line))
	if len(words) > 0 && path.Base(words[0]) == "env" {
		words = words[1:]
		if len(words) > 0 && words[0] == "-S" {
			words = words[1:]
		}
	}
	if len(words) == 0 {
		return nil, false, nil
	}
	words[0] = path.Base(words[0])
	return words, true, nil
}

// local returns the program of a package that the directory of the line has itself, if it was named without a version. npx prefers it too: the
// registry may have somebody else's package of that name.
func (t *tools) local(ctx context.Context, w *wish.Wish) (p Program, ok bool, err error) {
	if w.Kind != wish.Npm || t.cwd == "" || len(w.Specs) != 1 || !strings.HasSuffix(w.Specs[0], "@latest") {
		return p, false, nil
	}
	name, _, err := wish.SplitNpm(w.Specs[0])
	if err != nil {
		return p, false, err
	}
	if _, err := os.Stat(filepath.Join(t.cwd, "node_modules", filepath.FromSlash(name), "package.json")); err != nil {
		return p, false, nil //nolint:nilerr // it is not there
	}
	n, err := t.findNode(ctx)
	if err != nil {
		return p, false, err
	}
	if p, err = n.program(t.cwd, w); err != nil {
		return p, false, err
	}
	p.Read = append([]string{filepath.Join(t.cwd, "node_modules")}, home(n.path)...)
	return p, true, nil
}
