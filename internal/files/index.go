package files

import (
	"log/slog"
	"sync"
	"time"
)

// An Index knows which files there are, and is told when that changes. Its methods may be called concurrently.
type Index struct {
	files   *Files
	log     *slog.Logger
	changed func(Change)

	// mu guards what follows. It is held during a scan and while changed is called, so that scans do not overlap and changes are told in
	// their order.
	mu      sync.Mutex
	listed  map[Place]Stamp
	order   []Entry       // sorted by directory and path
	dirs    []string      // absolute, to be watched
	cut     bool          // the list is shorter than what there is
	scanned time.Time     // when the last scan ended
	took    time.Duration // how long it took
}

// A Change is how what is listed differs from before. Gone are the last known states.
type Change struct {
	Added, Changed, Gone []Entry
}

// NewIndex scans the directories once and tells changed of each file. Later changes are told in the same way, one Change at a time; changed
// must not call the Index. See Watch.
func NewIndex(all *Files, log *slog.Logger, changed func(Change)) *Index {
	ix := &Index{files: all, log: log, changed: changed}
	ix.Refresh()
	return ix
}

// Refresh scans the directories and tells what has changed. It does nothing if the last scan has just ended: scanning takes a tenth of the
// time at most, whatever calls it. It returns the time until a scan is due again.
func (ix *Index) Refresh() time.Duration {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	if wait := 10*ix.took - time.Since(ix.scanned); wait > 0 {
		return wait
	}
	start := time.Now()
	s := scanFiles(ix.files)
	if s.cut && !ix.cut {
		ix.log.Warn("file resources are listed in part", slog.Int("listed", len(s.files)),
			slog.Int("maxListed", MaxListed), slog.Int("maxEntries", maxEntries))
	}
	ix.cut, ix.dirs = s.cut, s.dirs
	ix.update(s.files)
	ix.scanned = time.Now()
	ix.took = ix.scanned.Sub(start)
	return 0
}

// update makes the list that of the files found and tells how it differs. The caller holds mu.
func (ix *Index) update(found []Entry) {
	before, order := ix.listed, ix.order
	ix.listed = make(map[Place]Stamp, len(found))
	ix.order = found
	var c Change
	for _, file := range found {
		ix.listed[file.Place] = file.Stamp
		if old, ok := before[file.Place]; !ok {
			c.Added = append(c.Added, file)
		} else if old != file.Stamp {
			c.Changed = append(c.Changed, file)
		}
	}
	for _, file := range order {
		if _, ok := ix.listed[file.Place]; !ok {
			c.Gone = append(c.Gone, file)
		}
	}
	if len(c.Added)+len(c.Changed)+len(c.Gone) > 0 {
		ix.changed(c)
	}
}

// Entries are the listed files, sorted. The slice must not be changed.
func (ix *Index) Entries() []Entry {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	return ix.order
}

// Lists reports whether a file is listed, which means that it is watched.
func (ix *Index) Lists(at Place) bool {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	_, ok := ix.listed[at]
	return ok
}

// watched are the directories of the last scan. The slice must not be changed.
func (ix *Index) watched() []string {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	return ix.dirs
}
