package install

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// settle has all that was written reach the disk, so that a tree which is in its place after a power failure is whole.
func settle(dir string) error {
	f, err := os.Open(dir) //nolint:gosec // a path of our own
	if err != nil {
		return err
	}
	err = unix.Syncfs(int(f.Fd()))
	_ = f.Close()
	if err != nil {
		return fmt.Errorf("writing an installation to the disk: %w", err)
	}
	return nil
}
