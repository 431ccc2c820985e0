package host

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// ErrPassing says that this program lies where `go run` builds: it will be gone when a host wants to start it.
var ErrPassing = errors.New("this program was built by go run and will be gone: a host could not start it")

// Program is the absolute path under which a host can start this program later, where it is installed as name: the one
// on the PATH if that is this program, since a link there outlives the release that it leads to, else its own file.
func Program(name string) (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("finding the path of this program: %w", err)
	}
	found, err := exec.LookPath(name)
	if err == nil {
		if found, err = filepath.Abs(found); err == nil && (sameFile(found, self) || passing(self)) {
			return found, nil
		}
	}
	if passing(self) {
		return "", ErrPassing
	}
	return self, nil
}

// sameFile reports whether two paths lead to one file.
func sameFile(a, b string) bool {
	one, err := os.Stat(a)
	if err != nil {
		return false
	}
	other, err := os.Stat(b)
	return err == nil && os.SameFile(one, other)
}

// passing reports whether a program lies where `go run` and `go test` build.
func passing(path string) bool {
	return strings.Contains(filepath.ToSlash(path), "/go-build")
}
