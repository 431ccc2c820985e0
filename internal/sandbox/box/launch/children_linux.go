package launch

import (
	"bytes"
	"os"
	"strconv"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// Adopt makes this process the parent of its descendants whose own parents end.
func Adopt() { _ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) }

// Await waits for the child and for every orphan that has been adopted. Once the child has ended or dying is set it kills what
// is left. A process that dies leaves its children to this one before it can be waited for, so killing again after each wait
// reaches everyone, also who forks meanwhile. It returns the exit status of the child as shells have it.
func Await(child int, dying *atomic.Bool) int {
	exit := 1
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		switch {
		case err == syscall.EINTR:
			continue
		case err != nil: // nobody is left
			return exit
		case pid == child:
			exit = ExitStatus(status)
			dying.Store(true)
		}
		if dying.Load() {
			KillChildren()
		}
	}
}

// ExitStatus returns how a process ended as shells have it.
func ExitStatus(status syscall.WaitStatus) int {
	const signalled = 128
	if status.Signaled() {
		return signalled + int(status.Signal())
	}
	return status.ExitStatus()
}

// KillChildren kills the children of this process, whatever process group or session they are in. It needs /proc.
func KillChildren() {
	dir, err := os.Open("/proc")
	if err != nil {
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
