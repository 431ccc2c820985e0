package main

import (
	"os"
	"syscall"
	"testing"
	"time"
)

func TestCPUTimeAgreesWithRusage(t *testing.T) {
	before, err := cpuTime(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for start := time.Now(); time.Since(start) < 30*time.Millisecond; {
	}
	after, err := cpuTime(os.Getpid())
	if err != nil || after <= before {
		t.Fatalf("the clock went from %v to %v: %v", before, after, err)
	}
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		t.Fatal(err)
	}
	if rusage := time.Duration(usage.Utime.Nano() + usage.Stime.Nano()); after > rusage+time.Second || after < rusage-time.Second {
		t.Errorf("cpuTime = %v, getrusage says %v", after, rusage)
	}
}

func TestProcFiles(t *testing.T) {
	if busy, err := machineBusy(); err != nil || busy <= 0 {
		t.Errorf("machineBusy = %v, %v", busy, err)
	}
	if n, err := residentBytes(os.Getpid()); err != nil || n < 1<<20 {
		t.Errorf("residentBytes = %d, %v", n, err)
	}
	if _, err := cpuTime(-5); err == nil {
		t.Error("a process that cannot be has a clock")
	}
}
