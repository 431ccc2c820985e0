// Package container has a container engine, or the kernel in user space that gVisor is, run a server's program: Docker and Podman are asked
// for a container without privileges, network and a writable root, runsc for a sandbox that shows the files of a policy.
//
// A program is watched by a process of its own ([Watch]), since what an engine runs is no child of ours: it ends with the gateway all the
// same, however that ends.
package container

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// A Spec says what to run, and what it may reach. It holds no secrets, since it travels on a command line: of variables only the names.
type Spec struct {
	// Image is the image, pinned by its digest; empty for runsc, which shows the files of this machine.
	Image string `json:"image,omitempty"`
	// Command and Args are the program: in the image, or on this machine.
	Command string   `json:"command"`
	Args    []string `json:"args,omitempty"`
	// Env names the variables of the environment of [Watch] that the program gets.
	Env []string `json:"env,omitempty"`
	// Dir is the working directory; empty for the image's.
	Dir string `json:"dir,omitempty"`
	// Read and Write are paths of this machine that the program finds under the same names; Links are symbolic links to be made.
	Read  []string          `json:"read,omitempty"`
	Write []string          `json:"write,omitempty"`
	Links map[string]string `json:"links,omitempty"`
	// Memory and Scratch are in bytes, CPU in processors; 0 sets no bound for CPU.
	Memory  int64   `json:"memory"`
	Scratch int64   `json:"scratch"`
	Pids    int     `json:"pids"`
	CPU     float64 `json:"cpu,omitempty"`
	// User and Group are whose rights the program has; never 0.
	User  int `json:"user"`
	Group int `json:"group"`
	// KeepUser has Podman without root give the program our own user.
	KeepUser bool `json:"keepUser,omitempty"`
	// Rootless says that runsc has no rights of root to begin with.
	Rootless bool `json:"rootless,omitempty"`
}

// Arguments returns the command line of [Watch] for a spec, behind the path of the engine.
func (s *Spec) Arguments() ([]string, error) {
	text, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("writing down what a container is to be: %w", err)
	}
	return []string{string(text)}, nil
}

// label is what our containers have, so that those of watchers that have died can be found.
const label = "io.sumun.container"

// run returns the arguments of docker or podman for a container of that name, with the seccomp profile in a file.
func (s *Spec) run(name, profile string) []string {
	args := []string{
		"run", "--rm", "--interactive", "--name", name, "--label", label, "--hostname", "sumun", "--log-driver", "none", "--no-healthcheck",
		"--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--security-opt", "seccomp=" + profile,
		"--network", "none", "--ipc", "private", "--cgroupns", "private", "--user", fmt.Sprintf("%d:%d", s.User, s.Group),
		"--pids-limit", strconv.Itoa(s.Pids), "--memory", decimal(s.Memory), "--memory-swap", decimal(s.Memory),
		"--ulimit", "core=0:0", "--ulimit", "nofile=1024:1024",
		"--tmpfs", "/tmp:rw,noexec,nosuid,nodev,size=" + decimal(s.Scratch), "--env", "HOME=/tmp",
	}
	if s.CPU > 0 {
		args = append(args, "--cpus", strconv.FormatFloat(s.CPU, 'f', -1, 64))
	}
	if s.KeepUser {
		args = append(args, "--userns", "keep-id")
	}
	if s.Dir != "" {
		args = append(args, "--workdir", s.Dir)
	}
	for _, path := range s.Read {
		args = append(args, "--mount", mount(path, true))
	}
	for _, path := range s.Write {
		args = append(args, "--mount", mount(path, false))
	}
	for _, name := range s.Env {
		args = append(args, "--env", name)
	}
	return slices.Concat(args, []string{"--entrypoint", s.Command, s.Image}, s.Args)
}

func decimal(n int64) string { return strconv.FormatInt(n, 10) }

// mount returns a bind mount as engines read it: fields of CSV.
func mount(path string, readOnly bool) string {
	fields := []string{"type=bind", quoted("src=" + path), quoted("dst=" + path)}
	if readOnly {
		fields = append(fields, "readonly")
	}
	return strings.Join(fields, ",")
}

// quoted quotes a field of CSV where that is needed.
func quoted(field string) string {
	if !strings.ContainsAny(field, ",\"\n") {
		return field
	}
	return `"` + strings.ReplaceAll(field, `"`, `""`) + `"`
}

// isRunsc reports whether an engine is gVisor's runtime.
func isRunsc(engine string) bool { return filepath.Base(engine) == "runsc" }
