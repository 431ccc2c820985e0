package launch

import (
	"errors"
	"fmt"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// dropRights takes all capabilities from this process for good, and from the threads and processes that this thread starts also the
// possibility to get some.
func (o *Order) dropRights() error {
	for capability := uintptr(0); capability <= unix.CAP_LAST_CAP; capability++ {
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, capability, 0, 0, 0); err != nil && err != unix.EINVAL && err != unix.EPERM {
			return err // EINVAL: the kernel does not know it; EPERM: we have nothing that could be dropped
		}
	}
	_ = unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) // there are none in box-lite
	if o.UID != 0 {
		if err := become(o.UID); err != nil && !errors.Is(err, unix.EPERM) { // without the right to, we have no others either
			return err
		}
	}
	if err := dropCapabilities(); err != nil {
		return err
	}
	// So that no other process can look into this one, whoever it runs as.
	return unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)
}

// dropCapabilities takes all capabilities from all threads. In a program that links C, where Go cannot reach them all, it is this one, and
// so the program's, alone: the launcher's others keep theirs, which count in the box's own namespaces only.
func dropCapabilities() error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData
	_, _, errno := syscall.AllThreadsSyscall(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&none[0])), 0) //nolint:gosec // as the kernel has it
	runtime.KeepAlive(&none)
	if errno == unix.ENOTSUP {
		return unix.Capset(&header, &none[0])
	}
	if errno != 0 {
		return errno
	}
	return nil
}

// become runs the process as another user, who is in no group but his own.
func become(uid int) error {
	if err := syscall.Setgroups(nil); err != nil {
		return fmt.Errorf("leaving groups: %w", err)
	}
	if err := syscall.Setresgid(uid, uid, uid); err != nil {
		return fmt.Errorf("changing the group: %w", err)
	}
	if err := syscall.Setresuid(uid, uid, uid); err != nil {
		return fmt.Errorf("changing the user: %w", err)
	}
	return nil
}

// setFilter installs a filter on this thread.
func setFilter(program []byte) (notifier int, err error) {
	const instruction = 8
	type filter struct { // struct sock_fprog
		length  uint16
		program *byte
	}
	f := filter{uint16(len(program) / instruction), &program[0]}                                                                                     //nolint:gosec // the kernel takes 4,096 at most
	fd, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_NEW_LISTENER, uintptr(unsafe.Pointer(&f))) //nolint:gosec // as the kernel has it
	runtime.KeepAlive(program)
	if errno != 0 {
		return 0, errno
	}
	return int(fd), nil
}
