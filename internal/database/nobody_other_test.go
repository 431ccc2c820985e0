//go:build !unix

package database

import "syscall"

// unprivileged is how the server is started: as whoever runs the tests.
func unprivileged(string) (*syscall.SysProcAttr, error) { return nil, nil }
