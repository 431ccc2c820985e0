package box

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
)

// A cgroups is where a machine keeps its control groups, and in which of them we are.
type cgroups struct {
	root string // /sys/fs/cgroup
	self string // what /proc/self/cgroup says
	pid  int    // ours
}

func machine() cgroups {
	self, _ := os.ReadFile("/proc/self/cgroup")
	return cgroups{root: "/sys/fs/cgroup", self: string(self), pid: os.Getpid()}
}

// A group is the control groups of one box: one, or one for each controller where the machine has the first version of them.
type group struct {
	dirs   []string
	memory string // the file that tells how often memory ran out; empty where memory has no bound
	pids   bool   // the number of processes has a bound
}

// ourPrefix begins the names of what boxes need on the machine.
const ourPrefix = "sumun."

// processors is the time in which processor time is counted, in microseconds.
const processors = 100_000

// boxes numbers the boxes of this process.
var boxes atomic.Uint64

// parents returns the directories in which groups for these controllers can be made.
func (c cgroups) parents(controllers ...string) map[string]string {
	found := map[string]string{}
	_, err := os.Stat(filepath.Join(c.root, "cgroup.controllers"))
	unified := err == nil
	lines := bufio.NewScanner(strings.NewReader(c.self))
	for lines.Scan() {
		fields := strings.SplitN(lines.Text(), ":", 3)
		if len(fields) < 3 {
			continue
		}
		if fields[1] == "" {
			if unified {
				found[""] = c.within(c.root, fields[2])
			}
			continue
		}
		for name := range strings.SplitSeq(fields[1], ",") {
			for _, wanted := range controllers {
				if name == wanted {
					found[name] = c.within(filepath.Join(c.root, name), fields[2])
				}
			}
		}
	}
	return found
}

// within returns our own group below a mount of a hierarchy, or the mount, if that has another root.
func (c cgroups) within(mount, own string) string {
	dir := filepath.Join(mount, own)
	if _, err := os.Stat(dir); err != nil {
		return mount
	}
	return dir
}

// make makes the groups of a box. What the machine does not let us bound stays unbound; the group tells.
func (c cgroups) make(p *Policy) *group {
	g := &group{}
	name := ownName(ourPrefix, c.pid)
	parents := c.parents("memory", "pids", "cpu")
	if parent, unified := parents[""]; unified {
		g.unified(c, filepath.Join(parent, name), p)
		return g
	}
	memory := strconv.FormatInt(cmp.Or(p.Memory, DefaultMemory), 10)
	if dir := filepath.Join(parents["memory"], name); parents["memory"] != "" && g.add(dir, map[string]string{"memory.limit_in_bytes": memory}) {
		_ = write(dir, "memory.memsw.limit_in_bytes", memory) // where swapping is counted
		g.memory = filepath.Join(dir, "memory.oom_control")
	}
	if parents["pids"] != "" {
		g.pids = g.add(filepath.Join(parents["pids"], name), map[string]string{"pids.max": p.mostPids()})
	}
	if parents["cpu"] != "" && p.CPU > 0 {
		g.add(filepath.Join(parents["cpu"], name), map[string]string{"cpu.cfs_quota_us": p.quota()})
	}
	return g
}

// unified makes the one group of the second version. It needs controllers that our own group hands on, which it can only once no
// process is left in it: so we ourselves move to a group below, if we are alone.
func (g *group) unified(c cgroups, dir string, p *Policy) {
	parent := filepath.Dir(dir)
	if write(parent, "cgroup.subtree_control", "+memory +pids +cpu") != nil && c.alone(parent) {
		leaf := filepath.Join(parent, "gateway")
		_ = os.Mkdir(leaf, 0o755) //nolint:gosec // it may exist, and nothing in it is secret
		_ = write(leaf, "cgroup.procs", strconv.Itoa(c.pid))
		_ = write(parent, "cgroup.subtree_control", "+memory +pids +cpu")
	}
	if !g.add(dir, map[string]string{"memory.max": strconv.FormatInt(cmp.Or(p.Memory, DefaultMemory), 10)}) {
		return
	}
	g.memory = filepath.Join(dir, "memory.events")
	_ = write(dir, "memory.swap.max", "0")
	_ = write(dir, "memory.oom.group", "1")
	g.pids = write(dir, "pids.max", p.mostPids()) == nil
	if p.CPU > 0 {
		_ = write(dir, "cpu.max", p.quota()+" "+strconv.Itoa(processors))
	}
}

// alone reports whether this process is the only one in a group.
func (c cgroups) alone(dir string) bool {
	text, err := os.ReadFile(filepath.Join(dir, "cgroup.procs")) //nolint:gosec // a file of the kernel
	return err == nil && strings.TrimSpace(string(text)) == strconv.Itoa(c.pid)
}

func (p *Policy) mostPids() string { return strconv.Itoa(cmp.Or(p.Pids, DefaultPids) + ownThreads) }

func (p *Policy) quota() string { return strconv.Itoa(max(int(p.CPU*processors), 1000)) }

// add makes one group with these limits. It takes it back if one of them cannot be set.
func (g *group) add(dir string, limits map[string]string) bool {
	if os.Mkdir(dir, 0o755) != nil { //nolint:gosec // nothing in it is secret
		return false
	}
	for name, value := range limits {
		if write(dir, name, value) != nil {
			_ = syscall.Rmdir(dir)
			return false
		}
	}
	g.dirs = append(g.dirs, dir)
	return true
}

func write(dir, name, value string) error {
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_WRONLY|os.O_TRUNC, 0) //nolint:gosec // a file of the kernel
	if err != nil {
		return err
	}
	_, err = f.WriteString(value)
	return errors.Join(err, f.Close())
}

// join puts a process, and what it will start, into the group.
func (g *group) join(pid int) error {
	for _, dir := range g.dirs {
		if err := write(dir, "cgroup.procs", strconv.Itoa(pid)); err != nil {
			return err
		}
	}
	return nil
}

// exhausted returns how many processes were ended because memory ran out.
func (g *group) exhausted() int {
	text, _ := os.ReadFile(g.memory)
	for line := range strings.Lines(string(text)) {
		if count, ok := strings.CutPrefix(strings.TrimSpace(line), "oom_kill "); ok {
			n, _ := strconv.Atoi(count)
			return n
		}
	}
	return 0
}

// remove removes the groups; those that are not empty yet stay for the sweep.
func (g *group) remove() {
	for _, dir := range g.dirs {
		_ = syscall.Rmdir(dir)
	}
}

// sweep removes the groups of gateways that are no more, if they are empty. Those may have been in other groups than we are.
func (c cgroups) sweep() {
	tops := []string{c.root}
	if _, err := os.Stat(filepath.Join(c.root, "cgroup.controllers")); err != nil {
		tops = []string{filepath.Join(c.root, "memory"), filepath.Join(c.root, "pids"), filepath.Join(c.root, "cpu")}
	}
	for _, top := range tops {
		looked := 0
		_ = filepath.WalkDir(top, func(name string, d fs.DirEntry, err error) error {
			if looked++; looked > mostLooked {
				return filepath.SkipAll
			}
			if err == nil && d.IsDir() && abandoned(name, ourPrefix, c.pid) {
				_ = syscall.Rmdir(name)
				return filepath.SkipDir
			}
			return nil // what cannot be read is not ours
		})
	}
}

// mostLooked is how many files a sweep of one hierarchy looks at.
const mostLooked = 100_000

// abandoned reports whether a name is that of something that a box of a gateway which is no more has left behind.
func abandoned(name, prefix string, self int) bool {
	rest, ours := strings.CutPrefix(filepath.Base(name), prefix)
	pid, _, _ := strings.Cut(rest, ".")
	n, err := strconv.Atoi(pid)
	return ours && err == nil && n > 0 && n != self && syscall.Kill(n, 0) == syscall.ESRCH
}

// makeScratch makes a directory for a box-lite, where it can write.
func makeScratch() (string, error) {
	dir := filepath.Join(os.TempDir(), ownName(scratchPrefix(), os.Getpid()))
	if err := os.Mkdir(dir, 0o700); err != nil {
		return "", fmt.Errorf("making a scratch directory: %w", err)
	}
	return dir, nil
}

// scratchPrefix begins the names of scratch directories. It names whose numbers of processes the names speak of, since a directory for
// temporary files may be shared with containers.
func scratchPrefix() string {
	namespace, _ := os.Readlink("/proc/self/ns/pid")
	return ourPrefix + strings.Trim(strings.TrimPrefix(namespace, "pid:"), "[]") + "."
}

// ownName returns a name for a directory of a box: after the prefix the number of the gateway and that of the box.
func ownName(prefix string, pid int) string {
	return prefix + strconv.Itoa(pid) + "." + strconv.FormatUint(boxes.Add(1), 10)
}
