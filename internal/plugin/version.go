package plugin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/plugin/folder"
	"github.com/sumun-mcp/sumun/internal/plugin/recipe"
)

// Names below the directory of plugins, and below that of each. No plugin's name begins with a dot.
const (
	// Folder is the directory of plugins below the state directory.
	Folder = "plugins"

	versionPrefix = "v-"
	cacheDir      = ".cache"
	dataDir       = "data"
	shimsDir      = ".shims"
	copyDir       = "copy"
	workDir       = "work"
)

// wasmCommand stands in the place of a program's name for a module that runs in this process; its only argument is the module's file.
const wasmCommand = "wasm:"

// DataVariable is the environment variable that names a directory of the plugin's own, which stays when the plugin changes.
const DataVariable = "SUMUN_PLUGIN_DATA"

// A version is one content of a plugin, ready to be started.
type version struct {
	digest  string
	dir     string
	server  config.Server
	notices []string
	users   int // whoever has it in force, tries it, or lets it end; guarded by the plugin's lock
}

// short is what people are shown of the digest.
func (v *version) short() string { return v.digest[:12] }

// version returns the version of a snapshot. Who gets it releases it.
func (p *plugin) version(ctx context.Context, snap *folder.Snapshot) (*version, error) {
	p.mu.Lock()
	v := p.uses[snap.Digest]
	if v != nil {
		v.users++ // it may run, or be about to end, as it is
	}
	p.mu.Unlock()
	if v != nil {
		return v, nil
	}
	v = &version{digest: snap.Digest, dir: filepath.Join(p.plugins.Dir, p.name, versionPrefix+snap.Digest[:32]), users: 1}
	if err := p.plugins.make(ctx, snap, v); err != nil {
		return nil, errors.Join(err, os.RemoveAll(v.dir))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.uses[v.digest] = v
	return v, nil
}

// release removes a version that nobody uses any more.
func (p *plugin) release(v *version) {
	p.mu.Lock()
	v.users--
	unused := v.users == 0
	if unused {
		delete(p.uses, v.digest)
	}
	p.mu.Unlock()
	if !unused {
		return
	}
	if err := os.RemoveAll(v.dir); err != nil {
		p.plugins.Log.Warn("an old version of a plugin is not removed", slog.String("plugin", p.name), slog.Any("error", err))
	}
}

// Prepare makes a version of a plugin without following it, and returns how it is started, with what its author should hear.
func (ps *Plugins) Prepare(ctx context.Context, p folder.Plugin) (config.Server, []string, error) {
	snap, err := p.Snap()
	if err != nil {
		return config.Server{}, nil, err
	}
	v := &version{digest: snap.Digest, dir: filepath.Join(ps.Dir, p.Name, versionPrefix+snap.Digest[:32])}
	err = ps.make(ctx, snap, v)
	return v.server, v.notices, err
}

// make copies a snapshot and finds out how it is started.
func (ps *Plugins) make(ctx context.Context, snap *folder.Snapshot, v *version) error {
	src := recipe.Source{
		Name: snap.Name, Origin: snap.Path, Dir: snap.Dir, Path: filepath.Join(v.dir, copyDir),
		Work: filepath.Join(v.dir, workDir), Shims: filepath.Join(ps.Dir, shimsDir),
	}
	data := filepath.Join(ps.Dir, snap.Name, dataDir)
	if err := os.RemoveAll(v.dir); err != nil {
		return err
	}
	for _, dir := range []string{src.Work, src.Shims, data} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	if err := snap.CopyTo(src.Path); err != nil {
		return err
	}
	if !snap.Dir {
		src.Path = filepath.Join(src.Path, filepath.Base(snap.Path))
	}
	r, err := ps.recipe(ctx, snap, src)
	if err != nil {
		return Located(err)
	}
	if err := ps.install(ctx, snap.Kind, &r, src); err != nil {
		return fmt.Errorf("installing what %s names: %w", filepath.Base(r.Lock), err)
	}
	v.notices = r.Notices
	v.server = describe(snap, &r, v.dir, src.Shims, data)
	return nil
}

// recipe asks who knows the kind of the plugin.
func (ps *Plugins) recipe(ctx context.Context, snap *folder.Snapshot, src recipe.Source) (recipe.Recipe, error) {
	switch snap.Kind {
	case folder.None:
	case folder.Node, folder.Python:
		r, err := prepare(ctx, snap.Kind, src)
		return undeclared(r), err
	case folder.Go:
		return ps.build(ctx, snap, src)
	case folder.WASM:
		path := src.Path
		if snap.Dir {
			path = filepath.Join(path, snap.Entry)
		}
		return recipe.Recipe{Command: wasmCommand, Args: []string{path}, Dir: folderOf(snap)}, nil
	case folder.Program:
		return program(snap, src)
	}
	return recipe.Recipe{}, fmt.Errorf("%s is no plugin", snap.Path)
}

// undeclared takes out what the author did not ask for: a plugin reaches the hosts that its manifest names, whatever its code speaks of.
func undeclared(r recipe.Recipe) recipe.Recipe {
	r.Hosts = nil
	return r
}

// program is the recipe of an executable, or of a directory that says what its program is.
func program(snap *folder.Snapshot, src recipe.Source) (recipe.Recipe, error) {
	r := recipe.Recipe{Command: src.Path, Dir: folderOf(snap)}
	switch {
	case !snap.Dir:
		return r, nil
	case snap.Entry != "":
		r.Command = filepath.Join(src.Path, snap.Entry)
		return r, nil
	}
	r.Dir = src.Path // what its arguments name by relative paths is in the copy
	r.Command, r.Args = snap.Manifest.Command, snap.Manifest.Args
	if snap.Has(filepath.ToSlash(filepath.Clean(r.Command))) {
		r.Command = filepath.Join(src.Path, r.Command)
	}
	if r.Command == "" {
		return r, &recipe.Error{File: snap.Shown("plugin.yaml"), Line: 1, Message: "it names no command"}
	}
	return r, nil
}

// folderOf is where the author keeps the plugin: its program runs there, so that what it names by relative paths is found.
func folderOf(snap *folder.Snapshot) string {
	if snap.Dir {
		return snap.Path
	}
	return filepath.Dir(snap.Path)
}

// install installs what the lock file of a recipe names, and has the program find it.
func (ps *Plugins) install(ctx context.Context, kind folder.Kind, r *recipe.Recipe, src recipe.Source) error {
	if r.Lock == "" || kind == folder.Go { // whose modules are there since it was built
		return nil
	}
	if ps.Install == nil {
		return errors.New("nothing can be installed here")
	}
	tree, err := ps.Install(ctx, r.Lock)
	if err != nil {
		return err
	}
	r.Read, r.Notices = append(r.Read, tree.Read...), append(r.Notices, tree.Notices...)
	if kind == folder.Node {
		return os.Symlink(tree.Modules, filepath.Join(src.Work, "node_modules"))
	}
	r.Command = tree.Python
	if r.Env == nil {
		r.Env = map[string]string{}
	}
	r.Env["PYTHONPATH"] = tree.Site
	return nil
}

// describe describes a plugin as a server.
func describe(snap *folder.Snapshot, r *recipe.Recipe, dir, shims, data string) config.Server {
	m := &snap.Manifest
	s := config.NewServer(snap.Name)
	s.Command, s.Args, s.Cwd = r.Command, r.Args, r.Dir
	if s.Cwd == "" {
		s.Cwd = folderOf(snap)
	}
	s.Env = map[string]string{}
	maps.Copy(s.Env, r.Env)
	maps.Copy(s.Env, m.Env)
	s.Env[DataVariable] = data
	s.Grant = m.Grant
	s.Read = slices.Concat([]string{dir, shims, folderOf(snap)}, r.Read, absolute(folderOf(snap), m.Read))
	s.Write = slices.Concat([]string{data}, r.Write, absolute(folderOf(snap), m.Write))
	s.Hosts = slices.Concat(r.Hosts, m.Hosts)
	s.Exec = cmp.Or(m.Exec, r.Exec)
	if m.StartTimeout > 0 {
		s.StartTimeout = m.StartTimeout
	}
	return s
}

// absolute makes paths absolute that stand in a file of that directory.
func absolute(dir string, paths []string) []string {
	all := slices.Clone(paths)
	for i, path := range all {
		if !filepath.IsAbs(path) {
			all[i] = filepath.Join(dir, path)
		}
	}
	return all
}

// number returns the number that digits write; 0 for none.
func number(digits string) int {
	n, _ := strconv.Atoi(digits) // the pattern has digits only
	return n
}
