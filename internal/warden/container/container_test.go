//go:build unix

package container

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// spec is one with all that there can be.
func spec() *Spec {
	return &Spec{
		Image: "sha256:1", Command: "/server", Args: []string{"--data", "/data"}, Env: []string{"KEY"}, Dir: "/work",
		Read: []string{"/data", `/odd,"name`}, Write: []string{"/notes"}, Memory: 1 << 30, Scratch: 1 << 20, Pids: 64, CPU: 0.5, User: 1000, Group: 1001,
	}
}

// TestRun holds the flags that make a container one that a stranger's program may run in.
func TestRun(t *testing.T) {
	args := spec().run("sumun-container-x", "/tmp/profile.json")
	line := strings.Join(args, " ")
	for _, want := range []string{
		"run --rm --interactive --name sumun-container-x", "--read-only", "--cap-drop ALL", "--security-opt no-new-privileges", "--security-opt seccomp=/tmp/profile.json",
		"--network none", "--ipc private", "--user 1000:1001", "--pids-limit 64", "--memory 1073741824 --memory-swap 1073741824", "--cpus 0.5",
		"--tmpfs /tmp:rw,noexec,nosuid,nodev,size=1048576", "--mount type=bind,src=/data,dst=/data,readonly", `--mount type=bind,"src=/odd,""name","dst=/odd,""name",readonly`,
		"--mount type=bind,src=/notes,dst=/notes --env KEY", "--workdir /work",
	} {
		if !strings.Contains(line, want) {
			t.Errorf("%s lacks %s", line, want)
		}
	}
	if tail := args[len(args)-5:]; !slices.Equal(tail, []string{"--entrypoint", "/server", "sha256:1", "--data", "/data"}[:5]) {
		t.Errorf("it ends in %q", tail)
	}
	for _, never := range []string{"--privileged", "--cap-add", "--device", "--pid", "docker.sock"} {
		if strings.Contains(line, never+" ") {
			t.Errorf("%s has %s", line, never)
		}
	}
}

// TestProfile reads the profile as an engine does: what is not allowed is refused, and what escapes from containers is not allowed.
func TestProfile(t *testing.T) {
	text, err := Profile()
	if err != nil {
		t.Fatal(err)
	}
	var p profile
	if err := json.Unmarshal(text, &p); err != nil {
		t.Fatal(err)
	}
	if p.Default != refuse {
		t.Errorf("by default it says %s", p.Default)
	}
	free := map[string]bool{}
	for _, r := range p.Syscalls {
		for _, name := range r.Names {
			if r.Action == allow && len(r.Args) == 0 {
				free[name] = true
			}
		}
	}
	for _, needed := range []string{"read", "openat", "mmap", "execve", "futex", "connect", "newfstatat", "exit_group"} {
		if !free[needed] {
			t.Errorf("%s is not allowed", needed)
		}
	}
	for _, danger := range []string{
		"ptrace", "process_vm_readv", "bpf", "perf_event_open", "kexec_load", "mount", "unshare", "setns", "clone", "clone3", "socket", "io_uring_setup",
		"keyctl", "add_key", "init_module", "userfaultfd", "memfd_create", "execveat", "pivot_root", "open_by_handle_at",
	} {
		if free[danger] {
			t.Errorf("%s is allowed", danger)
		}
	}
}

// TestBundle writes what runsc reads: places for all that is mounted, and links; the file with the environment is ours alone.
func TestBundle(t *testing.T) {
	data, dir := t.TempDir(), t.TempDir()
	file := filepath.Join(data, "a.txt")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s := &Spec{Command: "/bin/true", Dir: data, Read: []string{file}, Write: []string{t.TempDir()}, Memory: 1 << 20, Pids: 7, CPU: 2, User: 1000, Group: 1000}
	b := s.bundle([]string{"SECRET=1"})
	if err := b.write(dir, map[string]string{"/lib": "/usr/lib"}); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(dir, configuration))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if target, err := os.Readlink(filepath.Join(dir, "rootfs", "lib")); err != nil || target != "/usr/lib" {
		t.Errorf("the link leads to %q, %v", target, err)
	}
	for _, m := range b.Mounts {
		if _, err := os.Lstat(filepath.Join(dir, "rootfs", m.Destination)); err != nil {
			t.Errorf("nothing is there to mount %s on: %v", m.Destination, err)
		}
		if m.Type == "bind" && !slices.Contains(m.Options, "ro") && m.Destination != s.Write[0] {
			t.Errorf("%s can be written", m.Destination)
		}
	}
	if !b.Root.Readonly || !b.Process.NoNewPrivileges || len(b.Process.Capabilities) > 0 || b.Process.User.UID == 0 {
		t.Errorf("%+v", b)
	}
}

// TestOrphaned tells containers of watchers that are there from those of watchers that are not, and from what is no business of ours.
func TestOrphaned(t *testing.T) {
	here := prefix + self() + "-1"
	gone := prefix + world() + "-" + "999999999-1-1"
	for name, want := range map[string]bool{
		here: false, gone: true, strings.Replace(here, "-"+begun(os.Getpid())+"-", "-1-", 1): true, // another process has our number now
		"postgres": false, prefix + "elsewhere-1-1-1-1": false, prefix: false, prefix + world() + "-x-1-1": false,
	} {
		if got := orphaned(name); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestEnvironment(t *testing.T) {
	got := environment([]string{"A=1", "SECRET=2", "B=3=4"}, []string{"A", "B"})
	if diff := cmp.Diff(got[2:], []string{"A=1", "B=3=4"}); diff != "" {
		t.Error(diff)
	}
}
