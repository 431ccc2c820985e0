package outlet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sumun-mcp/sumun/internal/dial"
	"github.com/sumun-mcp/sumun/internal/sandbox/box"
)

// handle connects what came out of the box to the host that it was meant for, and closes it.
func (s *server) handle(ctx context.Context, conn net.Conn) {
	defer func() { _ = conn.Close() }()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	at, err := netip.ParseAddrPort(conn.LocalAddr().String())
	if err != nil {
		reset(conn)
		return
	}
	port := strconv.Itoa(int(at.Port()))
	name, ok := s.meant(at.Addr().Unmap(), port)
	where := net.JoinHostPort(name, port)
	if s.sink != nil {
		s.swallow(conn, where)
		return
	}
	if !ok {
		s.stop(conn, where, errors.New("an address that no name has"))
		return
	}
	if !s.allows(name, port) {
		s.stop(conn, where, errors.New("hosts does not list it"))
		return
	}
	var first io.Reader = &opening{conn: conn, name: name, refuse: func(why error) { s.refuse(box.KindConnect, where+": "+why.Error()) }}
	if slices.Contains(tlsPorts, int(at.Port())) {
		if first, err = greeting(conn, name); err != nil {
			s.stop(conn, where, err)
			return
		}
	}
	s.connect(ctx, conn, where, first)
}

// meant returns the host that a connection to an address of the box was meant for; false where no name has it. A loopback address is the box's
// own and has the names of this machine, if hosts lists one of them: a registry of an installation may be there.
func (s *server) meant(addr netip.Addr, port string) (name string, ok bool) {
	if name, ok := s.names.name(addr); ok {
		return name, true
	}
	for _, name := range []string{"localhost", addr.String()} {
		if addr.IsLoopback() && s.allows(name, port) {
			return name, true
		}
	}
	return addr.String(), false
}

// greeting waits for what a client of TLS says first, which has to name the host that it is connected to, and returns it with all that follows.
func greeting(conn net.Conn, name string) (io.Reader, error) {
	_ = conn.SetReadDeadline(time.Now().Add(helloTime))
	raw, asked, err := readHello(conn)
	_ = conn.SetReadDeadline(time.Time{})
	if err == nil {
		err = sameName(asked, name)
	}
	return io.MultiReader(bytes.NewReader(raw), conn), err
}

// connect makes the connection to the host and relays both ways.
func (s *server) connect(ctx context.Context, conn net.Conn, where string, first io.Reader) {
	server, err := s.dial(ctx, "tcp", where)
	if errors.Is(err, dial.ErrRefused) {
		if op, ok := errors.AsType[*net.OpError](err); ok && op.Addr != nil {
			err = fmt.Errorf("its address, %s, is not public", op.Addr)
		}
		s.stop(conn, where, err)
		return
	}
	if err != nil {
		s.log.LogAttrs(ctx, slog.LevelInfo, "a program in a box could not be connected", slog.String("host", where), slog.Any("error", err))
		reset(conn)
		return
	}
	defer func() { _ = server.Close() }()
	defer context.AfterFunc(ctx, func() { _ = server.Close() })()
	relay(conn, server, first, idleTime)
}

// stop tells of a connection that is refused, and ends it. A client that has said nothing was not refused anything.
func (s *server) stop(conn net.Conn, where string, why error) {
	if !errors.Is(why, io.EOF) || errors.Is(why, io.ErrUnexpectedEOF) {
		s.refuse(box.KindConnect, where+": "+why.Error())
	}
	reset(conn)
}

// reset ends a connection so that its client sees a failure, not the end of an answer.
func reset(conn net.Conn) {
	if c, ok := conn.(interface{ SetLinger(sec int) error }); ok {
		_ = c.SetLinger(0)
	}
	_ = conn.Close()
}

// sameName reports an error unless a client asks for the server that it is connected to.
func sameName(asked, name string) error {
	if strings.EqualFold(asked, name) {
		return nil
	}
	return fmt.Errorf("the client asks for another server there, %s", printable(asked))
}

// An opening reads from the client of a port where anything may be spoken, by the server first as well. If the client begins with TLS all the
// same, it has to ask for the server of that name.
type opening struct {
	conn   net.Conn
	name   string
	refuse func(why error)
	rest   io.Reader // nil before the first byte
}

// Read reads what the client says.
func (o *opening) Read(b []byte) (int, error) {
	if o.rest != nil {
		return o.rest.Read(b)
	}
	n, err := o.conn.Read(b)
	if n == 0 {
		return n, err
	}
	o.rest = o.conn
	if b[0] != recordHandshake {
		return n, err
	}
	come := io.MultiReader(bytes.NewReader(slices.Clone(b[:n])), o.conn)
	raw, asked, err := readHello(come)
	if err == nil {
		err = sameName(asked, o.name)
	}
	if err != nil {
		o.refuse(err)
		return 0, err
	}
	o.rest = io.MultiReader(bytes.NewReader(raw), come)
	return o.rest.Read(b)
}
