package builtin

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
	"syscall"
	"unicode"
	"unicode/utf8"
)

// MaxFileBytes is the most of one file that is handed out in one answer.
const MaxFileBytes = 4 << 20

const maxPathBytes = 4096

// What may be wrong with a file that was asked for. The words reach the
// caller, so none names a directory of this machine.
var (
	errNoFile    = errors.New("there is no such file here; resources/list names the files")
	errNotFile   = errors.New("this is not a regular file; name a file in it, or another one")
	errForbidden = errors.New("the gateway has no permission to read this file; ask its owner to change the permissions")
)

// A Root is a directory whose files are offered under a name.
type Root struct {
	Name string // of the configured resource, e.g. "docs"; letters, digits, _ and -
	Dir  string // must exist; it is opened once
}

// A folder is an opened Root. Every access goes through os.Root, which keeps
// links and races within the directory.
type folder struct {
	name string
	dir  string // absolute, for the watcher only; never shown to a caller
	root *os.Root
}

// files are the folders that are offered, in the order of the configuration.
type files []*folder

// A place is where a file is or would be: a path that checkPath has accepted,
// within a folder.
type place struct {
	folder *folder
	path   string
}

// openFiles opens every root or none.
func openFiles(roots []Root) (files, error) {
	var opened files
	for _, r := range roots {
		f, err := openFolder(r, opened)
		if err != nil {
			return nil, errors.Join(err, opened.close())
		}
		opened = append(opened, f)
	}
	return opened, nil
}

func openFolder(r Root, others files) (*folder, error) {
	if !regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`).MatchString(r.Name) {
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
	return &folder{name: r.Name, dir: dir, root: root}, nil
}

func (all files) close() error {
	var faults []error
	for _, f := range all {
		faults = append(faults, f.root.Close())
	}
	return errors.Join(faults...)
}

// folder is the folder of a name, nil if there is none.
func (all files) folder(name string) *folder {
	for _, f := range all {
		if f.name == name {
			return f
		}
	}
	return nil
}

// locate finds the place of a path as file.read takes it: relative to the
// only folder, or beginning with the name of one of several.
func (all files) locate(p string) (place, error) {
	if err := checkPath(p); err != nil {
		return place{}, err
	}
	p = path.Clean(p)
	if len(all) == 1 {
		return place{all[0], p}, nil
	}
	name, rest, _ := strings.Cut(p, "/")
	f := all.folder(name)
	if f == nil || rest == "" {
		return place{}, fmt.Errorf("the path must begin with the name of a file resource; use one of %s", all.names())
	}
	return place{f, rest}, nil
}

// label is the path by which locate finds a place again.
func (all files) label(at place) string {
	if len(all) == 1 {
		return at.path
	}
	return at.folder.name + "/" + at.path
}

func (all files) names() string {
	var names []string
	for _, f := range all {
		names = append(names, f.name+"/")
	}
	return strings.Join(names, ", ")
}

// checkPath refuses what is not a plain relative path with slashes. It is the
// fence in front of os.Root, not instead of it: it keeps hidden files (.env,
// .git) from being read, and paths from meaning something else on another
// system.
func checkPath(p string) error {
	switch {
	case p == "":
		return errors.New("the path is empty; give one such as notes/today.md")
	case len(p) > maxPathBytes:
		return fmt.Errorf("the path has %d bytes; at most %d are possible", len(p), maxPathBytes)
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
		return errNoFile
	}
	return nil
}

// open opens the regular file at a place, without waiting: a pipe or a device
// is refused, also when it takes the place of a file just now.
func (at place) open() (*os.File, error) {
	info, err := at.folder.root.Stat(at.path)
	if err != nil {
		return nil, plainError(err)
	}
	if !info.Mode().IsRegular() {
		return nil, errNotFile
	}
	f, err := at.folder.openNow(at.path)
	if err != nil {
		return nil, plainError(err)
	}
	if info, err = f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, errors.Join(errNotFile, f.Close())
	}
	return f, nil
}

// openNow opens without waiting for the other end of a pipe.
func (f *folder) openNow(p string) (*os.File, error) {
	return f.root.OpenFile(filepath.FromSlash(p), os.O_RDONLY|syscall.O_NONBLOCK, 0)
}

// plainError turns the error of a file operation into one that may be shown.
// What leaves the root, is too long or ends in a circle is simply not there.
func plainError(err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return errForbidden
	}
	return errNoFile
}

// read returns up to limit bytes of the file at a place, and whether there are
// more.
func (at place) read(limit int) (content []byte, more bool, err error) {
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

// isText reports whether content can be handed out as text without loss: it
// is UTF-8 and has no NUL, which text files have not.
func isText(content []byte) bool {
	return utf8.Valid(content) && bytes.IndexByte(content, 0) < 0
}

// wholeRunes cuts the character off that a limit in bytes has cut through.
func wholeRunes(content []byte) []byte {
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
