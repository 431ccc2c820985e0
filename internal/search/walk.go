package search

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
)

// Bounds of a walk.
const (
	maxEntries = 250_000 // directory entries that are looked at
	maxDepth   = 64      // directories within each other
	maxWorkers = 8
)

// A file is one that may be searched, in the state in which a walk found it.
type file struct {
	path     string // from the root
	size     int64
	modified int64 // nanoseconds since 1970
}

// A found is what a walk found.
type found struct {
	files []file // sorted by their paths
	cut   bool   // there is more than the bounds allow
}

// A folder is a directory that a walk has yet to read.
type folder struct {
	path  string
	rules *rules // of the directory above
}

var (
	errIgnored = errors.New("the path is ignored by a .gitignore, and ignored files are not searched; give another")
	errRules   = errors.New("the .gitignore files above the path are too long to be read, so it is not known whether it is ignored; give another")
)

// walk returns the regular files at or below a path that are neither hidden nor ignored. Rules above base do not count. No link is
// followed.
func (t *Tree) walk(ctx context.Context, base, start string) (found, error) {
	b := newBudget()
	above, err := t.descend(base, start, b)
	if err != nil {
		return found{}, err
	}
	info, err := t.Root.Lstat(start)
	switch {
	case err != nil:
		return found{}, plain(err)
	case info.Mode().IsRegular():
		return found{files: []file{{start, info.Size(), info.ModTime().UnixNano()}}}, nil
	case !info.IsDir():
		return found{}, errors.New("the path is a link or no file; links are not followed, so give what it leads to")
	}
	var out found
	// A level at a time: its directories are read side by side.
	level := []folder{{start, above}}
	for depth := 0; len(level) > 0; depth++ {
		if ctx.Err() != nil || depth == maxDepth {
			out.cut = true
			break
		}
		read := make([]content, len(level))
		parallel(len(level), func(i int) { read[i] = t.content(ctx, level[i], b) })
		level = nil
		for i := range read {
			out.files = append(out.files, read[i].files...)
			level = append(level, read[i].folders...)
			out.cut = out.cut || read[i].cut
		}
	}
	slices.SortFunc(out.files, func(a, b file) int { return strings.Compare(a.path, b.path) })
	return out, nil
}

// Files returns the paths, from base, of all files that are searched at or below it, in their order: those that are found within ten
// seconds.
func (t *Tree) Files(ctx context.Context, base string) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, maxSearch)
	defer cancel()
	there, err := t.walk(ctx, base, base)
	r := request{base: base}
	names := make([]string, len(there.files))
	for i, f := range there.files {
		names[i] = r.relative(f.path)
	}
	return names, err
}

// descend returns the rules of the directories from base to the one above start, none of which may be ignored, nor start itself.
func (t *Tree) descend(base, start string, b *budget) (*rules, error) {
	var above *rules
	if start == base {
		return nil, nil //nolint:nilnil // no rules
	}
	parts := strings.Split(start, "/")
	if base != "." {
		parts = parts[strings.Count(base, "/")+1:]
	}
	at := base
	for i, part := range parts {
		var known bool
		if above, known = t.below(above, at, b); !known {
			return nil, errRules
		}
		at = path.Join(at, part)
		info, err := t.Root.Lstat(at)
		if err != nil {
			return nil, plain(err)
		}
		if above.ignored(at, info.IsDir()) {
			return nil, errIgnored
		}
		if i < len(parts)-1 && !info.IsDir() {
			return nil, errNoFile
		}
	}
	return above, nil
}

// A content is what a directory holds.
type content struct {
	files   []file
	folders []folder
	cut     bool
}

// content reads a directory, or what of it can be read before ctx ends.
func (t *Tree) content(ctx context.Context, f folder, b *budget) content {
	if ctx.Err() != nil {
		return content{cut: true}
	}
	var out content
	entries, cut := t.entries(f.path, &b.entries)
	out.cut = cut
	if len(entries) == 0 {
		return out
	}
	hold := f.rules
	if slices.ContainsFunc(entries, saysWhatIsIgnored) {
		var known bool
		if hold, known = t.below(hold, f.path, b); !known {
			return content{cut: true}
		}
	}
	for _, e := range entries {
		if ctx.Err() != nil {
			out.cut = true
			return out
		}
		p := path.Join(f.path, e.Name())
		switch {
		case !e.IsDir() && !e.Type().IsRegular(), CheckPath(e.Name()) != nil, hold.ignored(p, e.IsDir()):
		case e.IsDir():
			out.folders = append(out.folders, folder{p, hold})
		default:
			if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
				out.files = append(out.files, file{p, info.Size(), info.ModTime().UnixNano()})
			}
		}
	}
	return out
}

// saysWhatIsIgnored reports whether an entry bears on the rules of its directory.
func saysWhatIsIgnored(e fs.DirEntry) bool { return e.Name() == ".gitignore" || e.Name() == ".git" }

// entries reads the entries of a directory, as far as the budget goes.
func (t *Tree) entries(p string, budget *atomic.Int64) (entries []fs.DirEntry, cut bool) {
	left := budget.Load()
	if left <= 0 {
		return nil, true
	}
	dir, err := t.Root.OpenFile(p, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, false
	}
	defer func() { _ = dir.Close() }() // only read
	entries, err = dir.ReadDir(int(left) + 1)
	if err != nil { // also io.EOF, of an empty directory
		return nil, false
	}
	if int64(len(entries)) > left {
		entries, cut = entries[:left], true
	}
	budget.Add(-int64(len(entries)))
	return entries, cut
}

// parallel calls do with each number below n, on a few goroutines at a time, and waits.
func parallel(n int, do func(int)) {
	workers := min(n, runtime.GOMAXPROCS(0), maxWorkers)
	if workers <= 1 {
		for i := range n {
			do(i)
		}
		return
	}
	var next atomic.Int64
	var work sync.WaitGroup
	for range workers {
		work.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				do(i)
			}
		})
	}
	work.Wait()
}
