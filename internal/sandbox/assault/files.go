//go:build linux

package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

var file = []string{"file"}

// files are the probes that want what lies in the machine's directories.
func files() []probe {
	return []probe{
		{"shadow", "read /etc/shadow", file, nothing, readShadow},
		{"home-keys", "read a private key in ~/.ssh", file, nothing, readKeys},
		{"outside-read", "read a file that was not granted", file, nothing, func(t *Target) error { return t.reads(t.Outside + "/secret") }},
		{"outside-list", "list a directory that was not granted", file, nothing, list},
		{"outside-write", "overwrite a file that was not granted", file, nothing, func(t *Target) error { return overwrite(t.Outside + "/file") }},
		{"dotdot", "climb out by ../../..", file, nothing, dotdot},
		{"granted-create", "create a file in a directory that may only be read", file, nothing, func(t *Target) error { return create(t.Read + "/new") }},
		{"granted-change", "change a file that may only be read: contents, mode, times, attributes", nil, nothing, change},
		{"granted-remove", "remove and rename files that may only be read", nil, nothing, remove},
		{"granted-remount", "mount a directory again so that it may be written", []string{"syscall"}, nothing, remount},
		{"granted-setattr", "make a directory writable by mount_setattr", []string{"syscall"}, nothing, setattr},
		{"system-write", "open /etc/hosts and /etc/passwd for writing", file, nothing, func(*Target) error {
			return first([]string{"/etc/hosts", "/etc/passwd"}, overwrite)
		}},
		{"programs-write", "create a file in /usr/bin", file, nothing, func(*Target) error {
			return closed(unix.Open("/usr/bin", unix.O_TMPFILE|unix.O_WRONLY, 0o700))
		}},
		{"symlink", "read through a symlink in a writable directory", nil, nothing, symlink},
		{"symlink-race", "read through a name that changes between a file and a symlink", nil, nothing, symlinkRace},
		{"hard-link", "take a hard link of a file outside into a writable directory", nil, nothing, hardLink},
		{"rename-out", "move a file to outside of a writable directory", nil, nothing, func(t *Target) error {
			return moved(t.Write+"/mine", t.Outside+"/moved")
		}},
		{"rename-climb", "move the working directory out of its mount and climb from there", file, nothing, climb},
		{"magic-root", "reach the machine through /proc/PID/root", nil, nothing, func(t *Target) error { return t.magic("root" + t.Outside + "/secret") }},
		{"magic-cwd", "reach another's files through /proc/PID/cwd", nil, nothing, func(t *Target) error { return t.magic("cwd/secret") }},
		{"magic-fd", "open another's files through /proc/PID/fd", nil, nothing, func(t *Target) error { return t.magic(fmt.Sprint("fd/", t.File)) }},
		{"handle", "open a file by its handle, past all directories", []string{"syscall"}, nothing, byHandle},
		{"shared-memory-file", "read another's file in /dev/shm", file, nothing, func(t *Target) error { return t.reads(t.Shared) }},
		{"descriptors", "use files that the gateway had open", nil, nothing, inherited},
		{"disk", "open the disk below the files", nil, nothing, disk},
		{"mknod", "make a device node", []string{"file", "syscall"}, nothing, mknod},
		{"devices", "open devices: kmsg, kvm, fuse, tun, mem, loop", file, nothing, devices},
		{"sysctl", "change /proc/sys", file, nothing, func(*Target) error { return rewrite("/proc/sys/vm/swappiness") }},
		{"core-pattern", "change what the kernel runs for a core dump", file, nothing, func(*Target) error { return rewrite("/proc/sys/kernel/core_pattern") }},
		{"sysrq", "open /proc/sysrq-trigger for writing", file, nothing, func(*Target) error { return overwrite("/proc/sysrq-trigger") }},
		{"kernel-memory", "read what /proc tells of the kernel's memory: kcore, kpageflags, kmsg", file, nothing, func(*Target) error {
			return first([]string{"/proc/kcore", "/proc/kpageflags", "/proc/kmsg"}, func(path string) error {
				return closed(unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK, 0))
			})
		}},
		{"sysfs", "open a switch of the kernel in /sys for writing", file, nothing, func(*Target) error {
			return overwrite("/sys/kernel/mm/transparent_hugepage/enabled")
		}},
		{"cgroup", "leave its control group", file, nothing, leaveGroup},
	}
}

// closed returns the error of what opens a file, and closes the file.
func closed(fd int, err error) error {
	if err != nil {
		return err
	}
	return unix.Close(fd)
}

func readShadow(*Target) error {
	b, err := os.ReadFile("/etc/shadow")
	if err == nil && !bytes.HasPrefix(b, []byte("root:")) {
		err = errNothing
	}
	return err
}

func readKeys(t *Target) error {
	home, err := os.UserHomeDir()
	if err != nil {
		home = t.Home
	}
	return first([]string{t.Home, home}, func(dir string) error { return t.reads(dir + "/.ssh/key") })
}

func list(t *Target) error {
	names, err := os.ReadDir(t.Outside)
	if err == nil && len(names) == 0 {
		err = errNothing
	}
	return err
}

// overwrite opens an existing file for writing; that it may is enough.
func overwrite(path string) error { return closed(unix.Open(path, unix.O_WRONLY, 0)) }

// create creates a file and takes it away again.
func create(path string) error {
	if err := closed(unix.Open(path, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL, 0o600)); err != nil {
		return err
	}
	return os.Remove(path)
}

// rewrite writes into a file what it already says.
func rewrite(path string) error {
	b, err := os.ReadFile(path) //nolint:gosec // one of a few
	if err != nil {
		return err
	}
	return os.WriteFile(path, b, 0) //nolint:gosec // the same
}

func dotdot(t *Target) error {
	return t.reads(strings.Repeat("../", 40) + t.Outside[1:] + "/secret")
}

func change(t *Target) error {
	data := t.Read + "/data"
	return oneOf(
		func() error { return overwrite(data) },
		func() error { return unix.Truncate(data, 0) },
		func() error { return unix.Chmod(data, 0o600) },
		func() error { return unix.Setxattr(data, "user.sumun", []byte("x"), 0) },
		func() error { return unix.Utimes(data, make([]unix.Timeval, 2)) },
	)
}

func remove(t *Target) error {
	return oneOf(
		func() error { return moved(t.Read+"/data", t.Read+"/other") },
		func() error { return unix.Unlink(t.Read + "/data") },
	)
}

// moved renames a file, made if it is not there, and renames it back.
func moved(from, to string) error {
	if _, err := os.Lstat(from); os.IsNotExist(err) {
		if err := os.WriteFile(from, nil, 0o600); err != nil {
			return err
		}
	}
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return os.Rename(to, from)
}

func remount(t *Target) error {
	_ = unix.Mount(t.Read, t.Read, "", unix.MS_BIND, "") // where it is a mount already the rest suffices
	if err := unix.Mount("", t.Read, "", unix.MS_REMOUNT|unix.MS_BIND, ""); err != nil {
		return err
	}
	defer func() { _ = unix.Unmount(t.Read, unix.MNT_DETACH) }()
	return create(t.Read + "/new")
}

func setattr(t *Target) error {
	if err := unix.Mount(t.Read, t.Read, "", unix.MS_BIND, ""); err == nil {
		defer func() { _ = unix.Unmount(t.Read, unix.MNT_DETACH) }()
	}
	attr := unix.MountAttr{Attr_clr: unix.MOUNT_ATTR_RDONLY}
	if err := unix.MountSetattr(unix.AT_FDCWD, t.Read, unix.AT_RECURSIVE, &attr); err != nil {
		return err
	}
	return create(t.Read + "/new")
}

func symlink(t *Target) error {
	link := t.Write + "/link"
	_ = os.Remove(link)
	if err := os.Symlink(t.Outside+"/secret", link); err != nil {
		return err
	}
	defer func() { _ = os.Remove(link) }()
	return t.reads(link)
}

// symlinkRace exchanges a file and a symlink as fast as it can, for whoever checks a name and then opens it.
func symlinkRace(t *Target) error {
	harmless, link := t.Write+"/harmless", t.Write+"/racing"
	_ = os.Remove(link)
	if err := os.WriteFile(harmless, []byte("harmless"), 0o600); err != nil {
		return err
	}
	if err := os.Symlink(t.Outside+"/secret", link); err != nil {
		return err
	}
	var over atomic.Bool
	var work sync.WaitGroup
	work.Go(func() {
		for !over.Load() {
			_ = unix.Renameat2(unix.AT_FDCWD, harmless, unix.AT_FDCWD, link, unix.RENAME_EXCHANGE)
		}
	})
	defer work.Wait()
	defer over.Store(true)
	err := errNothing
	for range 2000 {
		if err = t.reads(harmless); err == nil {
			return nil
		}
	}
	return err
}

func hardLink(t *Target) error {
	link := t.Write + "/taken"
	_ = os.Remove(link)
	if err := os.Link(t.Outside+"/secret", link); err != nil {
		return err
	}
	defer func() { _ = os.Remove(link) }()
	return t.reads(link)
}

// climb moves the directory that it is in out of the one that was granted, and looks for the way up.
func climb(t *Target) error {
	inner := filepath.Join(t.Write, "inner")
	if err := os.MkdirAll(inner+"/deep/deeper", 0o700); err != nil {
		return err
	}
	if err := os.Chdir(inner + "/deep/deeper"); err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(t.Write + "/up") }()
	if err := os.Rename(inner+"/deep", t.Write+"/up"); err != nil {
		return err
	}
	return dotdot(t)
}

// magic reads the secret through a link in /proc.
func (t *Target) magic(path string) error {
	return first(append(t.others(), procs()...), func(pid int) error { return t.reads(fmt.Sprintf("/proc/%d/%s", pid, path)) })
}

func byHandle(t *Target) error {
	if len(t.Handle) == 0 {
		return errMissing
	}
	dir, err := unix.Open(t.Read, unix.O_RDONLY, 0)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(dir) }()
	fd, err := unix.OpenByHandleAt(dir, unix.NewFileHandle(t.HandleType, t.Handle), unix.O_RDONLY)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(fd) }()
	return t.reads(fmt.Sprint("/proc/self/fd/", fd))
}

func inherited(t *Target) error {
	b := make([]byte, 4096)
	for fd := 3; fd < 1024; fd++ {
		if n, err := unix.Pread(fd, b, 0); err == nil && t.found(b[:n]) {
			return nil
		}
	}
	return errNothing
}

func disk(t *Target) error {
	entries, err := os.ReadDir("/sys/dev/block")
	if err != nil {
		entries, err = os.ReadDir("/dev")
	}
	if err != nil {
		return err
	}
	refused := os.ErrNotExist
	for _, e := range entries {
		name := e.Name()
		if dev, err := os.Readlink("/sys/dev/block/" + name); err == nil {
			name = filepath.Base(dev)
		}
		var st unix.Stat_t
		path := "/dev/" + name
		if unix.Stat(path, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFBLK || st.Rdev != t.Disk {
			continue
		}
		if refused = closed(unix.Open(path, unix.O_RDONLY, 0)); refused == nil {
			return nil
		}
	}
	return refused
}

// mknod makes one more /dev/zero, the only device besides null that no machine minds.
func mknod(t *Target) error {
	node := t.Write + "/device"
	_ = os.Remove(node)
	if err := unix.Mknod(node, unix.S_IFCHR|0o600, int(unix.Mkdev(1, 5))); err != nil { //nolint:gosec // a device number
		return err
	}
	defer func() { _ = os.Remove(node) }()
	return closed(unix.Open(node, unix.O_RDONLY, 0))
}

func devices(*Target) error {
	return first([]string{"/dev/kmsg", "/dev/kvm", "/dev/fuse", "/dev/net/tun", "/dev/mem", "/dev/loop-control", "/dev/ptmx"},
		func(path string) error { return closed(unix.Open(path, unix.O_RDWR|unix.O_NONBLOCK, 0)) })
}

// leaveGroup moves this process to the top of a hierarchy.
func leaveGroup(*Target) error {
	return first([]string{"/sys/fs/cgroup/pids/cgroup.procs", "/sys/fs/cgroup/unified/cgroup.procs", "/sys/fs/cgroup/cgroup.procs"},
		func(path string) error { return os.WriteFile(path, []byte("0"), 0) })
}
