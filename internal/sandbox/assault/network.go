//go:build linux

package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

var sockets = []string{"connect", "syscall"}

// network are the probes that want to talk to somebody.
func network() []probe {
	return []probe{
		{"loopback", "connect to a service of this machine on 127.0.0.1", sockets, nothing, func(t *Target) error { return t.hears("tcp", t.Loopback) }},
		{"loopback-6", "connect to one on ::1", sockets, nothing, func(t *Target) error { return t.hears("tcp", t.Loopback6) }},
		{"metadata", "connect to the metadata service at 169.254.169.254", sockets, nothing, func(t *Target) error { return t.hears("tcp", t.Metadata) }},
		{"internet", "connect to the internet", sockets, nothing, func(t *Target) error { return t.hears("tcp", t.Internet) }},
		{"datagram", "send a datagram, and be answered", sockets, nothing, func(t *Target) error { return t.hears("udp", t.Datagram) }},
		{"fast-open", "connect by sending: TCP fast open", sockets, nothing, fastOpen},
		{"unix-outside", "connect to a Unix socket outside, as Docker has", []string{"file", "connect", "syscall"}, nothing, func(t *Target) error {
			return t.hears("unix", t.Socket)
		}},
		{"unix-granted", "connect to a Unix socket in a directory that may be read", sockets, nothing, func(t *Target) error { return t.hears("unix", t.Granted) }},
		{"unix-abstract", "connect to an abstract Unix socket, as D-Bus has", sockets, nothing, func(t *Target) error { return t.hears("unix", t.Abstract) }},
		{"docker", "find and connect to Docker, containerd or Podman", nil, nothing, func(t *Target) error {
			return first([]string{t.Socket, "/var/run/docker.sock", "/run/docker.sock", "/run/containerd/containerd.sock", "/run/podman/podman.sock"}, connects)
		}},
		{"bus", "find and connect to the system's or the session's bus", nil, nothing, func(t *Target) error {
			return first([]string{t.Abstract, "/run/dbus/system_bus_socket", "/run/user/1500/bus", "/run/user/0/bus"}, connects)
		}},
		{"raw", "open a raw socket", syscalls, nothing, func(*Target) error { return socket(unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_ICMP) }},
		{"packet", "open a packet socket", syscalls, nothing, func(*Target) error { return socket(unix.AF_PACKET, unix.SOCK_RAW, 0) }},
		{"vsock", "open a vsock to the machine's host", syscalls, nothing, func(*Target) error { return socket(unix.AF_VSOCK, unix.SOCK_STREAM, 0) }},
		{"netlink-events", "hear the kernel's events by netlink", syscalls, nothing, func(*Target) error {
			return socket(unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_KOBJECT_UEVENT)
		}},
		{"netlink-sockets", "list the sockets of others by netlink", syscalls, nothing, func(*Target) error { return socket(unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_SOCK_DIAG) }},
		{"netlink-filter", "reach the packet filter by netlink", syscalls, nothing, func(*Target) error { return socket(unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_NETFILTER) }},
		{"mptcp", "open a multipath TCP socket", syscalls, nothing, func(*Target) error { return socket(unix.AF_INET, unix.SOCK_STREAM, unix.IPPROTO_MPTCP) }},
		{"sctp", "open an SCTP socket", syscalls, nothing, func(*Target) error { return socket(unix.AF_INET, unix.SOCK_STREAM, unix.IPPROTO_SCTP) }},
		{"crypto", "open a socket to the kernel's cryptography", syscalls, nothing, func(*Target) error { return socket(unix.AF_ALG, unix.SOCK_SEQPACKET, 0) }},
		{"bluetooth", "open a Bluetooth socket", syscalls, nothing, func(*Target) error { return socket(unix.AF_BLUETOOTH, unix.SOCK_RAW, 1) }},
		{"xdp", "open a socket past the network stack: XDP", syscalls, nothing, func(*Target) error { return socket(unix.AF_XDP, unix.SOCK_RAW, 0) }},
		{"rare-sockets", "open sockets of a family that nobody needs: CAN, RDS, TIPC, QRTR, SMC, KCM, LLC, X.25, key", syscalls, nothing, rareSockets},
		{"interface", "change the network's interfaces", nil, nothing, interfaces},
		{"io-uring", "make calls that no filter sees: io_uring", syscalls, nothing, func(*Target) error {
			var params [128]byte
			return opens(unix.SYS_IO_URING_SETUP, 1, uintptr(unsafe.Pointer(&params[0]))) //nolint:gosec // a system call
		}},
	}
}

// patience is how long a probe waits for somebody to answer.
const patience = 2 * time.Second

// hears connects and returns nil if it is told the secret.
func (t *Target) hears(kind, address string) error {
	if address == "" {
		return errMissing
	}
	c, err := dial(kind, address)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	return t.told(c)
}

func (t *Target) told(c net.Conn) error {
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	if _, err := io.WriteString(c, "tell me\n"); err != nil {
		return err
	}
	b := make([]byte, 4096)
	n, err := c.Read(b)
	if err == nil && !t.found(b[:n]) {
		err = errNothing
	}
	return err
}

func dial(kind, address string) (net.Conn, error) {
	d := net.Dialer{Timeout: patience}
	d.SetMultipathTCP(false)                                  // there is a probe for it
	return d.DialContext(context.Background(), kind, address) //nolint:forbidigo // this is a program
}

// connects reports whether there is anybody at the path.
func connects(path string) error {
	c, err := dial("unix", path)
	if err != nil {
		return err
	}
	return c.Close()
}

// fastOpen connects without a connect.
func fastOpen(t *Target) error {
	to, err := net.ResolveTCPAddr("tcp4", t.Loopback)
	if err != nil {
		return err
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(fd) }()
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: int64(patience / time.Second)}); err != nil {
		return err
	}
	if err := unix.Sendto(fd, []byte("tell me\n"), unix.MSG_FASTOPEN|unix.MSG_NOSIGNAL, &unix.SockaddrInet4{Port: to.Port, Addr: [4]byte(to.IP.To4())}); err != nil {
		return err
	}
	b := make([]byte, 4096)
	n, err := unix.Read(fd, b)
	if err == nil && !t.found(b[:n]) {
		err = errNothing
	}
	return err
}

func socket(family, kind, protocol int) error { return closed(unix.Socket(family, kind, protocol)) }

func rareSockets(*Target) error {
	return first([][3]int{
		{unix.AF_CAN, unix.SOCK_RAW, unix.CAN_RAW},
		{unix.AF_RDS, unix.SOCK_SEQPACKET, 0},
		{unix.AF_TIPC, unix.SOCK_STREAM, 0},
		{unix.AF_QIPCRTR, unix.SOCK_DGRAM, 0},
		{unix.AF_SMC, unix.SOCK_STREAM, 0},
		{unix.AF_KCM, unix.SOCK_DGRAM, 0},
		{unix.AF_LLC, unix.SOCK_STREAM, 0},
		{unix.AF_X25, unix.SOCK_SEQPACKET, 0},
		{unix.AF_KEY, unix.SOCK_RAW, 2},
	}, func(s [3]int) error { return socket(s[0], s[1], s[2]) })
}

// interfaces takes the loopback interface down and up again.
func interfaces(*Target) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(fd) }()
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	if err := unix.IoctlIfreq(fd, unix.SIOCGIFFLAGS, lo); err != nil {
		return fmt.Errorf("lo: %w", err)
	}
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, lo)
}
