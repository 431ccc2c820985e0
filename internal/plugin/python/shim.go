package python

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
)

// shims are the files that speak MCP for a plugin. They know nothing of one plugin or another.
//
//go:embed shim/*.py shim/sumun_shim/*.py
var shims embed.FS

// starter is the file of the shim that is run, and modules the folder beside it that it is made of.
const (
	starter = "start.py"
	modules = "sumun_shim"
)

// shim returns the folder with the shim below dir, compiled for the interpreter. It is written when it is not there yet.
func (p *interpreter) shim(ctx context.Context, dir string) (string, error) {
	name, err := p.shimName()
	if err != nil {
		return "", err
	}
	made := filepath.Join(dir, name)
	if isFile(filepath.Join(made, starter)) {
		return made, nil
	}
	making, err := os.MkdirTemp(dir, ".python-")
	if err != nil {
		return "", err
	}
	if err := p.write(ctx, making); err != nil {
		return "", errors.Join(err, os.RemoveAll(making))
	}
	err = os.Rename(making, made)
	if err != nil && isFile(filepath.Join(made, starter)) { // somebody else was faster
		return made, os.RemoveAll(making)
	}
	return made, err
}

// shimName is the name of the folder: of what is in it, and whose compiled code.
func (p *interpreter) shimName() (string, error) {
	h := sha256.New()
	err := each(func(name string, text []byte) error {
		_, err := h.Write(append([]byte(name+"\x00"), text...))
		return err
	})
	return "python-" + hex.EncodeToString(h.Sum(nil)[:8]) + "-" + p.Tag, err
}

// write writes and compiles the shim. Without compiled code it starts more slowly, and that is all.
func (p *interpreter) write(ctx context.Context, dir string) error {
	if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // whoever a plugin runs as has to read it
		return err
	}
	if err := os.Mkdir(filepath.Join(dir, modules), 0o755); err != nil { //nolint:gosec // as above
		return err
	}
	err := each(func(name string, text []byte) error {
		return os.WriteFile(filepath.Join(dir, filepath.FromSlash(name)), text, 0o644) //nolint:gosec // as above
	})
	if err != nil {
		return err
	}
	_, _ = run(ctx, p.Executable, "-I", "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", filepath.Join(dir, modules))
	return ctx.Err()
}

// each calls do with the files of the shim, named by where they lie in its folder.
func each(do func(name string, text []byte) error) error {
	for _, pattern := range []string{"shim/*.py", "shim/" + modules + "/*.py"} {
		found, err := fs.Glob(shims, pattern)
		if err != nil {
			return err
		}
		for _, file := range found {
			text, err := shims.ReadFile(file)
			if err != nil {
				return err
			}
			name := path.Base(file)
			if path.Base(path.Dir(file)) == modules {
				name = modules + "/" + name
			}
			if err := do(name, text); err != nil {
				return err
			}
		}
	}
	return nil
}
