//go:build unix

package database

import (
	"os"
	"syscall"
)

// unprivileged is how the server is started, which refuses to run as root, and gives it its directory.
func unprivileged(dir string) (*syscall.SysProcAttr, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	const nobody = 65534
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}, os.Chown(dir, nobody, nobody)
}
