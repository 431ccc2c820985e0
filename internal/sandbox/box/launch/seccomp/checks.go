package seccomp

// A check decides about one call by its arguments.
type check struct {
	call    string
	program []Instruction
}

// What arguments may hold.
const (
	// namespaces are the flags of clone that make some: mount, cgroup, uts, ipc, user, pid and network.
	namespaces = 0x00020000 | 0x02000000 | 0x04000000 | 0x08000000 | 0x10000000 | 0x20000000 | 0x40000000

	unix, inet, netlink, inet6 = 1, 2, 16, 10 // families of sockets
	stream, datagram           = 1, 2         // their types, in the low bits
	typeBits                   = 0xF
	multipath                  = 262 // MPTCP, which rules about TCP do not cover

	pushInput, linuxConsole = 0x5412, 0x541C // ioctls that type at a terminal: TIOCSTI, TIOCLINUX
	setMM                   = 35             // the operation of prctl that moves what a process's memory is said to be
	currentPersonality      = 0xFFFFFFFF

	noFamily = 97 // EAFNOSUPPORT
)

// checks is the table of calls whose arguments count. The kernel reads only the low half of those that are numbers.
var checks = []check{
	{"clone", []Instruction{low(0), jump(opSet, namespaces, 1, 0), ret(retAllow), ret(retNotify)}},
	{"ioctl", []Instruction{
		low(1), jump(opEqual, pushInput, 2, 0), jump(opEqual, linuxConsole, 1, 0), ret(retAllow), ret(retNotify),
	}},
	{"personality", []Instruction{
		low(0), jump(opEqual, 0, 1, 0), jump(opEqual, currentPersonality, 0, 1), ret(retAllow), ret(retNotify),
	}},
	{"prctl", []Instruction{low(0), jump(opEqual, setMM, 1, 0), ret(retAllow), ret(retNotify)}},
	// Who is connected already names no address.
	{"sendto", []Instruction{
		low(4), jump(opEqual, 0, 0, 3), high(4), jump(opEqual, 0, 0, 1), ret(retAllow), ret(retNotify),
	}},
	{"socket", []Instruction{
		low(0),
		jump(opEqual, unix, 11, 0), // allowed
		jump(opEqual, netlink, 8, 0),
		jump(opEqual, inet, 1, 0),
		jump(opEqual, inet6, 0, 9), // any other is refused

		low(1), and(typeBits),
		jump(opEqual, stream, 1, 0),
		jump(opEqual, datagram, 0, 5), // so is any other type
		low(2),
		jump(opEqual, multipath, 3, 2),

		low(2), // netlink: routes alone
		jump(opEqual, 0, 0, 1),

		ret(retAllow),
		ret(retNotify),
	}},
	// In box-lite for socket: none. That of its own machine the C library looks for a cache of names through at every turn, and does without.
	{"", []Instruction{low(0), jump(opEqual, unix, 0, 1), ret(retErrno | noFamily), ret(retNotify)}},
}
