package document

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
)

// errNotFile says that a name is that of a directory, a pipe or a device.
var errNotFile = errors.New("it is not a regular file")

// plainKey matches a key that can stand in a path without quotes.
var plainKey = regexp.MustCompile(`^[^.\[\]"\s]+$`)

// Join returns the path of the value under key in the mapping at path: servers.files, or tools.rename["a.b"].
func Join(path, key string) string {
	switch {
	case !plainKey.MatchString(key):
		return path + "[" + strconv.Quote(key) + "]"
	case path == "":
		return key
	}
	return path + "." + key
}

// index returns the path of element i of the list at path.
func index(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }

// Absolute returns name as an absolute path, relative ones from dir.
func Absolute(dir, name string) string {
	if filepath.IsAbs(name) {
		return filepath.Clean(name)
	}
	return filepath.Join(dir, name)
}

// Within makes names absolute in their place, relative ones from dir.
func Within(dir string, names []string) {
	for i, name := range names {
		names[i] = Absolute(dir, name)
	}
}

// plain returns what the operating system said about a file without the operation and the file's name, which the caller has told.
func plain(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}

// Directory reports whether name is a directory, and if not, why.
func Directory(name string) error {
	info, err := os.Stat(name)
	switch {
	case err != nil:
		return plain(err)
	case !info.IsDir():
		return errors.New("it is not a directory")
	}
	return nil
}

// openFile opens a regular file.
func openFile(name string) (*os.File, error) {
	info, err := os.Stat(name)
	switch {
	case err != nil:
		return nil, plain(err)
	case !info.Mode().IsRegular():
		return nil, errNotFile // opening a pipe might never return
	}
	f, err := os.Open(name) //nolint:gosec // the owner of the document names it
	return f, plain(err)
}

// Readable reports whether name is a regular file that can be opened, and if not, why.
func Readable(name string) error {
	f, err := openFile(name)
	if err != nil {
		return err
	}
	return f.Close()
}

// ReadFile returns the content of a regular file that is no larger than a document may be.
func ReadFile(name string) ([]byte, error) { return readBounded(name, maxBytes) }

// readBounded returns the content of a regular file of at most limit bytes.
func readBounded(name string, limit int64) ([]byte, error) {
	f, err := openFile(name)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = fmt.Errorf("it is larger than %d bytes", limit)
	}
	return data, errors.Join(err, f.Close())
}
