package launch

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"runtime"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/sumun-mcp/sumun/internal/sandbox/box/launch/seccomp"
)

// The program that is started under the launcher's name never gets to its own main.
var _ = begin()

func begin() bool {
	if len(os.Args) == 1 && os.Args[0] == Name {
		syscall.Exit(launch()) // which, other than that of os, waits for nothing
	}
	return true
}

// cannotRun is the exit status for a program that could not be started, as shells have it.
const cannotRun = 126

// launch carries out the order that comes on the control socket, and returns the exit status.
func launch() int {
	// Whatever else we were left with by who started us is not for the program.
	if err := unix.CloseRange(Control, math.MaxInt32, unix.CLOSE_RANGE_CLOEXEC); err != nil {
		return cannotRun
	}
	order, trees, err := receive()
	if err != nil {
		return cannotRun
	}
	var dying atomic.Bool
	go func() { // ends with the process
		awaitOwner()
		order.end(&dying)
	}()
	child, err := order.carryOut(trees)
	if err != nil {
		answer(AnswerFailed, err.Error())
		return cannotRun
	}
	answer(AnswerRunning, "")
	if order.Path == "" {
		return 0
	}
	return order.watch(child, &dying)
}

// largestOrder bounds an order: some hundred paths, and canary files.
const largestOrder = 16 << 20

// receive reads the order: its length in four bytes, which carry the mounts, and then itself.
func receive() (*Order, []int, error) {
	head, rights := make([]byte, 4), make([]byte, unix.CmsgSpace(4*maxTrees))
	n, oob, _, _, err := unix.Recvmsg(Control, head, rights, unix.MSG_CMSG_CLOEXEC|unix.MSG_WAITALL)
	if err != nil || n != len(head) {
		return nil, nil, errors.Join(err, errors.New("no order"))
	}
	size := binary.NativeEndian.Uint32(head)
	if size > largestOrder {
		return nil, nil, errors.New("the order is too long")
	}
	text := make([]byte, size)
	for got := 0; got < len(text); {
		n, err := unix.Read(Control, text[got:])
		if n <= 0 && err != unix.EINTR {
			return nil, nil, errors.Join(err, errors.New("the order is cut off"))
		}
		got += max(n, 0)
	}
	order := new(Order)
	if err := json.Unmarshal(text, order); err != nil {
		return nil, nil, err
	}
	trees, err := descriptors(rights[:oob])
	return order, trees, err
}

// maxTrees is how many descriptors one message may carry (SCM_MAX_FD).
const maxTrees = 253

func descriptors(rights []byte) ([]int, error) {
	messages, err := unix.ParseSocketControlMessage(rights)
	if err != nil || len(messages) == 0 {
		return nil, err
	}
	return unix.ParseUnixRights(&messages[0])
}

// answer tells the other end something. If that has gone, the box ends anyway.
func answer(kind byte, text string, fds ...int) {
	var rights []byte
	if len(fds) > 0 {
		rights = unix.UnixRights(fds...)
	}
	message := binary.NativeEndian.AppendUint32([]byte{kind}, uint32(len(text))) //nolint:gosec // an error's text
	_ = unix.Sendmsg(Control, append(message, text...), rights, nil, unix.MSG_NOSIGNAL)
}

// carryOut sets the box up and starts the program.
func (o *Order) carryOut(trees []int) (child int, err error) {
	if o.Lite {
		Adopt()
	} else {
		if err := o.build(trees); err != nil {
			return 0, err
		}
		if err := o.connect(); err != nil {
			return 0, fmt.Errorf("setting the network up: %w", err)
		}
	}
	for _, limit := range o.Limits {
		if err := limit.set(); err != nil {
			return 0, fmt.Errorf("setting limit %d: %w", limit.Resource, err)
		}
	}
	notifier := make(chan int)
	go func() { // ends with its thread, which nobody else may use any more
		defer close(notifier)
		runtime.LockOSThread()
		child, err = o.start(notifier)
	}()
	for fd := range notifier { // that thread can do nothing any more that somebody would have to allow
		answer(AnswerNotifier, "", fd)
		_ = unix.Close(fd)
	}
	return child, err
}

// set sets the limit, or leaves a stricter one.
func (l Limit) set() error {
	var now syscall.Rlimit
	if err := syscall.Getrlimit(l.Resource, &now); err != nil {
		return err
	}
	value := min(l.Value, now.Max)
	return syscall.Setrlimit(l.Resource, &syscall.Rlimit{Cur: value, Max: value})
}

// start confines the thread it runs on and starts the program from it. Rights, Landlock and filter belong to a thread and go over to
// the program; the launcher's other threads only lose their rights, so that the program is not their equal. What the filter asks is
// answered by who gets notifier.
func (o *Order) start(notifier chan<- int) (child int, err error) {
	if !o.Lite {
		_ = unix.Unshare(unix.CLONE_NEWCGROUP) // so that its own control group is the root of those it sees
	}
	ruleset, err := o.ruleset() // while we may still look everything up
	if err != nil {
		return 0, err
	}
	if err := o.dropRights(); err != nil {
		return 0, fmt.Errorf("dropping rights: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return 0, fmt.Errorf("forgoing new rights: %w", err)
	}
	if err := enforce(ruleset); err != nil {
		return 0, err
	}
	fd, err := install(o.Filter)
	if err != nil {
		return 0, fmt.Errorf("installing the filter: %w", err)
	}
	notifier <- fd
	if o.Path == "" {
		return 0, nil
	}
	child, err = syscall.ForkExec(o.Path, o.Argv, &syscall.ProcAttr{ //nolint:gosec // to run what was ordered is the purpose
		Dir: o.Dir, Env: o.Env, Files: []uintptr{0, 1, 2}, Sys: &syscall.SysProcAttr{Setpgid: true},
	})
	if err != nil {
		return 0, fmt.Errorf("running %s: %w", o.Path, err)
	}
	return child, nil
}

// install installs the filter on this thread, and returns where its questions arrive.
func install(rules seccomp.Rules) (notifier int, err error) {
	arch, ok := seccomp.For(runtime.GOARCH)
	if !ok {
		return 0, errors.New("there is none for " + runtime.GOARCH)
	}
	return setFilter(seccomp.Bytes(arch.Filter(rules)))
}

func closeAll(fds []int) {
	for _, fd := range fds {
		_ = unix.Close(fd)
	}
}
