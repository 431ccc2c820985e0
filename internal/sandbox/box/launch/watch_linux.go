package launch

import (
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// watch waits until the program ends and returns its exit status, and ends at once when who gave the order has gone. As the first
// process of its namespace it is left with the children of all who end, and takes all of them along when it ends itself. A process of
// box-lite adopts those children and kills them one by one.
func watch(child int, lite bool) int {
	letGo()
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2)
	go forward(signals, child) // this and the next end with the process
	go func() {
		var b [1]byte
		for {
			if n, err := unix.Read(Control, b[:]); n == 0 || err != nil && err != unix.EINTR {
				break
			}
		}
		os.Exit(cannotRun)
	}()
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		switch {
		case err != nil && err != syscall.EINTR:
			return cannotRun
		case pid == child:
			return exitStatus(status)
		}
	}
}

// forward hands signals on to the program and its group.
func forward(signals <-chan os.Signal, child int) {
	for s := range signals {
		if s, ok := s.(syscall.Signal); ok {
			_ = syscall.Kill(-child, s)
		}
	}
}

// letGo closes the program's standard files here, so that they end when the program closes them.
func letGo() {
	null, err := unix.Open("/dev/null", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return
	}
	for fd := range 3 {
		_ = unix.Dup3(null, fd, 0)
	}
	_ = unix.Close(null)
}

func exitStatus(status syscall.WaitStatus) int {
	const signalled = 128
	if status.Signaled() {
		return signalled + int(status.Signal())
	}
	return status.ExitStatus()
}
