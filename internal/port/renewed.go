package port

import (
	"bytes"
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

// A renewed is what was read from files, and is read again when they change. What cannot
// be used, as it stands there while the files are being replaced, leaves what was before
// in force. Its methods may be called concurrently.
type renewed[T any] struct {
	// what is how people are told of it.
	what  string
	names []string
	// read reads the files. It is told what is in force, the zero value at first.
	read func(now T) (T, error)
	log  *slog.Logger
	// again is how long it is used before the files are looked at again.
	again time.Duration

	mu     sync.Mutex
	now    T
	files  []os.FileInfo // that now was read from
	looked time.Time
	told   string // the fault that was told last
}

// open reads the files for the first time.
func (r *renewed[T]) open() error {
	r.names = slices.DeleteFunc(r.names, func(name string) bool { return name == "" })
	r.looked = time.Now()
	r.files, _ = stat(r.names) // what is wrong with them is told by reading them
	var err error
	r.now, err = r.read(r.now)
	return err
}

// get returns what is in force.
func (r *renewed[T]) get(ctx context.Context) T {
	r.mu.Lock()
	defer r.mu.Unlock()
	if time.Since(r.looked) >= r.again {
		r.looked = time.Now()
		r.renew(ctx)
	}
	return r.now
}

// renew reads the files again if they have changed. A fault is told once, and looked at
// again and again, since another file may still be to come.
func (r *renewed[T]) renew(ctx context.Context) {
	files, err := stat(r.names)
	if err == nil && slices.EqualFunc(files, r.files, same) {
		return
	}
	next := r.now
	if err == nil {
		next, err = r.read(r.now)
	}
	if err != nil {
		if fault := err.Error(); fault != r.told {
			r.told = fault
			r.log.WarnContext(ctx, "new files of TLS cannot be used; what stood there before holds", slog.String("of", r.what), slog.Any("error", err))
		}
		return
	}
	r.now, r.files, r.told = next, files, ""
	r.log.InfoContext(ctx, "new files of TLS were taken over", slog.String("of", r.what), slog.String("files", strings.Join(r.names, ", ")))
}

// stat looks at files. It follows links, since whole directories are swapped by them.
func stat(names []string) ([]os.FileInfo, error) {
	files := make([]os.FileInfo, len(names))
	for i, name := range names {
		info, err := os.Stat(name)
		if err != nil {
			return files, err
		}
		files[i] = info
	}
	return files, nil
}

// same reports whether a file is the one that it was, and unchanged. Time and size
// alone do not tell: a new certificate is as long as the old one, and may be as old.
func same(a, b os.FileInfo) bool {
	return a != nil && b != nil && os.SameFile(a, b) && a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size()
}

// A FileError says what is wrong with one of the files of TLS.
type FileError struct {
	// File is its name, and Remedy what it must hold.
	File, Remedy string
	err          error
}

// Error says what is wrong.
func (e *FileError) Error() string { return e.File + ": " + e.err.Error() }

// Unwrap returns the cause.
func (e *FileError) Unwrap() error { return e.err }

// maxFile bounds the files of TLS. Lists of what is revoked are the longest of them.
const maxFile = 64 << 20

// readWhole reads a file in PEM. One that was written in part only is refused: what comes
// after the last whole block would be passed over in silence.
func readWhole(name string) ([]byte, error) {
	info, err := os.Stat(name)
	if err == nil && info.Size() > maxFile {
		err = fmt.Errorf("it is larger than %d MiB", maxFile>>20)
	}
	if err != nil {
		return nil, err
	}
	data, err := os.ReadFile(name) //nolint:gosec // the file that the configuration names
	if err != nil {
		return nil, err
	}
	for rest := data; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			if bytes.Contains(rest, []byte("-----BEGIN ")) {
				return nil, errors.New("its last block has no end; it may not be written to the end yet")
			}
			return data, nil
		}
	}
}
