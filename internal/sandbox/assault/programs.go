//go:build linux

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

var execs = []string{"exec"}

const self = "/proc/self/exe"

// programsAndCode are the probes that want to run what nobody granted.
func programsAndCode() []probe {
	return []probe{
		{"shell", "start a shell", execs, nothing, func(*Target) error { return starts("/bin/sh", "-c", "echo '"+greeting+"'") }},
		{"itself", "start itself once more", execs, nothing, func(*Target) error { return starts(self, "hello") }},
		{"loader", "have the loader start a shell: ld.so /bin/sh", execs, nothing, func(*Target) error { return loads("/bin/sh", "-c", "echo '"+greeting+"'") }},
		{"one-too-many", "start more programs at once than are allowed", execs, three, tooMany},
		{"dropped", "run a program that it wrote into a directory of its own", []string{"exec", "file"}, programs, func(t *Target) error { return eachWritable(t, dropped) }},
		{"dropped-script", "run a script that it wrote", []string{"exec", "file"}, programs, func(t *Target) error { return eachWritable(t, script) }},
		{"dropped-loader", "have the loader run a program that it wrote", nil, programs, func(t *Target) error { return eachWritable(t, droppedLoader) }},
		{"dropped-map", "map code that it wrote from a file", nil, programs, func(t *Target) error { return eachWritable(t, mapped) }},
		{"memfd", "run a program from memory: memfd_create, fexecve", syscalls, programs, memfd},
		{"memfd-secret", "hide memory from the kernel itself: memfd_secret", syscalls, nothing, func(*Target) error { return opens(unix.SYS_MEMFD_SECRET) }},
		{"execveat", "run a program by a descriptor: execveat", syscalls, programs, func(*Target) error {
			fd, err := unix.Open(self, unix.O_RDONLY, 0)
			if err != nil {
				return err
			}
			return executes(fd)
		}},
		{"setuid", "become root by a setuid program", []string{"exec", "file"}, programs, func(t *Target) error { return starts(t.Read+"/owned", "shadow-for-me") }},
		{"old-calls", "make forbidden calls by the 32-bit entry: int 0x80", nil, nothing, oldCalls},
		{"x32-calls", "make forbidden calls by their x32 numbers", nil, nothing, func(*Target) error {
			return call(unix.SYS_PTRACE|0x40000000, unix.PTRACE_TRACEME)
		}},
	}
}

// loads has the dynamic loader start a program, so that the program's own right to run is never asked for.
func loads(path string, args ...string) error {
	var loaders []string
	for _, pattern := range []string{"/lib64/ld-linux*.so.*", "/lib/ld-linux*.so.*", "/lib/ld-musl-*.so.1"} {
		more, _ := filepath.Glob(pattern)
		loaders = append(loaders, more...)
	}
	if len(loaders) == 0 { // hidden in the box, and looked for all the same
		loaders = []string{"/lib64/ld-linux-x86-64.so.2"}
	}
	return first(loaders, func(loader string) error { return starts(loader, append([]string{path}, args...)...) })
}

// tooMany starts eight programs at once, where three are allowed.
func tooMany(*Target) error {
	var done atomic.Int32
	var work sync.WaitGroup
	var mu sync.Mutex
	var refused error
	for range 8 {
		work.Go(func() {
			if err := starts(self, "hello"); err != nil {
				mu.Lock()
				defer mu.Unlock()
				refused = err
				return
			}
			done.Add(1)
		})
	}
	work.Wait()
	if done.Load() > 3 {
		return nil
	}
	return fmt.Errorf("%d were started: %w", done.Load(), refused)
}

// eachWritable tries an attack in every directory that can be written.
func eachWritable(t *Target, attack func(dir string) error) error {
	home, err := os.UserHomeDir()
	if err != nil {
		home = t.Home
	}
	return first([]string{t.Write, os.TempDir(), home, "/tmp", "/dev/shm", "/run", "/var/tmp"}, attack)
}

// copied writes a copy of a program into a directory and returns its path.
func copied(dir, program string) (string, error) {
	from, err := os.Open(program) //nolint:gosec // one of two
	if err != nil {
		return "", err
	}
	defer func() { _ = from.Close() }()
	path := filepath.Join(dir, "sumun-dropped")
	_ = os.Remove(path)
	to, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o700) //nolint:gosec // a program
	if err != nil {
		return "", err
	}
	_, err = io.Copy(to, from)
	return path, errors.Join(err, to.Close())
}

func dropped(dir string) error {
	path, err := copied(dir, self)
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(path) }()
	return starts(path, "hello")
}

func script(dir string) error {
	path := filepath.Join(dir, "sumun-script")
	if err := os.WriteFile(path, []byte("#!/bin/sh\necho '"+greeting+"'\n"), 0o700); err != nil { //nolint:gosec // a program
		return err
	}
	defer func() { _ = os.Remove(path) }()
	return starts(path)
}

func droppedLoader(dir string) error {
	path, err := copied(dir, "/bin/echo")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(path) }()
	return loads(path, greeting)
}

func mapped(dir string) error {
	path, err := copied(dir, self)
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(path) }()
	fd, err := unix.Open(path, unix.O_RDONLY, 0)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(fd) }()
	code, err := unix.Mmap(fd, 0, os.Getpagesize(), unix.PROT_READ|unix.PROT_EXEC, unix.MAP_PRIVATE)
	if err != nil {
		return err
	}
	return unix.Munmap(code)
}

func memfd(*Target) error {
	fd, err := unix.MemfdCreate("sumun", 0)
	if err != nil {
		return err
	}
	program, err := os.ReadFile(self)
	if err != nil {
		return err
	}
	if _, err := unix.Write(fd, program); err != nil {
		return err
	}
	return executes(fd)
}

// executes replaces a copy of this process by the open program, which is given nothing to do and says so.
func executes(fd int) error {
	var empty byte
	var none uintptr
	path, nobody := uintptr(unsafe.Pointer(&empty)), uintptr(unsafe.Pointer(&none)) //nolint:gosec // a system call
	pid, err := forked(func() {
		raw(unix.SYS_EXIT_GROUP, failure(unix.SYS_EXECVEAT, uintptr(fd), path, nobody, nobody, unix.AT_EMPTY_PATH))
	})
	if err != nil {
		return err
	}
	switch code, err := ended(pid); {
	case err != nil:
		return fmt.Errorf("execveat: %w", err)
	case code != usage:
		return fmt.Errorf("it exited with %d", code)
	}
	return nil
}
