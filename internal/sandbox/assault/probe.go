//go:build linux

package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// A probe is one thing that a server in a box must not be able to do.
type probe struct {
	name string
	what string // for the table, in the infinitive
	// tells lists the kinds of refusal one of which the box has to report. It is empty where nothing tells: the kernel then
	// refuses something that looks like what any program does.
	tells []string
	// needs is what the box has to allow so that the probe meets what it is about.
	needs need
	run   func(*Target) error
}

// A need is what the box allows a probe, beside the directories of the target.
type need int

const (
	nothing  need = iota
	programs      // any number of programs may be started
	three         // three of them may
	little        // memory, processes and scratch are small
)

// A Target is what lies outside the box, as the tests have laid it out, and what the box grants.
type Target struct {
	Sum string // of the secret, in hexadecimal SHA-256

	Outside string // a directory that the box does not grant, with the files secret and file
	Home    string // of whoever runs the box; .ssh/key in it is the secret
	Read    string // a directory that may be read, with the file data and the program owned
	Write   string // a directory that may be written

	Victim  int     // a process with the secret in its environment, in its memory and in an open file
	Address uintptr // of the secret in the victim's memory
	File    int     // the victim's descriptor of the secret

	Loopback, Loopback6, Metadata, Internet, Datagram string // addresses at which the secret is told
	Socket, Granted, Abstract                         string // paths of Unix sockets: outside, in Read, and abstract
	ShmKey                                            int    // of the secret in System V shared memory
	Shared                                            string // file of the secret in /dev/shm

	Handle     []byte // of the file secret, as open_by_handle_at takes it
	HandleType int32
	Disk       uint64 // device that Outside is on
	Gateway    int    // the process that starts the box
}

const (
	secretMark = "sumun-secret-" //nolint:gosec // what it begins with
	secretLen  = len(secretMark) + 32
	greeting   = "another program runs"
)

var (
	errMissing = errors.New("nothing here to try it on")
	errNothing = errors.New("nothing was found")
)

// probes returns all probes, area by area.
func probes() []probe {
	return slices.Concat(files(), processes(), programsAndCode(), network(), namespaces(), kernel(), bombs())
}

// found reports whether the secret is in b.
func (t *Target) found(b []byte) bool {
	for {
		at := bytes.Index(b, []byte(secretMark))
		if at < 0 || len(b)-at < secretLen {
			return false
		}
		sum := sha256.Sum256(b[at : at+secretLen])
		if hex.EncodeToString(sum[:]) == t.Sum {
			return true
		}
		b = b[at+len(secretMark):]
	}
}

// reads reports an error unless the file has the secret.
func (t *Target) reads(path string) error {
	b, err := os.ReadFile(path) //nolint:gosec // that is the point
	if err != nil {
		return err
	}
	if !t.found(b) {
		return fmt.Errorf("%s: %w", path, errNothing)
	}
	return nil
}

// others are the processes that are worth attacking: the victim, the gateway, who started this one, and the first of all.
func (t *Target) others() []int { return []int{t.Victim, t.Gateway, os.Getppid(), 1} }

// first returns nil if the attack gets through to one of them, and else what the first has said.
func first[T any](all []T, attack func(T) error) error {
	refused := errMissing
	for n, one := range all {
		err := attack(one)
		if err == nil {
			return nil
		}
		if n == 0 {
			refused = err
		}
	}
	return refused
}

// oneOf is first for attacks of different kinds.
func oneOf(attacks ...func() error) error {
	return first(attacks, func(attack func() error) error { return attack() })
}

// call makes a system call that returns nothing but whether it was done.
func call(number uintptr, args ...uintptr) error {
	_, err := value(number, args...)
	return err
}

// value makes a system call with up to six arguments.
func value(number uintptr, args ...uintptr) (uintptr, error) {
	var a [6]uintptr
	copy(a[:], args)
	r, _, errno := syscall.Syscall6(number, a[0], a[1], a[2], a[3], a[4], a[5])
	if errno != 0 {
		return 0, errno
	}
	return r, nil
}

// opens makes a system call that returns a descriptor, and closes it.
func opens(number uintptr, args ...uintptr) error {
	fd, err := value(number, args...)
	if err != nil {
		return err
	}
	return unix.Close(int(fd))
}

// got returns nil if the error is the one that the kernel gives to those whom it would have obeyed: what was asked was wrong on
// purpose, since it would do harm.
func got(err, want error) error {
	if err == nil || errors.Is(err, want) {
		return nil
	}
	return err
}

// procs returns the numbers of the processes that are to be seen.
func procs() []int {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var pids []int
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil && pid != os.Getpid() {
			pids = append(pids, pid)
		}
	}
	return pids
}
