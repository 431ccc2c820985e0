package box

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/sumun-mcp/sumun/internal/sandbox/box/launch"
)

// trees makes the mounts that only a privileged gateway can make, and marks their binds: the program runs as a user that owns nothing on
// the machine, but in what it was given it acts as the owner of that directory.
func trees(o *launch.Order, outside int) (fds []int, err error) {
	owners := mappings{}
	defer owners.close()
	for i := range o.Binds {
		b := &o.Binds[i]
		if !b.Given {
			continue
		}
		tree, err := b.Clone()
		if err != nil {
			closeAll(fds)
			return nil, fmt.Errorf("binding %s: %w", b.Path, err)
		}
		owners.mapOwner(tree, outside)
		b.Tree = true
		fds = append(fds, tree)
	}
	return fds, nil
}

// mappings are user namespaces by the user and the group that they map.
type mappings map[[2]int]*os.File

func (m mappings) close() {
	for _, namespace := range m {
		_ = namespace.Close()
	}
}

// mapOwner has the owner of a mount's root be the user outside. Where the file system cannot do that, permission bits decide, which
// are the machine's then.
func (m mappings) mapOwner(tree, outside int) {
	var status unix.Stat_t
	if unix.Fstat(tree, &status) != nil {
		return
	}
	owner := [2]int{int(status.Uid), int(status.Gid)}
	namespace := m[owner]
	if namespace == nil {
		var err error
		if namespace, err = mapping(owner[0], owner[1], outside); err != nil {
			return
		}
		m[owner] = namespace
	}
	attr := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_IDMAP, Userns_fd: uint64(namespace.Fd())}
	if unix.MountSetattr(tree, "", unix.AT_EMPTY_PATH|unix.AT_RECURSIVE, &attr) != nil {
		_ = unix.MountSetattr(tree, "", unix.AT_EMPTY_PATH, &attr) // some mount below it cannot do that
	}
}

// mapping returns a user namespace in which uid and gid are the one user outside. A namespace needs a process to be made for; that one
// never gets to its first instruction.
func mapping(uid, gid, outside int) (*os.File, error) {
	runtime.LockOSThread() // only this thread may wait for who it traces
	defer runtime.UnlockOSThread()
	pid, err := syscall.ForkExec("/proc/self/exe", []string{launch.Name}, &syscall.ProcAttr{ //nolint:gosec // ourselves
		Sys: &syscall.SysProcAttr{
			Ptrace: true, Cloneflags: unix.CLONE_NEWUSER,
			UidMappings: []syscall.SysProcIDMap{{ContainerID: uid, HostID: outside, Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{ContainerID: gid, HostID: outside, Size: 1}},
		},
	})
	if err != nil {
		return nil, err
	}
	defer func() {
		_ = syscall.Kill(pid, syscall.SIGKILL)
		for {
			var status syscall.WaitStatus
			if _, err := syscall.Wait4(pid, &status, 0, nil); err != syscall.EINTR && (err != nil || status.Signaled() || status.Exited()) {
				return
			}
		}
	}()
	return os.Open("/proc/" + strconv.Itoa(pid) + "/ns/user")
}

func closeAll(fds []int) {
	for _, fd := range fds {
		_ = unix.Close(fd)
	}
}
