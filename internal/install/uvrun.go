package install

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"github.com/sumun-mcp/sumun/internal/install/wish"
)

// runs returns the program of `uv run`: in the environment of its project, in one with what the script or the line asks for, or in none.
func (t *tools) runs(ctx context.Context, w *wish.Wish) (Program, error) {
	dir, err := filepath.Abs(filepath.Join(t.cwd, w.Dir))
	if filepath.IsAbs(w.Dir) {
		dir, err = w.Dir, nil
	}
	if err != nil {
		return Program{}, err
	}
	script := ""
	if strings.HasSuffix(w.Program, ".py") {
		script = w.Program
		if !filepath.IsAbs(script) {
			script = filepath.Join(dir, script)
		}
		w.Program, w.Args = "python", append([]string{script}, w.Args...)
	}
	inline, err := inlineNeeds(script)
	if err != nil {
		return Program{}, err
	}
	project := ""
	if inline == nil && !w.Bare {
		project = projectOf(cmp.Or(w.Project, dir))
	}
	w.Specs = append(w.Specs, inline...)
	if err := w.Requirements(); err != nil {
		return Program{}, err
	}
	var p Program
	switch {
	case project != "" && len(w.Specs) > 0:
		return p, wish.Foreign("packages beside those of the project in "+project+" (--with)", "add them to the project (uv add), or write --no-project")
	case project != "":
		p, err = t.inProject(ctx, project, w)
	case len(w.Specs) > 0:
		p, err = t.installed(ctx, w)
	default:
		p, err = t.inNothing(ctx, w)
	}
	if script != "" {
		p.Read = append(p.Read, script)
	}
	if w.Dir != "" {
		p.Dir = dir
	}
	return p, err
}

// projectOf is the directory of the project that a directory lies in; empty for none.
func projectOf(dir string) string {
	for {
		if _, err := os.Stat(filepath.Join(dir, "pyproject.toml")); err == nil {
			return dir
		}
		up := filepath.Dir(dir)
		if up == dir {
			return ""
		}
		dir = up
	}
}

// inProject returns the program in the environment that uv has made for the project. Making it would build the project, which runs its code.
func (t *tools) inProject(ctx context.Context, project string, w *wish.Wish) (Program, error) {
	env := filepath.Join(project, ".venv")
	if _, err := os.Stat(interpreterOf(env)); err != nil {
		return Program{}, wish.Foreign("the project in "+project+" has no environment yet", "run `uv sync` there once")
	}
	p, err := inEnvironment(env, w)
	if err != nil {
		return p, err
	}
	p.Read = []string{project}
	if base, _, err := t.interpreter(ctx, interpreterOf(env)); err == nil {
		p.Read = append(p.Read, base.installation()...)
	}
	return p, nil
}

// inNothing returns a script or the interpreter itself, with nothing installed.
func (t *tools) inNothing(ctx context.Context, w *wish.Wish) (Program, error) {
	if !isInterpreter(w.Program) {
		return Program{}, wish.Foreign(fmt.Sprintf("%q is no script, and there is no project", w.Program), "write the program itself, without uv run")
	}
	h, err := t.choose(ctx, w.Python, func(*pythonHome, bool) error { return nil })
	if err != nil {
		return Program{}, err
	}
	return Program{Command: h.path, Args: w.Args, Read: h.installation()}, nil
}

// isInterpreter reports whether a program of an environment is its Python.
func isInterpreter(program string) bool {
	return strings.Trim(strings.TrimPrefix(program, "python"), "0123456789.") == "" && strings.HasPrefix(program, "python")
}

// inEnvironment finds a program among those of a virtual environment. A script is started by the interpreter: the path of that in its first line may
// be one of another time.
func inEnvironment(env string, w *wish.Wish) (Program, error) {
	if isInterpreter(w.Program) {
		return Program{Command: interpreterOf(env), Args: w.Args}, nil
	}
	all, err := os.ReadDir(scripts(env))
	if err != nil {
		return Program{}, err
	}
	var names []string
	for _, e := range all {
		if strings.HasPrefix(e.Name(), "python") || strings.HasPrefix(strings.ToLower(e.Name()), "activate") {
			continue
		}
		names = append(names, e.Name())
		if !sameProgram(e.Name(), w.Program) {
			continue
		}
		file := filepath.Join(scripts(env), e.Name())
		script, err := isScript(file)
		if err != nil || !script {
			return Program{Command: file, Args: w.Args}, err
		}
		return Program{Command: interpreterOf(env), Args: append([]string{file}, w.Args...)}, nil
	}
	return Program{}, fmt.Errorf("there is no program %q in %s; there are: %s", w.Program, env, cmp.Or(strings.Join(names, ", "), "none"))
}

// scripts is the directory of an environment's programs.
func scripts(env string) string {
	if runtime.GOOS == "windows" {
		return filepath.Join(env, "Scripts")
	}
	return filepath.Join(env, "bin")
}

func interpreterOf(env string) string {
	if runtime.GOOS == "windows" {
		return filepath.Join(scripts(env), "python.exe")
	}
	return filepath.Join(scripts(env), "python")
}

// sameProgram reports whether a file is the program of that name: names of packages do not tell - and _ apart.
func sameProgram(file, name string) bool {
	plain := func(s string) string {
		return strings.ReplaceAll(strings.ToLower(strings.TrimSuffix(s, ".exe")), "_", "-")
	}
	return plain(file) == plain(name)
}

// inlineBlock matches what a script says of itself (inline script metadata, PEP 723).
var inlineBlock = regexp.MustCompile(`(?m)^# /// script[ \t]*\r?\n((?:#(?: .*)?\r?\n)+?)# ///[ \t]*\r?$`)

// inlineNeeds returns what a script says that it requires; nil where it says nothing of itself.
func inlineNeeds(script string) ([]string, error) {
	if script == "" {
		return nil, nil
	}
	text, err := readBounded(script)
	if err != nil {
		return nil, err
	}
	m := inlineBlock.FindStringSubmatch(text)
	if m == nil {
		return nil, nil
	}
	var block strings.Builder
	for line := range strings.Lines(m[1]) {
		block.WriteString(strings.TrimPrefix(strings.TrimPrefix(line, "#"), " "))
	}
	said := struct {
		Dependencies []string `toml:"dependencies"`
	}{[]string{}}
	if err := toml.Unmarshal([]byte(block.String()), &said); err != nil {
		return nil, fmt.Errorf("reading what %s says of itself: %w", script, err)
	}
	return said.Dependencies, nil
}
