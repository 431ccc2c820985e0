package box

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/sumun-mcp/sumun/internal/sandbox/box/launch"
	"github.com/sumun-mcp/sumun/internal/sandbox/box/launch/seccomp"
)

// system are the directories and files that every program may read, as far as they exist, and those of them that it may run.
// Of /etc a box has single files only: what lies beside them is the machine's.
var system = struct{ run, read []string }{
	run: []string{"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store", "/gnu/store", "/snap", "/opt"},
	read: []string{
		"/etc/alternatives", "/etc/ca-certificates", "/etc/crypto-policies", "/etc/fonts", "/etc/gai.conf", "/etc/host.conf", "/etc/ld.so.cache", "/etc/ld.so.conf",
		"/etc/ld.so.conf.d", "/etc/locale.alias", "/etc/localtime", "/etc/magic", "/etc/mime.types", "/etc/os-release", "/etc/pki/ca-trust",
		"/etc/pki/tls/certs", "/etc/pki/tls/cert.pem", "/etc/protocols", "/etc/services", "/etc/ssl/certs", "/etc/ssl/cert.pem", "/etc/ssl/openssl.cnf",
		"/etc/timezone", "/sys/devices/system/cpu",
	},
}

// devices are all that a box has below /dev, beside links to what a process has open.
var devices = []string{"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"}

// insideID is the user and the group that a program has in its box.
const insideID = 1000

// order makes the launcher's order of a policy. Scratch is the one directory of box-lite that can be written to.
func (p *Policy) order(program Program, scratch string) (*launch.Order, error) {
	home := homeOf(program.Env)
	if p.Lite {
		home = scratch
	}
	o := &launch.Order{
		Lite: p.Lite, Path: program.Path, Argv: append([]string{program.Path}, program.Args...), Dir: program.Dir, Home: home,
		Env:     environment(program.Env, home, p.Lite),
		Scratch: cmp.Or(p.Scratch, DefaultScratch), Ports: p.Ports, Limits: p.limits(),
		Filter:   seccomp.Rules{Lite: p.Lite, Execs: p.Exec >= 0 || p.Watch, Opens: true},
		Forgives: !p.Lite,
	}
	if o.Dir == "" {
		dir, err := os.Getwd()
		if err != nil {
			return nil, err
		}
		o.Dir = dir
	}
	var err error
	if o.Binds, o.Links, err = p.binds(program, o.Dir, home); err != nil {
		return nil, err
	}
	if p.Lite {
		if id, chosen := outsideID(); chosen && reachable(o.Binds) {
			o.UID = id
		}
		return o, nil
	}
	o.Files = files(home, p.Decoys)
	o.Links = append(o.Links, [][2]string{
		{"/dev/fd", "/proc/self/fd"},
		{"/dev/stdin", "/proc/self/fd/0"},
		{"/dev/stdout", "/proc/self/fd/1"},
		{"/dev/stderr", "/proc/self/fd/2"},
		{"/etc/mtab", "/proc/self/mounts"},
	}...)
	return o, nil
}

// reachable reports whether everybody may use what was given. If not, a program of box-lite stays who we are, though without any capability:
// there is no mount that could be made to belong to another user.
func reachable(binds []launch.Bind) bool {
	return !slices.ContainsFunc(binds, func(b launch.Bind) bool {
		if !b.Given {
			return false
		}
		need := os.FileMode(0o4)
		if b.Write {
			need |= 0o2
		}
		for name := b.Path; name != "/"; name, need = filepath.Dir(name), 0o1 {
			if status, err := os.Stat(name); err != nil || status.Mode()&need != need || status.IsDir() && status.Mode()&0o1 == 0 {
				return true
			}
		}
		return false
	})
}

// homeOf returns the home directory that the environment names, or one for who has none worth the name.
func homeOf(env []string) string {
	for _, entry := range slices.Backward(env) {
		if home, ok := strings.CutPrefix(entry, "HOME="); ok && filepath.IsAbs(home) && filepath.Clean(home) != "/" {
			return filepath.Clean(home)
		}
	}
	return "/home/box"
}

// environment returns what a program is told of where it is.
func environment(env []string, home string, lite bool) []string {
	kept := slices.DeleteFunc(slices.Clone(env), func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		return slices.Contains([]string{"HOME", "TMPDIR", "USER", "LOGNAME", "SHELL"}, name)
	})
	scratch := "/tmp"
	if lite {
		scratch = home
	}
	return append(kept, "HOME="+home, "TMPDIR="+scratch, "USER=box", "LOGNAME=box")
}

// files returns what a box has instead of the machine's own.
func files(home string, decoys map[string][]byte) []launch.File {
	all := []launch.File{
		{Path: "/etc/passwd", Data: fmt.Appendf(nil, "root:x:0:0:root:/:/usr/sbin/nologin\nbox:x:%d:%d:box:%s:/bin/sh\nnobody:x:65534:65534:nobody:/:/usr/sbin/nologin\n", insideID, insideID, home)},
		{Path: "/etc/group", Data: fmt.Appendf(nil, "root:x:0:\nbox:x:%d:\nnogroup:x:65534:\n", insideID)},
		{Path: "/etc/hosts", Data: []byte("127.0.0.1 localhost box\n::1 localhost box\n")},
		{Path: "/etc/hostname", Data: []byte("box\n")},
		{Path: "/etc/resolv.conf", Data: []byte("nameserver 127.0.0.53\noptions timeout:5 attempts:1\n")},
		{Path: "/etc/nsswitch.conf", Data: []byte("passwd: files\ngroup: files\nhosts: files dns\nservices: files\nprotocols: files\n")},
	}
	for name, data := range decoys {
		all = append(all, launch.File{Path: name, Data: data})
	}
	return all
}

// binds returns what of the machine is in the box, in the order of how deep it lies, and the links that lead there.
func (p *Policy) binds(program Program, dir, home string) ([]launch.Bind, [][2]string, error) {
	s := shelf{policy: p, home: home, links: map[string]string{}, binds: map[string]launch.Bind{}}
	for _, name := range system.run {
		s.offer(launch.Bind{Path: name, Exec: true})
	}
	for _, name := range system.read {
		s.offer(launch.Bind{Path: name})
	}
	if p.Lite { // what a full box has of its own
		for _, name := range []string{"/etc/passwd", "/etc/group", "/etc/hosts", "/etc/resolv.conf"} {
			s.offer(launch.Bind{Path: name})
		}
	}
	for _, name := range devices {
		s.offer(launch.Bind{Path: name, Device: true, Write: true})
	}
	if !p.Bare && !s.private(dir) {
		s.offer(launch.Bind{Path: dir, Exec: true, Given: true})
	}
	if program.Path != "" {
		s.install(program.Path)
	}
	for _, name := range p.Read {
		if err := s.demand(launch.Bind{Path: name, Exec: true, Given: true}); err != nil {
			return nil, nil, err
		}
	}
	for _, name := range p.Write {
		if err := s.demand(launch.Bind{Path: name, Write: true, Given: true}); err != nil {
			return nil, nil, err
		}
	}
	return s.sorted(), s.sortedLinks(), nil
}

// A shelf gathers binds. What comes later wins.
type shelf struct {
	policy *Policy
	home   string
	binds  map[string]launch.Bind
	links  map[string]string
}

// offer takes what exists. A link of the system stays a link.
func (s *shelf) offer(b launch.Bind) {
	status, err := os.Lstat(b.Path)
	if err != nil {
		return
	}
	if status.Mode()&os.ModeSymlink != 0 {
		target, err := os.Readlink(b.Path)
		if err != nil {
			return
		}
		s.links[b.Path] = target
		place, err := filepath.EvalSymlinks(b.Path)
		if err != nil || s.covered(place) {
			return
		}
		b.Path = place
	}
	s.binds[b.Path] = b
}

// demand takes what somebody has named, and which has to exist.
func (s *shelf) demand(b launch.Bind) error {
	if !filepath.IsAbs(b.Path) {
		return fmt.Errorf("the path %q is not absolute", b.Path)
	}
	b.Path = filepath.Clean(b.Path)
	if b.Path == "/" {
		return errors.New("a box cannot have the whole machine in it: name directories below /")
	}
	if _, err := os.Stat(b.Path); err != nil {
		return fmt.Errorf("binding into the box: %w", err)
	}
	for _, above := range s.policy.Write {
		if above != b.Path && within(b.Path, above) {
			b.Below = filepath.Clean(above)
		}
	}
	s.binds[b.Path] = b
	return nil
}

// install takes the program's file, each link that leads to it, and the installation that it belongs to.
func (s *shelf) install(name string) {
	const most = 40 // links, as in the kernel
	for range most {
		if prefix := installation(name); prefix != "" && !s.policy.Bare && !s.private(prefix) && !s.covered(prefix) {
			s.offer(launch.Bind{Path: prefix, Exec: true, Given: true})
		} else if !s.covered(name) {
			s.binds[name] = launch.Bind{Path: name, Exec: true, Given: true}
		}
		target, err := os.Readlink(name)
		if err != nil {
			return
		}
		if !filepath.IsAbs(target) {
			target = filepath.Join(filepath.Dir(name), target)
		}
		name = target
	}
}

// installation returns the directory that a program's file is installed in with what belongs to it: above its bin directory, or else
// none but the file.
func installation(name string) string {
	if dir := filepath.Dir(name); filepath.Base(dir) == "bin" {
		return filepath.Dir(dir)
	}
	return ""
}

// private reports whether a directory is too much to be shown unasked: the root, a home, and what homes lie in.
func (s *shelf) private(dir string) bool {
	return within(s.home, dir) || slices.Contains([]string{"/home", "/root", "/Users", "/var", "/etc", "/tmp", "/run", "/proc", "/sys", "/dev"}, dir) ||
		filepath.Dir(dir) == "/home"
}

// covered reports whether the box has that path already, if only by a link to the directory that it is in.
func (s *shelf) covered(name string) bool {
	if dir, err := filepath.EvalSymlinks(filepath.Dir(name)); err == nil {
		name = filepath.Join(dir, filepath.Base(name))
	}
	for above := range s.binds {
		if within(name, above) {
			return true
		}
	}
	return false
}

func (s *shelf) sorted() []launch.Bind {
	all := make([]launch.Bind, 0, len(s.binds))
	for _, b := range s.binds {
		all = append(all, b)
	}
	slices.SortFunc(all, func(a, b launch.Bind) int {
		return cmp.Or(strings.Count(a.Path, "/")-strings.Count(b.Path, "/"), strings.Compare(a.Path, b.Path))
	})
	return all
}

func (s *shelf) sortedLinks() [][2]string {
	all := make([][2]string, 0, len(s.links))
	for name, target := range s.links {
		all = append(all, [2]string{name, target})
	}
	slices.SortFunc(all, func(a, b [2]string) int { return strings.Compare(a[0], b[0]) })
	return all
}

// within reports whether name is dir or lies below it.
func within(name, dir string) bool {
	return name == dir || dir == "/" || strings.HasPrefix(name, dir) && name[len(dir)] == '/'
}

// aside is how much more than its bound of memory a process may set aside, which runtimes do without using it.
const aside = 512 << 20

// ownThreads is how many threads the launcher may need beside the program's.
const ownThreads = 16

// limits returns the limits of each process. There is a bound for all together only where control groups can be had (see group).
func (p *Policy) limits() []launch.Limit {
	limits := []launch.Limit{
		{Resource: unix.RLIMIT_CORE, Value: 0},
		{Resource: unix.RLIMIT_NOFILE, Value: 1024},
		{Resource: unix.RLIMIT_MEMLOCK, Value: 64 << 10},
		{Resource: unix.RLIMIT_MSGQUEUE, Value: 0},
		{Resource: unix.RLIMIT_DATA, Value: uint64(cmp.Or(p.Memory, DefaultMemory) + aside)}, //nolint:gosec // not negative
	}
	if !p.Lite { // without a namespace it would count all that the user runs
		limits = append(limits, launch.Limit{Resource: unix.RLIMIT_NPROC, Value: uint64(cmp.Or(p.Pids, DefaultPids) + ownThreads)}) //nolint:gosec // as above
	}
	return limits
}
