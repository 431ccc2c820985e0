package promptfile

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/sumun-mcp/sumun/internal/document"
)

// Bounds of a folder.
const (
	maxFiles = 1_000
	maxBytes = 1 << 20 // of one file
)

// young is how old a file has to be before its time tells whether it has changed:
// clocks of file systems are coarse.
const young = 2 * time.Second

// A folder holds prompt files, and what was read of them last.
type folder struct {
	dir     string
	files   map[string]*read // by name in the folder
	changed bool             // since that was reset
}

// A read is one file as it was read last.
type read struct {
	stamp stamp
	at    time.Time // when
	sum   [sha256.Size]byte
	file  *file // without faults
	err   error // what is wrong with it
}

// A stamp tells whether a file may have changed.
type stamp struct {
	size    int64
	changed time.Time
}

// A source is one file of the folders: what it says, or what is wrong with it.
type source struct {
	path string
	file *file
	err  error
}

// isPromptFile reports whether a file of that name is a prompt: hidden files, the
// leftovers of editors and a README are not.
func isPromptFile(name string) bool {
	switch strings.ToLower(filepath.Ext(name)) {
	case ".md", ".yaml", ".yml":
	default:
		return false
	}
	return !strings.HasPrefix(name, ".") && !strings.HasPrefix(name, "#") && !strings.EqualFold(name, "README.md")
}

// read brings the folder's files up to date. The folder is opened anew each time,
// so that another one that has taken its place is seen; nothing outside of it is
// read, wherever links lead. On an error the files stay as they were.
func (f *folder) read() (err error) {
	root, err := os.OpenRoot(f.dir)
	if err != nil {
		return fmt.Errorf("reading the folder of prompts %s: %w; name a folder that is there", f.dir, plain(err))
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	entries, err := fs.ReadDir(root.FS(), ".")
	if err != nil {
		return fmt.Errorf("reading the folder of prompts %s: %w", f.dir, plain(err))
	}
	next := map[string]*read{}
	for _, e := range entries {
		name := e.Name()
		if e.IsDir() || !isPromptFile(name) {
			continue
		}
		if len(next) == maxFiles {
			return fmt.Errorf("the folder %s has more than %d prompts; keep them in several folders", f.dir, maxFiles)
		}
		next[name] = f.file(root, name)
		f.changed = f.changed || next[name] != f.files[name]
	}
	f.changed = f.changed || len(next) != len(f.files)
	f.files = next
	return nil
}

// file returns what the file of that name says, from memory if it cannot have changed.
func (f *folder) file(root *os.Root, name string) *read {
	path, last, now := filepath.Join(f.dir, name), f.files[name], time.Now()
	at, data, err := load(root, name, last)
	next := &read{stamp: at, at: now, sum: sha256.Sum256(data)}
	switch {
	case err != nil:
		next.err = document.Faults{{File: path, Message: err.Error()}}
		if last != nil && last.err != nil && last.err.Error() == next.err.Error() {
			return last
		}
	case last != nil && data == nil:
		return last
	case last != nil && last.sum == next.sum && last.stamp != (stamp{}):
		last.stamp, last.at = next.stamp, next.at
		return last
	default:
		next.file, next.err = parse(path, data)
	}
	return next
}

// load reads a regular file; the data is nil if the file is as it was at the last time.
func load(root *os.Root, name string, last *read) (at stamp, data []byte, err error) {
	file, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a pipe would not open otherwise
	if err != nil {
		return stamp{}, nil, fmt.Errorf("the file cannot be read: %w", plain(err))
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	info, err := file.Stat()
	if err != nil {
		return stamp{}, nil, fmt.Errorf("the file cannot be read: %w", plain(err))
	}
	at = stamp{info.Size(), info.ModTime()}
	switch {
	case !info.Mode().IsRegular():
		return stamp{}, nil, errors.New("this is not a regular file")
	case at.size > maxBytes:
		return stamp{}, nil, errors.New("the file is larger than 1 MiB")
	case last != nil && last.stamp == at && last.at.Sub(at.changed) > young:
		return at, nil, nil
	}
	data, err = io.ReadAll(io.LimitReader(file, maxBytes+1))
	switch {
	case err != nil:
		return stamp{}, nil, fmt.Errorf("the file cannot be read: %w", plain(err))
	case len(data) > maxBytes:
		return stamp{}, nil, errors.New("the file is larger than 1 MiB")
	}
	return at, data, nil
}

// plain returns what the system said about a file without its name, which is told beside it.
func plain(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}

// sources returns the files, sorted by name.
func (f *folder) sources() []source {
	var out []source
	for name, r := range f.files {
		out = append(out, source{path: filepath.Join(f.dir, name), file: r.file, err: r.err})
	}
	slices.SortFunc(out, func(a, b source) int { return strings.Compare(a.path, b.path) })
	return out
}
