//go:build !linux

package main

import (
	"errors"
	"time"
)

// errNotLinux is why the figures that come from /proc are missing in the table.
var errNotLinux = errors.New("measured on Linux only")

func cpuTime(int) (time.Duration, error)  { return 0, errNotLinux }
func machineBusy() (time.Duration, error) { return 0, errNotLinux }
func residentBytes(int) (int64, error)    { return 0, errNotLinux }
func cpuModel() string                    { return "" }
