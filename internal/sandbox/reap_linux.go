package sandbox

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/sumun-mcp/sumun/internal/sandbox/box/launch"
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
func adopt() { launch.Adopt() }

func duplicate(from, to int) error { return unix.Dup3(from, to, 0) }

// killTree kills the children of this process: the program, and whom it adopted. They are its parent's no more, so that their
// process group and session do not matter.
func killTree(pid int) { launch.KillChildren(pid) }
