package host

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/diff"
)

// maxSize is how large a configuration file may be, in bytes.
const maxSize = 64 << 20

// maxBackups is how many different backups of one file are kept.
const maxBackups = 100

// File is a configuration file as it was when it was opened. It may not exist yet.
type File struct {
	Path   string
	Exists bool
	Data   []byte // nil if it does not exist

	target string      // Path with symbolic links followed: what is written
	mode   fs.FileMode // of the existing file
}

// ErrChanged says that another program wrote the file after it was opened.
var ErrChanged = errors.New("another program changed the file meanwhile")

// Open reads the file at path, if there is one.
func Open(path string) (*File, error) {
	f := &File{Path: path, target: follow(path)}
	info, err := os.Stat(f.target)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return f, nil
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a regular file", path)
	case info.Size() > maxSize:
		return nil, fmt.Errorf("%s is larger than %d MiB", path, maxSize>>20)
	}
	f.Exists, f.mode = true, info.Mode().Perm()
	f.Data, err = os.ReadFile(f.target)
	return f, err
}

// follow is where path leads through symbolic links, even when nothing is there yet.
func follow(path string) string {
	const links = 40 // what Linux follows
	for range links {
		to, err := os.Readlink(path)
		if err != nil {
			break
		}
		if !filepath.IsAbs(to) {
			to = filepath.Join(filepath.Dir(path), to)
		}
		path = to
	}
	if dir, err := filepath.EvalSymlinks(filepath.Dir(path)); err == nil {
		return filepath.Join(dir, filepath.Base(path))
	}
	return path
}

// Write replaces the contents of the file in one step, after a copy of the old ones was put beside it; backup is
// the path of that copy, "" if there were no old contents. Mode and symbolic links stay as they are. A new file,
// and the directories it needs, are for the owner only if private is set.
func (f *File) Write(data []byte, private bool) (backup string, err error) {
	dirMode, mode := fs.FileMode(0o755), fs.FileMode(0o644)
	if private {
		dirMode, mode = 0o700, 0o600
	}
	if f.Exists {
		mode = f.mode
		if backup, err = f.backUp(); err != nil {
			return "", fmt.Errorf("making a backup: %w", err)
		}
	}
	if err := os.MkdirAll(filepath.Dir(f.target), dirMode); err != nil {
		return "", err
	}
	return backup, f.replace(data, mode)
}

// Diff returns what Write would change, as diff -u prints it; nothing if that is nothing.
func (f *File) Diff(data []byte) string {
	text := string(diff.Diff(f.Path, f.Data, f.Path, data))
	_, body, _ := strings.Cut(text, "\n") // the first line names the program
	return body
}

// replace puts a new file in the place of the old one.
func (f *File) replace(data []byte, mode fs.FileMode) error {
	temp, err := os.CreateTemp(filepath.Dir(f.target), ".sumun-*")
	if err != nil {
		return err
	}
	_, err = temp.Write(data)
	err = errors.Join(err, temp.Chmod(mode), temp.Sync(), temp.Close())
	if err == nil {
		err = f.unchanged()
	}
	if err == nil {
		err = os.Rename(temp.Name(), f.target)
	}
	if err != nil {
		return errors.Join(err, os.Remove(temp.Name()))
	}
	return nil
}

// unchanged is ErrChanged if the file is not as it was when it was opened.
func (f *File) unchanged() error {
	now, err := os.ReadFile(f.target)
	if f.Exists != (err == nil) || !bytes.Equal(now, f.Data) {
		return ErrChanged
	}
	return nil
}

// backUp copies the file beside Path, unless the same copy is there already.
func (f *File) backUp() (string, error) {
	for n := range maxBackups {
		name := f.backupName(n)
		old, err := os.ReadFile(name) //nolint:gosec // beside the user's own file
		switch {
		case err == nil && bytes.Equal(old, f.Data):
			return name, nil
		case err == nil:
			continue
		case !errors.Is(err, fs.ErrNotExist):
			return "", err
		}
		out, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, f.mode) //nolint:gosec // beside the user's own file
		if err != nil {
			return "", err
		}
		_, err = out.Write(f.Data)
		return name, errors.Join(err, out.Chmod(f.mode), out.Sync(), out.Close())
	}
	return "", fmt.Errorf("there are %d backups of %s: move them away", maxBackups, f.Path)
}

// backupName is the name of the n-th backup.
func (f *File) backupName(n int) string {
	name := f.Path + ".sumun-backup"
	if n > 0 {
		name += "-" + strconv.Itoa(n+1)
	}
	return name
}

// Backups returns the contents of the backups that Write made, oldest first.
func (f *File) Backups() [][]byte {
	var all [][]byte
	for n := range maxBackups {
		data, err := os.ReadFile(f.backupName(n))
		if err != nil {
			break
		}
		all = append(all, data)
	}
	return all
}
