// Package files offers the files below some directories: it finds, lists, watches, reads and writes them, and never reaches anything
// outside. Every access goes through os.Root, so that links and races stay within the directory that was opened; hidden files, devices and
// pipes are not offered at all.
//
// It knows no protocol: package resource makes resources, tools and a prompt of it.
package files

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"unicode"
	"unicode/utf8"
)

// MaxBytes is the most of one file that is handed out or written at once.
const MaxBytes = 4 << 20

// MaxPathBytes is the length of the longest path.
const MaxPathBytes = 4096

// What may be wrong with a file that was asked for. The words reach the caller, so none names a directory of this machine.
var (
	// ErrNoFile says that there is nothing of that name, or nothing that may be seen.
	ErrNoFile = errors.New("there is no such file here; resources/list names the files")
	// ErrNotFile says that it is a directory, a device, a pipe or a socket.
	ErrNotFile = errors.New("this is not a regular file; name a file in it, or another one")
	// ErrForbidden says that the system does not let the gateway at it.
	ErrForbidden = errors.New("the gateway has no permission to use this file; ask its owner to change the permissions")
)

// A Root is a directory whose files are offered under a name.
type Root struct {
	// Name is that of the configured resource, e.g. "docs"; letters, digits, _ and -.
	Name string
	// Dir must exist; it is opened once.
	Dir string
	// Write says that the files may be changed.
	Write bool
}

// Files are the directories that are offered, in the order of the configuration. They may be used concurrently.
type Files struct {
	folders []*folder

	// writing is held while a file is compared and replaced: a file may have several names, so there is one for all.
	writing sync.Mutex
}

// A folder is an opened Root. Every access goes through os.Root, which keeps links and races within the directory.
type folder struct {
	name  string
	dir   string // absolute, for the watcher only; never shown to a caller
	write bool
	root  *os.Root
}

// A Place is where a file is or would be: a path that checkPath has accepted, within a directory. Two Places are the same if they are equal.
type Place struct {
	folder *folder
	path   string
}

// Open opens every directory or none. An error names each by its configured name.
func Open(roots []Root) (*Files, error) {
	opened := &Files{}
	for _, r := range roots {
		f, err := openFolder(r, opened)
		if err != nil {
			return nil, errors.Join(err, opened.Close())
		}
		opened.folders = append(opened.folders, f)
	}
	return opened, nil
}

// validName matches names that fit into a URI.
var validName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

func openFolder(r Root, others *Files) (*folder, error) {
	if !validName.MatchString(r.Name) {
		return nil, fmt.Errorf("the file resource %q has a name that does not fit in a URI; use up to 64 letters, digits, _ and -", r.Name)
	}
	if others.folder(r.Name) != nil {
		return nil, fmt.Errorf("two file resources are named %q; rename one", r.Name)
	}
	dir, err := filepath.Abs(r.Dir)
	if err != nil {
		return nil, fmt.Errorf("finding the root of the file resource %q: %w", r.Name, err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("opening the root of the file resource %q: %w; create the directory or change root", r.Name, err)
	}
	return &folder{name: r.Name, dir: dir, write: r.Write, root: root}, nil
}

// Close releases the directories. Nothing may be in use any more.
func (all *Files) Close() error {
	var faults []error
	for _, f := range all.folders {
		faults = append(faults, f.root.Close())
	}
	return errors.Join(faults...)
}

// folder is the folder of a name, nil if there is none.
func (all *Files) folder(name string) *folder {
	for _, f := range all.folders {
		if f.name == name {
			return f
		}
	}
	return nil
}

// Roots are the names of the directories, in their order.
func (all *Files) Roots() []string {
	var names []string
	for _, f := range all.folders {
		names = append(names, f.name)
	}
	return names
}

// Writable reports whether files of any directory may be changed.
func (all *Files) Writable() bool {
	for _, f := range all.folders {
		if f.write {
			return true
		}
	}
	return false
}

// Locate finds the place of a path as people write it: relative to the only directory, or beginning with the name of one of several.
func (all *Files) Locate(p string) (Place, error) {
	if err := checkPath(p); err != nil {
		return Place{}, err
	}
	p = path.Clean(p)
	if len(all.folders) == 1 {
		return Place{all.folders[0], p}, nil
	}
	name, rest, _ := strings.Cut(p, "/")
	f := all.folder(name)
	if f == nil || rest == "" {
		return Place{}, fmt.Errorf("the path must begin with the name of a file resource; use one of %s", all.Beginnings())
	}
	return Place{f, rest}, nil
}

// Label is the path by which Locate finds a place again.
func (all *Files) Label(at Place) string {
	if len(all.folders) == 1 {
		return at.path
	}
	return at.folder.name + "/" + at.path
}

// Beginnings are what paths begin with where there are several directories: "one/, two/".
func (all *Files) Beginnings() string {
	return strings.Join(all.Roots(), "/, ") + "/"
}

// Path is the path of a place within its directory, with slashes.
func (at Place) Path() string { return at.path }

// Root is the name of the directory that a place is in.
func (at Place) Root() string { return at.folder.name }

// Writable reports whether the file at a place may be changed.
func (at Place) Writable() bool { return at.folder.write }

// checkPath refuses what is not a plain relative path with slashes. It is the fence in front of os.Root, not instead of it: it keeps
// hidden files (.env, .git) from being used, and paths from meaning something else on another system.
func checkPath(p string) error {
	switch {
	case p == "":
		return errors.New("the path is empty; give one such as notes/today.md")
	case len(p) > MaxPathBytes:
		return fmt.Errorf("the path has %d bytes; at most %d are possible", len(p), MaxPathBytes)
	case !utf8.ValidString(p) || strings.ContainsFunc(p, unicode.IsControl):
		return errors.New("the path contains a control character or invalid UTF-8; remove it")
	case strings.Contains(p, `\`):
		return errors.New("the path contains a backslash; separate directories with /")
	case strings.HasPrefix(p, "/"):
		return errors.New("the path is absolute; give one that is relative to the offered directory")
	}
	for part := range strings.SplitSeq(p, "/") {
		switch {
		case part == "..":
			return errors.New("the path leaves the offered directory with ..; give one that stays within it")
		case strings.HasPrefix(part, ".") && part != ".":
			return errors.New("names that begin with a dot are hidden and not offered; give another path")
		}
	}
	if !filepath.IsLocal(filepath.FromSlash(p)) { // device names and drives on Windows
		return ErrNoFile
	}
	return nil
}

// open opens the regular file at a place, without waiting: a pipe or a device is refused, also when it takes the place of a file just now.
func (at Place) open() (*os.File, error) {
	info, err := at.folder.root.Stat(at.path)
	if err != nil {
		return nil, plainError(err)
	}
	if !info.Mode().IsRegular() {
		return nil, ErrNotFile
	}
	f, err := at.folder.openNow(at.path)
	if err != nil {
		return nil, plainError(err)
	}
	if info, err = f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, errors.Join(ErrNotFile, f.Close())
	}
	return f, nil
}

// openNow opens without waiting for the other end of a pipe.
func (f *folder) openNow(p string) (*os.File, error) {
	return f.root.OpenFile(filepath.FromSlash(p), os.O_RDONLY|syscall.O_NONBLOCK, 0)
}

// plainError turns the error of a file operation into one that may be shown. What leaves the root, is too long or ends in a circle is
// simply not there.
func plainError(err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return ErrForbidden
	}
	return ErrNoFile
}

// Read returns up to limit bytes of the file at a place, and whether there are more. Its errors may be shown to the caller.
func (at Place) Read(limit int) (content []byte, more bool, err error) {
	f, err := at.open()
	if err != nil {
		return nil, false, err
	}
	defer func() { _ = f.Close() }() // only read
	content, err = io.ReadAll(io.LimitReader(f, int64(limit)+1))
	if err != nil {
		return nil, false, errors.New("reading the file failed; try again, or look at the disk of the gateway")
	}
	if len(content) > limit {
		return content[:limit], true, nil
	}
	return content, false, nil
}

// IsText reports whether content can be handed out as text without loss: it is UTF-8 and has no NUL, which text files have not.
func IsText(content []byte) bool {
	return utf8.Valid(content) && bytes.IndexByte(content, 0) < 0
}

// WholeRunes cuts the character off that a limit in bytes has cut through.
func WholeRunes(content []byte) []byte {
	for cut := 1; cut < utf8.UTFMax && cut <= len(content); cut++ {
		last := content[len(content)-cut:]
		if utf8.RuneStart(last[0]) {
			if !utf8.FullRune(last) {
				return content[:len(content)-cut]
			}
			break
		}
	}
	return content
}
