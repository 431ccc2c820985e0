//go:build unix

package http1

import (
	"net"
	"syscall"
)

// A peeker looks at what has arrived on a connection and leaves it there.
type peeker struct{ look *look }

// A look is what a peeker works with, made once.
type look struct {
	raw   syscall.RawConn
	at    func(fd uintptr) bool
	byte  [1]byte
	empty bool
}

func newPeeker(c net.Conn) peeker {
	s, ok := c.(syscall.Conn)
	if !ok {
		return peeker{}
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return peeker{}
	}
	l := &look{raw: raw}
	l.at = func(fd uintptr) bool {
		_, _, err := syscall.Recvfrom(int(fd), l.byte[:], syscall.MSG_PEEK) // Go's sockets do not block
		l.empty = err == syscall.EAGAIN || err == syscall.EINTR
		return true
	}
	return peeker{l}
}

// quiet reports whether nothing has arrived. Where that cannot be seen it is believed.
func (p peeker) quiet() bool {
	if p.look == nil {
		return true
	}
	err := p.look.raw.Read(p.look.at)
	return err == nil && p.look.empty
}
