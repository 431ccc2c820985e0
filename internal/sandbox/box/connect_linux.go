package box

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// A connector carries connect calls out for the programs of a box, so that what is connected to is the address that was looked at. It uses
// their own sockets, which belong to the box's network wherever they are used; but paths of unix sockets are found in the box, and only
// in its scratch memory, where its own programs made them, or if the policy names the socket itself. A connect to any other path would
// be a way out, also through a read-only mount.
type connector struct {
	mu      sync.Mutex
	sockets map[int]bool // those that are being connected
	closed  bool
	work    sync.WaitGroup
}

// mostConnecting is how many calls may be carried out at once.
const mostConnecting = 64

// start carries a call out beside others, and hands the answer on.
func (c *connector) start(q question, sockaddr []byte, v *view, answer func(reply)) {
	socket, err := theirSocket(&q)
	if err != nil {
		answer(refuse(unix.EBADF))
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || len(c.sockets) >= mostConnecting {
		_ = unix.Close(socket)
		answer(refuse(unix.ENOBUFS))
		return
	}
	if c.sockets == nil {
		c.sockets = map[int]bool{}
	}
	c.sockets[socket] = true
	c.work.Go(func() {
		r := connectAs(&q, socket, sockaddr, v)
		c.mu.Lock()
		delete(c.sockets, socket)
		_ = unix.Close(socket)
		c.mu.Unlock()
		answer(r)
	})
}

// close ends what is being connected.
func (c *connector) close() {
	c.mu.Lock()
	c.closed = true
	for socket := range c.sockets {
		_ = unix.Shutdown(socket, unix.SHUT_RDWR)
	}
	c.mu.Unlock()
	c.work.Wait()
}

// theirSocket returns the socket that the call names, as a descriptor of ours.
func theirSocket(q *question) (int, error) {
	pidfd, err := unix.PidfdOpen(processOf(q.PID), 0)
	if err != nil {
		return 0, err
	}
	defer func() { _ = unix.Close(pidfd) }()
	return unix.PidfdGetfd(pidfd, int(int32(q.Args[0])), 0) //nolint:gosec // a descriptor in the low half
}

// processOf returns the process that a thread belongs to.
func processOf(thread uint32) int {
	status, _ := os.ReadFile("/proc/" + strconv.Itoa(int(thread)) + "/status")
	for line := range strings.Lines(string(status)) {
		if value, ok := strings.CutPrefix(line, "Tgid:"); ok {
			if n, err := strconv.Atoi(strings.TrimSpace(value)); err == nil {
				return n
			}
		}
	}
	return int(thread)
}

// connectAs connects the socket.
func connectAs(q *question, socket int, sockaddr []byte, v *view) reply {
	if path := pathOf(sockaddr); path != "" {
		place, err := v.openSocket(q.PID, path)
		if err != nil {
			return refuse(unix.ECONNREFUSED)
		}
		defer func() { _ = unix.Close(place) }()
		sockaddr = binary.NativeEndian.AppendUint16(nil, unix.AF_UNIX)
		sockaddr = fmt.Appendf(sockaddr, "/proc/self/fd/%d\x00", place)
	}
	if errno := connect(socket, sockaddr); errno != 0 {
		return refuse(errno)
	}
	return reply{}
}

// pathOf returns the path of a unix socket; empty if the address is no path.
func pathOf(sockaddr []byte) string {
	if len(sockaddr) < 3 || binary.NativeEndian.Uint16(sockaddr) != unix.AF_UNIX {
		return ""
	}
	path, _, _ := strings.Cut(string(sockaddr[2:]), "\x00")
	return path
}

// openSocket opens a unix socket that a process may connect to.
func (v *view) openSocket(pid uint32, name string) (int, error) {
	proc := "/proc/" + strconv.Itoa(int(pid))
	base := proc + "/root"
	if !strings.HasPrefix(name, "/") {
		base = proc + "/cwd"
	}
	root, err := unix.Open(base, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	defer func() { _ = unix.Close(root) }()
	how := unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS}
	file, err := unix.Openat2(root, name, &how)
	if err != nil {
		return 0, err
	}
	var found, known unix.Stat_t
	if err := unix.Fstat(file, &found); err == nil {
		if unix.Stat(proc+"/root"+v.scratch[0], &known) == nil && found.Dev == known.Dev {
			return file, nil
		}
		for _, socket := range v.sockets {
			if unix.Stat(socket, &known) == nil && found.Dev == known.Dev && found.Ino == known.Ino {
				return file, nil
			}
		}
	}
	_ = unix.Close(file)
	return 0, unix.EACCES
}

// address returns an address as text, and whether a box has it.
func (v *view) address(pid uint32, sockaddr []byte) (name string, reachable bool) {
	if len(sockaddr) < 3 {
		return "", true
	}
	rest := sockaddr[2:]
	var at netip.Addr
	switch family := binary.NativeEndian.Uint16(sockaddr); {
	case family == unix.AF_UNIX && rest[0] == 0:
		name := "@" + strings.TrimRight(string(rest[1:]), "\x00")
		return name, hasLine(pid, "unix", func(fields []string) bool { return fields[len(fields)-1] == name })
	case family == unix.AF_UNIX:
		name := pathOf(sockaddr)
		return name, slices.Contains(v.sockets, name) || !v.refuses(name, false) && (v.writable(name) || !v.exists(name))
	case family == unix.AF_INET && len(rest) >= 6:
		at = netip.AddrFrom4([4]byte(rest[2:6]))
	case family == unix.AF_INET6 && len(rest) >= 22:
		at = netip.AddrFrom16([16]byte(rest[6:22])).Unmap()
	default:
		return "", true
	}
	port := binary.BigEndian.Uint16(rest)
	switch {
	case v.network && v.synthetic.Contains(at):
		reachable = port == 0 || slices.Contains(v.ports, int(port))
	case at.IsLoopback():
		reachable = port == 0 || v.network && port == 53 || hears(pid, port)
	default:
		reachable = at.IsUnspecified()
	}
	return netip.AddrPortFrom(at, port).String(), reachable
}

// hears reports whether some program of the box has a socket at that port.
func hears(pid uint32, port uint16) bool {
	suffix := fmt.Sprintf(":%04X", port)
	for _, table := range []string{"tcp", "tcp6", "udp", "udp6"} {
		if hasLine(pid, table, func(fields []string) bool { return len(fields) > 1 && strings.HasSuffix(fields[1], suffix) }) {
			return true
		}
	}
	return false
}

// hasLine reports whether a table of the network that a process is in has such a line.
func hasLine(pid uint32, table string, is func(fields []string) bool) bool {
	file, err := os.Open("/proc/" + strconv.Itoa(int(pid)) + "/net/" + table) //nolint:gosec // a file of the kernel
	if err != nil {
		return false
	}
	defer func() { _ = file.Close() }()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if fields := strings.Fields(lines.Text()); len(fields) > 0 && is(fields) {
			return true
		}
	}
	return false
}
