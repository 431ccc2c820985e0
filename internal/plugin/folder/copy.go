package folder

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// The bounds of one plugin.
const (
	maxFiles = 10_000
	maxBytes = 512 << 20
)

// leftOut are directories that are no part of a plugin: what others put there, and what is made again.
var leftOut = []string{"node_modules", "__pycache__", ".git", ".venv", "venv"}

// beside are the files that concern a plugin of one file, in the same directory: those of its kind, and with its own name before.
var beside = map[Kind][]string{Node: {"package.json", "package-lock.json"}, Python: {"requirements.txt"}}

// A Snapshot is what a plugin is made of at one moment.
type Snapshot struct {
	Plugin

	// Digest names the content: hexadecimal digits of a SHA-256.
	Digest string
	// Manifest is what its author says of it.
	Manifest Manifest

	files []file
}

// A file is one of a snapshot, relative to the plugin's directory, or to the one that its file lies in.
type file struct {
	name string
	exec bool
	size int64
	sum  [sha256.Size]byte
}

// errMoved says that a file was not any more what it was when it was looked at.
var errMoved = errors.New("its files are being changed")

// Snap looks at all that a plugin is made of.
func (p Plugin) Snap() (*Snapshot, error) {
	if p.Fault != "" {
		return nil, errors.New(p.Fault)
	}
	s := &Snapshot{Plugin: p}
	root, err := os.OpenRoot(s.base())
	if err != nil {
		return nil, fmt.Errorf("reading the plugin: %w", err)
	}
	defer func() { _ = root.Close() }() // it was only read
	if p.Dir {
		err = s.walk(root)
	} else {
		err = s.gather()
	}
	if err != nil {
		return nil, err
	}
	slices.SortFunc(s.files, func(a, b file) int { return strings.Compare(a.name, b.name) })
	h := sha256.New()
	_, _ = fmt.Fprintf(h, "%s\x00%s\x00%s\x00", p.Path, p.Kind, p.Entry) // a hash takes everything
	for _, f := range s.files {
		_, _ = fmt.Fprintf(h, "%s\x00%t\x00%x\x00", f.name, f.exec, f.sum)
	}
	s.Digest = hex.EncodeToString(h.Sum(nil))
	return s, s.read()
}

// base is the directory that the names of files start from.
func (p Plugin) base() string {
	if p.Dir {
		return p.Path
	}
	return filepath.Dir(p.Path)
}

// read reads the manifest, if there is one.
func (s *Snapshot) read() error {
	name := s.Name + manifestTail
	if s.Dir {
		name = manifestName
	}
	m, err := readManifest(filepath.Join(s.base(), name), s.Shown(name))
	if m != nil {
		s.Manifest = *m
	}
	return err
}

// Shown is how the author knows one of the plugin's files: by the last of its directories.
func (p Plugin) Shown(name string) string {
	if p.Dir {
		return path.Join(filepath.Base(filepath.Dir(p.Path)), filepath.Base(p.Path), name)
	}
	return path.Join(filepath.Base(filepath.Dir(p.Path)), cmp.Or(name, filepath.Base(p.Path)))
}

// own are the files that a plugin of one file can be made of: itself, and those beside it that concern it.
func (p Plugin) own() []string {
	all := []string{filepath.Base(p.Path), p.Name + manifestTail}
	for _, name := range beside[p.Kind] {
		all = append(all, name, p.Name+"."+name)
	}
	return all
}

// gather takes them.
func (s *Snapshot) gather() error {
	for i, name := range s.own() {
		// The plugin itself may be a link to where its author keeps it.
		err := s.take(os.DirFS(s.base()), name)
		if err != nil && (i == 0 || !errors.Is(err, fs.ErrNotExist)) {
			return err
		}
	}
	return nil
}

// each calls visit for the files below the directory. Links count as what they lead to, if that lies below it too.
func each(root *os.Root, visit func(name string, info fs.FileInfo) error) error {
	return fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && slices.Contains(leftOut, d.Name()):
			return fs.SkipDir
		case d.IsDir(), strings.HasSuffix(name, "~"):
			return nil
		}
		info, err := root.Stat(name)
		if err != nil {
			return fmt.Errorf("%s leads nowhere, or out of the plugin: %w", name, err)
		}
		if !info.Mode().IsRegular() {
			return nil // a link to a directory below, whose files are there already, or a socket
		}
		return visit(name, info)
	})
}

// walk takes all files below the directory.
func (s *Snapshot) walk(root *os.Root) error {
	fsys := root.FS()
	err := each(root, func(name string, _ fs.FileInfo) error { return s.take(fsys, name) })
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %w", errMoved, err)
	}
	return err
}

// Stamp says without reading any file whether something of the plugin may have changed: then it is another one.
func (p Plugin) Stamp() string {
	var b strings.Builder
	_, _ = fmt.Fprintf(&b, "%s %s %s %t", p.Path, p.Kind, p.Entry, p.Dir) // a builder takes everything
	note := func(name string, info fs.FileInfo) error {
		_, _ = fmt.Fprintf(&b, "\x00%s %d %d %v", name, info.Size(), info.ModTime().UnixNano(), info.Mode())
		return nil
	}
	if !p.Dir {
		for _, name := range p.own() {
			if info, err := os.Stat(filepath.Join(p.base(), name)); err == nil {
				_ = note(name, info) // it never fails
			}
		}
		return b.String()
	}
	root, err := os.OpenRoot(p.Path)
	if err != nil {
		return err.Error()
	}
	defer func() { _ = root.Close() }() // it was only read
	if err := each(root, note); err != nil {
		b.WriteString(err.Error())
	}
	return b.String()
}

// take takes one file.
func (s *Snapshot) take(fsys fs.FS, name string) error {
	f, err := fsys.Open(name)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // it was only read
	info, err := f.Stat()
	if err != nil {
		return err
	}
	h := sha256.New()
	n, err := io.Copy(h, io.LimitReader(f, maxBytes+1))
	if err != nil {
		return fmt.Errorf("reading %s: %w", name, err)
	}
	one := file{name: name, exec: info.Mode().Perm()&0o111 != 0, size: n, sum: [sha256.Size]byte(h.Sum(nil))}
	s.files = append(s.files, one)
	total := int64(0)
	if len(s.files) <= maxFiles {
		for _, f := range s.files {
			total += f.size
		}
	}
	if len(s.files) > maxFiles || total > maxBytes {
		return fmt.Errorf("it has more than %d files or %d MiB; keep data elsewhere, and name it under read", maxFiles, maxBytes>>20)
	}
	return nil
}

// CopyTo copies the files below dir, which is made. What is not any more as it was when the snapshot was taken is an error, which
// [IsMoved] recognizes.
func (s *Snapshot) CopyTo(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	to, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer func() { _ = to.Close() }() // each file was closed by itself
	for _, f := range s.files {
		if err := s.copy(to, f); err != nil {
			return fmt.Errorf("copying %s: %w", f.name, err)
		}
	}
	return nil
}

// copy copies one file.
func (s *Snapshot) copy(to *os.Root, f file) error {
	b, err := os.ReadFile(filepath.Join(s.base(), filepath.FromSlash(f.name)))
	if err != nil {
		return fmt.Errorf("%w: %w", errMoved, err)
	}
	if sha256.Sum256(b) != f.sum {
		return errMoved
	}
	mode := fs.FileMode(0o600)
	if f.exec {
		mode = 0o700
	}
	if err := to.MkdirAll(path.Dir(f.name), 0o700); err != nil {
		return err
	}
	return to.WriteFile(f.name, b, mode)
}

// IsMoved reports whether an error says that a plugin was changed while it was read: it is to be read again.
func IsMoved(err error) bool { return errors.Is(err, errMoved) }

// Has reports whether one of the files has that name.
func (s *Snapshot) Has(name string) bool {
	return slices.ContainsFunc(s.files, func(f file) bool { return f.name == name })
}
