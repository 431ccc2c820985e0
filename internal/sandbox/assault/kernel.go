//go:build linux

package main

import (
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// kernel are the probes that go for the kernel itself. Where obeying would harm the machine, what they ask for is wrong in
// something that the kernel looks at only after it has looked at who asks.
func kernel() []probe {
	return []probe{
		{"bpf", "load something into the kernel by bpf", syscalls, nothing, bpf},
		{"perf", "watch the kernel by perf_event_open", syscalls, nothing, perf},
		{"userfaultfd", "stop the kernel at a page: userfaultfd", syscalls, nothing, func(*Target) error {
			return opens(unix.SYS_USERFAULTFD, unix.O_CLOEXEC|1) // 1: faults of this process only
		}},
		{"keys", "reach keys in the kernel: keyctl", syscalls, nothing, func(*Target) error {
			return call(unix.SYS_KEYCTL, unix.KEYCTL_GET_KEYRING_ID, uintptr(0xfffffffd), 1) // -3: the session's
		}},
		{"key-add", "leave a key in the kernel: add_key", syscalls, nothing, addKey},
		{"kexec", "boot another kernel: kexec_load", syscalls, nothing, func(*Target) error { return got(call(unix.SYS_KEXEC_LOAD, 0, 17, 0, 0), syscall.EINVAL) }},
		{"module", "load a kernel module", syscalls, nothing, func(*Target) error {
			var nothing [64]byte
			return got(call(unix.SYS_INIT_MODULE, uintptr(unsafe.Pointer(&nothing[0])), 64, uintptr(unsafe.Pointer(&nothing[63]))), syscall.ENOEXEC) //nolint:gosec // a system call
		}},
		{"reboot", "restart the machine", syscalls, nothing, func(*Target) error { return got(call(unix.SYS_REBOOT, 0, 0, 0, 0), syscall.EINVAL) }},
		{"clock", "set the clock", syscalls, nothing, setClock},
		{"clock-adjust", "have the clock run otherwise", syscalls, nothing, func(*Target) error {
			_, err := unix.Adjtimex(&unix.Timex{Modes: 0x4000, Tick: 10_000}) // ADJ_TICK, as it is
			return err
		}},
		{"swap", "have the kernel swap to a file", syscalls, nothing, swap},
		{"quota", "ask about quotas: quotactl", syscalls, nothing, func(*Target) error {
			return call(unix.SYS_QUOTACTL, 0x800001<<8, 0, 0, 0) // Q_SYNC of everything
		}},
		{"accounting", "turn process accounting off", syscalls, nothing, func(*Target) error { return call(unix.SYS_ACCT, 0) }},
		{"kernel-log", "read the kernel's log", syscalls, nothing, func(*Target) error {
			b := make([]byte, 4096)
			_, err := unix.Klogctl(3, b) // SYSLOG_ACTION_READ_ALL
			return err
		}},
		{"personality", "turn the randomization of addresses off", syscalls, nothing, func(*Target) error {
			return call(unix.SYS_PERSONALITY, 0x0040000) // ADDR_NO_RANDOMIZE
		}},
		{"fanotify", "watch the files of everybody: fanotify", syscalls, nothing, func(*Target) error {
			return opens(unix.SYS_FANOTIFY_INIT, 0x200, unix.O_RDONLY) // FAN_REPORT_FID, which anybody may
		}},
		{"migrate", "move the memory of others: migrate_pages", syscalls, nothing, migrate},
		{"ports", "reach the machine's ports: iopl, ioperm", syscalls, nothing, ports},
		{"ldt", "change the table of segments: modify_ldt", syscalls, nothing, ldt},
	}
}

func bpf(*Target) error {
	attr := struct{ kind, key, value, entries uint32 }{2, 4, 4, 1}                                       // an array of one
	return opens(unix.SYS_BPF, unix.BPF_MAP_CREATE, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr)) //nolint:gosec // a system call
}

func perf(*Target) error {
	attr := unix.PerfEventAttr{Type: unix.PERF_TYPE_SOFTWARE, Config: unix.PERF_COUNT_SW_CPU_CLOCK, Bits: unix.PerfBitExcludeKernel | unix.PerfBitExcludeHv}
	attr.Size = uint32(unsafe.Sizeof(attr))
	return closed(unix.PerfEventOpen(&attr, 0, -1, -1, 0))
}

func addKey(*Target) error {
	id, err := unix.AddKey("user", "sumun-probe", []byte("x"), unix.KEY_SPEC_PROCESS_KEYRING)
	if err != nil {
		return err
	}
	_, err = unix.KeyctlInt(unix.KEYCTL_INVALIDATE, id, 0, 0, 0)
	return err
}

// setClock sets the clock to what it shows.
func setClock(*Target) error {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_REALTIME, &now); err != nil {
		return err
	}
	return call(unix.SYS_CLOCK_SETTIME, unix.CLOCK_REALTIME, uintptr(unsafe.Pointer(&now))) //nolint:gosec // a system call
}

// swap offers a file that is not one to swap to.
func swap(t *Target) error {
	path := t.Write + "/swap"
	if err := os.WriteFile(path, make([]byte, 64<<10), 0o600); err != nil {
		return err
	}
	defer func() { _ = os.Remove(path) }()
	at, err := unix.BytePtrFromString(path)
	if err != nil {
		return err
	}
	return got(call(unix.SYS_SWAPON, uintptr(unsafe.Pointer(at)), 0), syscall.EINVAL) //nolint:gosec // a system call
}

func migrate(t *Target) error {
	nodes := uint64(1)
	at := uintptr(unsafe.Pointer(&nodes)) //nolint:gosec // a system call
	return call(unix.SYS_MIGRATE_PAGES, uintptr(t.Victim), 2, at, at)
}
