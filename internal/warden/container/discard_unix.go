//go:build unix && !linux

package container

import "os"

// discard removes a watcher's directory.
func discard(dir string) { _ = os.RemoveAll(dir) } // it is in the directory for such files
