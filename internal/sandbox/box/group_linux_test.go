package box

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// hierarchy makes directories that look like control groups, with the files that a kernel would put into new ones.
func hierarchy(t *testing.T, files ...string) string {
	t.Helper()
	root := t.TempDir()
	for _, name := range files {
		name = filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// dead returns the number of a process that has ended.
func dead(t *testing.T) int {
	t.Helper()
	cmd := exec.Command("/proc/self/exe", "-test.run=^$")
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	return cmd.Process.Pid
}

func TestParents(t *testing.T) {
	first := hierarchy(t, "memory/our/own/tasks", "pids/tasks", "cpu,cpuacct/tasks", "cpu/our/own/tasks")
	second := hierarchy(t, "cgroup.controllers", "user.slice/own/cgroup.procs")
	tests := []struct {
		root, self string
		want       map[string]string
	}{
		{first, "9:memory:/our/own\n8:pids:/elsewhere\n3:cpu,cpuacct:/our/own\n0::/", map[string]string{
			"memory": first + "/memory/our/own", "pids": first + "/pids", "cpu": first + "/cpu/our/own",
		}},
		{second, "0::/user.slice/own", map[string]string{"": second + "/user.slice/own"}},
		{first, "nonsense", map[string]string{}},
	}
	for _, tt := range tests {
		got := cgroups{root: tt.root, self: tt.self}.parents("memory", "pids", "cpu")
		if len(got) != len(tt.want) {
			t.Errorf("%q: %v, want %v", tt.self, got, tt.want)
		}
		for name, dir := range tt.want {
			if got[name] != dir {
				t.Errorf("%q: %s in %q, want %q", tt.self, name, got[name], dir)
			}
		}
	}
}

// TestUnified: who shares a group hands no controllers on and has no bounds, rather than half of them; groups that cannot be made are none.
func TestUnified(t *testing.T) {
	root := hierarchy(t, "cgroup.controllers", "own/cgroup.procs", "own/cgroup.subtree_control")
	c := cgroups{root: root, self: "0::/own", pid: 4711}
	g := c.make(&Policy{CPU: 0.5})
	if g.memory != "" || g.pids || len(g.dirs) != 0 {
		t.Errorf("%+v without the kernel's files", g)
	}
	if text, err := os.ReadFile(filepath.Join(root, "own/cgroup.subtree_control")); err != nil || string(text) != "+memory +pids +cpu" {
		t.Errorf("%q, %v", text, err)
	}
	if left, _ := filepath.Glob(filepath.Join(root, "own", ourPrefix+"*")); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

func TestExhausted(t *testing.T) {
	for text, want := range map[string]int{"oom_kill_disable 0\nunder_oom 0\noom_kill 3\n": 3, "low 0\nmax 7\noom_kill 1\noom_group_kill 0\n": 1, "": 0} {
		name := filepath.Join(t.TempDir(), "events")
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := (&group{memory: name}).exhausted(); got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
}

// TestSweep: empty groups of gateways that are no more go, wherever they are; all others stay.
func TestSweep(t *testing.T) {
	gone, own := strconv.Itoa(dead(t)), strconv.Itoa(os.Getpid())
	root := hierarchy(t)
	dirs := map[string]bool{ // whether it stays
		"memory/" + ourPrefix + gone + ".1": false, "pids/deeper/" + ourPrefix + gone + ".2": false, "memory/" + ourPrefix + gone + ".3/used": true,
		"memory/" + ourPrefix + own + ".1": true, "memory/" + ourPrefix + "x.1": true, "memory/other." + gone + ".1": true,
		"memory/" + ourPrefix + strconv.Itoa(os.Getppid()) + ".1": true,
	}
	for dir := range dirs {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cgroups{root: root, pid: os.Getpid()}.sweep()
	for dir, stays := range dirs {
		if _, err := os.Stat(filepath.Join(root, dir)); (err == nil) != stays {
			t.Errorf("%s: %v, should stay: %t", strings.ReplaceAll(dir, gone, "GONE"), err, stays)
		}
	}
}
