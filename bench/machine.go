package main

import (
	"cmp"
	"fmt"
	"os"
	"runtime"
	"runtime/metrics"
	"time"
)

// noisyAbove is the share of foreign processor time from which the table says that the machine was noisy.
const noisyAbove = 0.10

// A machine is where and when a table was measured.
type machine struct {
	CPU   string    `json:"cpu"`
	Cores int       `json:"cores"`
	Go    string    `json:"go"`
	OS    string    `json:"os"`
	GOGC  uint64    `json:"gogc"`
	Date  time.Time `json:"date"`
}

// thisMachine describes the machine, and the garbage collector's target that the children inherit as well.
func thisMachine() machine {
	gogc := []metrics.Sample{{Name: "/gc/gogc:percent"}}
	metrics.Read(gogc)
	m := machine{
		CPU: cmp.Or(cpuModel(), "unknown CPU"), Cores: runtime.NumCPU(), Go: runtime.Version(),
		OS: runtime.GOOS + "/" + runtime.GOARCH, Date: time.Now().UTC(),
	}
	if gogc[0].Value.Kind() == metrics.KindUint64 {
		m.GOGC = gogc[0].Value.Uint64()
	}
	return m
}

// String returns the first line of a table.
func (m machine) String() string {
	return fmt.Sprintf("%s, %d cores, %s %s, GOGC %d, %s", m.CPU, m.Cores, m.Go, m.OS, m.GOGC, m.Date.Format("2006-01-02 15:04 MST"))
}

// A noise sums up what else the machine did during the measurements. The zero value is ready. Not safe for concurrent use.
type noise struct {
	capacity, foreign time.Duration
}

// watch begins a measurement of a stand; the function returned ends it.
func (n *noise) watch(s *stand) (done func()) {
	read := func() (busy, own time.Duration, err error) {
		self, err := cpuTime(os.Getpid())
		if err != nil {
			return 0, 0, err
		}
		busy, err = machineBusy()
		return busy, self + s.cpu(), err
	}
	start := time.Now()
	busy, own, err := read()
	return func() {
		busyNow, ownNow, errNow := read()
		if err != nil || errNow != nil {
			return
		}
		n.capacity += time.Since(start) * time.Duration(runtime.NumCPU())
		n.foreign += max((busyNow-busy)-(ownNow-own), 0)
	}
}

// share returns which part of the machine went to others, 0 to 1.
func (n *noise) share() float64 {
	if n.capacity == 0 {
		return 0
	}
	return float64(n.foreign) / float64(n.capacity)
}

// note returns a sentence about a noisy machine, or nothing.
func (n *noise) note() string {
	if n.share() < noisyAbove {
		return ""
	}
	return fmt.Sprintf("Noisy: %.0f %% of the processor time went to other programs. Compare ratios within a cell only; p99 is mostly theirs.", n.share()*100)
}
