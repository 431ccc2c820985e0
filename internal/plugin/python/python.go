// Package python finds out how a plugin written in Python is started: by the machine's interpreter, with a shim that speaks MCP for
// the functions of the author's file. The shim is Python itself, needs nothing but the standard library, and stands in for the class
// McpServer of the module mcp; a server of the official package speaks for itself.
package python

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/sumun-mcp/sumun/internal/plugin/recipe"
)

// lock is the name of a list of requirements. That of one plugin among several has the plugin's name before it.
const lock = "requirements.txt"

// entries are the files of a folder that are run, the first that is there.
var entries = []string{"plugin.py", "main.py", "__main__.py", "server.py"}

// Prepare returns how a plugin is started. It runs the interpreter to ask what it is, and nothing of the plugin. The error says what
// to try if there is no interpreter.
func Prepare(ctx context.Context, src recipe.Source) (recipe.Recipe, error) {
	python, err := find(ctx)
	if err != nil {
		return recipe.Recipe{}, err
	}
	return python.recipe(ctx, src)
}

// recipe returns how a plugin is started with this interpreter.
func (p *interpreter) recipe(ctx context.Context, src recipe.Source) (recipe.Recipe, error) {
	file, err := entry(src)
	if err != nil {
		return recipe.Recipe{}, err
	}
	shim, err := p.shim(ctx, src.Shims)
	if err != nil {
		return recipe.Recipe{}, fmt.Errorf("writing what Python plugins are run by: %w", err)
	}
	args := []string{"-s", "-B", "-X", "utf8", filepath.Join(shim, starter), src.Name, file}
	if src.Dir {
		args = append(args, filepath.Join(src.Origin, filepath.Base(file)), src.Path)
	} else {
		args = append(args, src.Origin)
	}
	return recipe.Recipe{
		Command: p.Executable, Args: args, Env: p.env(), Read: p.Read, Lock: requirements(src, filepath.Dir(file)),
	}, nil
}

// entry returns the file of a plugin that is run.
func entry(src recipe.Source) (string, error) {
	if !src.Dir {
		return src.Path, nil
	}
	for _, name := range append(slices.Clip(entries), src.Name+".py") {
		if isFile(filepath.Join(src.Path, name)) {
			return filepath.Join(src.Path, name), nil
		}
	}
	return "", &recipe.Error{File: src.Origin, Message: "the folder has no plugin.py, main.py, __main__.py, server.py or " + src.Name + ".py"}
}

// requirements returns the list of what a plugin needs, "" if there is none.
func requirements(src recipe.Source, dir string) string {
	for _, name := range []string{src.Name + "." + lock, lock} {
		if path := filepath.Join(dir, name); isFile(path) {
			return path
		}
	}
	return ""
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}
