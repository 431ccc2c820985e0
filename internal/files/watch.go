package files

import (
	"log/slog"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	settle  = 100 * time.Millisecond // changes closer together are one
	pollAll = 10 * time.Second       // for what the system does not tell, as on network drives
	maxDirs = 1_000                  // directories watched
)

// A watcher refreshes an index when its folders change.
type watcher struct {
	index  *Index
	log    *slog.Logger
	notify *fsnotify.Watcher // nil where the system has none; then there is only the poll
}

func newWatcher(ix *Index) *watcher {
	notify, err := fsnotify.NewWatcher()
	if err != nil {
		ix.log.Warn("changes of files are noticed late: the system does not tell them", slog.Any("error", err),
			slog.Duration("poll", pollAll))
		return &watcher{index: ix, log: ix.log}
	}
	w := &watcher{index: ix, log: ix.log, notify: notify}
	w.follow()
	return w
}

// follow watches the directories of the last scan; those already watched stay
// so, and those that are gone are dropped by the system. It reports whether
// there are new ones: they may have been filled before they were watched.
func (w *watcher) follow() (grown bool) {
	if w.notify == nil {
		return false
	}
	before := len(w.notify.WatchList())
	dirs := w.index.watched()
	for _, dir := range dirs[:min(len(dirs), maxDirs)] {
		if err := w.notify.Add(dir); err != nil {
			w.log.Debug("a directory is not watched, only polled", slog.String("dir", dir), slog.Any("error", err))
		}
	}
	return len(w.notify.WatchList()) > before
}

// Watch refreshes the Index when the directories change, until done is closed.
func (ix *Index) Watch(done <-chan struct{}) {
	newWatcher(ix).run(done)
}

// run refreshes the index until closed is. It releases the watches.
func (w *watcher) run(closed <-chan struct{}) {
	var events <-chan fsnotify.Event // nil never delivers
	var faults <-chan error
	if w.notify != nil {
		defer func() { _ = w.notify.Close() }() // nothing depends on it any more
		events, faults = w.notify.Events, w.notify.Errors
	}
	poll := time.NewTicker(pollAll)
	defer poll.Stop()
	due := time.NewTimer(settle) // what changed between New's scan and the first watch
	defer due.Stop()
	pending := true
	for {
		select {
		case <-closed:
			return
		case err := <-faults:
			w.log.Warn("watching files", slog.Any("error", err)) // an overflow; the poll catches up
		case event := <-events:
			if !pending && event.Op != fsnotify.Chmod {
				pending = true
				due.Reset(settle)
			}
		case <-due.C:
			if wait := w.index.Refresh(); wait > 0 {
				due.Reset(wait)
				continue
			}
			if pending = w.follow(); pending {
				due.Reset(settle)
			}
		case <-poll.C:
			if w.index.Refresh(); !pending && w.follow() {
				pending = true
				due.Reset(settle)
			}
		}
	}
}
