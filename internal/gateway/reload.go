package gateway

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/sumun-mcp/sumun/internal/config"
)

const (
	// settleFile is how long a file must stay as it is before it is read: editors write in several steps.
	settleFile = 150 * time.Millisecond
	// pollFile is how often a file is looked at where nothing tells of its changes.
	pollFile = 3 * time.Second
)

// Watch takes over changes of the configuration file until ctx ends, and a file
// that is put where there was none. A bad change is refused with its faults in the
// log, and the running configuration stays. Each value on again has the file read
// even if it looks unchanged.
func (g *Gateway) Watch(ctx context.Context, load func() (*config.Config, error), again <-chan os.Signal) {
	changes := make(chan struct{})
	var following sync.WaitGroup
	following.Go(func() { follow(ctx, g.watcher(ctx), changes) })
	defer following.Wait()
	seen := digestOf(g.file())
	for {
		select {
		case <-ctx.Done():
			return
		case <-again:
		case <-changes:
			now := digestOf(g.file())
			if now == nil || bytes.Equal(now, seen) {
				continue
			}
			seen = now
		}
		g.reload(ctx, load)
	}
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

// watcher tells of changes beside the configuration file. The directory is
// watched, not the file, since editors put a new file in the place of the old one.
func (g *Gateway) watcher(ctx context.Context) *fsnotify.Watcher {
	dir := g.Config().Dir
	if path := g.Config().Path; path != "" {
		dir = filepath.Dir(path)
	}
	watcher, err := fsnotify.NewWatcher()
	if err == nil {
		err = watcher.Add(dir)
	}
	if err != nil {
		g.log.WarnContext(ctx, "changes of the configuration are noticed late", slog.Any("error", err))
	}
	return watcher
}

// follow sends when the file may have changed, until ctx ends. It looks now and then
// too, since some file systems tell nothing.
func follow(ctx context.Context, watcher *fsnotify.Watcher, changes chan<- struct{}) {
	var events chan fsnotify.Event
	if watcher != nil {
		defer func() { _ = watcher.Close() }() // nothing is lost with it
		events = watcher.Events
	}
	timer := time.NewTimer(pollFile)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-events:
			timer.Reset(settleFile)
			continue
		case <-timer.C:
		}
		timer.Reset(pollFile)
		select {
		case changes <- struct{}{}:
		case <-ctx.Done():
			return
		}
	}
}

// digestOf tells whether a file has changed; nil if it cannot be read.
func digestOf(path string) []byte {
	b, err := os.ReadFile(path) //nolint:gosec // the file that the user named
	if err != nil {
		return nil
	}
	sum := sha256.Sum256(b)
	return sum[:]
}
