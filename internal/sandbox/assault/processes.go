//go:build linux

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

var syscalls = []string{"syscall"}

// processes are the probes that go for other processes: their secrets, their memory, their lives.
func processes() []probe {
	return []probe{
		{"own-environment", "find the gateway's secrets in the own environment", nil, nothing, func(t *Target) error { return t.environ(os.Getpid()) }},
		{"environment", "read the environment of other processes", nil, nothing, func(t *Target) error {
			return first(append(t.others(), procs()...), t.environ)
		}},
		{"memory", "read the memory of other processes in /proc/PID/mem", nil, nothing, func(t *Target) error { return first(t.others(), t.memory) }},
		{"process-vm", "read the memory of other processes by process_vm_readv", syscalls, nothing, func(t *Target) error { return first(t.others(), t.vm) }},
		{"process-vm-write", "write it by process_vm_writev", syscalls, nothing, func(t *Target) error { return first(t.others(), t.vmWrite) }},
		{"ptrace", "trace other processes", syscalls, nothing, func(t *Target) error { return first(t.others(), seize) }},
		{"ptrace-me", "be traced", syscalls, nothing, func(*Target) error { return call(unix.SYS_PTRACE, unix.PTRACE_TRACEME) }},
		{"pidfd-getfd", "take an open file from another process", syscalls, nothing, func(t *Target) error { return first(t.others(), t.take) }},
		{"kcmp", "compare another process with the own", syscalls, nothing, func(t *Target) error {
			return call(unix.SYS_KCMP, uintptr(os.Getpid()), uintptr(t.Victim), 0, 0, 0)
		}},
		{"process-madvise", "advise the kernel about another's memory", syscalls, nothing, processMadvise},
		{"signal", "send a signal to a process outside", nil, nothing, func(t *Target) error { return unix.Kill(t.Victim, unix.SIGCONT) }},
		{"signal-pidfd", "send it by a pidfd", nil, nothing, signalPidfd},
		{"priority", "change the priority of a process outside", nil, nothing, func(t *Target) error { return unix.Setpriority(unix.PRIO_PROCESS, t.Victim, 1) }},
		{"limits", "change the limits of a process outside", nil, nothing, limits},
		{"see", "see processes outside", nil, nothing, see},
		{"shared-memory", "read another's System V shared memory", nil, nothing, sharedMemory},
		{"message-queue", "make a POSIX message queue that others see", syscalls, nothing, messageQueue},
		{"terminal-input", "type into a terminal by TIOCSTI", []string{"syscall", "file"}, nothing, typeIn},
	}
}

// victim is a process with a secret: it has it in its environment, which its caller has set, in its memory and in a file that it
// is given open. It says where, and stays until its input ends.
func victim(stdin io.Reader, stdout io.Writer) int {
	var secret []byte
	for _, e := range os.Environ() {
		if _, v, _ := strings.Cut(e, "="); strings.HasPrefix(v, secretMark) {
			secret = bytes.Clone([]byte(v))
		}
	}
	if secret == nil {
		return 2
	}
	where := uintptr(unsafe.Pointer(&secret[0])) //nolint:gosec // told, not followed
	if err := json.NewEncoder(stdout).Encode(where); err != nil {
		return 1
	}
	_, _ = io.Copy(io.Discard, stdin)
	_ = secret[0]
	return 0
}

func (t *Target) environ(pid int) error { return t.reads(fmt.Sprintf("/proc/%d/environ", pid)) }

// memory looks for the secret in all that a process may write.
func (t *Target) memory(pid int) error {
	maps, err := os.Open(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		return err
	}
	defer func() { _ = maps.Close() }()
	mem, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	if err != nil {
		return err
	}
	defer func() { _ = mem.Close() }()
	const most = 8 << 20
	buf := make([]byte, most)
	for lines := bufio.NewScanner(maps); lines.Scan(); {
		var from, to int64
		var mode string
		if n, _ := fmt.Sscanf(lines.Text(), "%x-%x %s", &from, &to, &mode); n < 3 || !strings.HasPrefix(mode, "rw") {
			continue
		}
		if n, _ := mem.ReadAt(buf[:min(to-from, most)], from); t.found(buf[:n]) {
			return nil
		}
	}
	return errNothing
}

// vm reads where the victim said that its secret is.
func (t *Target) vm(pid int) error {
	b := make([]byte, secretLen)
	local := []unix.Iovec{{Base: &b[0]}}
	local[0].SetLen(len(b))
	if _, err := unix.ProcessVMReadv(pid, local, []unix.RemoteIovec{{Base: t.Address, Len: len(b)}}, 0); err != nil {
		return err
	}
	if !t.found(b) {
		return errNothing
	}
	return nil
}

// vmWrite writes there what is there already.
func (t *Target) vmWrite(pid int) error {
	b := []byte(secretMark)
	local := []unix.Iovec{{Base: &b[0]}}
	local[0].SetLen(len(b))
	_, err := unix.ProcessVMWritev(pid, local, []unix.RemoteIovec{{Base: t.Address, Len: len(b)}}, 0)
	return err
}

// seize begins to trace without stopping anybody. It ends with this process.
func seize(pid int) error { return call(unix.SYS_PTRACE, unix.PTRACE_SEIZE, uintptr(pid)) }

func (t *Target) take(pid int) error {
	process, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(process) }()
	fd, err := unix.PidfdGetfd(process, t.File, 0)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(fd) }()
	b := make([]byte, 4096)
	if n, err := unix.Pread(fd, b, 0); err != nil || !t.found(b[:n]) {
		return errNothing
	}
	return nil
}

func processMadvise(t *Target) error {
	process, err := unix.PidfdOpen(t.Victim, 0)
	if err != nil {
		// Asked all the same, with a descriptor that is none.
		return call(unix.SYS_PROCESS_MADVISE, ^uintptr(0), 0, 0, unix.MADV_COLD, 0)
	}
	defer func() { _ = unix.Close(process) }()
	page := uintptr(os.Getpagesize())
	remote := unix.RemoteIovec{Base: t.Address &^ (page - 1), Len: int(page)}
	_, err = value(unix.SYS_PROCESS_MADVISE, uintptr(process), uintptr(unsafe.Pointer(&remote)), 1, unix.MADV_COLD, 0) //nolint:gosec // a system call
	return err
}

func signalPidfd(t *Target) error {
	process, err := unix.PidfdOpen(t.Victim, 0)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(process) }()
	return unix.PidfdSendSignal(process, unix.SIGCONT, nil, 0)
}

func limits(t *Target) error {
	var old unix.Rlimit
	if err := unix.Prlimit(t.Victim, unix.RLIMIT_CORE, nil, &old); err != nil {
		return err
	}
	return unix.Prlimit(t.Victim, unix.RLIMIT_CORE, &old, nil)
}

func see(t *Target) error {
	name, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", t.Victim))
	if err == nil && !bytes.Contains(name, []byte("victim")) {
		err = errNothing
	}
	return err
}

func sharedMemory(t *Target) error {
	id, err := unix.SysvShmGet(t.ShmKey, 0, 0)
	if err != nil {
		return err
	}
	b, err := unix.SysvShmAttach(id, 0, unix.SHM_RDONLY)
	if err != nil {
		return err
	}
	if !t.found(b) {
		return errNothing
	}
	return nil
}

func messageQueue(*Target) error {
	name := append([]byte("sumun-probe"), 0)
	at := uintptr(unsafe.Pointer(&name[0])) //nolint:gosec // a system call
	if err := opens(unix.SYS_MQ_OPEN, at, unix.O_CREAT|unix.O_RDWR, 0o600, 0); err != nil {
		return err
	}
	return call(unix.SYS_MQ_UNLINK, at)
}

// typeIn types one character into a terminal of its own, which becomes this session's.
func typeIn(*Target) error {
	signal.Ignore(unix.SIGHUP) // when the terminal goes
	if _, err := unix.Setsid(); err != nil {
		// Already first of a session, as servers are.
		_ = err
	}
	var b byte
	typed := func(fd uintptr) error {
		return call(unix.SYS_IOCTL, fd, unix.TIOCSTI, uintptr(unsafe.Pointer(&b))) //nolint:gosec // a system call
	}
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		if refused := typed(0); refused != nil {
			err = refused
		}
		return err
	}
	defer func() { _ = master.Close() }()
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		return err
	}
	slave, err := value(unix.SYS_IOCTL, master.Fd(), unix.TIOCGPTPEER, unix.O_RDWR|unix.O_NOCTTY)
	if err != nil {
		return err
	}
	_ = unix.IoctlSetInt(int(slave), unix.TIOCSCTTY, 0)
	return typed(slave)
}

// starts runs a program and returns nil if it has said its greeting.
func starts(path string, args ...string) error {
	out, err := exec.Command(path, args...).Output() //nolint:gosec,noctx // that is the point; the tests end what hangs
	if err == nil && !bytes.Contains(out, []byte(greeting)) {
		err = errNothing
	}
	return err
}
