//go:build unix

package launch

import (
	"sync/atomic"
	"syscall"
)

// Await waits for the child and for every orphan that this process has adopted. Once the child has ended or dying is set it has what is
// left killed. A process that dies leaves its children to this one before it can be waited for, so killing again after each wait
// reaches everyone, also who forks meanwhile. It returns the exit status of the child as shells have it.
func Await(child int, dying *atomic.Bool, kill func()) int {
	exit := 1
	for {
		if dying.Load() {
			kill()
		}
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
