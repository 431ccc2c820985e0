package promptfile

import (
	"log/slog"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	settle  = 100 * time.Millisecond // changes closer together are one
	pollAll = 10 * time.Second       // for what the system does not tell, as on network drives
)

// A watcher refreshes the prompts when their folders change. It watches the
// folders, and the folders they lie in: one of them may be replaced by another.
type watcher struct {
	prompts *Prompts
	notify  *fsnotify.Watcher // nil where the system has none; then there is only the poll
	dirs    map[string]bool   // the folders of prompts
}

func newWatcher(p *Prompts) *watcher {
	w := &watcher{prompts: p, dirs: map[string]bool{}}
	for _, f := range p.folders {
		w.dirs[filepath.Clean(f.dir)] = true
	}
	notify, err := fsnotify.NewWatcher()
	if err != nil {
		p.log.Warn("changes of prompts are noticed late: the system does not tell them", slog.Any("error", err), slog.Duration("poll", pollAll))
		return w
	}
	w.notify = notify
	w.follow()
	return w
}

// follow watches the folders as they are now; those that are watched stay so.
func (w *watcher) follow() {
	if w.notify == nil {
		return
	}
	for dir := range w.dirs {
		for _, d := range []string{filepath.Dir(dir), dir} {
			if err := w.notify.Add(d); err != nil {
				w.prompts.log.Debug("a folder is not watched, only polled", slog.String("path", d), slog.Any("error", err))
			}
		}
	}
}

// concerns reports whether an event is about prompts: not, when it is about
// something else that lies beside a folder of prompts.
func (w *watcher) concerns(event fsnotify.Event) bool {
	return event.Op != fsnotify.Chmod && (w.dirs[event.Name] || w.dirs[filepath.Dir(event.Name)])
}

// run refreshes the prompts until closed is. It releases the watches.
func (w *watcher) run(closed <-chan struct{}) {
	var events <-chan fsnotify.Event // nil never delivers
	var faults <-chan error
	if w.notify != nil {
		defer func() { _ = w.notify.Close() }() // nothing depends on it any more
		events, faults = w.notify.Events, w.notify.Errors
	}
	poll := time.NewTicker(pollAll)
	defer poll.Stop()
	due := time.NewTimer(settle) // what changed between the first reading and the first watch
	defer due.Stop()
	pending := true
	for {
		select {
		case <-closed:
			return
		case err := <-faults:
			w.prompts.log.Warn("watching prompts", slog.Any("error", err)) // an overflow; the poll catches up
		case event := <-events:
			if !pending && w.concerns(event) {
				pending = true
				due.Reset(settle)
			}
		case <-due.C:
			w.follow() // before reading: what changes from here on is told
			wait := w.prompts.refresh()
			if pending = wait > 0; pending {
				due.Reset(wait)
			}
		case <-poll.C:
			w.follow()
			w.prompts.refresh()
		}
	}
}
