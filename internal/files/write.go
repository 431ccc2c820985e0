package files

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"
)

// What may be wrong with a file that was to be written.
var (
	// ErrReadOnly says that the configuration does not let the files of this directory be changed.
	ErrReadOnly = errors.New("this file resource is read-only; its owner can allow changes with write: true")
	// ErrLink says that the last part of the path is a symbolic link.
	ErrLink = errors.New("this is a symbolic link; write the file that it leads to")
	// ErrTooLong says that more than MaxBytes stand in a file, or would.
	ErrTooLong = fmt.Errorf("a file of more than %d MiB is neither read as a whole nor written", MaxBytes>>20)
	errDeep    = fmt.Errorf("the path has more than %d directories; use fewer", maxDepth)
	errPlace   = errors.New("the file cannot be made there: a part of the path is a file, leads out of the directory, or is too long; give another path")
	// errDisk says that the system failed; the file is as it was.
	errDisk = errors.New("writing the file failed and nothing was changed; look at the disk of the gateway and its permissions")
)

// maxDepth is how many directories deep a file may be written: making thousands of them takes the system seconds.
const maxDepth = 64

// newFile is the mode of a file that was not there.
const newFile fs.FileMode = 0o644

// Replace makes content that of the file at a place, as one step: whoever reads sees what was there or all that is new, also after a crash.
// The permissions of a file that is there are kept; directories that are missing are made.
//
// Just before, allow is asked with what is there, nil without a file; its error is returned and nothing is changed. Between that and the
// change no other Replace of the same Files comes; a program that writes at that moment past the gateway is not noticed. Other errors may
// be shown to the caller.
func (all *Files) Replace(at Place, content []byte, allow func(now []byte) error) error {
	switch {
	case !at.folder.write:
		return ErrReadOnly
	case len(content) > MaxBytes:
		return ErrTooLong
	case strings.Count(at.path, "/") > maxDepth:
		return errDeep
	}
	all.writing.Lock()
	defer all.writing.Unlock()
	now, mode, err := at.current()
	if err != nil {
		return err
	}
	if err := allow(now); err != nil {
		return err
	}
	if now == nil {
		return at.create(content)
	}
	return at.overwrite(content, mode)
}

// current is the content and the mode of the file that is to be written, nil where there is none.
func (at Place) current() ([]byte, fs.FileMode, error) {
	info, err := at.folder.root.Lstat(at.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, newFile, nil
	case err != nil && !errors.Is(err, fs.ErrPermission):
		return nil, 0, errPlace
	case err != nil:
		return nil, 0, ErrForbidden
	case info.Mode().Type() == fs.ModeSymlink:
		return nil, 0, ErrLink
	case !info.Mode().IsRegular():
		return nil, 0, ErrNotFile
	}
	content, more, err := at.Read(MaxBytes)
	if err == nil && more {
		err = ErrTooLong
	}
	if err != nil {
		return nil, 0, err
	}
	return append([]byte{}, content...), info.Mode().Perm(), nil
}

// create makes a file that is not there: a link to the finished one, which fails if another program was faster.
func (at Place) create(content []byte) error {
	if dir := path.Dir(at.path); dir != "." {
		if err := at.folder.root.MkdirAll(dir, 0o755); err != nil {
			return writeError(err)
		}
	}
	made, err := at.prepare(content, newFile)
	if err != nil {
		return err
	}
	defer func() { _ = at.folder.root.Remove(made) }() // the other name, or what failed
	if err := at.folder.root.Link(made, at.path); err != nil {
		return writeError(err)
	}
	return at.settle()
}

// overwrite puts a new file in the place of the one that is there.
func (at Place) overwrite(content []byte, mode fs.FileMode) error {
	f, err := at.folder.root.OpenFile(at.path, os.O_WRONLY, 0) // a file that its owner has locked stays as it is
	if err != nil {
		return writeError(err)
	}
	if err := f.Close(); err != nil {
		return writeError(err)
	}
	made, err := at.prepare(content, mode)
	if err != nil {
		return err
	}
	if err := at.folder.root.Rename(made, at.path); err != nil {
		_ = at.folder.root.Remove(made) // what failed is told
		return writeError(err)
	}
	return at.settle()
}

// prepare writes content to a new hidden file beside the place, safely on the disk, and returns its path.
func (at Place) prepare(content []byte, mode fs.FileMode) (string, error) {
	name := path.Join(path.Dir(at.path), ".sumun-"+rand.Text()+".tmp")
	f, err := at.folder.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return "", writeError(err)
	}
	_, err = f.Write(content)
	if err == nil && mode != newFile {
		err = f.Chmod(mode) // past the umask
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		_ = at.folder.root.Remove(name) // what failed is told
		return "", writeError(err)
	}
	return name, nil
}

// settle makes the new name of a file survive a crash. The file itself is written; where a system cannot do more, that is enough.
func (at Place) settle() error {
	d, err := at.folder.openNow(path.Dir(at.path))
	if err != nil {
		return nil //nolint:nilerr // see above
	}
	_ = d.Sync()
	_ = d.Close()
	return nil
}

// writeError is what the caller may be shown of a failed write.
func writeError(err error) error {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return ErrForbidden
	case errors.Is(err, fs.ErrExist):
		return errors.New("another program made this file just now; read it and try again")
	case errors.Is(err, fs.ErrNotExist):
		return ErrNoFile
	}
	return errDisk
}
