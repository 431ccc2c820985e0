package launch

import (
	"bytes"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// Adopt makes this process the parent of its descendants whose own parents end.
func Adopt() { _ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) }

// KillChildren kills the children of this process, whatever process group or session they are in, or at least the given one, if it is not 0, where
// there is no /proc.
func KillChildren(child int) {
	dir, err := os.Open("/proc")
	if err != nil {
		if child > 0 {
			_ = syscall.Kill(child, syscall.SIGKILL)
		}
		return
	}
	defer func() { _ = dir.Close() }()
	names, _ := dir.Readdirnames(-1)
	for _, name := range names {
		if child, err := strconv.Atoi(name); err == nil && parentOf(name) == os.Getpid() {
			_ = syscall.Kill(child, syscall.SIGKILL)
		}
	}
}

// parentOf returns the parent of a process, 0 if it has ended. In the file stat it stands two fields after the name, which is
// in parentheses and may contain anything.
func parentOf(pid string) int {
	stat, err := os.ReadFile("/proc/" + pid + "/stat") //nolint:gosec // a name that /proc listed
	if err != nil {
		return 0
	}
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 2 || fields[0][0] == 'Z' {
		return 0
	}
	parent, _ := strconv.Atoi(string(fields[1]))
	return parent
}
