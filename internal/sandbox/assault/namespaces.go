//go:build linux

package main

import (
	"fmt"
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// namespaces are the probes that want a world of their own, or another's, in which they are somebody.
func namespaces() []probe {
	return []probe{
		{"user-namespace", "make a user namespace: clone", syscalls, nothing, func(*Target) error { return cloned(unix.CLONE_NEWUSER) }},
		{"user-namespace-3", "make one by clone3, whose flags no filter sees", nil, nothing, func(*Target) error { return cloned3(unix.CLONE_NEWUSER) }},
		{"user-namespace-unshare", "make one by unshare", syscalls, nothing, unshareUser},
		{"mount-namespace", "make a mount namespace", syscalls, nothing, func(*Target) error { return unshare(unix.CLONE_NEWNS) }},
		{"network-namespace", "make a network namespace", syscalls, nothing, func(*Target) error { return unshare(unix.CLONE_NEWNET) }},
		{"join", "join the namespaces of another process", syscalls, nothing, join},
		{"mount", "mount a file system", syscalls, nothing, mount},
		{"mount-new", "mount by the new calls: fsopen, fsmount, move_mount", syscalls, nothing, mountNew},
		{"mount-tree", "take a copy of all that is mounted: open_tree", syscalls, nothing, mountTree},
		{"unmount", "unmount what hides something", syscalls, nothing, unmount},
		{"pivot-root", "change the root by pivot_root", syscalls, nothing, pivot},
		{"chroot", "get out by chroot", syscalls, nothing, escapeChroot},
		{"host-name", "change the machine's name", syscalls, nothing, hostName},
	}
}

// cloned starts a copy of itself with the flags.
func cloned(flags uintptr) error {
	pid, err := split(leave, unix.SYS_CLONE, flags|uintptr(unix.SIGCHLD), 0)
	if err != nil {
		return err
	}
	_, err = ended(pid)
	return err
}

// cloned3 does it by clone3.
func cloned3(flags uint64) error {
	args := struct {
		flags, pidfd, childTID, parentTID, exitSignal, stack, stackSize, tls uint64
	}{flags: flags, exitSignal: uint64(unix.SIGCHLD)}
	pid, err := split(leave, unix.SYS_CLONE3, uintptr(unsafe.Pointer(&args)), unsafe.Sizeof(args)) //nolint:gosec // a system call
	if err != nil {
		return err
	}
	_, err = ended(pid)
	return err
}

// unshareUser unshares in a copy of itself, since a process with threads may not.
func unshareUser(*Target) error {
	pid, err := forked(func() {
		raw(unix.SYS_EXIT_GROUP, failure(unix.SYS_UNSHARE, unix.CLONE_NEWUSER))
	})
	if err != nil {
		return err
	}
	_, err = ended(pid)
	return err
}

// unshare leaves a namespace on a thread that ends with this.
func unshare(flags int) error {
	runtime.LockOSThread()
	return unix.Unshare(flags)
}

func join(t *Target) error {
	runtime.LockOSThread()
	return first(t.others(), func(pid int) error {
		return first([]string{"net", "mnt", "pid", "user"}, func(kind string) error {
			fd, err := unix.Open(fmt.Sprintf("/proc/%d/ns/%s", pid, kind), unix.O_RDONLY, 0)
			if err != nil {
				// Asked all the same, with a descriptor that is none.
				return call(unix.SYS_SETNS, ^uintptr(0), 0)
			}
			defer func() { _ = unix.Close(fd) }()
			return unix.Setns(fd, 0)
		})
	})
}

func mount(t *Target) error {
	if err := unix.Mount("tmpfs", t.Write, "tmpfs", 0, ""); err != nil {
		return err
	}
	return unix.Unmount(t.Write, unix.MNT_DETACH)
}

func mountNew(t *Target) error {
	fs, err := unix.Fsopen("tmpfs", 0)
	if err != nil {
		return err
	}
	if err := unix.FsconfigCreate(fs); err != nil {
		return err
	}
	mnt, err := unix.Fsmount(fs, 0, 0)
	if err != nil {
		return err
	}
	if err := unix.MoveMount(mnt, "", unix.AT_FDCWD, t.Write, unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
		return err
	}
	return unix.Unmount(t.Write, unix.MNT_DETACH)
}

func mountTree(*Target) error {
	return closed(unix.OpenTree(unix.AT_FDCWD, "/", unix.OPEN_TREE_CLONE|unix.AT_RECURSIVE))
}

// unmount looks under /proc and /dev: there is something below in every box.
func unmount(t *Target) error {
	if err := mount(t); err != nil { // outside there is nothing that hides something: only the own one
		return first([]string{"/proc", "/dev", "/tmp", t.Read}, func(path string) error { return unix.Unmount(path, unix.MNT_DETACH) })
	}
	return nil
}

func pivot(t *Target) error {
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNS); err == nil {
		_ = unix.Mount("", "/", "", unix.MS_PRIVATE|unix.MS_REC, "")
		_ = unix.Mount(t.Read, t.Read, "", unix.MS_BIND, "")
	}
	if err := os.Chdir(t.Read); err != nil {
		return err
	}
	return unix.PivotRoot(".", ".")
}

// escapeChroot is the classic: a root further down leaves the working directory above it.
func escapeChroot(t *Target) error {
	below := t.Write + "/below"
	if err := os.MkdirAll(below, 0o700); err != nil {
		return err
	}
	if err := unix.Chroot(below); err != nil {
		return err
	}
	for range 40 {
		if err := os.Chdir(".."); err != nil {
			return err
		}
	}
	if err := unix.Chroot("."); err != nil {
		return err
	}
	return t.reads(t.Outside + "/secret")
}

func hostName(*Target) error {
	name, err := os.Hostname()
	if err != nil {
		return err
	}
	return unix.Sethostname([]byte(name))
}
