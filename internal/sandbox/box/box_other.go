//go:build !linux

package box

import (
	"errors"
	"os/exec"
	"runtime"
)

// errNone says that there is no box here.
var errNone = errors.New("there is no box on " + runtime.GOOS + ": use sandbox: container, or run the gateway on Linux")

func available() (string, error) { return "", errNone }

func sweep() {}

// A Box is for Linux.
type Box struct{}

// New fails: there is no box here.
func New(Policy, Program, Hooks) (*Box, error) { return nil, errNone }

// Dress does nothing.
func (*Box) Dress(*exec.Cmd) {}

// Settle does nothing.
func (*Box) Settle(int) error { return errNone }

// End does nothing.
func (*Box) End() {}

// Close does nothing.
func (*Box) Close() {}
