// Package search finds text in the files of a directory, for callers who are strangers: nothing outside of the directory can be reached,
// hidden files and those that a .gitignore names are left out, and no query takes more than linear time and bounded memory.
//
// A search walks the tree (walk.go, ignore.go), since nothing else tells for sure what has changed, and reads the files in which
// something may be found. Which those are it knows of the files that earlier searches have read: the index (index.go) has the
// trigrams of each, and what a query needs of them follows from its pattern (trigram.go).
package search

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"
	"unicode"
	"unicode/utf8"
)

// Bounds of what is read.
const (
	// MaxPath is the most bytes of a path, MaxName of a part of it.
	MaxPath = 4096
	MaxName = 255

	maxFile = 2 << 20 // bytes of a file that is searched or shown
)

// What may be wrong with a file that was asked for. The words reach the caller, so none names a directory of this machine.
var (
	errNoFile    = errors.New("there is no such file here; search for one")
	errNotFile   = errors.New("this is not a regular file; name a file in it, or another one")
	errForbidden = errors.New("the gateway has no permission to read this; ask its owner to change the permissions")
	errBinary    = errors.New("the file is binary, not UTF-8 text; name a text file")
	errTooLarge  = errors.New("the file is larger than 2 MiB; name a smaller one")
)

// A Tree is a directory that callers may search. Access goes through os.Root, which keeps links and races within it. It may be used
// concurrently.
type Tree struct {
	// Dir is the directory: absolute, with links resolved. It is for other programs, and never shown to a caller.
	Dir string
	// Root is the directory, opened.
	Root *os.Root
}

// Open opens a directory that exists. The tree must be closed.
func Open(dir string) (*Tree, error) {
	if dir == "" {
		return nil, errors.New("no directory is named; name one")
	}
	abs, err := filepath.Abs(dir)
	if err == nil {
		abs, err = filepath.EvalSymlinks(abs)
	}
	if err != nil {
		return nil, fmt.Errorf("finding %s: %w; create the directory or name another", dir, err)
	}
	root, err := os.OpenRoot(abs)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w; create the directory or name another", dir, err)
	}
	return &Tree{Dir: abs, Root: root}, nil
}

// Close releases the directory.
func (t *Tree) Close() error { return t.Root.Close() }

// CheckPath refuses what is not a plain relative path with slashes. It is the fence in front of os.Root, not instead of it: it keeps
// hidden files (.env, .git) from being read, and paths from meaning something else on another system.
func CheckPath(p string) error {
	switch {
	case p == "":
		return errors.New("the path is empty; give one such as src/main.go")
	case len(p) > MaxPath:
		return fmt.Errorf("the path has %d bytes; at most %d are possible", len(p), MaxPath)
	case !utf8.ValidString(p) || strings.ContainsFunc(p, unicode.IsControl):
		return errors.New("the path contains a control character or invalid UTF-8; remove it")
	case strings.Contains(p, `\`):
		return errors.New("the path contains a backslash; separate directories with /")
	case strings.HasPrefix(p, "/"):
		return errors.New("the path is absolute; give one that is relative to the workspace")
	}
	for part := range strings.SplitSeq(p, "/") {
		switch {
		case part == "..":
			return errors.New("the path leaves its directory with ..; give one that stays within the workspace")
		case strings.HasPrefix(part, ".") && part != ".":
			return errors.New("names that begin with a dot are hidden and not offered; give another path")
		case len(part) > MaxName:
			return fmt.Errorf("a name in the path has %d bytes; at most %d are possible", len(part), MaxName)
		}
	}
	if !filepath.IsLocal(filepath.FromSlash(p)) { // device names and drives on Windows
		return errNoFile
	}
	return nil
}

// Within returns the path, from the root, of what a caller calls p; base is where its paths start.
func Within(base, p string) (string, error) {
	if err := CheckPath(p); err != nil {
		return "", err
	}
	return path.Join(base, p), nil
}

// IsDir reports whether a path from the root is a directory.
func (t *Tree) IsDir(p string) bool {
	info, err := t.Root.Stat(p)
	return err == nil && info.IsDir()
}

// read returns the content of a regular file of at most limit bytes. It waits for nothing: a pipe or a device is refused, also when it
// takes the place of a file just now.
func (t *Tree) read(p string, limit int64) ([]byte, fs.FileInfo, error) {
	info, err := t.Root.Stat(p)
	if err != nil {
		return nil, nil, plain(err)
	}
	if !info.Mode().IsRegular() {
		return nil, nil, errNotFile
	}
	f, err := t.Root.OpenFile(p, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, plain(err)
	}
	defer func() { _ = f.Close() }() // only read
	if info, err = f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, nil, errNotFile
	}
	if info.Size() > limit {
		return nil, info, errTooLarge
	}
	content := bytes.NewBuffer(make([]byte, 0, info.Size()+bytes.MinRead))
	if _, err = content.ReadFrom(io.LimitReader(f, limit+1)); err != nil {
		return nil, nil, errors.New("reading failed; try again, or look at the disk of the gateway")
	}
	if int64(content.Len()) > limit {
		return nil, info, errTooLarge
	}
	return content.Bytes(), info, nil
}

// Text returns a text file whole. base is where rules about what is ignored begin to count; p is a path from the root, at or below it.
// Files that are not searched are not read either. The error may be shown to a caller.
func (t *Tree) Text(base, p string) (string, error) {
	if _, err := t.descend(base, p, newBudget()); err != nil {
		return "", err
	}
	content, _, err := t.read(p, maxFile)
	if err != nil {
		return "", err
	}
	if !utf8.Valid(content) || isBinary(content) {
		return "", errBinary
	}
	return string(content), nil
}

// plain turns the error of a file operation into one that may be shown. What leaves the root, is too long or ends in a circle is
// simply not there.
func plain(err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return errForbidden
	}
	return errNoFile
}

// isBinary reports whether content is no text: as git has it, text has no NUL at its beginning.
func isBinary(content []byte) bool {
	const head = 8000
	return bytes.IndexByte(content[:min(head, len(content))], 0) >= 0
}
