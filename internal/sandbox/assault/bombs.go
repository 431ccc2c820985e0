//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// What the bombs go for. It is little, so that nobody else notices where nothing stops them, and well above what the tests
// allow.
const (
	manyProcesses = 300
	manyFiles     = 6000
	manyNames     = 20_000
	muchMemory    = 512 << 20
	muchDisk      = 96 << 20
)

// bombs are the probes that want more than their share.
func bombs() []probe {
	return []probe{
		{"forks", "be 300 processes", nil, little, func(*Target) error { return forks(manyProcesses, nil) }},
		{"threads", "be 300 threads", nil, little, threads},
		{"memory-private", "have 512 MiB of memory for a second, where 192 are allowed", nil, little, func(*Target) error { return touches(unix.MAP_PRIVATE) }},
		{"memory-shared", "have it as memory that could be shared", nil, little, func(*Target) error { return touches(unix.MAP_SHARED) }},
		{"memory-segments", "have it as System V segments", nil, little, segments},
		{"memory-children", "have it in eight processes", nil, little, memoryOfChildren},
		{"memory-pipes", "have it in the kernel, in pipes and sockets", nil, little, memoryOfSockets},
		{"disk-full", "write 96 MiB into scratch, where 16 are allowed", nil, little, func(*Target) error { return eachScratch(fills) }},
		{"names", "make 20,000 files in scratch", nil, little, func(*Target) error { return crowds(os.TempDir()) }},
		{"many-files", "have 6,000 files open", nil, little, openMany},
	}
}

// forks makes n copies of this process that do something and wait to be killed, all at once.
func forks(n int, do func()) error {
	var pids []int
	defer func() {
		for _, pid := range pids {
			_ = unix.Kill(pid, unix.SIGKILL)
			_, _ = unix.Wait4(pid, nil, 0, nil)
		}
	}()
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	ready := w.Fd()
	one := []byte{1}
	for len(pids) < n {
		pid, err := forked(func() {
			if do != nil {
				do()
			}
			write(ready, one)
			for {
				rest()
			}
		})
		if err != nil {
			return fmt.Errorf("after %d: %w", len(pids), err)
		}
		pids = append(pids, pid)
	}
	if err := hear(r, n); err != nil {
		return err
	}
	hold()
	return nil
}

// hear waits until n copies have said that they are there.
func hear(r *os.File, n int) error {
	if err := r.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return err
	}
	b := make([]byte, n)
	for got := 0; got < n; {
		m, err := r.Read(b)
		if err != nil {
			return fmt.Errorf("%d of %d: %w", got, n, err)
		}
		got += m
	}
	return nil
}

func threads(*Target) error {
	ready := make(chan struct{})
	for range manyProcesses {
		go func() {
			runtime.LockOSThread()
			ready <- struct{}{}
			rest()
		}()
	}
	for n := range manyProcesses {
		select {
		case <-ready:
		case <-time.After(5 * time.Second):
			return fmt.Errorf("after %d: %w", n, unix.EAGAIN)
		}
	}
	return nil
}

// touches uses so much memory that nobody can have lent it without having it.
func touches(kind int) error {
	b, err := unix.Mmap(-1, 0, muchMemory, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|kind)
	if err != nil {
		return err
	}
	touch(b)
	hold()
	return unix.Munmap(b)
}

// hold keeps what was got for a second. Where nobody but the box itself counts, it looks now and then, and a moment is no bomb.
func hold() { <-time.After(time.Second) }

//go:norace
func touch(b []byte) {
	for i := 0; i < len(b); i += 4096 {
		b[i] = 1
	}
}

func segments(*Target) error {
	const each = 16 << 20
	for range muchMemory / each {
		id, err := unix.SysvShmGet(unix.IPC_PRIVATE, each, unix.IPC_CREAT|0o600)
		if err != nil {
			return err
		}
		b, err := unix.SysvShmAttach(id, 0, 0)
		_, _ = unix.SysvShmCtl(id, unix.IPC_RMID, nil)
		if err != nil {
			return err
		}
		touch(b)
	}
	hold()
	return nil
}

func memoryOfChildren(*Target) error {
	const children = 8
	b, err := unix.Mmap(-1, 0, muchMemory/children, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return err
	}
	return forks(children, func() { touch(b) })
}

// memoryOfSockets fills sockets that nobody reads.
func memoryOfSockets(*Target) error {
	b := make([]byte, 64<<10)
	for total := 0; total < muchMemory; {
		pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK, 0)
		if err != nil {
			return fmt.Errorf("after %d MiB: %w", total>>20, err)
		}
		_ = unix.SetsockoptInt(pair[0], unix.SOL_SOCKET, unix.SO_SNDBUF, 8<<20)
		for {
			n, err := unix.Write(pair[0], b)
			if err != nil {
				break
			}
			total += n
		}
	}
	hold()
	return nil
}

// eachScratch tries an attack in every directory that a program has for passing things.
func eachScratch(attack func(dir string) error) error {
	home, err := os.UserHomeDir()
	if err != nil {
		home = "/"
	}
	return first([]string{os.TempDir(), home, "/dev/shm", "/run", "/var/tmp", "/", "/dev", "."}, attack)
}

func fills(dir string) error {
	path := filepath.Join(dir, "sumun-much")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o600) //nolint:gosec // one of a few
	if err != nil {
		return err
	}
	defer func() { _ = f.Close(); _ = os.Remove(path) }()
	b := make([]byte, 1<<20)
	for n := range muchDisk / len(b) {
		if _, err := f.Write(b); err != nil {
			return fmt.Errorf("after %d MiB: %w", n, err)
		}
	}
	return nil
}

func crowds(dir string) error {
	dir, err := os.MkdirTemp(dir, "sumun-many-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	for n := range manyNames {
		fd, err := unix.Open(fmt.Sprint(dir, "/", n), unix.O_CREAT|unix.O_WRONLY|unix.O_EXCL, 0o600)
		if err != nil {
			return fmt.Errorf("after %d: %w", n, err)
		}
		_ = unix.Close(fd)
	}
	return nil
}

func openMany(*Target) error {
	// The most that it may raise its own bound to.
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err == nil {
		limit.Cur = limit.Max
		_ = syscall.Setrlimit(unix.RLIMIT_NOFILE, &syscall.Rlimit{Cur: limit.Cur, Max: limit.Max})
	}
	for n := range manyFiles {
		if _, err := unix.Dup(0); err != nil {
			return fmt.Errorf("after %d: %w", n, err)
		}
	}
	return nil
}
