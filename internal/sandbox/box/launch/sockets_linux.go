package launch

import (
	"bufio"
	"encoding/binary"
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// queued returns how many bytes wait in the sockets of the box's network until somebody reads them: memory that no process has.
func queued() (total int64) {
	for _, table := range []string{"tcp", "tcp6", "udp", "udp6"} {
		total += queuedIn("/proc/net/" + table)
	}
	return total + queuedLocally()
}

// queuedIn adds up the queues in one of the kernel's tables, where they stand as SENT:RECEIVED, in hexadecimal.
func queuedIn(table string) (total int64) {
	file, err := os.Open(table) //nolint:gosec // one of the above
	if err != nil {
		return 0
	}
	defer func() { _ = file.Close() }()
	const column = 4
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if fields := strings.Fields(lines.Text()); len(fields) > column {
			sent, received, _ := strings.Cut(fields[column], ":")
			for _, text := range []string{sent, received} {
				n, _ := strconv.ParseInt(text, 16, 64) // the first line has titles
				total += n
			}
		}
	}
	return total
}

// queuedLocally adds up what waits in unix sockets, which the kernel tells through netlink alone (see sock_diag(7)).
func queuedLocally() (total int64) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return 0
	}
	defer func() { _ = unix.Close(fd) }()
	const (
		byFamily = 20 // SOCK_DIAG_BY_FAMILY
		memory   = 32 // UDIAG_SHOW_MEMINFO
		size     = unix.NLMSG_HDRLEN + 24
	)
	request := binary.NativeEndian.AppendUint32(nil, size)
	request = binary.NativeEndian.AppendUint16(request, byFamily)
	request = binary.NativeEndian.AppendUint16(request, unix.NLM_F_REQUEST|unix.NLM_F_DUMP)
	request = append(request, 0, 0, 0, 0, 0, 0, 0, 0, unix.AF_UNIX, 0, 0, 0)
	for _, word := range []uint32{^uint32(0), 0, memory, 0, 0} { // in all states
		request = binary.NativeEndian.AppendUint32(request, word)
	}
	if unix.Sendto(fd, request, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}) != nil {
		return 0
	}
	for buffer := make([]byte, 32<<10); ; {
		n, _, err := unix.Recvfrom(fd, buffer, 0)
		if err != nil || n == 0 {
			return total
		}
		messages, err := syscall.ParseNetlinkMessage(buffer[:n])
		if err != nil {
			return total
		}
		for _, m := range messages {
			if m.Header.Type != byFamily {
				return total // the end, or a fault
			}
			total += heldBy(m.Data)
		}
	}
}

// heldBy returns how much a unix socket holds that it has sent and nobody has read.
func heldBy(message []byte) int64 {
	const (
		head    = 16 // struct unix_diag_msg
		memory  = 5  // UNIX_DIAG_MEMINFO
		written = 2  // SK_MEMINFO_WMEM_ALLOC
	)
	for rest := message[min(head, len(message)):]; len(rest) >= 4; {
		length, kind := int(binary.NativeEndian.Uint16(rest)), binary.NativeEndian.Uint16(rest[2:])
		if length < 4 || length > len(rest) {
			return 0
		}
		if value := rest[4:length]; kind == memory && len(value) >= 4*(written+1) {
			return int64(binary.NativeEndian.Uint32(value[4*written:]))
		}
		rest = rest[min((length+3)&^3, len(rest)):]
	}
	return 0
}
