package sandbox

import (
	"bytes"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// dieWithParent has the kernel kill the child when the thread that made it ends.
func dieWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGKILL }

// childAttributes leaves the program in this process's group, which the gateway signals as a whole.
func childAttributes() *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{}
	dieWithParent(attr)
	return attr
}

// pass drops the signals to this process: the program gets the same as a member of its group.
func pass(signals <-chan os.Signal, _ int) {
	for range signals {
		continue
	}
}

// adopt makes this process the parent of its descendants whose own parents end.
func adopt() { _ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) }

func duplicate(from, to int) error { return unix.Dup3(from, to, 0) }

// killTree kills the children of this process: the program, and whom it adopted. They are its parent's no more, so that their
// process group and session do not matter.
func killTree(pid int) {
	children, err := childrenOf(os.Getpid())
	if err != nil {
		children = append(children, pid) // without /proc
	}
	for _, child := range children {
		_ = syscall.Kill(child, syscall.SIGKILL)
	}
}

// childrenOf returns the processes whose parent is pid, those aside that have ended.
func childrenOf(pid int) ([]int, error) {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil, err
	}
	defer closeAll(dir)
	names, err := dir.Readdirnames(-1)
	var found []int
	for _, name := range names {
		if child, err := strconv.Atoi(name); err == nil && parentOf(name) == pid {
			found = append(found, child)
		}
	}
	return found, err
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
