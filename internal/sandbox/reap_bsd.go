//go:build unix && !linux

package sandbox

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// dieWithParent does nothing: only Linux tells a child of its parent's death.
func dieWithParent(*syscall.SysProcAttr) {}

// childAttributes gives the program a process group of its own, which can be killed without this process.
func childAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// pass hands the signals to this process on to the program's group.
func pass(signals <-chan os.Signal, pid int) {
	for s := range signals {
		if s, ok := s.(syscall.Signal); ok {
			_ = syscall.Kill(-pid, s)
		}
	}
}

// adopt does nothing: orphans go to the first process of the system.
func adopt() {}

func duplicate(from, to int) error { return unix.Dup2(from, to) }

// killTree kills the program's process group.
func killTree(pid int) { _ = syscall.Kill(-pid, syscall.SIGKILL) }
