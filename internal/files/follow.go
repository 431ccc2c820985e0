package files

import (
	"bytes"
	"context"
	"crypto/sha256"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	// settleFile is how long a file must stay as it is before it is read: editors write in several steps.
	settleFile = 150 * time.Millisecond
	// pollFile is how often a file is looked at where nothing tells of its changes.
	pollFile = 3 * time.Second
)

// A Follower tells when one file has changed.
type Follower struct {
	// Dir is the directory in which the file is, or may come. It is watched, not the file, since editors put a new file in the place of the
	// old one.
	Dir string
	// Path returns the file, which may be another one each time.
	Path func() string
	// Again says with each value that the file is to be read even if it looks unchanged; nil never does.
	Again <-chan os.Signal
	// Log is told where changes are noticed late.
	Log *slog.Logger
}

// Follow calls changed each time that the file has other bytes, one that was not there before included, until ctx ends.
func (f *Follower) Follow(ctx context.Context, changed func()) {
	changes := make(chan struct{})
	var looking sync.WaitGroup
	looking.Go(func() { look(ctx, f.watcher(ctx), changes) })
	defer looking.Wait()
	seen := Digest(f.Path())
	for {
		select {
		case <-ctx.Done():
			return
		case <-f.Again:
		case <-changes:
			now := Digest(f.Path())
			if now == nil || bytes.Equal(now, seen) {
				continue
			}
			seen = now
		}
		changed()
	}
}

// watcher tells of changes in the directory.
func (f *Follower) watcher(ctx context.Context) *fsnotify.Watcher {
	watcher, err := fsnotify.NewWatcher()
	if err == nil {
		err = watcher.Add(f.Dir)
	}
	if err != nil {
		f.Log.WarnContext(ctx, "changes of a file are noticed late", slog.String("dir", f.Dir), slog.Any("error", err))
	}
	return watcher
}

// look sends when the file may have changed, until ctx ends. It looks now and then
// too, since some file systems tell nothing.
func look(ctx context.Context, watcher *fsnotify.Watcher, changes chan<- struct{}) {
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

// Digest returns the SHA-256 of a file; nil if it cannot be read.
func Digest(path string) []byte {
	b, err := os.ReadFile(path) //nolint:gosec // the file that the caller follows
	if err != nil {
		return nil
	}
	sum := sha256.Sum256(b)
	return sum[:]
}
