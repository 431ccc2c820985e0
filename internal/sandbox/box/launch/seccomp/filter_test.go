package seccomp

import (
	"encoding/binary"
	"slices"
	"strings"
	"testing"
)

// A call is what a filter is asked about.
type call struct {
	arch   uint32
	number uint32
	args   [6]uint64
}

// run carries out a program on a call, as the kernel does.
func run(t *testing.T, program []Instruction, c call) uint32 {
	t.Helper()
	data := binary.LittleEndian.AppendUint32(nil, c.number)
	data = binary.LittleEndian.AppendUint32(data, c.arch)
	data = append(data, make([]byte, 8)...)
	for _, arg := range c.args {
		data = binary.LittleEndian.AppendUint64(data, arg)
	}
	var accumulator uint32
	for at := 0; at < len(program); at++ {
		i := program[at]
		holds := false
		switch i.Op {
		case opLoad:
			accumulator = binary.LittleEndian.Uint32(data[i.K:])
			continue
		case opAnd:
			accumulator &= i.K
			continue
		case opReturn:
			return i.K
		case opJump:
			at += int(i.K)
			continue
		case opEqual:
			holds = accumulator == i.K
		case opAtLeast:
			holds = accumulator >= i.K
		case opSet:
			holds = accumulator&i.K != 0
		default:
			t.Fatalf("operation %#x", i.Op)
		}
		if holds {
			at += int(i.Then)
		} else {
			at += int(i.Else)
		}
	}
	t.Fatal("the program has no end")
	return 0
}

func number(t *testing.T, a Arch, name string) uint32 {
	t.Helper()
	i := slices.Index(a.names, name)
	if i < 0 {
		t.Fatalf("no call %q", name)
	}
	return uint32(i)
}

// TestFilter asks, for each architecture and set of rules, about every number there is: the answer is what the lists say.
func TestFilter(t *testing.T) {
	for _, arch := range []Arch{AMD64, ARM64} {
		for _, rules := range []Rules{{}, {Lite: true}, {Execs: true}, {Opens: true}, {true, true, true}} {
			program := arch.Filter(rules)
			if len(program) > 400 {
				t.Errorf("%d instructions", len(program))
			}
			verdicts := rules.verdicts()
			for n := range uint32(1100) {
				want := uint32(retNotify)
				if name := arch.Name(arch.audit, int(n)); name != "" {
					v := verdicts[name]
					if v >= firstCheck {
						continue // see TestChecks
					}
					want = returns[v]
				}
				if got := run(t, program, call{arch: arch.audit, number: n}); got != want {
					t.Errorf("%+v: call %d (%s): %#x, want %#x", rules, n, arch.Name(arch.audit, int(n)), got, want)
				}
			}
		}
	}
}

// TestStrangers: calls of other architectures, of x32 and of no number are refused, whatever they would be here.
func TestStrangers(t *testing.T) {
	program := AMD64.Filter(Rules{})
	for _, c := range []call{
		{arch: ARM64.audit},
		{arch: 0x40000003, number: 4},
		{arch: AMD64.audit, number: 0x40000000 | 1},
		{arch: AMD64.audit, number: 0xFFFFFFFF},
	} {
		if got := run(t, program, c); got != retNotify {
			t.Errorf("%+v: %#x", c, got)
		}
	}
	if AMD64.Name(ARM64.audit, 0) != "" || AMD64.Name(AMD64.audit, 1<<30) != "" || AMD64.Name(AMD64.audit, -1) != "" {
		t.Error("a stranger has a name")
	}
}

func TestChecks(t *testing.T) {
	const stranger = 40 // AF_VSOCK
	tests := []struct {
		call string
		args [6]uint64
		want uint32
	}{
		{"clone", [6]uint64{0x11}, retAllow},
		{"clone", [6]uint64{0x003D0F00}, retAllow}, // a thread of glibc
		{"clone", [6]uint64{0x10000000 | 0x11}, retNotify},
		{"clone", [6]uint64{0x00020000}, retNotify},
		{"clone", [6]uint64{0x40000000}, retNotify},
		{"ioctl", [6]uint64{0, 0x5401}, retAllow},
		{"ioctl", [6]uint64{0, 0x5412}, retNotify},
		{"ioctl", [6]uint64{0, 1<<32 | 0x5412}, retNotify}, // the kernel looks at 32 bits
		{"ioctl", [6]uint64{0, 0x541C}, retNotify},
		{"personality", [6]uint64{0}, retAllow},
		{"personality", [6]uint64{0xFFFFFFFF}, retAllow},
		{"personality", [6]uint64{0x0040000}, retNotify},
		{"prctl", [6]uint64{38}, retAllow},
		{"prctl", [6]uint64{35}, retNotify},
		{"sendto", [6]uint64{3, 1, 1, 0, 0, 0}, retAllow},
		{"sendto", [6]uint64{3, 1, 1, 0, 0x1000, 16}, retNotify},
		{"sendto", [6]uint64{3, 1, 1, 0, 1 << 32, 16}, retNotify},
		{"socket", [6]uint64{unix, stream}, retAllow},
		{"socket", [6]uint64{unix, 5}, retAllow},
		{"socket", [6]uint64{unix, datagram}, retNotify},
		{"socket", [6]uint64{inet, stream, 132}, retNotify}, // SCTP
		{"socket", [6]uint64{inet, datagram, 136}, retNotify},
		{"socket", [6]uint64{inet, datagram, 1}, retNotify}, // ping
		{"socketpair", [6]uint64{unix, stream | 0x80000}, retAllow},
		{"socketpair", [6]uint64{unix, datagram}, retNotify},
		{"ioctl", [6]uint64{0, 0x8914}, retNotify},
		{"ioctl", [6]uint64{0, 0x8913}, retAllow},
		{"socket", [6]uint64{inet, stream | 0x80800}, retAllow},
		{"socket", [6]uint64{inet, stream, 6}, retAllow},
		{"socket", [6]uint64{inet6, datagram, 17}, retAllow},
		{"socket", [6]uint64{inet, stream, 262}, retNotify},
		{"socket", [6]uint64{inet6, stream | 0x800, 262}, retNotify},
		{"socket", [6]uint64{inet, 3, 1}, retNotify},
		{"socket", [6]uint64{inet, 5, 132}, retNotify},
		{"socket", [6]uint64{netlink, 3, 0}, retAllow},
		{"socket", [6]uint64{netlink, 3, 9}, retNotify},
		{"socket", [6]uint64{17, 3}, retNotify}, // AF_PACKET
		{"socket", [6]uint64{stranger, stream}, retNotify},
		{"socket", [6]uint64{38, 5}, retNotify}, // AF_ALG
		{"socket", [6]uint64{1<<32 | stranger, stream}, retNotify},
	}
	for _, arch := range []Arch{AMD64, ARM64} {
		program, lite := arch.Filter(Rules{}), arch.Filter(Rules{Lite: true})
		for _, tt := range tests {
			c := call{arch: arch.audit, number: number(t, arch, tt.call), args: tt.args}
			if got := run(t, program, c); got != tt.want {
				t.Errorf("%s %#x: %#x, want %#x", tt.call, tt.args, got, tt.want)
			}
			if got := run(t, lite, c); tt.call == "socket" && got == retAllow {
				t.Errorf("box-lite: %s %#x: %#x", tt.call, tt.args, got)
			}
		}
	}
}

// TestDangers: what the profiles of others allow and ours does not.
func TestDangers(t *testing.T) {
	for _, arch := range []Arch{AMD64, ARM64} {
		program := arch.Filter(Rules{Execs: true})
		for name := range strings.FieldsSeq(`
			acct add_key bpf chroot delete_module execve execveat fanotify_init finit_module fsconfig fsmount fsopen init_module io_uring_enter
			io_uring_register io_uring_setup kcmp kexec_load keyctl lookup_dcookie mbind memfd_create migrate_pages mount mount_setattr
			move_mount move_pages name_to_handle_at nfsservctl open_by_handle_at open_tree perf_event_open pidfd_getfd pivot_root
			process_madvise process_vm_readv process_vm_writev ptrace quotactl reboot request_key set_mempolicy setdomainname
			sethostname setns settimeofday swapon syslog umount2 unshare userfaultfd vhangup`) {
			if arch.audit == AMD64.audit && (name == "nfsservctl") {
				continue
			}
			if !slices.Contains(arch.names, name) {
				t.Errorf("no call %q", name)
				continue
			}
			if got := run(t, program, call{arch: arch.audit, number: number(t, arch, name)}); got != retNotify {
				t.Errorf("%s: %#x", name, got)
			}
		}
	}
}

// TestLists: every name that the lists have is one of some architecture, and stands in one list alone.
func TestLists(t *testing.T) {
	seen := map[string]bool{}
	for _, list := range []string{harmless, looks, opens, changes, labels, talks, absent, fallible} {
		for name := range strings.FieldsSeq(list) {
			if seen[name] {
				t.Errorf("%q stands twice", name)
			}
			seen[name] = true
			if !slices.Contains(AMD64.names, name) && !slices.Contains(ARM64.names, name) && !strings.HasPrefix(name, "riscv_") {
				t.Errorf("there is no call %q", name)
			}
		}
	}
}

func TestBytes(t *testing.T) {
	got := Bytes([]Instruction{{Op: opAtLeast, Then: 2, Else: 3, K: 0x01020304}})
	if len(got) != 8 || binary.NativeEndian.Uint16(got) != opAtLeast || got[2] != 2 || got[3] != 3 || binary.NativeEndian.Uint32(got[4:]) != 0x01020304 {
		t.Errorf("% x", got)
	}
}

// TestOthers: in box-lite nothing acts on a process that is named; in a box there are none of others.
func TestOthers(t *testing.T) {
	for name, arg := range map[string]int{"prlimit64": 0, "setpriority": 1, "sched_setaffinity": 0, "ioprio_set": 1} {
		for pid, want := range map[uint64]uint32{0: retAllow, 4711: retNotify} {
			c := call{arch: AMD64.audit, number: number(t, AMD64, name)}
			c.args[arg] = pid
			if got := run(t, AMD64.Filter(Rules{Lite: true}), c); got != want {
				t.Errorf("box-lite: %s of %d: %#x, want %#x", name, pid, got, want)
			}
			if got := run(t, AMD64.Filter(Rules{}), c); got != retAllow {
				t.Errorf("box: %s of %d: %#x", name, pid, got)
			}
		}
	}
}
