package launch

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/sys/unix"
)

// connect sets the network of the box up, which has a loopback interface and no other. With an outlet that answers for every synthetic
// address, too, and the sockets that listen on it are handed out.
func (o *Order) connect() error {
	if err := loopbackUp(); err != nil {
		return fmt.Errorf("loopback: %w", err)
	}
	if !o.Network {
		return nil
	}
	sockets, err := listenAll(o.Ports)
	if err != nil {
		return err
	}
	answer(AnswerNetwork, "", sockets...)
	closeAll(sockets)
	return nil
}

// listenAll returns the sockets that listen: for DNS first, then one for each port.
func listenAll(ports []int) (sockets []int, err error) {
	if err := routeSynthetic(); err != nil {
		return nil, fmt.Errorf("routing: %w", err)
	}
	dns, err := listen(unix.SOCK_DGRAM, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 53}, Port: 53})
	if err != nil {
		return nil, fmt.Errorf("listening for DNS: %w", err)
	}
	sockets = append(sockets, dns)
	for _, port := range ports {
		fd, err := listen(unix.SOCK_STREAM, &unix.SockaddrInet4{Port: port})
		if err != nil {
			return nil, fmt.Errorf("listening on port %d: %w", port, err)
		}
		sockets = append(sockets, fd)
	}
	return sockets, nil
}

func listen(kind int, at unix.Sockaddr) (int, error) {
	fd, err := unix.Socket(unix.AF_INET, kind|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return 0, err
	}
	if err := unix.Bind(fd, at); err != nil {
		return 0, err
	}
	if kind == unix.SOCK_STREAM {
		return fd, unix.Listen(fd, unix.SOMAXCONN)
	}
	return fd, nil
}

func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(fd) }()
	request, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	request.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, request)
}

// routeSynthetic adds the route "local 198.18.0.0/15 dev lo".
func routeSynthetic() error {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(fd) }()
	const loopback = 1 // the index of the first interface of a namespace
	body := []byte{
		unix.AF_INET, 15, 0, 0, unix.RT_TABLE_LOCAL, unix.RTPROT_STATIC, unix.RT_SCOPE_HOST, unix.RTN_LOCAL, 0, 0, 0, 0,
	}
	body = attribute(body, unix.RTA_DST, []byte{198, 18, 0, 0})
	body = attribute(body, unix.RTA_OIF, binary.NativeEndian.AppendUint32(nil, loopback))
	const header = 16
	message := binary.NativeEndian.AppendUint32(nil, uint32(header+len(body))) //nolint:gosec // 44
	message = binary.NativeEndian.AppendUint16(message, unix.RTM_NEWROUTE)
	message = binary.NativeEndian.AppendUint16(message, unix.NLM_F_REQUEST|unix.NLM_F_ACK|unix.NLM_F_CREATE)
	message = append(message, make([]byte, 8)...) // sequence and port
	if err := unix.Sendto(fd, append(message, body...), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return err
	}
	reply := make([]byte, 256)
	n, _, err := unix.Recvfrom(fd, reply, 0)
	if err != nil || n < header+4 {
		return fmt.Errorf("no answer: %w", err)
	}
	if errno := -int32(binary.NativeEndian.Uint32(reply[header:])); errno != 0 { //nolint:gosec // as the kernel has it
		return unix.Errno(errno) //nolint:gosec // small
	}
	return nil
}

// attribute adds an attribute of a netlink message; its value is a multiple of four bytes long.
func attribute(message []byte, kind uint16, value []byte) []byte {
	message = binary.NativeEndian.AppendUint16(message, uint16(4+len(value))) //nolint:gosec // 8
	message = binary.NativeEndian.AppendUint16(message, kind)
	return append(message, value...)
}
