//go:build unix

package container

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// prefix begins the names of containers and of their watchers' directories; then stands who the watcher is.
const prefix = "sumun-container-"

// self names this process such that it can be told later, by anybody who sees the same processes, whether it is still there.
func self() string { return world() + "-" + strconv.Itoa(os.Getpid()) + "-" + begun(os.Getpid()) }

// world names what process numbers are unique in: this start of the machine, and the namespace.
func world() string {
	boot, _ := os.ReadFile("/proc/sys/kernel/random/boot_id") // without one nothing is ever swept
	namespace, _ := os.Readlink("/proc/self/ns/pid")
	first, _, _ := bytes.Cut(boot, []byte("-"))
	return string(first) + "-" + strings.Trim(namespace, "pid:[]")
}

// begun returns when a process has begun, in ticks since the machine has; empty where there is none.
func begun(pid int) string {
	const field = 22 // of proc_pid_stat(5), the second of which is a name in parentheses that may hold anything
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < field-2 {
		return ""
	}
	return string(fields[field-3])
}

// orphaned reports whether a container of that name is ours and its watcher is no more. Of watchers elsewhere nothing is known.
func orphaned(name string) bool {
	rest, ok := strings.CutPrefix(name, prefix+world()+"-")
	parts := strings.Split(rest, "-")
	if !ok || len(parts) != 3 {
		return false
	}
	pid, err := strconv.Atoi(parts[0])
	return err == nil && begun(pid) != parts[1]
}

// sweep ends what watchers that were killed have left behind.
func sweep(ctx context.Context, engine string) {
	if isRunsc(engine) {
		sweepBundles(ctx, engine)
		return
	}
	said, err := exec.CommandContext(ctx, engine, "ps", "--all", "--filter", "label="+label, "--format", "{{.Names}}").Output() //nolint:gosec // the engine
	if err != nil {
		return // the next one may find it
	}
	for name := range strings.FieldsSeq(string(said)) {
		if orphaned(name) {
			apart(ctx, engine, "rm", "--force", name)
		}
	}
	for _, dir := range directories() {
		if _, err := os.Stat(filepath.Join(dir, configuration)); errors.Is(err, os.ErrNotExist) { // or runsc has to see to it
			discard(dir)
		}
	}
}

// sweepBundles ends the sandboxes of runsc whose watchers are no more, and removes their bundles.
func sweepBundles(ctx context.Context, engine string) {
	for _, dir := range directories() {
		apart(ctx, engine, append(runsc(dir, os.Geteuid() != 0), "delete", "--force", filepath.Base(dir))...)
		discard(dir)
	}
}

// directories returns those of watchers of this user that are no more.
func directories() (all []string) {
	found, _ := filepath.Glob(filepath.Join(os.TempDir(), prefix+"*")) // the pattern is well formed
	for _, dir := range found {
		info, err := os.Lstat(dir)
		if err != nil || !info.IsDir() || !orphaned(filepath.Base(dir)) {
			continue
		}
		if stat, ok := info.Sys().(*syscall.Stat_t); ok && int(stat.Uid) == os.Geteuid() {
			all = append(all, dir)
		}
	}
	return all
}
