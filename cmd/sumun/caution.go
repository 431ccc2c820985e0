package main

import (
	"log/slog"
	"os"
	"path/filepath"

	"github.com/sumun-mcp/sumun/internal/caution"
	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/terminal"
)

// warner warns before a program runs as a local server for the first time on this machine.
func (a *app) warner() *caution.Warner {
	w := &caution.Warner{Voice: &a.Voice, In: a.stdin, Typing: terminal.Is(a.stdin), Getenv: a.getenv}
	if dir, err := os.UserConfigDir(); err == nil { // without one people are warned each time
		w.Dir = filepath.Join(dir, "sumun")
	}
	return w
}

// warned tells of local servers of a configuration that were never started on this machine before.
func (a *app) warned(cfg *config.Config, log *slog.Logger) { a.warner().Tell(cfg, log) }
