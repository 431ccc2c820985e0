//go:build linux

package main

import (
	"fmt"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// forked runs do in a copy of this process, and returns the copy's number. The copy has one thread and no scheduler: do may
// make system calls by raw and write memory, and must end by one.
//
//go:norace
//go:noinline
func forked(do func()) (int, error) {
	return split(do, unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0)
}

// split makes the system call that makes the copy.
//
//go:norace
//go:noinline
func split(do func(), number, a, b uintptr) (int, error) {
	pid, _, errno := syscall.RawSyscall(number, a, b, 0)
	if errno != 0 {
		return 0, errno
	}
	if pid == 0 {
		do()
	}
	return int(pid), nil
}

// rest waits for a signal.
func rest() { raw(unix.SYS_PPOLL, 0, 0, 0, 0) }

// leave ends a copy of this process at once.
func leave() { raw(unix.SYS_EXIT_GROUP, 0) }

// raw makes a system call without telling the scheduler, as a copy of this process has to.
//
//go:norace
func raw(number uintptr, args ...uintptr) {
	var a [6]uintptr
	copy(a[:], args)
	_, _, _ = syscall.RawSyscall6(number, a[0], a[1], a[2], a[3], a[4], a[5])
}

// write writes to a descriptor from a copy of this process.
//
//go:norace
func write(fd uintptr, b []byte) {
	raw(unix.SYS_WRITE, fd, uintptr(unsafe.Pointer(&b[0])), uintptr(len(b))) //nolint:gosec // a system call
}

// failure is what a copy of this process exits with after a system call: 0, or its error above the codes of programs.
//
//go:norace
func failure(number uintptr, args ...uintptr) uintptr {
	var a [6]uintptr
	copy(a[:], args)
	if _, _, errno := syscall.RawSyscall6(number, a[0], a[1], a[2], a[3], a[4], a[5]); errno != 0 {
		return refusedCode + uintptr(errno)
	}
	return 0
}

// refusedCode is above the exit codes of programs.
const refusedCode = 64

// ended waits for a copy of this process. It returns its exit code, or the error that failure has made into one.
func ended(pid int) (int, error) {
	var status unix.WaitStatus
	if _, err := unix.Wait4(pid, &status, 0, nil); err != nil {
		return 0, err
	}
	switch code := status.ExitStatus(); {
	case code < 0:
		return 0, fmt.Errorf("killed by %v", status.Signal())
	case code > refusedCode:
		return 0, syscall.Errno(code - refusedCode)
	default:
		return code, nil
	}
}
