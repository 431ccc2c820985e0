package box

import (
	"os"
	"runtime"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/sumun-mcp/sumun/internal/sandbox/box/launch/seccomp"
)

// A supervisor answers the questions of a box's filter. All but its file belongs to one goroutine.
type supervisor struct {
	file   *os.File
	work   sync.WaitGroup
	arch   seccomp.Arch
	policy *Policy
	view   view
	teller *teller
	execs  int // programs started, the first among them

	connector connector
}

// supervise answers until the last process of the box has ended, or the supervisor is closed.
func supervise(fd int, policy *Policy, view view, teller *teller) *supervisor {
	arch, _ := seccomp.For(runtime.GOARCH)
	_ = unix.SetNonblock(fd, true) // so that the file waits without a thread
	_ = unix.IoctlSetInt(fd, ioctlFlags, syncWakeUp)
	s := &supervisor{
		file: os.NewFile(uintptr(fd), "seccomp"),
		arch: arch, policy: policy, view: view, teller: teller,
	}
	s.work.Go(s.run)
	return s
}

func (s *supervisor) close() {
	s.connector.close()
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

// proceed has the kernel carry the call out as if there were no filter.
func proceed() reply { return reply{Flags: 1} }

func refuse(why unix.Errno) reply { return reply{Error: -int32(why)} } //nolint:gosec // small

// The operations on the descriptor at which questions arrive (see seccomp_unotify(2)).
const (
	ioctlReceive = 0xC0502100
	ioctlSend    = 0xC0182101
	ioctlFlags   = 0x40082104
	syncWakeUp   = 1 // who is answered goes on at once on the same processor
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
			if control(fd, ioctlReceive, unsafe.Pointer(&q)) != nil { //nolint:gosec // as the kernel has it
				continue // who asked has ended
			}
			if r, later := s.answer(&q); !later {
				r.send(fd, q.ID)
			}
		}
	})
}

// send answers a question later.
func (s *supervisor) send(id uint64, r reply) {
	if raw, err := s.file.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { r.send(fd, id) })
	}
}

// send answers a question, unless who asked has ended.
func (r reply) send(fd uintptr, id uint64) {
	r.ID = id
	_ = control(fd, ioctlSend, unsafe.Pointer(&r)) //nolint:gosec // as the kernel has it
}

// connect is connect(2) with an address as it came.
func connect(socket int, sockaddr []byte) unix.Errno {
	for {
		_, _, errno := unix.Syscall(unix.SYS_CONNECT, uintptr(socket), uintptr(unsafe.Pointer(&sockaddr[0])), uintptr(len(sockaddr))) //nolint:gosec // no library takes it so
		if errno != unix.EINTR {
			return errno
		}
	}
}

// control is ioctl(2) with an argument that the kernel reads or writes.
func control(fd, request uintptr, argument unsafe.Pointer) error {
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, fd, request, uintptr(argument))
	if errno != 0 {
		return errno
	}
	return nil
}
