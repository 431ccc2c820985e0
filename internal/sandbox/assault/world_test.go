//go:build linux

package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sumun-mcp/sumun/internal/sandbox"
	"github.com/sumun-mcp/sumun/internal/sandbox/box"
)

// lay lays out the directories of the target below dir.
func (p *plan) lay(dir string) error {
	random := make([]byte, 16)
	_, _ = rand.Read(random)
	p.Secret = secretMark + hex.EncodeToString(random)
	sum := sha256.Sum256([]byte(p.Secret))
	t := &p.Target
	*t = Target{
		Sum: hex.EncodeToString(sum[:]), Outside: dir + "/outside", Home: dir + "/home", Read: dir + "/read", Write: dir + "/write",
		Shared: "/dev/shm/" + filepath.Base(dir), Socket: dir + "/outside/docker.sock", Granted: dir + "/read/granted.sock", Abstract: "@" + dir,
		ShmKey: int(random[0])<<16 | int(random[1])<<8 | int(random[2]) | 1,
	}
	err := os.Chmod(dir, 0o755)
	for _, d := range []string{t.Outside, t.Home, t.Home + "/.ssh", t.Read, t.Write} {
		err = errors.Join(err, os.Mkdir(d, 0o755), os.Chown(d, p.User, p.User))
	}
	for path, text := range map[string]string{
		t.Outside + "/secret": p.Secret, t.Outside + "/file": "as it was", t.Home + "/.ssh/key": p.Secret, t.Read + "/data": "to be read",
	} {
		err = errors.Join(err, os.WriteFile(path, []byte(text), 0o644), os.Chown(path, p.User, p.User))
	}
	if p.Root {
		program, readErr := os.ReadFile(p.program())
		err = errors.Join(err, readErr, os.WriteFile(t.Read+"/owned", program, 0o755), os.Chmod(t.Read+"/owned", 0o755|os.ModeSetuid))
	}
	if handle, _, handleErr := unix.NameToHandleAt(unix.AT_FDCWD, t.Outside+"/secret", 0); handleErr == nil {
		t.Handle, t.HandleType = handle.Bytes(), handle.Type()
	}
	var st unix.Stat_t
	err = errors.Join(err, unix.Stat(t.Outside, &st))
	t.Disk = st.Dev
	return err
}

// world is what lies around a box, in a network of its own where it may have one: services that tell the secret, a victim that has it,
// and the gateway, which starts the probes. It prints what the gateway prints.
func world(stdin io.Reader, stdout io.Writer) int {
	var p plan
	err := json.NewDecoder(stdin).Decode(&p)
	if err == nil {
		err = p.world(stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func (p *plan) world(stdout io.Writer) error {
	if p.Root {
		if err := unix.Mount("", "/", "", unix.MS_PRIVATE|unix.MS_REC, ""); err != nil {
			return err
		}
		if err := addresses("127.0.0.1", "169.254.169.254", "203.0.113.7"); err != nil {
			return err
		}
	}
	if err := p.services(); err != nil {
		return err
	}
	forget, err := p.segments()
	if err != nil {
		return err
	}
	defer forget()
	end, err := p.victim()
	if err != nil {
		return err
	}
	defer end()
	in, err := json.Marshal(p)
	if err != nil {
		return err
	}
	before, err := snapshot(p.Target.Outside, p.Target.Read)
	if err != nil {
		return err
	}
	cmd := p.as("gateway")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(in), stdout, os.Stderr
	cmd.Env = append(os.Environ(), "HOME="+p.Target.Home, "GATEWAY_TOKEN="+p.Secret)
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("the gateway: %w", err)
	}
	if err := unix.Kill(p.Target.Victim, 0); err != nil {
		return fmt.Errorf("the victim is dead: %w", err)
	}
	after, err := snapshot(p.Target.Outside, p.Target.Read)
	if err == nil && p.Tier != plain && p.Tier != none && after != before {
		err = fmt.Errorf("something was changed that was not granted: now\n%s\nbefore\n%s", after, before)
	}
	return err
}

// snapshot tells everything about the files below some directories.
func snapshot(dirs ...string) (string, error) {
	var b strings.Builder
	for _, dir := range dirs {
		err := filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
			if err != nil {
				return err
			}
			st, _ := info.Sys().(*syscall.Stat_t)
			fmt.Fprintln(&b, path, info.Mode(), st.Uid, st.Nlink, info.Size(), info.ModTime().UnixNano())
			return nil
		})
		if err != nil {
			return "", err
		}
	}
	return b.String(), nil
}

// as returns a command of this program in the user's name.
func (p *plan) as(args ...string) *exec.Cmd {
	cmd := exec.Command(self, args...)
	if p.Root {
		cmd.Path, cmd.Args[0] = filepath.Join(p.Dir, "program", "harness"), "harness"
	}
	return p.named(cmd)
}

func (p *plan) named(cmd *exec.Cmd) *exec.Cmd {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if p.User != os.Getuid() {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(p.User), Gid: uint32(p.User)}
	}
	return cmd
}

// addresses gives the loopback interface, which it brings up, more addresses.
func addresses(all ...string) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	for n, address := range all {
		name := "lo"
		if n > 0 {
			name = fmt.Sprint("lo:", n)
		}
		req, err := unix.NewIfreq(name)
		if err != nil {
			return err
		}
		if err := req.SetInet4Addr(net.ParseIP(address).To4()); err != nil {
			return err
		}
		if err := unix.IoctlIfreq(fd, unix.SIOCSIFADDR, req); err != nil {
			return fmt.Errorf("%s: %w", address, err)
		}
		req.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
		if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, req); err != nil {
			return fmt.Errorf("%s: %w", address, err)
		}
	}
	return nil
}

// services starts everybody who tells the secret when asked. They end with this process.
func (p *plan) services() error {
	t := &p.Target
	listen := func(kind, address string) (string, error) {
		l, err := net.Listen(kind, address)
		if err != nil {
			return "", err
		}
		if kind == "unix" && !strings.HasPrefix(address, "@") {
			err = os.Chmod(address, 0o777)
		}
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				_, _ = io.WriteString(c, p.Secret+"\n")
				go func() { _, _ = io.Copy(io.Discard, c); _ = c.Close() }()
			}
		}()
		return l.Addr().String(), err
	}
	var err error
	if t.Loopback, err = listen("tcp", "127.0.0.1:0"); err != nil {
		return err
	}
	t.Loopback6, _ = listen("tcp", "[::1]:0")
	if p.Root {
		if t.Metadata, err = listen("tcp", "169.254.169.254:80"); err != nil {
			return err
		}
		if t.Internet, err = listen("tcp", "203.0.113.7:443"); err != nil {
			return err
		}
	}
	for _, path := range []string{t.Socket, t.Granted, t.Abstract} {
		if _, err := listen("unix", path); err != nil {
			return err
		}
	}
	return p.datagrams()
}

func (p *plan) datagrams() error {
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	p.Target.Datagram = c.LocalAddr().String()
	go func() {
		for b := make([]byte, 512); ; {
			_, from, err := c.ReadFrom(b)
			if err != nil {
				return
			}
			_, _ = c.WriteTo([]byte(p.Secret), from)
		}
	}()
	return nil
}

// segments puts the secret where processes share memory.
func (p *plan) segments() (forget func(), err error) {
	id, err := unix.SysvShmGet(p.Target.ShmKey, 4096, unix.IPC_CREAT|unix.IPC_EXCL|0o666)
	if err != nil {
		return nil, err
	}
	forget = func() {
		_, _ = unix.SysvShmCtl(id, unix.IPC_RMID, nil)
		_ = os.Remove(p.Target.Shared)
	}
	b, err := unix.SysvShmAttach(id, 0, 0)
	if err == nil {
		copy(b, p.Secret)
		err = errors.Join(unix.SysvShmDetach(b), os.WriteFile(p.Target.Shared, []byte(p.Secret), 0o644))
	}
	if err != nil {
		forget()
		return nil, err
	}
	return forget, nil
}

// victim starts the victim, in the user's name.
func (p *plan) victim() (end func(), err error) {
	secret, err := os.Open(p.Target.Outside + "/secret")
	if err != nil {
		return nil, err
	}
	defer secret.Close()
	cmd := p.named(exec.Command(p.program(), "victim"))
	cmd.Env, cmd.Dir, cmd.ExtraFiles = []string{"TOKEN=" + p.Secret}, p.Target.Outside, []*os.File{secret}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	end = func() { _ = stdin.Close(); _ = cmd.Wait() }
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &p.Target.Address)
	}
	if err != nil {
		end()
		return nil, fmt.Errorf("the victim: %w", err)
	}
	p.Target.Victim, p.Target.File = cmd.Process.Pid, 3
	return end, nil
}

// gateway starts the probes one after the other as a gateway would, and prints how they went. It is careless with a descriptor and
// with its environment.
func gateway(stdin io.Reader, stdout io.Writer) int {
	var p plan
	err := json.NewDecoder(stdin).Decode(&p)
	if err == nil {
		_, err = unix.Open(p.Target.Outside+"/secret", unix.O_RDONLY, 0) // not closed on exec
	}
	p.Target.Gateway = os.Getpid()
	for _, name := range p.Probes {
		if err == nil && p.Tier != inContainer {
			err = json.NewEncoder(stdout).Encode(p.try(name))
		}
	}
	if err == nil && p.Tier == inContainer {
		err = p.tryContained(json.NewEncoder(stdout))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// lasts is how long a probe may take.
const lasts = 25 * time.Second

// try runs one probe.
func (p *plan) try(name string) report {
	r, began := report{Probe: name}, time.Now()
	target, err := json.Marshal(p.Target)
	if err != nil {
		panic(err)
	}
	var out []byte
	if p.Tier == plain {
		out, r.Hung = p.tryPlain(name, string(target))
	} else {
		out = p.tryConfined(&r, sandbox.Command{Path: p.program(), Args: []string{name, string(target)}, Dir: p.Target.Read})
	}
	if r.Took = time.Since(began); json.Unmarshal(out, &r.verdict) != nil {
		r.Silent, r.Detail = true, fmt.Sprintf("it ended without a word: %.200q", out)
	}
	return r
}

func (p *plan) tryPlain(name, target string) (out []byte, hung bool) {
	ctx, stop := context.WithTimeout(context.Background(), lasts)
	defer stop()
	cmd := exec.CommandContext(ctx, p.program(), name, target)
	cmd.Dir, cmd.WaitDelay = p.Target.Read, time.Second
	out, _ = cmd.Output() // a probe that says nothing has failed
	return out, ctx.Err() != nil
}

// tryConfined runs a command in the plan's tier.
func (p *plan) tryConfined(r *report, c sandbox.Command) []byte {
	var mu sync.Mutex
	if p.Tier != none {
		c.Box = p.policy(r.Probe)
		c.Refused = func(told box.Refusal) {
			mu.Lock()
			defer mu.Unlock()
			r.Refusals = append(r.Refusals, told)
		}
	}
	child, err := sandbox.Start(context.Background(), c, slog.New(slog.DiscardHandler))
	if err != nil {
		r.Detail = err.Error()
		return nil
	}
	child.EndInput()
	late := time.AfterFunc(lasts, func() {
		mu.Lock()
		defer mu.Unlock()
		r.Hung = true
		_ = syscall.Kill(child.PID(), syscall.SIGKILL)
	})
	out, _ := io.ReadAll(io.LimitReader(child, 1<<20))
	late.Stop()
	child.Close()
	mu.Lock()
	defer mu.Unlock()
	return out
}

// policy is what the box of a probe allows.
func (p *plan) policy(name string) *box.Policy {
	allowed := &box.Policy{
		Lite: p.Tier == lite, Read: []string{p.Target.Read}, Write: []string{p.Target.Write},
		Memory: 512 << 20, Pids: 64, Scratch: 64 << 20,
	}
	for _, probe := range probes() {
		if probe.name != name {
			continue
		}
		switch probe.needs {
		case programs:
			allowed.Exec = -1
		case three:
			allowed.Exec = 3
		case little:
			allowed.Memory, allowed.Pids, allowed.Scratch = 192<<20, 48, 16<<20
		case nothing:
		}
	}
	return allowed
}
