//go:build linux

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sumun-mcp/sumun/internal/sandbox"
	"github.com/sumun-mcp/sumun/internal/sandbox/box"
)

// TestKilled kills a gateway that has boxes: nothing of them is left, and the next one sweeps what only it can sweep.
func TestKilled(t *testing.T) {
	a := newArena(t)
	for _, user := range users() {
		for _, tier := range []string{boxed, lite} {
			t.Run(key(tier, user), func(t *testing.T) { a.killed(t, tier, user) })
		}
	}
}

func (a *arena) killed(t *testing.T, tier string, user int) {
	t.Helper()
	dir, err := os.MkdirTemp(a.dir, "killed-") //nolint:usetesting // others have to get in
	if err != nil {
		t.Fatal(err)
	}
	p := plan{Dir: a.dir, Tier: tier, User: user, Root: os.Getuid() == 0}
	if err := p.lay(dir); err != nil {
		t.Fatal(err)
	}
	before := holdings(t)
	in, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	cmd := p.as("keeper", string(in))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
		t.Fatalf("the gateway says %q: %v", line, err)
	}
	if n := len(a.running()); n < 3*4+1 { // three boxes with four processes each at least, and the gateway
		t.Errorf("%d processes run, want more", n)
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	a.nobodyLeft(t)
	eventually(t, func() error { // what has just been killed keeps its group for a moment
		if out, err := p.as("sweep").CombinedOutput(); err != nil {
			return fmt.Errorf("sweep: %w\n%s", err, out)
		}
		for kind, now := range holdings(t) {
			if more := slices.DeleteFunc(now, func(one string) bool { return slices.Contains(before[kind], one) }); len(more) > 0 {
				return fmt.Errorf("%s are left: %q", kind, more)
			}
		}
		return nil
	})
}

// keeper is a gateway with three boxes, which it keeps until it is killed.
func keeper(in string) int {
	var p plan
	if err := json.Unmarshal([]byte(in), &p); err != nil {
		return 1
	}
	for range 3 {
		child, err := sandbox.Start(context.Background(), sandbox.Command{
			Path: p.program(), Args: []string{"stay"}, Dir: p.Target.Read, Box: p.policy(""),
		}, slog.New(slog.NewTextHandler(os.Stderr, nil)))
		if err == nil {
			_, err = io.ReadFull(child, make([]byte, len(greeting)))
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	fmt.Println("ready")
	select {}
}

// sweep does what a gateway does first.
func sweep() int { box.Sweep(); return 0 }

// holdings are what a box takes of the machine beside processes: mounts that others see, namespaces and control groups. Those of
// processes that have nothing to do with boxes are told too: only what is more later counts.
func holdings(t *testing.T) map[string][]string {
	t.Helper()
	held := map[string][]string{}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(mounts)) {
		if strings.Contains(line, "sumun") {
			held["mounts"] = append(held["mounts"], strings.Join(strings.Fields(line)[3:5], " "))
		}
	}
	_ = filepath.WalkDir("/sys/fs/cgroup", func(path string, d os.DirEntry, err error) error {
		if err == nil && d.IsDir() && strings.Contains(d.Name(), "sumun") {
			held["groups"] = append(held["groups"], path)
		}
		return nil
	})
	return held
}

// eventually waits until what is asked for holds.
func eventually(t *testing.T, holds func() error) {
	t.Helper()
	deadline := time.Now().Add(5 * time.Second)
	for {
		err := holds()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Error(err)
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}
