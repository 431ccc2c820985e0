package launch

import (
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// What Landlock tells apart, put together to what a path may be used for.
const (
	mayList  = unix.LANDLOCK_ACCESS_FS_READ_DIR
	mayRead  = unix.LANDLOCK_ACCESS_FS_READ_FILE | mayList
	mayRun   = unix.LANDLOCK_ACCESS_FS_EXECUTE | mayRead
	mayUse   = unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_WRITE_FILE // a device
	mayWrite = mayRead | unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_REMOVE_DIR | unix.LANDLOCK_ACCESS_FS_REMOVE_FILE |
		unix.LANDLOCK_ACCESS_FS_MAKE_DIR | unix.LANDLOCK_ACCESS_FS_MAKE_REG | unix.LANDLOCK_ACCESS_FS_MAKE_SOCK | unix.LANDLOCK_ACCESS_FS_MAKE_FIFO |
		unix.LANDLOCK_ACCESS_FS_MAKE_SYM | unix.LANDLOCK_ACCESS_FS_REFER | unix.LANDLOCK_ACCESS_FS_TRUNCATE
	all = mayRun | mayWrite | unix.LANDLOCK_ACCESS_FS_MAKE_CHAR | unix.LANDLOCK_ACCESS_FS_MAKE_BLOCK | unix.LANDLOCK_ACCESS_FS_IOCTL_DEV |
		unix.LANDLOCK_ACCESS_FS_RESOLVE_UNIX // to unix sockets of others; those of the box's own programs are always within reach

	ofFiles = unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_READ_FILE |
		unix.LANDLOCK_ACCESS_FS_TRUNCATE | unix.LANDLOCK_ACCESS_FS_IOCTL_DEV | unix.LANDLOCK_ACCESS_FS_RESOLVE_UNIX
)

// A landlock is the part of Landlock that the kernel knows.
type landlock struct {
	files, scoped uint64
}

func newLandlock(version int) landlock {
	l := landlock{files: all}
	if version < 9 {
		l.files &^= unix.LANDLOCK_ACCESS_FS_RESOLVE_UNIX
	}
	if version < 5 {
		l.files &^= unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	}
	if version < 3 {
		l.files &^= unix.LANDLOCK_ACCESS_FS_TRUNCATE
	}
	if version < 2 {
		l.files &^= unix.LANDLOCK_ACCESS_FS_REFER
	}
	if version >= 6 {
		l.scoped = unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | unix.LANDLOCK_SCOPE_SIGNAL
	}
	return l
}

// open makes a set of rules that allows nothing yet.
func (l landlock) open() (ruleset int, err error) {
	attr := unix.LandlockRulesetAttr{Handled_access_fs: l.files, Scoped: l.scoped}
	fd, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr), 0) //nolint:gosec // no library does it for one thread
	if errno != 0 {
		return 0, errno
	}
	return int(fd), nil
}

// A rule allows something at a path and below it.
type rule struct {
	path   string
	access uint64
}

func (l landlock) add(ruleset int, r rule) error {
	fd, err := unix.Open(r.path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(fd) }()
	var status unix.Stat_t
	if err := unix.Fstat(fd, &status); err != nil {
		return err
	}
	access := r.access & l.files
	if status.Mode&unix.S_IFMT != unix.S_IFDIR {
		access &= ofFiles
	}
	attr := unix.LandlockPathBeneathAttr{Allowed_access: access, Parent_fd: int32(fd)}                                                                   //nolint:gosec // a descriptor
	_, _, errno := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(ruleset), unix.LANDLOCK_RULE_PATH_BENEATH, uintptr(unsafe.Pointer(&attr)), 0, 0, 0) //nolint:gosec // as above
	if errno != 0 {
		return errno
	}
	return nil
}

// rules returns what the order allows.
func (o *Order) rules() []rule {
	var all []rule
	for _, b := range o.Binds {
		access := uint64(mayRead)
		switch {
		case b.Device:
			access = mayUse
		case b.Write:
			access = mayWrite
		case b.Exec:
			access = mayRun
		}
		all = append(all, rule{b.Path, access})
	}
	if o.Lite {
		return append(all, rule{"/proc", mayRead}, rule{o.Home, mayWrite})
	}
	for _, scratch := range Scratch(o.Home) {
		all = append(all, rule{scratch, mayWrite})
	}
	for _, f := range o.Files {
		all = append(all, rule{f.Path, mayRead})
	}
	return append(all, rule{"/", mayList}, rule{"/proc", mayRead})
}

// noRuleset is for kernels without Landlock.
const noRuleset = -1

// ruleset makes the set of rules that keeps a program to the paths of the order.
func (o *Order) ruleset() (ruleset int, err error) {
	version, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		if o.Forgives {
			return noRuleset, nil
		}
		return 0, fmt.Errorf("landlock is missing here: %w", errno)
	}
	l := newLandlock(int(version))
	if ruleset, err = l.open(); err != nil {
		return 0, fmt.Errorf("landlock: %w", err)
	}
	for _, rule := range o.rules() {
		if err := l.add(ruleset, rule); err != nil && !errors.Is(err, unix.ENOENT) {
			return 0, fmt.Errorf("landlock: allowing %s: %w", rule.path, err)
		}
	}
	return ruleset, nil
}

// enforce has this thread keep to the rules.
func enforce(ruleset int) error {
	if ruleset == noRuleset {
		return nil
	}
	defer func() { _ = unix.Close(ruleset) }()
	if _, _, errno := unix.Syscall(unix.SYS_LANDLOCK_RESTRICT_SELF, uintptr(ruleset), 0, 0); errno != 0 {
		return fmt.Errorf("landlock: %w", errno)
	}
	return nil
}
