//go:build unix

package sandbox

import (
	"os/exec"
	"syscall"
)

// canReap says that Reap works here.
const canReap = true

// confine gives the child a process group of its own: what is typed at our terminal does not reach it, and one signal reaches
// all of it. A server that is our direct child dies with the thread that made it, where the system can do that; a Reap does
// not, since it has something to do then.
func confine(cmd *exec.Cmd, reaped bool) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if !reaped {
		dieWithParent(cmd.SysProcAttr)
	}
}

// terminate asks the child's process group to end. The group cannot be another's: its leader has not been waited for, or else
// the signal goes nowhere.
func terminate(cmd *exec.Cmd) { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }

// kill ends the child's process group, also when the child itself has ended and left others behind.
func kill(cmd *exec.Cmd) { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
