package container

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A bundle is what runsc runs: a configuration of the Open Container Initiative beside a root file system.
type bundle struct {
	Version  string      `json:"ociVersion"`
	Hostname string      `json:"hostname"`
	Process  process     `json:"process"`
	Root     root        `json:"root"`
	Mounts   []mountSpec `json:"mounts"`
	Linux    linux       `json:"linux"`
}

type process struct {
	User struct {
		UID int `json:"uid"`
		GID int `json:"gid"`
	} `json:"user"`
	Args            []string       `json:"args"`
	Env             []string       `json:"env"`
	Cwd             string         `json:"cwd"`
	NoNewPrivileges bool           `json:"noNewPrivileges"`
	Capabilities    map[string]any `json:"capabilities"`
	Rlimits         []rlimit       `json:"rlimits"`
}

type rlimit struct {
	Type string `json:"type"`
	Hard int64  `json:"hard"`
	Soft int64  `json:"soft"`
}

type root struct {
	Path     string `json:"path"`
	Readonly bool   `json:"readonly"`
}

type mountSpec struct {
	Destination string   `json:"destination"`
	Type        string   `json:"type"`
	Source      string   `json:"source"`
	Options     []string `json:"options,omitempty"`
}

type linux struct {
	Namespaces []namespace    `json:"namespaces"`
	Resources  map[string]any `json:"resources"`
}

type namespace struct {
	Type string `json:"type"`
}

// configuration is the name of the file with a bundle.
const configuration = "config.json"

// public is the mode of directories in a root, which the program in it passes through.
const public = 0o755

// period is over how many microseconds processor time is measured out.
const period = 100_000

// bundle returns the configuration for runsc; env is the program's whole environment.
func (s *Spec) bundle(env []string) *bundle {
	b := &bundle{Version: "1.0.2", Hostname: "sumun", Root: root{"rootfs", true}}
	b.Process = process{
		Args: append([]string{s.Command}, s.Args...), Env: env, Cwd: s.Dir, NoNewPrivileges: true, Capabilities: map[string]any{},
		Rlimits: []rlimit{{"RLIMIT_CORE", 0, 0}, {"RLIMIT_NOFILE", 1024, 1024}},
	}
	b.Process.User.UID, b.Process.User.GID = s.User, s.Group
	b.Mounts = []mountSpec{
		{"/proc", "proc", "proc", []string{"nosuid", "noexec", "nodev"}},
		{"/dev", "tmpfs", "tmpfs", []string{"nosuid", "noexec"}},
		{"/tmp", "tmpfs", "tmpfs", []string{"nosuid", "noexec", "nodev", "mode=1777", "size=" + decimal(s.Scratch)}},
	}
	for _, path := range s.Read {
		b.Mounts = append(b.Mounts, mountSpec{path, "bind", path, []string{"rbind", "ro", "nosuid", "nodev"}})
	}
	for _, path := range s.Write {
		b.Mounts = append(b.Mounts, mountSpec{path, "bind", path, []string{"rbind", "rw", "nosuid", "nodev", "noexec"}})
	}
	slices.SortStableFunc(b.Mounts, func(a, b mountSpec) int { return strings.Compare(a.Destination, b.Destination) })
	for _, kind := range []string{"pid", "network", "ipc", "uts", "mount"} {
		b.Linux.Namespaces = append(b.Linux.Namespaces, namespace{kind})
	}
	b.Linux.Resources = map[string]any{"memory": map[string]any{"limit": s.Memory}, "pids": map[string]any{"limit": s.Pids}}
	if s.CPU > 0 {
		b.Linux.Resources["cpu"] = map[string]any{"quota": int64(s.CPU * period), "period": period}
	}
	return b
}

// write makes the bundle's directory: the configuration, which holds the environment and so is for us alone, and a root with the places
// where things are mounted.
func (b *bundle) write(dir string, links map[string]string) error {
	text, err := json.Marshal(b)
	if err != nil {
		return fmt.Errorf("writing down a bundle: %w", err)
	}
	errs := []error{os.WriteFile(filepath.Join(dir, configuration), text, 0o600)}
	at := filepath.Join(dir, "rootfs")
	errs = append(errs, os.MkdirAll(filepath.Join(at, b.Process.Cwd), public))
	for _, m := range b.Mounts {
		errs = append(errs, place(at, m))
	}
	for name, target := range links {
		path := filepath.Join(at, name)
		errs = append(errs, os.MkdirAll(filepath.Dir(path), public), os.Symlink(target, path))
	}
	return errors.Join(errs...)
}

// place makes the file or directory on which something is mounted. The root is a directory of ours, in which nothing is mounted yet.
func place(root string, m mountSpec) error {
	path := filepath.Join(root, m.Destination)
	if m.Type == "bind" {
		info, err := os.Stat(m.Source)
		if err != nil {
			return err
		}
		if !info.IsDir() {
			return errors.Join(os.MkdirAll(filepath.Dir(path), public), os.WriteFile(path, nil, 0o600))
		}
	}
	return os.MkdirAll(path, public)
}
