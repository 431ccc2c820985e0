// Package node makes plugins of files in TypeScript and JavaScript: ordinary functions, and servers in the style of typescript-mcp.
//
// [Prepare] has a plugin's files bundled by esbuild, finds out from its types and comments what its tools take and return
// (part typing), and names the program that serves it: Node with a shim of ours (folder shim), which stands in for the module
// typescript-mcp and speaks MCP for the author's functions. Nothing of the plugin runs meanwhile.
package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sumun-mcp/sumun/internal/plugin/node/typing"
	"github.com/sumun-mcp/sumun/internal/plugin/recipe"
)

// Names of files in a plugin's own directory.
const (
	bundleName    = "plugin.mjs"
	knowledgeName = "plugin.json"
)

// ErrNoNode says that there is nothing to run plugins with.
var ErrNoNode = errors.New("node is not on the PATH; install Node 18 or newer for plugins in TypeScript and JavaScript")

// Endings are those of the files that are plugins of this kind.
var Endings = []string{".ts", ".mts", ".cts", ".js", ".mjs", ".cjs", ".tsx", ".jsx"}

// Prepare makes what is needed to run the plugin below s.Work and s.Shims, and returns how to. A fault in the author's files is a
// *[recipe.Error] with the place where it is.
//
// Packages are not bundled: Node looks for them in node_modules below s.Work, where whoever installs the recipe's lock file puts
// them. Without a lock file, the folder node_modules beside the plugin is used where there is one.
func Prepare(ctx context.Context, s recipe.Source) (recipe.Recipe, error) {
	program, err := exec.LookPath("node")
	if err != nil {
		return recipe.Recipe{}, ErrNoNode
	}
	if program, err = filepath.Abs(program); err != nil {
		return recipe.Recipe{}, fmt.Errorf("finding node: %w", err)
	}
	t, err := treeOf(s)
	if err != nil {
		return recipe.Recipe{}, err
	}
	shim, err := unpack(s)
	if err != nil {
		return recipe.Recipe{}, err
	}
	b, err := bundleOf(ctx, t, shim, filepath.Join(s.Work, bundleName))
	if err != nil {
		return recipe.Recipe{}, err
	}
	k, notices := describe(s, t, b)
	if err := write(s.Work, b, k); err != nil {
		return recipe.Recipe{}, err
	}
	r := recipe.Recipe{
		Command: program,
		Args:    []string{"--enable-source-maps", "--no-warnings", filepath.Join(shim, "start.mjs"), filepath.Join(s.Work, knowledgeName)},
		Notices: notices,
	}
	return r, needs(&r, s, t, b)
}

// A knowledge is what the shim is told of a plugin.
type knowledge struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	// File is the plugin's own file, Root the folder that its files lie in; Main is what runs.
	File string `json:"file"`
	Root string `json:"root"`
	Main string `json:"main"`
	// Entry and Origin are File and Root as the author knows them.
	Entry  string `json:"entry"`
	Origin string `json:"origin"`
	// Imports are the packages that are imported, and where.
	Imports map[string]string `json:"imports"`
	// Itself says that the plugin speaks MCP itself.
	Itself bool `json:"itself"`
	typing.Facts
}

// describe finds out what the shim has to know, and what the author should.
func describe(s recipe.Source, t *tree, b *bundle) (knowledge, []string) {
	p := typing.New(t.text)
	for _, file := range b.files {
		p.Load(file)
	}
	k := knowledge{
		Name: s.Name, Version: t.version(),
		File: filepath.Join(t.root, filepath.FromSlash(t.file)), Root: t.root, Main: filepath.Join(s.Work, bundleName),
		Entry: t.named(t.file), Origin: t.origin, Imports: b.imports,
		Itself: b.itself() && p.OffersNothing(t.file),
		Facts:  p.Facts(t.file),
	}
	var notices []string
	if !k.Itself {
		for _, n := range p.Notices() {
			notices = append(notices, t.named(n))
		}
	}
	manifest := t.manifest(s.Name)
	for _, host := range b.hosts {
		if name, _, _ := strings.Cut(host, ":"); !strings.Contains(manifest, name) {
			notices = append(notices, fmt.Sprintf("its source names %s, which it reaches only if %s has it: hosts: [%s]", host, manifestName(s), host))
		}
	}
	return k, notices
}

// manifestName is the file that says what a plugin may reach.
func manifestName(s recipe.Source) string {
	if s.Dir {
		return "plugin.yaml"
	}
	return s.Name + ".plugin.yaml"
}

func write(work string, b *bundle, k knowledge) error {
	raw, err := json.Marshal(k)
	if err != nil {
		return fmt.Errorf("describing the plugin: %w", err)
	}
	for name, content := range map[string][]byte{bundleName: b.code, bundleName + ".map": b.sourceMap, knowledgeName: raw} {
		if err := os.WriteFile(filepath.Join(work, name), content, 0o644); err != nil { //nolint:gosec // read by the plugin, which may be another user
			return fmt.Errorf("keeping the plugin's code: %w", err)
		}
	}
	return nil
}

// lockNames are the lock files of npm.
var lockNames = []string{"npm-shrinkwrap.json", "package-lock.json"}

// needs adds where the plugin's packages come from.
func needs(r *recipe.Recipe, s recipe.Source, t *tree, b *bundle) error {
	if len(b.imports) == 0 {
		return nil
	}
	for _, name := range lockNames {
		if lock := filepath.Join(t.root, name); isFile(lock) {
			r.Lock = lock
			return nil
		}
	}
	modules, err := filepath.EvalSymlinks(filepath.Join(t.origin, "node_modules"))
	if errors.Is(err, os.ErrNotExist) {
		r.Notices = append(r.Notices, "imports "+strings.Join(packages(b.imports), ", ")+
			", but neither package-lock.json nor node_modules lies beside it; run: npm install --package-lock-only "+strings.Join(packages(b.imports), " "))
		return nil
	}
	if err == nil {
		modules, err = filepath.Abs(modules)
	}
	if err != nil {
		return fmt.Errorf("finding node_modules: %w", err)
	}
	r.Read = append(r.Read, modules)
	if err := os.Symlink(modules, filepath.Join(s.Work, "node_modules")); err != nil && !errors.Is(err, os.ErrExist) {
		return fmt.Errorf("linking node_modules: %w", err)
	}
	return nil
}

func isFile(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.Mode().IsRegular()
}

// packages returns the packages of import specifiers: zod of zod/v4, @scope/name of @scope/name/part.
func packages(imports map[string]string) []string {
	var all []string
	for specifier := range imports {
		parts := strings.Split(specifier, "/")
		n := 1
		if strings.HasPrefix(specifier, "@") {
			n = 2
		}
		name := strings.Join(parts[:min(n, len(parts))], "/")
		if !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	slices.Sort(all)
	return all
}
