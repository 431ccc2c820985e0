package box

import (
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sumun-mcp/sumun/internal/sandbox/box/launch"
)

// A Box is one program in its box.
type Box struct {
	policy  Policy
	hooks   Hooks
	order   *launch.Order
	control *net.UnixConn // our end; the box ends when it is closed
	theirs  *os.File
	scratch string // the directory that can be written to in box-lite
	group   *group
	watcher *supervisor
	teller  *teller
	work    sync.WaitGroup
}

// New prepares a box for a program. It must be closed.
func New(policy Policy, program Program, hooks Hooks) (*Box, error) {
	b := &Box{policy: policy, hooks: hooks, teller: newTeller(hooks)}
	if err := b.open(program); err != nil {
		b.tidy()
		return nil, err
	}
	return b, nil
}

// open makes what the box needs before it is started.
func (b *Box) open(program Program) (err error) {
	if b.policy.Lite {
		if b.scratch, err = makeScratch(); err != nil {
			return err
		}
	}
	if b.order, err = b.policy.order(program, b.scratch); err != nil {
		return err
	}
	if id := b.order.UID; id != 0 {
		if err := os.Chown(b.scratch, id, id); err != nil {
			b.order.UID = 0 // who may not do that may not become another user either
		}
	}
	b.order.Network = b.hooks.Outlet != nil && !b.policy.Lite
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	b.theirs = os.NewFile(uintptr(pair[1]), "control")
	ours := os.NewFile(uintptr(pair[0]), "control")
	conn, err := net.FileConn(ours)
	_ = ours.Close()
	if err != nil {
		_ = b.theirs.Close()
		return err
	}
	b.control = conn.(*net.UnixConn) //nolint:errcheck,forcetypeassert // a unix socket has no other type
	return nil
}

// tidy removes what a box leaves behind on the machine.
func (b *Box) tidy() {
	if b.group != nil {
		b.group.remove()
	}
	if b.scratch != "" {
		_ = os.RemoveAll(b.scratch)
	}
}

// Dress makes of cmd the command that starts the launcher. Its standard files stay those of the program.
func (b *Box) Dress(cmd *exec.Cmd) {
	cmd.Path, cmd.Args, cmd.Env, cmd.Dir = "/proc/self/exe", []string{launch.Name}, []string{}, "/"
	cmd.ExtraFiles = []*os.File{b.theirs}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if b.policy.Lite {
		return
	}
	outside, root := outsideID()
	attr := cmd.SysProcAttr
	attr.Cloneflags = unix.CLONE_NEWUSER | unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWNET | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS
	attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: insideID, HostID: outside, Size: 1}}
	attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: insideID, HostID: outside, Size: 1}}
	attr.AmbientCaps = []uintptr{unix.CAP_SYS_ADMIN, unix.CAP_NET_ADMIN, unix.CAP_NET_BIND_SERVICE, unix.CAP_SETPCAP}
	if root {
		attr.GidMappingsEnableSetgroups = true
		attr.Credential = &syscall.Credential{Uid: insideID, Gid: insideID}
	} else {
		attr.GidMappings[0].HostID = os.Getegid()
	}
}

// outsideID returns who a box's program is to the machine: a user who owns nothing, if we may choose, and otherwise we ourselves.
func outsideID() (id int, chosen bool) {
	if uid := os.Geteuid(); uid != 0 {
		return uid, false
	}
	const unused, nobody = 300_000, 65_534
	ranges, _ := os.ReadFile("/proc/self/uid_map") // in a container there may be few
	for line := range strings.Lines(string(ranges)) {
		var first, host, size int
		if n, err := fmt.Sscan(line, &first, &host, &size); n == 3 && err == nil && first <= unused && unused < first+size {
			return unused, true
		}
	}
	return nobody, true
}

// Settle has the launcher, which has been started, set the box up and start the program in it. It returns once the program runs.
// The launcher is the process pid.
func (b *Box) Settle(pid int) error {
	_ = b.theirs.Close()
	b.group = machine().make(&b.policy)
	if b.group.join(pid) != nil { // then others see to the limits, as where there are no groups
		b.group.remove()
		b.group = &group{}
	}
	if err := b.send(); err != nil {
		return fmt.Errorf("telling the launcher: %w", err)
	}
	return b.await()
}

// longestStart is how long a launcher may take, which may have to wait for the file systems of what it binds.
const longestStart = 30 * time.Second

// await waits until the program runs.
func (b *Box) await() error {
	if err := b.control.SetReadDeadline(time.Now().Add(longestStart)); err != nil {
		return err
	}
	for {
		a, err := b.receive()
		if err != nil {
			return fmt.Errorf("the launcher does not answer: %w", err)
		}
		switch a.kind {
		case launch.AnswerNetwork:
			if err := b.network(a.fds); err != nil {
				return err
			}
		case launch.AnswerNotifier:
			b.watcher = supervise(a.fds[0], &b.policy, viewOf(b.order), b.teller)
		case launch.AnswerRunning:
			err := b.control.SetReadDeadline(time.Time{})
			b.work.Go(b.hear)
			return err
		default:
			return errors.New(a.text)
		}
	}
}

// send sends the order.
func (b *Box) send() error {
	if b.group.memory == "" {
		b.order.Memory = cmp.Or(b.policy.Memory, DefaultMemory)
	}
	var rights []byte
	if outside, chosen := outsideID(); chosen && !b.policy.Lite {
		fds, err := trees(b.order, outside)
		if err != nil {
			return err
		}
		defer closeAll(fds)
		if len(fds) > 0 {
			rights = unix.UnixRights(fds...)
		}
	}
	text, err := json.Marshal(b.order)
	if err != nil {
		return err
	}
	head := binary.NativeEndian.AppendUint32(nil, uint32(len(text))) //nolint:gosec // bounded by the launcher
	if _, _, err := b.control.WriteMsgUnix(head, rights, nil); err != nil {
		return err
	}
	_, err = b.control.Write(text)
	return err
}

// An answer is one of the launcher's.
type answer struct {
	kind byte
	text string
	fds  []int
}

// receive reads one answer.
func (b *Box) receive() (a answer, err error) {
	head, rights := make([]byte, 5), make([]byte, unix.CmsgSpace(4*253))
	n, oob, _, _, err := b.control.ReadMsgUnix(head, rights)
	if err == nil && n < len(head) {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return a, err
	}
	body := make([]byte, binary.NativeEndian.Uint32(head[1:]))
	if _, err := io.ReadFull(b.control, body); err != nil {
		return a, err
	}
	a.kind, a.text = head[0], string(body)
	messages, err := unix.ParseSocketControlMessage(rights[:oob])
	if err == nil && len(messages) > 0 {
		a.fds, err = unix.ParseUnixRights(&messages[0])
	}
	return a, err
}

// network hands the sockets of the box to the outlet.
func (b *Box) network(fds []int) error {
	listeners := Listeners{TCP: map[int]net.Listener{}}
	files := make([]*os.File, len(fds))
	for i, fd := range fds {
		files[i] = os.NewFile(uintptr(fd), "box")
		defer func() { _ = files[i].Close() }()
	}
	if len(files) != 1+len(b.policy.Ports) {
		return fmt.Errorf("the launcher opened %d sockets", len(files))
	}
	var err error
	if listeners.DNS, err = net.FilePacketConn(files[0]); err != nil {
		return err
	}
	for i, port := range b.policy.Ports {
		if listeners.TCP[port], err = net.FileListener(files[i+1]); err != nil {
			listeners.Close()
			return err
		}
	}
	b.hooks.Outlet(listeners)
	return nil
}

// hear hears what the launcher has to tell until it ends.
func (b *Box) hear() {
	for {
		a, err := b.receive()
		if err != nil {
			return
		}
		if a.kind == launch.AnswerLimit {
			b.teller.refusal(Act{Kind: KindLimit, Detail: a.text, At: time.Now()})
		}
	}
}

// End ends the program and all it has started at once.
func (b *Box) End() { _ = b.control.Close() }

// Close ends what is left, and waits until nobody is told of anything any more.
func (b *Box) Close() {
	_ = b.control.Close()
	_ = b.theirs.Close()
	b.work.Wait()
	if b.watcher != nil {
		b.watcher.close()
	}
	if b.group != nil {
		if n := b.group.exhausted(); n > 0 {
			b.teller.refusal(Act{Kind: KindLimit, Detail: fmt.Sprintf("memory: %d processes were ended for want of it", n), At: time.Now()})
		}
	}
	b.tidy()
	b.teller.close()
}
