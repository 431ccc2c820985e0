//go:build unix

package pgtest

import (
	"os"
	"syscall"
)

// nobody is the user that the server runs as where the tests run as root, which it refuses to.
const nobody = 65534

// unprivileged is how the server is started. It is given its directory.
func unprivileged(dir string) (*syscall.SysProcAttr, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}, own(dir)
}

// own gives the server a file.
func own(path string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	return os.Chown(path, nobody, nobody)
}
