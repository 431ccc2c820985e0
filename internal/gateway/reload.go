package gateway

import (
	"bytes"
	"context"
	"crypto/sha256"
	"log/slog"
	"os"
	"path/filepath"
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

// Watch takes over changes of the configuration file until ctx ends. A bad change
// is refused with its faults in the log, and the running configuration stays.
// Each value on again has the file read even if it looks unchanged.
func (g *Gateway) Watch(ctx context.Context, load func() (*config.Config, error), again <-chan os.Signal) {
	path := g.Config().Path
	changes := watchFile(ctx, path, g.log)
	seen := digestOf(path)
	for {
		select {
		case <-ctx.Done():
			return
		case <-again:
		case <-changes:
			now := digestOf(path)
			if now == nil || bytes.Equal(now, seen) {
				continue
			}
			seen = now
		}
		g.reload(ctx, load)
	}
}

func (g *Gateway) reload(ctx context.Context, load func() (*config.Config, error)) {
	next, err := load()
	if err == nil {
		err = g.Reload(ctx, next)
	}
	if err != nil {
		g.log.ErrorContext(ctx, "the configuration was not taken over; the one before stays", slog.Any("error", err))
		return
	}
	g.log.InfoContext(ctx, "the configuration was taken over", slog.String("file", next.Path))
}

// watchFile sends when the file may have changed. The directory is watched, not
// the file, since editors put a new file in the place of the old one; and the
// file is polled, since some file systems tell nothing.
func watchFile(ctx context.Context, path string, log *slog.Logger) <-chan struct{} {
	changes := make(chan struct{})
	if path == "" {
		return changes
	}
	watcher, err := fsnotify.NewWatcher()
	if err == nil {
		err = watcher.Add(filepath.Dir(path))
	}
	if err != nil {
		log.WarnContext(ctx, "changes of the configuration are noticed late", slog.Any("error", err))
	}
	go follow(ctx, watcher, changes)
	return changes
}

// follow ends with ctx, as its reader does.
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
	b, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	sum := sha256.Sum256(b)
	return sum[:]
}
