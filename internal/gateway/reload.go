package gateway

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/files"
)

// Watch takes over changes of the configuration file until ctx ends, and a file
// that is put where there was none. A bad change is refused with its faults in the
// log, and the running configuration stays. Each value on again has the file read
// even if it looks unchanged.
func (g *Gateway) Watch(ctx context.Context, load func() (*config.Config, error), again <-chan os.Signal) {
	c := g.Config()
	dir := c.Dir
	if c.Path != "" {
		dir = filepath.Dir(c.Path)
	}
	f := files.Follower{Dir: dir, Path: g.file, Again: again, Log: g.log}
	f.Follow(ctx, func() { g.reload(ctx, load) })
}

// file is the configuration file: the one in force, or one that has come since.
func (g *Gateway) file() string {
	c := g.Config()
	return cmp.Or(c.Path, config.Find(c.Dir))
}

// reload takes the file over, or tells every fault of it.
func (g *Gateway) reload(ctx context.Context, load func() (*config.Config, error)) {
	before := g.Config()
	next, err := load()
	if err == nil {
		err = g.Reload(next)
	}
	g.configured(ctx, before, next, err)
	if err == nil {
		g.log.InfoContext(ctx, "the configuration was taken over", slog.String("file", next.Path))
		return
	}
	faults, ok := errors.AsType[config.Faults](err)
	if !ok {
		g.log.ErrorContext(ctx, "the configuration was not taken over; the one before stays", slog.Any("error", err))
		return
	}
	for _, f := range faults {
		g.log.ErrorContext(ctx, "the configuration was not taken over; the one before stays",
			slog.String("at", fmt.Sprintf("%s:%d:%d", f.File, f.Line, f.Column)), slog.String("fault", f.Message), slog.String("hint", f.Hint))
	}
}
