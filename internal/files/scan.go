package files

import (
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Limits of one scan over all directories.
const (
	// MaxListed is the most files that a list has.
	MaxListed  = 1_000
	maxEntries = 10_000 // directory entries looked at
)

// A Stamp tells one state of a file from the next.
type Stamp struct {
	Size     int64
	Modified time.Time
}

// An Entry is a listed file in its state when it was looked at.
type Entry struct {
	Place
	Stamp
}

// A scan is what the folders hold at one time.
type scan struct {
	files  []Entry  // sorted, at most MaxListed
	dirs   []string // absolute, to be watched
	cut    bool     // there was more than the limits allow
	budget int      // entries that may still be looked at
}

// List looks which files there are now, without an Index; at most MaxListed, sorted.
func (all *Files) List() []Entry { return scanFiles(all).files }

// scanFiles walks all folders. What cannot be read is left out.
func scanFiles(all *Files) *scan {
	s := &scan{budget: maxEntries}
	for _, f := range all.folders {
		from := len(s.files)
		s.walk(f)
		slices.SortFunc(s.files[from:], func(a, b Entry) int { return strings.Compare(a.path, b.path) })
	}
	if len(s.files) > MaxListed {
		s.files, s.cut = s.files[:MaxListed], true
	}
	return s
}

// walk collects the regular files of a folder. Links to files within the
// folder are followed, links to directories are not, so no walk is endless.
func (s *scan) walk(f *folder) {
	pending := []string{"."}
	for len(pending) > 0 {
		dir := pending[len(pending)-1]
		pending = pending[:len(pending)-1]
		s.dirs = append(s.dirs, filepath.Join(f.dir, filepath.FromSlash(dir)))
		for _, name := range s.names(f, dir) {
			child := path.Join(dir, name)
			info, err := f.root.Lstat(child)
			if err == nil && info.Mode().Type() == fs.ModeSymlink {
				if info, err = f.root.Stat(child); err == nil && info.IsDir() {
					continue
				}
			}
			switch {
			case err != nil:
			case info.IsDir():
				pending = append(pending, child)
			case info.Mode().IsRegular():
				s.files = append(s.files, Entry{Place{f, child}, Stamp{info.Size(), info.ModTime()}})
			}
		}
	}
}

// names are the names in a directory that checkPath accepts.
func (s *scan) names(f *folder, dir string) []string {
	if s.budget <= 0 {
		s.cut = true
		return nil
	}
	d, err := f.openNow(dir)
	if err != nil {
		return nil
	}
	defer func() { _ = d.Close() }() // only read
	names, err := d.Readdirnames(s.budget + 1)
	if err != nil { // also io.EOF, of an empty directory
		return nil
	}
	if len(names) > s.budget {
		names, s.cut = names[:s.budget], true
	}
	s.budget -= len(names)
	return slices.DeleteFunc(names, func(name string) bool { return checkPath(path.Join(dir, name)) != nil })
}
