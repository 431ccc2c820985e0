//go:build linux

package main

import "syscall"

// int80 makes a system call of the 32-bit kind.
func int80(number, a uint32) int32

// oldCalls asks to be traced by the entry of 32-bit programs, where every call has another number.
func oldCalls(*Target) error {
	const ptrace, traceMe = 26, 0
	if r := int80(ptrace, traceMe); r < 0 {
		return syscall.Errno(-r)
	}
	return nil
}
