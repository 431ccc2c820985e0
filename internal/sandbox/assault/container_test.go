//go:build linux

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sumun-mcp/sumun/internal/sandbox"
	"github.com/sumun-mcp/sumun/internal/warden/container"
)

// knownContainer are the probes that get through in a container: docs/sandbox.md says so.
var knownContainer = []string{
	"shell", "itself", "loader", "one-too-many", // nobody counts what is started
	"devices", "terminal-input", // a container has terminals of its own
	"unix-granted", // a mount that may only be read can be connected to
}

// TestContainer lets the probes run in a container as the gateway has Docker make it, where an engine answers.
func TestContainer(t *testing.T) {
	engine, err := exec.LookPath("docker")
	if err != nil || exec.CommandContext(t.Context(), engine, "version", "--format", "{{.Server.Version}}").Run() != nil {
		t.Skip("there is no engine of Docker that answers; DOCKER_HOST says where one is")
	}
	a := newArena(t)
	a.image = a.pack(t, engine)
	user := os.Getuid()
	tbl := table{}
	tbl.add(plain, user, a.run(t, plain, user, names()))
	reports := a.run(t, inContainer, user, names())
	tbl.add(inContainer, user, reports)
	for _, p := range probes() {
		switch r, ran := reports[p.name]; {
		case !ran || r.Hung:
			t.Errorf("%s was not run, or hangs", p.name)
		case r.Through && !slices.Contains(knownContainer, p.name):
			t.Errorf("%s got through: %s", p.name, p.what)
		}
	}
	tbl.compare(t, inContainer)
}

// pack makes an image of the program, and of a shell and what it needs, as most images have.
func (a *arena) pack(t *testing.T, engine string) string {
	t.Helper()
	root := filepath.Join(a.dir, "image")
	for _, path := range []string{"/bin/sh", "/bin/echo", "/lib64/ld-linux-x86-64.so.2", "/lib/x86_64-linux-gnu/libc.so.6", filepath.Join(a.dir, "program", "assault")} {
		b, err := os.ReadFile(path)
		if err != nil {
			continue // another distribution has it elsewhere; the probes say so
		}
		to := filepath.Join(root, strings.TrimPrefix(path, a.dir))
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, b, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	said, err := exec.CommandContext(t.Context(), "sh", "-c", `tar -C "$0" -c . | "$1" import -`, root, engine).Output()
	if err != nil {
		t.Fatal(err)
	}
	id := strings.TrimSpace(string(said))
	t.Cleanup(func() { _ = exec.Command(engine, "rmi", "--force", id).Run() })
	return id
}

// watch is what watches over a container.
func watch(args []string) int { return container.Watch(context.Background(), args, os.Environ()) }

// tryContained runs all probes in containers, one for each kind of needs, since to start one takes a while.
func (p *plan) tryContained(out *json.Encoder) error {
	target, err := json.Marshal(p.Target)
	if err != nil {
		return err
	}
	for _, needs := range []need{nothing, programs, three, little} {
		args := []string{"each", string(target)}
		for _, probe := range probes() {
			if probe.needs == needs && slices.Contains(p.Probes, probe.name) {
				args = append(args, probe.name)
			}
		}
		if err := p.contain(args, out); err != nil {
			return err
		}
	}
	return nil
}

// contain runs the probes that args end with in one container.
func (p *plan) contain(args []string, out *json.Encoder) error {
	c, err := p.contained(args)
	if err != nil {
		return err
	}
	child, err := sandbox.Start(context.Background(), c, slog.New(slog.NewTextHandler(os.Stderr, nil)))
	if err != nil {
		return err
	}
	defer child.Close()
	for lines := bufio.NewScanner(child); lines.Scan(); {
		name, said, _ := strings.Cut(lines.Text(), " ")
		r := report{Probe: name}
		r.Silent = json.Unmarshal([]byte(said), &r.verdict) != nil
		if err := out.Encode(r); err != nil {
			return err
		}
	}
	return nil
}

// contained is the command that runs the program in a container.
func (p *plan) contained(args []string) (c sandbox.Command, err error) {
	allowed := p.policy(args[len(args)-1])
	spec := container.Spec{
		Image: p.Image, Command: "/program/assault", Args: args, Dir: p.Target.Read, Read: allowed.Read, Write: allowed.Write,
		Memory: allowed.Memory, Scratch: allowed.Scratch, Pids: allowed.Pids, User: p.User, Group: p.User,
	}
	if p.User == 0 {
		spec.User, spec.Group = 1000, 1000 // as the warden does
	}
	if args, err = spec.Arguments(); err != nil {
		return c, err
	}
	c = sandbox.Command{Args: args, Env: map[string]string{}, Reaper: []string{filepath.Join(p.Dir, "program", "harness"), "watch"}}
	if host := os.Getenv("DOCKER_HOST"); host != "" {
		c.Env["DOCKER_HOST"] = host
	}
	c.Path, err = exec.LookPath("docker")
	return c, err
}
