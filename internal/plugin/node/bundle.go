package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/evanw/esbuild/pkg/api"

	"github.com/sumun-mcp/sumun/internal/plugin/node/syntax"
	"github.com/sumun-mcp/sumun/internal/plugin/recipe"
)

// standIn is the module that the shim stands in for.
const standIn = "typescript-mcp"

// A bundle is a plugin's code as it runs.
type bundle struct {
	code, sourceMap []byte
	// files are those of the plugin that are in it, slashed and relative to its root.
	files []string
	// imports are the packages that it imports, and where, as the author knows it.
	imports map[string]string
	// hosts are those of the URLs in it.
	hosts []string
	// stands says that it imports the stand-in.
	stands bool
}

// A bundler collects what is found out while esbuild reads a plugin. esbuild calls it from several goroutines.
type bundler struct {
	tree *tree
	shim string // URL of the stand-in

	mu  sync.Mutex
	out bundle
}

// bundleOf bundles the plugin. outfile is where the code is going to stand.
func bundleOf(ctx context.Context, t *tree, shim, outfile string) (*bundle, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	b := &bundler{tree: t, shim: fileURL(filepath.Join(shim, standIn+".mjs")), out: bundle{imports: map[string]string{}}}
	result := api.Build(api.BuildOptions{
		EntryPoints: []string{filepath.Join(t.root, filepath.FromSlash(t.file))}, AbsWorkingDir: t.root, Outfile: outfile,
		Bundle: true, Platform: api.PlatformNode, Format: api.FormatESModule, Target: api.ESNext,
		Engines:   []api.Engine{{Name: api.EngineNode, Version: "18"}},
		Packages:  api.PackagesExternal,
		Sourcemap: api.SourceMapLinked, SourcesContent: api.SourcesContentExclude,
		Define: map[string]string{
			"import.meta.url": preludeURL, "import.meta.filename": preludeFile, "import.meta.dirname": preludeFolder,
			"__filename": preludeFile, "__dirname": preludeFolder,
		},
		KeepNames: true, LogLevel: api.LogLevelSilent,
		Plugins: []api.Plugin{{Name: "sumun", Setup: b.setup}},
	})
	if len(result.Errors) > 0 {
		return nil, b.fault(result.Errors)
	}
	for _, f := range result.OutputFiles {
		if strings.HasSuffix(f.Path, ".map") {
			b.out.sourceMap = f.Contents
		} else {
			b.out.code = f.Contents
		}
	}
	slices.Sort(b.out.files)
	slices.Sort(b.out.hosts)
	b.out.hosts = slices.Compact(b.out.hosts)
	return &b.out, ctx.Err()
}

func fileURL(file string) string {
	slashed := filepath.ToSlash(file)
	if !strings.HasPrefix(slashed, "/") {
		slashed = "/" + slashed
	}
	return (&url.URL{Scheme: "file", Path: slashed}).String()
}

func (b *bundler) setup(build api.PluginBuild) {
	build.OnResolve(api.OnResolveOptions{Filter: `^typescript-mcp$`}, b.resolveStandIn)
	build.OnResolve(api.OnResolveOptions{Filter: `^[^./\\]`}, b.resolvePackage)
	build.OnLoad(api.OnLoadOptions{Filter: `.*`, Namespace: "file"}, b.load)
}

// resolveStandIn has the stand-in imported. The shim gives it to require by its name.
func (b *bundler) resolveStandIn(args api.OnResolveArgs) (api.OnResolveResult, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.out.stands = true
	if args.Kind == api.ResolveJSRequireCall || args.Kind == api.ResolveJSRequireResolve {
		return api.OnResolveResult{Path: standIn, External: true}, nil
	}
	return api.OnResolveResult{Path: b.shim, External: true}, nil
}

// resolvePackage remembers which packages are imported; esbuild goes on as ever.
func (b *bundler) resolvePackage(args api.OnResolveArgs) (api.OnResolveResult, error) {
	if args.Kind == api.ResolveEntryPoint || args.Path == standIn || isBuiltin(args.Path) || filepath.IsAbs(args.Path) {
		return api.OnResolveResult{}, nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if file, ok := b.tree.relative(args.Importer); ok && b.out.imports[args.Path] == "" {
		b.out.imports[args.Path] = b.placeOf(file, args.Path)
	}
	return api.OnResolveResult{}, nil
}

// placeOf returns where a file imports a package.
func (b *bundler) placeOf(file, specifier string) string {
	src, _ := b.tree.read(file)
	for i, line := range strings.Split(src, "\n") {
		if strings.Contains(line, `"`+specifier+`"`) || strings.Contains(line, `'`+specifier+`'`) {
			return fmt.Sprintf("%s:%d", b.tree.named(file), i+1)
		}
	}
	return b.tree.named(file)
}

// What stands in front of each file tells it where it lies: import.meta.url would be that of the bundle.
const (
	preludeURL    = "__sumun_url"
	preludeFile   = "__sumun_file"
	preludeFolder = "__sumun_folder"
)

func prelude(file string) string {
	quote := func(s string) string {
		raw, _ := json.Marshal(s) // a string always is JSON
		return string(raw)
	}
	return fmt.Sprintf("const %s=%s,%s=%s,%s=%s;",
		preludeURL, quote(fileURL(file)), preludeFile, quote(file), preludeFolder, quote(filepath.Dir(file)))
}

// loaders by the endings of files.
var loaders = map[string]api.Loader{
	".ts": api.LoaderTS, ".mts": api.LoaderTS, ".cts": api.LoaderTS, ".tsx": api.LoaderTSX,
	".js": api.LoaderJS, ".mjs": api.LoaderJS, ".cjs": api.LoaderJS, ".jsx": api.LoaderJSX,
	".json": api.LoaderJSON, ".txt": api.LoaderText, ".md": api.LoaderText,
}

// load reads a file of the plugin, and no other.
func (b *bundler) load(args api.OnLoadArgs) (api.OnLoadResult, error) {
	name, ok := b.tree.relative(args.Path)
	if !ok {
		return api.OnLoadResult{}, fmt.Errorf("%s lies outside of the plugin; put both into one folder", filepath.Base(args.Path))
	}
	loader, ok := loaders[filepath.Ext(args.Path)]
	if !ok {
		return api.OnLoadResult{}, fmt.Errorf("%s cannot be imported; read it with node:fs", name)
	}
	src, err := b.tree.read(name)
	if err != nil {
		return api.OnLoadResult{}, err
	}
	if loader == api.LoaderJSON || loader == api.LoaderText {
		return api.OnLoadResult{Contents: &src, Loader: loader}, nil
	}
	if syntax.TooDeep(src) {
		return api.OnLoadResult{}, errors.New("the code is nested too deeply")
	}
	b.mu.Lock()
	b.out.files = append(b.out.files, name)
	b.out.hosts = append(b.out.hosts, syntax.Hosts(src)...)
	b.mu.Unlock()
	src = strings.TrimPrefix(src, "\ufeff")
	if strings.HasPrefix(src, "#!") {
		src = "//" + src[2:]
	}
	src = prelude(args.Path) + src
	return api.OnLoadResult{Contents: &src, Loader: loader}, nil
}

// fault makes one error of those of esbuild: the first, at its place.
func (b *bundler) fault(all []api.Message) error {
	first := all[0]
	e := &recipe.Error{File: b.tree.named(b.tree.file), Message: first.Text}
	if at := first.Location; at != nil {
		e.File, e.Line, e.Column = b.tree.named(at.File), at.Line, at.Column+1
		if at.Line == 1 {
			e.Column = max(1, e.Column-len(prelude(filepath.Join(b.tree.root, at.File))))
		}
	}
	if specifier, ok := strings.CutPrefix(first.Text, "Could not resolve "); ok && strings.HasPrefix(specifier, `".`) {
		e.Message = "there is no file " + strings.Trim(specifier, `"`) + " beside it; a plugin of several files is a folder"
	}
	if more := len(all) - 1; more > 0 {
		e.Message += fmt.Sprintf(" (and %d more)", more)
	}
	return e
}

// servers are packages whose users speak MCP themselves.
var servers = []string{"@modelcontextprotocol/sdk", "@modelcontextprotocol/server", "fastmcp", "mcp-framework", "mcp-lite", "tmcp", "xmcp"}

// itself reports whether the plugin has what it needs to speak MCP itself, and does not use the stand-in.
func (b *bundle) itself() bool {
	return !b.stands && slices.ContainsFunc(packages(b.imports), func(name string) bool { return slices.Contains(servers, name) })
}
