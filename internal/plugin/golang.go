package plugin

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/sumun-mcp/sumun/internal/plugin/folder"
	"github.com/sumun-mcp/sumun/internal/plugin/recipe"
)

// buildTimeout is how long the toolchain may take.
const buildTimeout = 5 * time.Minute

// build builds a directory of Go code. The toolchain runs nothing of that code: without cgo it compiles and links, and that is all. What
// go.sum names is there before, and the network is not asked.
func (ps *Plugins) build(ctx context.Context, snap *folder.Snapshot, src recipe.Source) (recipe.Recipe, error) {
	r := recipe.Recipe{Dir: folderOf(snap)}
	tool, err := exec.LookPath("go")
	if err != nil {
		return r, fmt.Errorf("building it needs the Go toolchain (https://go.dev/dl): %w", err)
	}
	env := []string{"CGO_ENABLED=0", "GOTOOLCHAIN=local", "GOWORK=off", "GOENV=off", "GOPROXY=off", "GOSUMDB=off", "GOFLAGS=-mod=mod"}
	if snap.Has("go.sum") && ps.Install != nil {
		tree, err := ps.Install(ctx, filepath.Join(src.Path, "go.sum"))
		if err != nil {
			return r, fmt.Errorf("installing what go.sum names: %w", err)
		}
		env = append(env, "GOMODCACHE="+tree.GoCache)
		r.Notices = tree.Notices
	}
	out := filepath.Join(src.Work, snap.Name)
	r.Command = out
	if snap.Manifest.WASM {
		out += ".wasm"
		env = append(env, "GOOS=wasip1", "GOARCH=wasm")
		r.Command, r.Args = wasmCommand, []string{out}
	}
	ctx, cancel := context.WithTimeout(ctx, buildTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, tool, "build", "-buildvcs=false", "-ldflags=-s -w", "-o", out, ".") //nolint:gosec // the toolchain, with arguments of ours
	cmd.Dir, cmd.Env = src.Path, append(os.Environ(), env...)
	cmd.WaitDelay = time.Second
	said, err := cmd.CombinedOutput()
	if err != nil {
		return r, compileError(snap, said, err)
	}
	return r, nil
}

// place is where the compiler says that something is wrong.
var place = regexp.MustCompile(`(?m)^(?:\./)?([^\s:]+\.(?:go|mod)):(\d+)(?::(\d+))?: (.+)$`)

// compileError returns the first thing that the toolchain found wrong, at its place.
func compileError(snap *folder.Snapshot, said []byte, err error) error {
	m := place.FindSubmatch(said)
	if m == nil {
		text := strings.TrimSpace(string(bytes.TrimSpace(said)))
		if len(text) > 1000 {
			text = text[:1000]
		}
		return fmt.Errorf("building it: %w: %s", err, text)
	}
	return &recipe.Error{File: snap.Shown(string(m[1])), Line: number(string(m[2])), Column: number(string(m[3])), Message: string(m[4])}
}
