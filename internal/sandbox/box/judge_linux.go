package box

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sumun-mcp/sumun/internal/sandbox/box/launch/seccomp"
)

// answer decides about one call, and tells of it.
//
// What it reads of the process that asks may have changed when the call is carried out. So it decides by numbers alone: by which call it is
// and by how many there were. What a path says is only told; whether it can be reached is up to mounts and Landlock. What is
// connected to is read once, and connected to by us. In box-lite, where /proc is the machine's, what in it is for the
// machine's owner is refused by its path; who changes that in time meets permission bits alone.
func (s *supervisor) answer(q *question) (r reply, later bool) {
	name := s.arch.Name(q.Arch, int(q.Number))
	switch name {
	case "execve":
		return s.exec(q), false
	case "connect", "sendto", "sendmsg", "sendmmsg":
		return s.connect(q, name)
	}
	if seccomp.Proceeds(name) {
		for _, u := range uses(q, name) {
			if name := s.path(q, u); s.policy.Lite && ofKernel(name) {
				return refuse(unix.EACCES), false
			}
		}
		if !strings.HasPrefix(name, "mknod") || !isDevice(q, name) {
			return proceed(), false
		}
	}
	return s.refuse(q, name), false
}

// refuse refuses a call that no server needs.
func (s *supervisor) refuse(q *question, name string) reply {
	if name == "" {
		name = fmt.Sprintf("%d of architecture %#x", q.Number, q.Arch)
	}
	s.refused(q, KindSyscall, name+arguments(q, name))
	if seccomp.Fallible(name) || strings.Contains(name, " ") {
		return refuse(unix.ENOSYS)
	}
	if name == "socket" {
		return refuse(unix.EAFNOSUPPORT)
	}
	return refuse(unix.EPERM)
}

// isDevice reports whether a device is to be made.
func isDevice(q *question, name string) bool {
	mode := q.Args[1]
	if name == "mknodat" {
		mode = q.Args[2]
	}
	kind := mode & unix.S_IFMT
	return kind == unix.S_IFCHR || kind == unix.S_IFBLK
}

// arguments tells those arguments of a refused call that say what it was for.
func arguments(q *question, name string) string {
	switch name {
	case "socket":
		return fmt.Sprintf(" (family %d, type %d, protocol %d)", q.Args[0], q.Args[1]&0xF, q.Args[2])
	case "clone", "unshare":
		return fmt.Sprintf(" (flags %#x)", q.Args[0])
	case "ioctl":
		return fmt.Sprintf(" (request %#x)", q.Args[1])
	case "prctl":
		return fmt.Sprintf(" (option %d)", q.Args[0])
	}
	return ""
}

func (s *supervisor) act(q *question, kind, detail string) Act {
	program, _ := os.Readlink("/proc/" + strconv.Itoa(int(q.PID)) + "/exe")
	return Act{Kind: kind, Detail: detail, Program: program, PID: int(q.PID), At: time.Now()}
}

func (s *supervisor) refused(q *question, kind, detail string) {
	if s.teller.hooks.Refused != nil {
		s.teller.refusal(s.act(q, kind, detail))
	}
}

func (s *supervisor) watched(q *question, kind, detail string) {
	if s.policy.Watch && s.teller.hooks.Watched != nil {
		s.teller.act(s.act(q, kind, detail))
	}
}

// exec counts the programs that are started.
func (s *supervisor) exec(q *question) reply {
	s.execs++
	name := text(q.PID, q.Args[0])
	if s.policy.Exec >= 0 && s.execs > s.policy.Exec+1 {
		s.refused(q, KindExec, name)
		return refuse(unix.EACCES)
	}
	s.watched(q, KindExec, name)
	return proceed()
}

// connect tells where something is sent, and has a connector connect. That goes on beside other calls, so the answer may come later.
func (s *supervisor) connect(q *question, call string) (r reply, later bool) {
	address, length := q.Args[1], q.Args[2]
	switch call {
	case "sendto":
		address, length = q.Args[4], q.Args[5]
	case "sendmsg", "sendmmsg": // struct msghdr begins with them
		head := memory(q.PID, q.Args[1], 12)
		if len(head) < 12 {
			return proceed(), false
		}
		address, length = binary.NativeEndian.Uint64(head), uint64(binary.NativeEndian.Uint32(head[8:]))
	}
	const longest = 128 // struct sockaddr_storage
	sockaddr := memory(q.PID, address, min(length, longest))
	name, reachable := s.view.address(q.PID, sockaddr)
	switch {
	case name == "":
	case reachable:
		s.watched(q, KindConnect, name)
	default:
		s.refused(q, KindConnect, name)
	}
	if call != "connect" || s.policy.Lite || len(sockaddr) == 0 {
		return proceed(), false
	}
	s.connector.start(*q, sockaddr, &s.view, func(r reply) { s.send(q.ID, r) })
	return reply{}, true
}

// A use is what a call does with a path.
type use struct {
	dir    int32 // the directory that the path is relative to
	path   uint64
	change bool
}

// uses returns what a call does with which paths.
func uses(q *question, name string) []use {
	a := q.Args
	const here = unix.AT_FDCWD
	at := func(dir, path int, change bool) use { return use{int32(a[dir]), a[path], change} } //nolint:gosec // a descriptor in the low half
	const changing = unix.O_WRONLY | unix.O_RDWR | unix.O_CREAT | unix.O_TRUNC
	switch name {
	case "open":
		return []use{{here, a[0], a[1]&changing != 0}}
	case "creat":
		return []use{{here, a[0], true}}
	case "openat":
		return []use{at(0, 1, a[2]&changing != 0)}
	case "openat2":
		how := memory(q.PID, a[2], 8)
		return []use{at(0, 1, len(how) == 8 && binary.NativeEndian.Uint64(how)&changing != 0)}
	case "mkdir", "mknod", "rmdir", "truncate", "unlink":
		return []use{{here, a[0], true}}
	case "mkdirat", "mknodat", "unlinkat":
		return []use{at(0, 1, true)}
	case "rename", "link":
		return []use{{here, a[0], true}, {here, a[1], true}}
	case "renameat", "renameat2", "linkat":
		return []use{at(0, 1, true), at(2, 3, true)}
	case "symlink":
		return []use{{here, a[1], true}}
	case "symlinkat":
		return []use{at(1, 2, true)}
	}
	return nil
}

// path tells of the use of a path, and returns it in full; empty if it cannot be read.
func (s *supervisor) path(q *question, u use) string {
	name := text(q.PID, u.path)
	if name == "" {
		return ""
	}
	if !strings.HasPrefix(name, "/") {
		base := "/proc/" + strconv.Itoa(int(q.PID)) + "/cwd"
		if u.dir != unix.AT_FDCWD {
			base = "/proc/" + strconv.Itoa(int(q.PID)) + "/fd/" + strconv.Itoa(int(u.dir))
		}
		dir, err := os.Readlink(base)
		if err != nil {
			return ""
		}
		name = dir + "/" + name
	}
	name = s.follow(q, filepath.Clean(name))
	what := name + ", to be read"
	if u.change {
		what = name + ", to be changed"
	}
	if s.view.refuses(name, u.change) {
		s.refused(q, KindFile, what)
	} else {
		s.watched(q, KindFile, what)
	}
	return name
}

// follow returns where the links lead that the program itself may have made, so that it is told what they were for.
func (s *supervisor) follow(q *question, name string) string {
	switch tree := deepest(s.view.changed, name); {
	case tree == "" || tree == name:
	case s.view.made[name]:
		if target, err := os.Readlink("/proc/" + strconv.Itoa(int(q.PID)) + "/root" + name); err == nil && filepath.IsAbs(target) {
			return filepath.Clean(target)
		}
	case !slices.Contains(s.view.scratch, tree):
		if target, err := filepath.EvalSymlinks(name); err == nil && !within(target, tree) {
			return target
		}
	}
	return name
}

// longestPath is how long a path can be (PATH_MAX).
const longestPath = 4096

// text reads a text that ends with a zero byte out of a process; empty if it cannot be read.
func text(pid uint32, at uint64) string {
	const part = 256 // most paths are shorter, and who reads on into a page that is not there gets less
	var all []byte
	for len(all) < longestPath {
		// Up to the end of a page, since the next may be missing.
		more := memory(pid, at+uint64(len(all)), part-(at+uint64(len(all)))%part)
		if len(more) == 0 {
			return ""
		}
		if end := slices.Index(more, 0); end >= 0 {
			return string(append(all, more[:end]...))
		}
		all = append(all, more...)
	}
	return ""
}

// memory reads memory of a process; what cannot be read is missing.
func memory(pid uint32, at, length uint64) []byte {
	if at == 0 || length == 0 {
		return nil
	}
	buffer := make([]byte, length)
	local := []unix.Iovec{{Base: &buffer[0]}}
	local[0].SetLen(len(buffer))
	n, err := unix.ProcessVMReadv(int(pid), local, []unix.RemoteIovec{{Base: uintptr(at), Len: len(buffer)}}, 0)
	if err != nil || n <= 0 {
		return nil
	}
	return buffer[:n]
}
