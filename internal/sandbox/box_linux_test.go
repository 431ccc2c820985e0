package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sumun-mcp/sumun/internal/sandbox/box"
)

// ordinary is the user as which the tests of boxes run once more, if they run as root.
const ordinary = 1500

// again marks a process that does.
const again = "SUMUN_TEST_AGAIN"

// needBox skips where this machine has no box of that tier.
func needBox(t *testing.T) {
	t.Helper()
	if tier, why := box.Available(); tier != box.Full {
		t.Skipf("no box here: %v", why)
	}
}

// A trial is one program that has run in a box.
type trial struct {
	said     string
	how      string
	refusals []box.Refusal
	acts     []box.Act
}

// told reports whether something of that kind was told whose detail begins so.
func (tr *trial) told(kind, detail string) bool {
	return slices.ContainsFunc(tr.refusals, func(r box.Refusal) bool { return r.Kind == kind && strings.HasPrefix(r.Detail, detail) })
}

// perform has the test program do something in a box.
func perform(t *testing.T, c Command, deed ...string) *trial {
	t.Helper()
	tr := &trial{}
	if c.Path == "" {
		c.Path = program(t)
	}
	c.Args = append([]string{"boxed"}, deed...)
	if c.Env == nil {
		c.Env = map[string]string{"GORACE": "atexit_sleep_ms=0"}
	}
	if c.Box == nil {
		c.Box = &box.Policy{}
	}
	if c.Dir == "" {
		c.Dir = t.TempDir()
	}
	c.Refused = func(r box.Refusal) { tr.refusals = append(tr.refusals, r) }
	c.Watched = func(a box.Act) { tr.acts = append(tr.acts, a) }
	child, err := Start(t.Context(), c, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	child.EndInput()
	said, err := io.ReadAll(child)
	if err != nil {
		t.Error(err)
	}
	tr.said, tr.how = strings.TrimSpace(string(said)), child.Epitaph()
	child.Close()
	return tr
}

// program returns the test program, where everybody may read it.
func program(t *testing.T) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return self
}

// public returns a directory that everybody may read, with the test program in it.
func public(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "public") //nolint:usetesting // only we can read below that of the test
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	own, err := os.ReadFile(program(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Chmod(dir, 0o755), os.WriteFile(filepath.Join(dir, "test"), own, 0o755)); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestOrdinary runs the tests of boxes as an ordinary user.
func TestOrdinary(t *testing.T) {
	if os.Getuid() != 0 || os.Getenv(again) != "" {
		t.Skip("not root")
	}
	dir := public(t)
	if err := os.Chown(dir, ordinary, ordinary); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(filepath.Join(dir, "test"), "-test.run=^(TestBox|TestLite)", "-test.v", "-test.timeout=90s")
	cmd.Dir = dir
	cmd.Env = []string{again + "=1", "HOME=" + dir, "TMPDIR=" + dir, "PATH=/usr/bin:/bin"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: ordinary, Gid: ordinary}}
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: TestBox") {
		t.Errorf("as an ordinary user: %v\n%s", err, out)
	}
}

// TestBox: what a program in a box is, and what it can and cannot do.
func TestBox(t *testing.T) {
	needBox(t)
	t.Run("nobody", func(t *testing.T) {
		got := perform(t, Command{}, "id").said
		want := "uid=1000 gid=1000 pid1=false CapInh:0000000000000000 CapPrm:0000000000000000 CapEff:0000000000000000 CapBnd:0000000000000000 CapAmb:0000000000000000 NoNewPrivs:1"
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	})
	t.Run("exit status", func(t *testing.T) {
		if how := perform(t, Command{}, "exit").how; how != "exit status 7" {
			t.Error(how)
		}
	})
	t.Run("environment", func(t *testing.T) {
		t.Setenv("SECRET_TOKEN", "s3cret")
		got := perform(t, Command{Env: map[string]string{"GIVEN": "yes"}}, "env").said
		if strings.Contains(got, "s3cret") || !strings.Contains(got, "GIVEN=yes") || !strings.Contains(got, "TMPDIR=/tmp") {
			t.Error(got)
		}
	})
	t.Run("inherited descriptors", func(t *testing.T) { // pitfall 1
		var pipe [2]int
		if err := unix.Pipe2(pipe[:], 0); err != nil { // not closed on exec
			t.Fatal(err)
		}
		got := perform(t, Command{}, "list", "/proc/self/fd").said
		_, _ = unix.Close(pipe[0]), unix.Close(pipe[1])
		for fd := range strings.FieldsSeq(got) {
			if fd == strconv.Itoa(pipe[0]) || fd == strconv.Itoa(pipe[1]) {
				t.Errorf("%s was inherited: %s", fd, got)
			}
		}
	})
	t.Run("killing the first process", func(t *testing.T) {
		if got := perform(t, Command{}, "signal").said; !strings.HasPrefix(got, "failed") {
			t.Error(got)
		}
	})
	t.Run("the first process's environment", func(t *testing.T) {
		if tr := perform(t, Command{}, "read", "/proc/1/environ"); !strings.HasPrefix(tr.said, "failed") || !tr.told(box.KindFile, "/proc/1/environ") {
			t.Error(tr)
		}
	})
}

// TestBoxFiles: a box has the system, what it was given, and scratch memory.
func TestBoxFiles(t *testing.T) {
	needBox(t)
	dir := t.TempDir()
	secret, given, own := filepath.Join(dir, "secret"), filepath.Join(dir, "given"), filepath.Join(dir, "own")
	for _, d := range []string{given, own} {
		if err := os.Mkdir(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{secret, filepath.Join(given, "file"), filepath.Join(own, "file")} {
		if err := os.WriteFile(name, []byte("content"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	policy := func() *box.Policy {
		return &box.Policy{Read: []string{given}, Write: []string{own}, Exec: 1, Scratch: 8 << 20}
	}
	tests := []struct {
		name   string
		deed   []string
		want   string
		refuse string // the file that is told of
	}{
		{"a hidden file", []string{"read", secret}, "failed", secret},
		{"passwords", []string{"read", "/etc/shadow"}, "failed", "/etc/shadow"},
		{"given to read", []string{"read", filepath.Join(given, "file")}, "content", ""},
		{"changing what was given to read", []string{"write", filepath.Join(given, "file")}, "failed", filepath.Join(given, "file")},
		{"adding to what was given to read", []string{"write", filepath.Join(given, "new")}, "failed", filepath.Join(given, "new")},
		{"given to change", []string{"read", filepath.Join(own, "file")}, "content", ""},
		{"changing it", []string{"write", filepath.Join(own, "new")}, "written", ""},
		{"the system", []string{"write", "/usr/lib/mine"}, "failed", "/usr/lib/mine"},
		{"the root", []string{"write", "/mine"}, "failed", "/mine"},
		{"scratch", []string{"write", "/tmp/mine"}, "written", ""},
		{"who it is", []string{"read", "/etc/hostname"}, "box", ""},
		{"running what was written to scratch", []string{"drop", "/tmp/mine"}, "failed", ""},
		{"running what was written elsewhere", []string{"drop", filepath.Join(own, "mine")}, "failed", ""},
		{"filling scratch", []string{"fill", "/tmp"}, "failed: write /tmp/full: no space left on device", ""},
		{"devices", []string{"list", "/dev"}, "fd full null random shm stderr stdin stdout urandom zero", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tr := perform(t, Command{Box: policy()}, tt.deed...)
			if !strings.HasPrefix(tr.said, tt.want) {
				t.Errorf("%q, want %q", tr.said, tt.want)
			}
			if tt.refuse != "" && !tr.told(box.KindFile, tt.refuse+", ") {
				t.Errorf("not told: %v", tr.refusals)
			}
			if tt.refuse == "" && len(tr.refusals) > 0 {
				t.Errorf("told: %v", tr.refusals)
			}
		})
	}
	if text, err := os.ReadFile(filepath.Join(own, "new")); err != nil || string(text) != "hi" {
		t.Errorf("what was written: %q, %v", text, err)
	}
	var status unix.Stat_t
	if err := unix.Stat(filepath.Join(own, "new"), &status); err != nil || int(status.Uid) != os.Getuid() {
		t.Errorf("it belongs to %d, %v", status.Uid, err)
	}
}

// TestBoxDecoys: files that exist in the box alone, and who watches is told of each that is opened.
func TestBoxDecoys(t *testing.T) {
	needBox(t)
	t.Setenv("HOME", "/home/somebody")
	const key = "/home/somebody/.ssh/id_ed25519"
	policy := &box.Policy{Watch: true, Decoys: map[string][]byte{key: []byte("canary")}}
	tr := perform(t, Command{Box: policy}, "read", key)
	if tr.said != "canary" || len(tr.refusals) > 0 {
		t.Errorf("%q, %v", tr.said, tr.refusals)
	}
	if !slices.ContainsFunc(tr.acts, func(a box.Act) bool {
		return a.Kind == box.KindFile && strings.HasPrefix(a.Detail, key) && a.Program != ""
	}) {
		t.Errorf("not told: %v", tr.acts)
	}
}

// TestBoxLinks: what a program links in a directory that it may change does not decide what a later box is given.
func TestBoxLinks(t *testing.T) {
	needBox(t)
	dir := t.TempDir()
	secrets, own := filepath.Join(dir, "secrets"), filepath.Join(dir, "own")
	inner := filepath.Join(own, "inner")
	for _, d := range []string{secrets, inner} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(secrets, "file"), []byte("content"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(inner, inner+".old"); err != nil { // as it may do itself
		t.Fatal(err)
	}
	tr := perform(t, Command{Box: &box.Policy{Write: []string{own}}}, "link", secrets, filepath.Join(own, "l"), inner)
	if tr.said != "linked" {
		t.Fatal(tr.said)
	}
	c := Command{Path: program(t), Args: []string{"boxed", "read", filepath.Join(inner, "file")}, Dir: dir, Box: &box.Policy{Write: []string{own}, Read: []string{inner}}}
	if child, err := Start(t.Context(), c, slog.New(slog.DiscardHandler)); err == nil {
		child.Close()
		t.Error("a link was followed")
	} else if !strings.Contains(err.Error(), inner) {
		t.Errorf("the error does not name it: %v", err)
	}
	tr = perform(t, Command{Box: &box.Policy{Write: []string{own}}}, "read", filepath.Join(inner, "file"))
	if !strings.HasPrefix(tr.said, "failed") || !tr.told(box.KindFile, filepath.Join(secrets, "file")) {
		t.Errorf("%q, %v", tr.said, tr.refusals)
	}
}

// TestBoxExec: other programs are counted.
func TestBoxExec(t *testing.T) {
	needBox(t)
	echo := []string{"run", "/bin/sh", "-c", "/bin/echo hi"}
	for count, want := range map[int]string{0: "failed", 1: "failed", 2: "hi", -1: "hi"} {
		tr := perform(t, Command{Box: &box.Policy{Exec: count}}, echo...)
		if !strings.HasPrefix(tr.said, want) || (want == "failed") != tr.told(box.KindExec, "/bin/") {
			t.Errorf("exec %d: %q, %v", count, tr.said, tr.refusals)
		}
	}
}

// TestBoxCalls: system calls that no server needs.
func TestBoxCalls(t *testing.T) {
	needBox(t)
	calls := map[string]int{ // pitfalls 2 and 6
		"ptrace": unix.SYS_PTRACE, "process_vm_readv": unix.SYS_PROCESS_VM_READV, "memfd_create": unix.SYS_MEMFD_CREATE, "execveat": unix.SYS_EXECVEAT,
		"io_uring_setup": unix.SYS_IO_URING_SETUP, "unshare": unix.SYS_UNSHARE, "mount": unix.SYS_MOUNT, "keyctl": unix.SYS_KEYCTL, "bpf": unix.SYS_BPF,
	}
	for name, number := range calls {
		tr := perform(t, Command{}, "call", strconv.Itoa(number))
		if !strings.HasPrefix(tr.said, "failed") || !tr.told(box.KindSyscall, name) {
			t.Errorf("%s: %q, %v", name, tr.said, tr.refusals)
		}
	}
	sockets := map[string][]string{ // pitfalls 2 and 3
		"vsock": {"40", "1", "0"}, "multipath TCP": {"2", "1", "262"}, "raw": {"2", "3", "1"}, "packet": {"17", "3", "0"}, "netfilter": {"16", "3", "12"},
	}
	for name, args := range sockets {
		tr := perform(t, Command{}, append([]string{"socket"}, args...)...)
		if !strings.HasPrefix(tr.said, "failed") || !tr.told(box.KindSyscall, "socket (family "+args[0]) {
			t.Errorf("%s: %q, %v", name, tr.said, tr.refusals)
		}
	}
}

// TestBoxNetwork: there is none but the outlet.
func TestBoxNetwork(t *testing.T) {
	needBox(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	for _, address := range []string{l.Addr().String(), "169.254.169.254:80", "198.18.0.1:443"} {
		if tr := perform(t, Command{}, "dial", "tcp", address); !strings.HasPrefix(tr.said, "failed") || !tr.told(box.KindConnect, address) {
			t.Errorf("%s: %q, %v", address, tr.said, tr.refusals)
		}
	}
	socket := filepath.Join(t.TempDir(), "s")
	u, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = u.Close() }()
	go func() {
		for c, err := u.Accept(); err == nil; c, err = u.Accept() {
			_, _ = c.Write([]byte("pong"))
			_ = c.Close()
		}
	}()
	// pitfall 4: also in a directory that the box has
	tr := perform(t, Command{Box: &box.Policy{Read: []string{filepath.Dir(socket)}}}, "dial", "unix", socket)
	if !strings.HasPrefix(tr.said, "failed") || !tr.told(box.KindConnect, socket) {
		t.Errorf("a socket beside other files: %q, %v", tr.said, tr.refusals)
	}
	if tr := perform(t, Command{Box: &box.Policy{Read: []string{socket}}}, "dial", "unix", socket); os.Getuid() != 0 && tr.said != "pong" {
		t.Errorf("a socket that was named: %q, %v", tr.said, tr.refusals)
	}
	if tr := perform(t, Command{}, "talk", "/tmp/own"); tr.said != "connected" || len(tr.refusals) > 0 {
		t.Errorf("a socket of its own: %q, %v", tr.said, tr.refusals)
	}
}

// TestBoxOutlet: what the program connects to at a synthetic address arrives at the listeners.
func TestBoxOutlet(t *testing.T) {
	needBox(t)
	var over sync.WaitGroup
	outlet := func(ctx context.Context, l box.Listeners) {
		context.AfterFunc(ctx, l.Close)
		over.Go(func() {
			for c, err := l.TCP[443].Accept(); err == nil; c, err = l.TCP[443].Accept() {
				_, _ = fmt.Fprintf(c, "to %s", c.LocalAddr())
				_ = c.Close()
			}
		})
		over.Go(func() {
			b := make([]byte, 64)
			for _, from, err := l.DNS.ReadFrom(b); err == nil; _, from, err = l.DNS.ReadFrom(b) {
				_, _ = l.DNS.WriteTo([]byte("answer"), from)
			}
		})
	}
	policy := box.Policy{Ports: []int{443}, Watch: true}
	for address, want := range map[string]string{"tcp 198.18.7.9:443": "to 198.18.7.9:443", "udp 127.0.0.53:53": "answer", "tcp 198.18.7.9:80": "failed", "tcp 9.9.9.9:443": "failed"} {
		network, address, _ := strings.Cut(address, " ")
		tr := perform(t, Command{Box: &policy, Outlet: outlet}, "dial", network, address)
		if !strings.HasPrefix(tr.said, want) || tr.told(box.KindConnect, address) != (want == "failed") {
			t.Errorf("%s: %q, %v", address, tr.said, tr.refusals)
		}
	}
	over.Wait() // the listeners are closed with each child
}

// TestBoxMemory: all processes together have a bound, whoever counts.
func TestBoxMemory(t *testing.T) {
	needBox(t)
	tr := perform(t, Command{Box: &box.Policy{Memory: 96 << 20}}, "memory", strconv.Itoa(256<<20))
	if tr.said == "had it" || !tr.told(box.KindLimit, "memory") {
		t.Errorf("%q, %s, %v", tr.said, tr.how, tr.refusals)
	}
}

// TestBoxEnd: nothing of a box is left when its child is closed or killed.
func TestBoxEnd(t *testing.T) {
	needBox(t)
	for _, policy := range []box.Policy{{Exec: 1}, {Exec: 1, Lite: true}} {
		for name, end := range map[string]func(*Child){"close": (*Child).Close, "kill": func(c *Child) { c.Kill(); c.Close() }} {
			c := Command{Path: program(t), Args: []string{"boxed", "orphan"}, Dir: t.TempDir(), Box: &policy}
			child, err := Start(t.Context(), c, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := child.Read(make([]byte, 64)); err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			all := descendants(t, child.PID())
			end(child)
			if took := time.Since(began); took > 10*time.Second {
				t.Errorf("%s took %v", name, took)
			}
			if len(all) < 2 {
				t.Errorf("%d processes", len(all))
			}
			wantGone(t, all)
		}
	}
}

// descendants returns a process and all that came from it.
func descendants(t *testing.T, pid int) []int {
	t.Helper()
	all := []int{pid}
	for i := 0; i < len(all); i++ {
		tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", all[i]))
		for _, task := range tasks {
			text, _ := os.ReadFile(task)
			for field := range strings.FieldsSeq(string(text)) {
				var child int
				if _, err := fmt.Sscan(field, &child); err == nil {
					all = append(all, child)
				}
			}
		}
	}
	return all
}

// TestLite: the tier without namespaces.
func TestLite(t *testing.T) {
	dir := t.TempDir()
	secret, given := filepath.Join(dir, "secret"), filepath.Join(dir, "given")
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{secret, given} {
		if err := os.WriteFile(name, []byte("content"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct {
		name string
		deed []string
		want string
		kind string
	}{
		{"a hidden file", []string{"read", secret}, "failed", box.KindFile},
		{"passwords", []string{"read", "/etc/shadow"}, "failed", box.KindFile}, // pitfall 5
		{"given", []string{"read", given}, "content", ""},
		{"changing it", []string{"write", given}, "failed", box.KindFile},
		{"any socket", []string{"socket", "2", "1", "0"}, "failed", box.KindSyscall}, // pitfall 4
		{"a unix socket", []string{"socket", "1", "1", "0"}, "failed", ""},
		{"another program", []string{"run", "/bin/echo"}, "failed", box.KindExec},
		{"a new mode", []string{"call", strconv.Itoa(unix.SYS_FCHMOD)}, "failed", box.KindSyscall},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tr := perform(t, Command{Box: &box.Policy{Lite: true, Read: []string{given}}}, tt.deed...)
			if !strings.HasPrefix(tr.said, tt.want) {
				t.Errorf("%q, want %q", tr.said, tt.want)
			}
			if tt.kind != "" && !tr.told(tt.kind, "") || tt.kind == "" && len(tr.refusals) > 0 {
				t.Errorf("told: %v", tr.refusals)
			}
		})
	}
	t.Run("its user", func(t *testing.T) {
		public := public(t)
		who := os.Getuid()
		if who == 0 {
			who = 300_000
		}
		for path, want := range map[string]int{program(t): os.Getuid(), filepath.Join(public, "test"): who} {
			if path == program(t) && os.Getuid() != 0 {
				continue // where that one lies everybody may read
			}
			tr := perform(t, Command{Path: path, Dir: "/usr", Box: &box.Policy{Lite: true}}, "scratch")
			if tr.said != strconv.Itoa(want) || len(tr.refusals) > 0 {
				t.Errorf("%s: %q, want %d; %v", path, tr.said, want, tr.refusals)
			}
		}
	})
	t.Run("scratch", func(t *testing.T) {
		env := strings.Fields(perform(t, Command{Box: &box.Policy{Lite: true}}, "env").said)
		i := slices.IndexFunc(env, func(e string) bool { return strings.HasPrefix(e, "TMPDIR=") })
		if i < 0 {
			t.Fatal(env)
		}
		if _, err := os.Stat(strings.TrimPrefix(env[i], "TMPDIR=")); !os.IsNotExist(err) {
			t.Errorf("%s is left: %v", env[i], err)
		}
	})
}

// TestBoxFallback: where namespaces are refused there is box-lite, and why is said (pitfall 7).
func TestBoxFallback(t *testing.T) {
	if os.Getenv(again) == "fallback" {
		if err := os.WriteFile("/proc/sys/user/max_user_namespaces", []byte("0"), 0); err != nil {
			t.Fatal(err)
		}
		tier, why := box.Available()
		if tier != box.Lite || why == nil || !strings.Contains(why.Error(), "namespaces") {
			t.Errorf("%q, %v", tier, why)
		}
		return
	}
	needBox(t)
	cmd := exec.Command(program(t), "-test.run=^TestBoxFallback$")
	cmd.Env = []string{again + "=fallback"}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestBoxPolicy: what cannot be had is refused with a reason.
func TestBoxPolicy(t *testing.T) {
	for want, policy := range map[string]box.Policy{
		"whole machine": {Read: []string{"/"}}, "not absolute": {Write: []string{"here"}}, "no such file": {Read: []string{"/no/such/file"}},
	} {
		c := Command{Path: program(t), Dir: t.TempDir(), Box: &policy}
		if child, err := Start(t.Context(), c, slog.New(slog.DiscardHandler)); err == nil {
			child.Close()
			t.Errorf("%v started", policy)
		} else if !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v", policy, err)
		}
	}
}
