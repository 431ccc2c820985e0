package box

import (
	"os"
	"runtime"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/sumun-mcp/sumun/internal/sandbox/box/launch/seccomp"
)

// A supervisor answers the questions of a box's filter.
type supervisor struct {
	file  *os.File
	arch  seccomp.Arch
	hooks Hooks
	work  sync.WaitGroup

	policy *Policy
	execs  int // programs started, the first among them
}

// supervise answers until the last process of the box has ended, or the supervisor is closed.
func supervise(fd int, policy *Policy, hooks Hooks) *supervisor {
	arch, _ := seccomp.For(runtime.GOARCH)
	_ = unix.SetNonblock(fd, true) // so that the file waits without a thread
	s := &supervisor{file: os.NewFile(uintptr(fd), "seccomp"), arch: arch, hooks: hooks, policy: policy}
	s.work.Go(s.run)
	return s
}

func (s *supervisor) close() {
	_ = s.file.Close()
	s.work.Wait()
}

// A question is what the kernel asks (struct seccomp_notif).
type question struct {
	ID      uint64
	PID     uint32
	Flags   uint32
	Number  int32
	Arch    uint32
	Pointer uint64
	Args    [6]uint64
}

// A reply is what it is answered (struct seccomp_notif_resp).
type reply struct {
	ID    uint64
	Value int64
	Error int32
	Flags uint32
}

const (
	ioctlReceive = 0xC0502100 // SECCOMP_IOCTL_NOTIF_RECV
	ioctlSend    = 0xC0182101 // SECCOMP_IOCTL_NOTIF_SEND
	proceed      = 1          // SECCOMP_USER_NOTIF_FLAG_CONTINUE
)

func (s *supervisor) run() {
	raw, err := s.file.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Read(func(fd uintptr) (done bool) {
		for {
			poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}} //nolint:gosec // a descriptor
			if n, err := unix.Poll(poll, 0); n == 0 || err != nil {
				return err != nil && err != unix.EINTR
			}
			if poll[0].Revents&unix.POLLIN == 0 {
				return true // nobody is left
			}
			var q question
			if err := ioctl(fd, ioctlReceive, unsafe.Pointer(&q)); err != nil {
				continue // who asked has ended
			}
			r := s.answer(&q)
			r.ID = q.ID
			_ = ioctl(fd, ioctlSend, unsafe.Pointer(&r)) // as above
		}
	})
}

func ioctl(fd, request uintptr, argument unsafe.Pointer) error {
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, fd, request, uintptr(argument))
	if errno != 0 {
		return errno
	}
	return nil
}

// answer decides.
func (s *supervisor) answer(q *question) reply {
	switch name := s.arch.Name(q.Arch, int(q.Number)); name {
	case "execve":
		s.execs++
		if s.policy.Exec >= 0 && s.execs > s.policy.Exec+1 {
			return reply{Error: -int32(unix.EACCES)}
		}
		return reply{Flags: proceed}
	default:
		if seccomp.Proceeds(name) {
			return reply{Flags: proceed}
		}
		if seccomp.Fallible(name) {
			return reply{Error: -int32(unix.ENOSYS)}
		}
		return reply{Error: -int32(unix.EPERM)}
	}
}
