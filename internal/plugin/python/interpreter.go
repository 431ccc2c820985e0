package python

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// ErrNone says that this machine has no interpreter that plugins can run on.
var ErrNone = errors.New("plugins in Python need Python 3.10 or newer")

// oldest is the oldest minor version of Python 3 that the shim knows.
const oldest = 10

// names are what interpreters are called, in the order in which they are tried.
var names = []string{"python3", "python", "python3.14", "python3.13", "python3.12", "python3.11", "python3.10"}

// patience is how long an interpreter may take to say what it is.
const patience = 30 * time.Second

// probe is the program that an interpreter answers with.
//
//go:embed probe.py
var probe string

// An interpreter is a Python, by its own account.
type interpreter struct {
	// Version is 3, 11, 7.
	Version [3]int `json:"version"`
	// Executable is the program itself, not a name that leads to it.
	Executable string `json:"executable"`
	// Tag says whose compiled code it runs.
	Tag string `json:"tag"`
	// Read is what it reads to run, beside what every system has.
	Read []string `json:"read"`
	// Sites are the packages of the environment in which it was found.
	Sites []string `json:"sites"`
}

// find returns the first interpreter in PATH that is new enough.
func find(ctx context.Context) (*interpreter, error) {
	var older []string
	for _, name := range names {
		path, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		p, err := ask(ctx, path)
		switch {
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case err != nil:
			older = append(older, fmt.Sprintf("%s does not run (%v)", path, err))
		case p.Version[0] == 3 && p.Version[1] >= oldest:
			return p, nil
		default:
			older = append(older, fmt.Sprintf("%s is %d.%d.%d", path, p.Version[0], p.Version[1], p.Version[2]))
		}
	}
	if len(older) == 0 {
		older = []string{"PATH has no python3"}
	}
	return nil, fmt.Errorf("%w: %s; install one from the packages of your system or from python.org", ErrNone, strings.Join(older, ", "))
}

// ask asks an interpreter what it is.
func ask(ctx context.Context, path string) (*interpreter, error) {
	out, err := run(ctx, path, "-I", "-c", probe)
	if err != nil {
		return nil, err
	}
	p := &interpreter{}
	if err := json.Unmarshal(out, p); err != nil {
		return nil, fmt.Errorf("reading what it says of itself: %w", err)
	}
	return p, nil
}

// run runs an interpreter and returns what it has written. The error has the last line of its complaints.
func run(ctx context.Context, path string, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var complaints bytes.Buffer
	cmd := exec.CommandContext(ctx, path, args...) //nolint:gosec // a program from PATH, with arguments of ours
	cmd.Dir = filepath.Dir(path)                   // not where somebody's modules lie
	cmd.Stderr = &complaints
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	if err == nil {
		return out, nil
	}
	lines := strings.Split(strings.TrimSpace(complaints.String()), "\n")
	if last := lines[len(lines)-1]; last != "" {
		return nil, fmt.Errorf("%w: %.200s", err, last)
	}
	return nil, err
}

// env is what a plugin's environment has so that it finds the packages of the environment that is in force here.
func (p *interpreter) env() map[string]string {
	if len(p.Sites) == 0 {
		return nil
	}
	return map[string]string{"PYTHONPATH": strings.Join(p.Sites, string(os.PathListSeparator))}
}
