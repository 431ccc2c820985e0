// Package wasm runs WASI modules (preview 1) in this process, each with its standard files and nothing else: no file, no network, no other
// program, and no environment but its own.
package wasm

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
	"github.com/tetratelabs/wazero/sys"

	"github.com/sumun-mcp/sumun/internal/sandbox"
)

// The bounds of one module.
const (
	pageSize    = 64 << 10
	maxMemory   = 256 << 20 // unless the plugin says otherwise
	mostMemory  = 4 << 30   // what a module can address
	maxFileSize = 128 << 20
)

// A Module is one file, and what it is run with.
type Module struct {
	// Path is the file.
	Path string
	// Name is the first of its arguments.
	Name string
	// Env is its environment.
	Env map[string]string
	// Memory is how much it may have, in bytes; 256 MiB when 0.
	Memory int64
}

// An Engine runs modules. What it compiles it keeps in a directory, so that it is compiled once. Its methods may be called concurrently.
type Engine struct {
	dir  string
	once sync.Once

	cache wazero.CompilationCache
	err   error
}

// New returns an Engine that keeps what it compiles below dir. It opens nothing before the first module runs.
func New(dir string) *Engine { return &Engine{dir: dir} }

// Close forgets what was compiled in memory. No module may run any more.
func (e *Engine) Close(ctx context.Context) error {
	e.once.Do(func() {})
	if e.cache == nil {
		return nil
	}
	return e.cache.Close(ctx)
}

// compiled returns the place of what was compiled.
func (e *Engine) compiled() (wazero.CompilationCache, error) {
	e.once.Do(func() {
		if e.err = os.MkdirAll(e.dir, 0o700); e.err == nil {
			e.cache, e.err = wazero.NewCompilationCacheWithDir(e.dir)
		}
	})
	if e.cache == nil && e.err == nil {
		return nil, errors.New("the gateway is shutting down")
	}
	return e.cache, e.err
}

// Command returns the command that runs a module.
func (e *Engine) Command(m Module) *sandbox.Command {
	return &sandbox.Command{Path: m.Path, Inside: func(ctx context.Context, stdin io.Reader, stdout, stderr io.Writer) error {
		return e.run(ctx, &m, stdin, stdout, stderr)
	}}
}

// run runs a module until it ends. A code that it ends with is an error.
func (e *Engine) run(ctx context.Context, m *Module, stdin io.Reader, stdout, stderr io.Writer) error {
	code, err := read(m.Path)
	if err != nil {
		return err
	}
	cache, err := e.compiled()
	if err != nil {
		return fmt.Errorf("keeping what is compiled: %w", err)
	}
	pages := m.pages()
	runtime := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfig().
		WithCompilationCache(cache).WithCloseOnContextDone(true).WithMemoryLimitPages(pages))
	defer func() { _ = runtime.Close(context.WithoutCancel(ctx)) }() // it holds memory only
	if _, err := wasi_snapshot_preview1.Instantiate(ctx, runtime); err != nil {
		return fmt.Errorf("offering WASI: %w", err)
	}
	module, err := runtime.CompileModule(ctx, code)
	if err != nil {
		return fmt.Errorf("it is no WASI module (preview 1): %w", err)
	}
	config := wazero.NewModuleConfig().WithStdin(stdin).WithStdout(stdout).WithStderr(stderr).WithArgs(m.Name).
		WithRandSource(rand.Reader).WithSysWalltime().WithSysNanotime().WithSysNanosleep()
	for name, value := range m.Env {
		config = config.WithEnv(name, value)
	}
	_, err = runtime.InstantiateModule(ctx, module, config)
	return ended(ctx, err)
}

// pages is how much memory a module may have.
func (m *Module) pages() uint32 {
	memory := m.Memory
	if memory <= 0 {
		memory = maxMemory
	}
	return uint32(min(memory, mostMemory) / pageSize)
}

// ended says how a module has ended.
func ended(ctx context.Context, err error) error {
	exit, ok := errors.AsType[*sys.ExitError](err)
	switch {
	case ok && exit.ExitCode() == 0:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case ok:
		return fmt.Errorf("exit status %d", exit.ExitCode())
	}
	return err
}

// read reads a module.
func read(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxFileSize {
		return nil, fmt.Errorf("the module has more than %d MiB", maxFileSize>>20)
	}
	return os.ReadFile(path) //nolint:gosec // a plugin that the operator has put there
}
