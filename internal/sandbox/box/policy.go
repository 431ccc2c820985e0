// Package box confines a program on Linux: to namespaces of its own with a root of its own (tier box), or to Landlock and seccomp alone where
// the machine refuses namespaces (tier box-lite). It needs no daemon, no privilege and no other program: the launcher is this very
// program, started again under another name (see package launch), and it stays as the first process of the box, so that nothing of the
// box outlives it. Elsewhere than on Linux there is no box, and [Available] says so.
package box

import (
	"net"
	"time"
)

// The tiers that this package knows.
const (
	// Full is namespaces, a root of its own, Landlock, seccomp and limits.
	Full = "box"
	// Lite is Landlock and seccomp alone: no sockets at all, and no bound on the memory and the processes of all together.
	Lite = "box-lite"
)

// A Policy says what a program in a box may reach. Its zero value is the strictest that a program can start in: it reads what the
// system has installed and its own installation, writes to scratch memory only, starts no other program and has no network.
type Policy struct {
	// Lite asks for the tier box-lite.
	Lite bool
	// Read and Write list files and directories, absolute and existing, that the program finds under the same names: to read, and to read
	// and change. What stands in both, or below a path of the other, goes by the longer path. Nothing that may be changed can be executed.
	Read, Write []string
	// Bare has nothing bound beside Read, Write, the system and the program's own file: neither its installation nor the working directory,
	// which is made as an empty one then. Whoever sets it has put into Read what of those may be seen.
	Bare bool
	// Ports are the TCP ports on which the box listens for the program's own connections, for [Listeners]. Without an outlet they count for nothing.
	Ports []int
	// Exec is how many programs may be started beside the first, at once or one after the other; -1 is no bound.
	Exec int
	// Memory is how many bytes of memory all processes of the box have together, or each of them where the machine lets us bound no
	// more; Pids is how many processes and threads there may be at once; CPU is processor time in processors. Zero is the default for
	// Memory and Pids (see [DefaultMemory]), and no bound for CPU.
	Memory int64
	Pids   int
	CPU    float64
	// Scratch is how many bytes /tmp, /dev/shm and the home directory have together; zero is [DefaultScratch].
	Scratch int64
	// Watch tells also of what is allowed: each file that is opened, program that is started and address that is connected to.
	// It makes all of them slower.
	Watch bool
	// Decoys are files that exist in the box alone, by their absolute path: canaries. That one of them is opened is told to whoever
	// watches. They are not for box-lite.
	Decoys map[string][]byte
}

// What a policy gives where it says nothing.
const (
	DefaultMemory  = 1 << 30
	DefaultPids    = 256
	DefaultScratch = 64 << 20
)

// The kinds of acts.
const (
	// KindSyscall is a system call that no server needs; the detail is its name.
	KindSyscall = "syscall"
	// KindExec is a program that was to be started; the detail is its path.
	KindExec = "exec"
	// KindConnect is an address that was to be connected to: ADDRESS:PORT, or the path of a unix socket.
	KindConnect = "connect"
	// KindName is a name that was asked for and may not be reached. Only an outlet tells of it.
	KindName = "name"
	// KindFile is a file that was to be opened or changed: its path, and what for.
	KindFile = "file"
	// KindLimit is a limit that was reached: memory, pids, scratch.
	KindLimit = "limit"
)

// An Act is something that a program in a box did, or tried to.
type Act struct {
	Kind   string // one of the kinds
	Detail string // for people; bounded, but it contains what the program chose
	// Program is the path of the file that did it, and PID the number of its process outside the box; empty and 0 where that is not known.
	Program string
	PID     int
	At      time.Time
}

// A Refusal is an act that the box did not allow.
type Refusal Act

// Listeners are the sockets of a box's network, which has no other way out: its routes all lead to these. Whoever takes them closes
// them. A datagram that arrives at DNS is a question of the box's resolver; what connects to TCP, which has a listener for each of the
// policy's ports, was meant for the local address that the connection has.
type Listeners struct {
	DNS net.PacketConn
	TCP map[int]net.Listener
}

// Close closes all of them.
func (l Listeners) Close() {
	if l.DNS != nil {
		_ = l.DNS.Close()
	}
	for _, listener := range l.TCP {
		_ = listener.Close()
	}
}

// Synthetic is the network whose addresses all lead to the listeners of a box: the one for benchmarks (RFC 2544), which nobody routes.
const Synthetic = "198.18.0.0/15"

// A Program is what runs in a box: an absolute path that exists, what follows it, all of its environment, and where it runs.
type Program struct {
	Path string
	Args []string
	Env  []string
	Dir  string
}

// Hooks are what the owner of a box is told and given, see package sandbox. Each may be nil.
type Hooks struct {
	Refused func(Refusal)
	Watched func(Act)
	Outlet  func(Listeners)
}
