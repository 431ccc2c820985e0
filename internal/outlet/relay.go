package outlet

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// chunk is how much is relayed at once.
const chunk = 32 << 10

// A pair is two connections that are one.
type pair struct {
	idle  time.Duration
	moved atomic.Int64 // when something last came from either, in nanoseconds since start
	start time.Time
}

// relay carries bytes both ways until both have ended: the end of one direction is passed on, the other goes on. It ends as well when nothing
// came from either for so long. The client's bytes are read from first.
func relay(client, server net.Conn, first io.Reader, idle time.Duration) {
	p := &pair{idle: idle, start: time.Now()}
	var work sync.WaitGroup
	work.Go(func() {
		if err := p.carry(server, client, first); err != nil {
			reset(server)
		}
	})
	if err := p.carry(client, server, server); err != nil {
		reset(client) // what the server has not finished must not look finished
	}
	work.Wait()
}

// carry takes bytes from one to the other until there are no more, and passes their end on. They are read from r, which reads from source.
func (p *pair) carry(to, source net.Conn, r io.Reader) error {
	buf := make([]byte, chunk)
	for {
		_ = source.SetReadDeadline(time.Now().Add(p.idle))
		n, err := r.Read(buf)
		if n > 0 {
			p.moved.Store(int64(time.Since(p.start)))
			_ = to.SetWriteDeadline(time.Now().Add(p.idle))
			if _, err := to.Write(buf[:n]); err != nil {
				_ = source.Close()
				return err
			}
		}
		switch {
		case err == nil, errors.Is(err, os.ErrDeadlineExceeded) && p.busy():
		case errors.Is(err, io.EOF):
			endWriting(to)
			return nil
		default:
			return err
		}
	}
}

// busy reports whether something came from either side within the idle time.
func (p *pair) busy() bool { return time.Since(p.start)-time.Duration(p.moved.Load()) < p.idle }

// endWriting tells the other side that nothing more comes.
func endWriting(conn net.Conn) {
	if c, ok := conn.(interface{ CloseWrite() error }); ok {
		_ = c.CloseWrite()
		return
	}
	_ = conn.Close()
}
