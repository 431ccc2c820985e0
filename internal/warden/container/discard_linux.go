package container

import (
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// discard removes a watcher's directory. In the state of runsc an empty network namespace is mounted, for its sandboxes without a network.
func discard(dir string) {
	_ = unix.Unmount(filepath.Join(dir, "state", "null-netns"), unix.MNT_DETACH) // others have none
	_ = os.RemoveAll(dir)                                                        //nolint:gosec // whose name the watcher has made itself
}
