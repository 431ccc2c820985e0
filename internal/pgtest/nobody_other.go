//go:build !unix

package pgtest

import "syscall"

// unprivileged is how the server is started: as whoever runs the tests.
func unprivileged(string) (*syscall.SysProcAttr, error) { return nil, nil }

// own gives the server a file, which is its own already.
func own(string) error { return nil }
