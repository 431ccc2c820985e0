package seccomp

import "slices"

// A check decides about one call by its arguments.
type check struct {
	call    string
	program []Instruction
}

// What arguments may hold.
const (
	// namespaces are the flags of clone that make some: mount, cgroup, uts, ipc, user, pid and network.
	namespaces = 0x00020000 | 0x02000000 | 0x04000000 | 0x08000000 | 0x10000000 | 0x20000000 | 0x40000000

	unix, inet, netlink, inet6   = 1, 2, 16, 10 // families of sockets
	stream, datagram, sequential = 1, 2, 5      // their types, in the low bits
	typeBits                     = 0xF
	usual, tcp, udp              = 0, 6, 17 // protocols
	routes                       = 0        // that of netlink

	pushInput, linuxConsole  = 0x5412, 0x541C // ioctls that type at a terminal: TIOCSTI, TIOCLINUX
	addRoute, deleteRoute    = 0x890B, 0x890C // and that change a network
	setInterface, setAddress = 0x8914, 0x8916
	setMM                    = 35            // the operation of prctl that moves what a process's memory is said to be
	linux, whatever          = 0, 0xFFFFFFFF // personalities; the second asks which it is

	itself = 0 // the number of a process for who calls

	noFamily = 97 // EAFNOSUPPORT
)

// checks is the table of calls whose arguments count. The kernel reads only the low half of those that are numbers.
var checks = []check{
	{"clone", join(low(0), jump(opSet, namespaces, 1, 0), ret(retAllow), ret(retNotify))},
	{"ioctl", except(1, pushInput, linuxConsole, addRoute, deleteRoute, setInterface, setAddress)},
	{"personality", only(0, linux, whatever)},
	{"prctl", except(0, setMM)},
	// Who is connected already names no address.
	{"sendto", join(low(4), jump(opEqual, 0, 0, 3), high(4), jump(opEqual, 0, 0, 1), ret(retAllow), ret(retNotify))},
	{"socket", slices.Concat(
		join(low(0)),
		when(unix, ofType(stream, sequential)), // not where each message may have an address of its own
		when(netlink, only(2, routes)),
		when(inet, internet()),
		when(inet6, internet()),
		join(ret(retNotify)),
	)},
	{"socketpair", ofType(stream, sequential)},
}

// liteChecks are those of box-lite beside, where there are processes of others and there are no sockets.
var liteChecks = []check{
	// What acts on some process may act on who calls it.
	{"ioprio_set", only(1, itself)},
	{"prlimit64", only(0, itself)},
	{"sched_setaffinity", only(0, itself)},
	{"sched_setattr", only(0, itself)},
	{"sched_setparam", only(0, itself)},
	{"sched_setscheduler", only(0, itself)},
	{"setpriority", only(1, itself)},
	// The C library looks at every turn for a cache of names through a unix socket, and does without: nobody is told of that.
	{"socket", join(low(0), jump(opEqual, unix, 0, 1), ret(retErrno|noFamily), ret(retNotify))},
}

func join(program ...Instruction) []Instruction { return program }

// when goes on with the program, which comes to an end, if the accumulator holds that value.
func when(value uint32, program []Instruction) []Instruction {
	return append(join(jump(opEqual, value, 0, uint8(len(program)))), program...) //nolint:gosec // a few
}

// oneOf allows the values.
func oneOf(values ...uint32) (program []Instruction) {
	for _, value := range values {
		program = append(program, when(value, join(ret(retAllow)))...)
	}
	return append(program, ret(retNotify))
}

// only allows these values of an argument, except all others.
func only(arg uint32, values ...uint32) []Instruction {
	return append(join(low(arg)), oneOf(values...)...)
}

func except(arg uint32, values ...uint32) []Instruction {
	program := join(low(arg))
	for _, value := range values {
		program = append(program, when(value, join(ret(retNotify)))...)
	}
	return append(program, ret(retAllow))
}

// ofType allows sockets of these types.
func ofType(types ...uint32) []Instruction {
	return append(join(low(1), and(typeBits)), oneOf(types...)...)
}

// internet allows TCP and UDP, and no other protocol that makes streams and datagrams.
func internet() []Instruction {
	return slices.Concat(
		join(low(1), and(typeBits)), when(stream, only(2, usual, tcp)), when(datagram, only(2, usual, udp)), join(ret(retNotify)),
	)
}
