//go:build linux

package main

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// ports asks for the one port that nobody minds: 0x80.
func ports(*Target) error {
	return oneOf(
		func() error { return call(unix.SYS_IOPERM, 0x80, 1, 1) },
		func() error { return call(unix.SYS_IOPL, 3) },
	)
}

// ldt makes a segment of no use.
func ldt(*Target) error {
	segment := struct{ number, base, limit, flags uint32 }{flags: 1}
	return call(unix.SYS_MODIFY_LDT, 1, uintptr(unsafe.Pointer(&segment)), unsafe.Sizeof(segment)) //nolint:gosec // a system call
}
