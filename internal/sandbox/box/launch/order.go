// Package launch is what runs inside of a box: its first process, which sets the box up, confines itself as far as it can, starts the
// program in it and watches over it until the end. It does what its [Order] says and decides nothing.
//
// The launcher is the program that links this package, started again with [Name] as its own name. That is noticed while packages are
// initialized, and not later, since what else a gateway consists of takes 20 ms and 30 MB to initialize, which each boxed server
// would pay.
package launch

import "github.com/sumun-mcp/sumun/internal/sandbox/box/launch/seccomp"

// Name is the name (its first argument) under which a program that links this package is a launcher.
const Name = "sumun-box"

// Control is the number of the launcher's end of the control socket: the order comes on it, answers go out on it, and
// the box ends when the other end is closed.
const Control = 3

// An Order is all that a launcher is told. What it names has been looked up and decided on by who gives the order.
type Order struct {
	Lite bool // Landlock and seccomp alone

	Path string // the program, as it is found in the box; empty to set the box up and do nothing in it
	Argv []string
	Env  []string
	Dir  string

	Home     string      // becomes empty scratch memory
	Scratch  int64       // bytes
	Binds    []Bind      // in the order in which they are made
	Files    []File      // exist in the box alone
	Links    [][2]string // symbolic links: name, target
	Network  bool        // bring the network of listeners up
	Ports    []int
	UID      int // to run as, in box-lite; 0 for no other
	Limits   []Limit
	Memory   int64 // bytes that all processes together may have, counted now and then; 0 if others see to it
	Filter   seccomp.Rules
	Forgives bool // a Landlock that is too old or missing is no fault, since the mounts keep what it keeps
}

// A Bind is a file or directory of the machine that is in the box under the same name.
type Bind struct {
	Path   string
	Below  string // a directory that the program may change and Path lies in: no symbolic link below it is followed
	Write  bool
	Exec   bool
	Device bool
	Tree   bool // a mount of it came with the order
	Given  bool `json:"-"` // somebody has named it: the program acts as its owner in it
}

// Scratch returns the directories of a full box that are made of memory and can be written to.
func Scratch(home string) []string { return []string{"/tmp", "/var/tmp", "/dev/shm", home} }

// A File is made by the launcher and cannot be changed.
type File struct {
	Path string
	Data []byte
}

// A Limit is one of setrlimit(2), soft and hard.
type Limit struct {
	Resource int
	Value    uint64
}

// The answers of a launcher: the first byte of a message, whose rest is text.
const (
	AnswerFailed   = 'F' // the box could not be set up or the program not be started: why
	AnswerNetwork  = 'N' // with the sockets: DNS, then one for each port
	AnswerNotifier = 'S' // with the descriptor at which the filter's questions arrive
	AnswerRunning  = 'R' // the program runs
	AnswerLimit    = 'L' // a limit was reached, and the box ends: which
)
