package folder

import (
	"context"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	// settle is how long nothing must change before somebody looks: editors write in several steps.
	settle = 80 * time.Millisecond
	// longest is how long changes that never end keep anybody from looking.
	longest = 400 * time.Millisecond
	// poll is how often somebody looks although nothing was told: some file systems tell nothing, and directories may come.
	poll = 2 * time.Second
	// maxWatched is how many directories are watched; what lies in others is noticed by the poll.
	maxWatched = 2_000
)

// Watch calls look when plugins in the directories may have changed, until ctx ends. It calls look once at the beginning.
func Watch(ctx context.Context, dirs []string, log *slog.Logger, look func()) {
	w := &watcher{dirs: dirs, log: log}
	notify, err := fsnotify.NewWatcher()
	if err != nil {
		log.WarnContext(ctx, "changes of plugins are noticed late: the system does not tell them", slog.Any("error", err), slog.Duration("poll", poll))
	} else {
		w.notify = notify
		defer func() { _ = notify.Close() }() // nothing depends on it any more
	}
	w.run(ctx, look)
}

// A watcher knows which directories it watches.
type watcher struct {
	dirs   []string
	log    *slog.Logger
	notify *fsnotify.Watcher // nil where the system has none; then there is only the poll
}

// run looks when something was told, and now and then.
func (w *watcher) run(ctx context.Context, look func()) {
	var events <-chan fsnotify.Event // nil never delivers
	var faults <-chan error
	if w.notify != nil {
		events, faults = w.notify.Events, w.notify.Errors
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	var first time.Time // of the changes that nobody has looked at yet
	for {
		select {
		case <-ctx.Done():
			return
		case err := <-faults:
			w.log.WarnContext(ctx, "watching plugins", slog.Any("error", err)) // an overflow; the poll catches up
		case <-events:
			if first.IsZero() {
				first = time.Now()
			}
			timer.Reset(max(0, min(settle, longest-time.Since(first))))
		case <-timer.C:
			first = time.Time{}
			for grown := true; grown && ctx.Err() == nil; { // a new directory may have been filled before it was watched
				grown = w.follow()
				look()
			}
			timer.Reset(poll)
		}
	}
}

// follow watches the directories and those in them; it reports whether there are new ones.
func (w *watcher) follow() (grown bool) {
	if w.notify == nil {
		return false
	}
	watched := w.notify.WatchList()
	for _, dir := range w.dirs {
		w.below(dir, func(path string) {
			if !slices.Contains(watched, path) && len(watched) < maxWatched && w.notify.Add(path) == nil {
				watched, grown = append(watched, path), true
			}
		})
	}
	return grown
}

// below calls visit for a directory of plugins and all in it that may matter.
func (w *watcher) below(dir string, visit func(path string)) {
	top, err := filepath.EvalSymlinks(dir)
	if err != nil {
		if parent := filepath.Dir(dir); isDir(parent) {
			visit(parent) // it may come
		}
		return
	}
	_ = filepath.WalkDir(top, func(path string, d fs.DirEntry, unread error) error { // what cannot be read is not watched
		switch {
		case unread != nil:
			return nil //nolint:nilerr // see above
		case !d.IsDir():
			return nil
		case path != top && (slices.Contains(leftOut, d.Name()) || strings.HasPrefix(d.Name(), ".")):
			return fs.SkipDir
		}
		visit(path)
		return nil
	})
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
