package launch

import (
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// watch waits until the program ends and returns its exit status; it ends at once, with all that is in the box, when who gave the
// order has gone or the box has too much memory. The first process of a namespace is left with the children of all who end, and the kernel
// takes all of them along when it ends itself. A launcher of box-lite adopts those children, too, but has to kill them one by one.
func (o *Order) watch(child int, dying *atomic.Bool) int {
	letGo()
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2)
	go forward(signals, child) // this and the next end with the process
	if o.Memory > 0 && !o.Lite {
		go func() {
			awaitExcess(o.Memory)
			answer(AnswerLimit, "memory: all processes together had too much")
			o.end(dying)
		}()
	}
	shrink()
	if o.Lite {
		return Await(child, dying, func() { KillChildren(child) })
	}
	return reap(child)
}

// end ends this process, and with it all that is in the box.
func (o *Order) end(dying *atomic.Bool) {
	if o.Lite {
		dying.Store(true)
		KillChildren(0) // and whoever waits for them kills those that come after
		return
	}
	syscall.Exit(cannotRun)
}

// reap waits for the child, and for whoever is left with us, and returns the exit status of the child as shells have it.
func reap(child int) int {
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		switch {
		case err != nil && err != syscall.EINTR:
			return cannotRun
		case pid == child:
			return ExitStatus(status)
		}
	}
}

// awaitOwner returns when the other end of the control socket has been closed.
func awaitOwner() {
	var b [1]byte
	for {
		if n, err := unix.Read(Control, b[:]); n == 0 || err != nil && err != unix.EINTR {
			return
		}
	}
}

// How often memory is counted where no control group does that: seldom while there is little.
const (
	countSeldom = 250 * time.Millisecond
	countOften  = 50 * time.Millisecond
	little      = 4 // parts of the bound
)

// awaitExcess returns when all processes but this one, and what they have sent each other, need more than most bytes of memory together.
func awaitExcess(most int64) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for range timer.C {
		// What is resident counts what is shared once for each, so that it is quickly told that there is not too much.
		waiting := queued()
		rough := sum(resident) + waiting
		if rough > most && sum(proportional)+waiting > most {
			return
		}
		next := countSeldom
		if rough > most/little {
			next = countOften
		}
		timer.Reset(next)
	}
}

// forward hands signals on to the program and its group.
func forward(signals <-chan os.Signal, child int) {
	for s := range signals {
		if s, ok := s.(syscall.Signal); ok {
			_ = syscall.Kill(-child, s)
		}
	}
}

// letGo closes the program's standard files here, so that they end when the program closes them.
func letGo() {
	null, err := unix.Open("/dev/null", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return
	}
	for fd := range 3 {
		_ = unix.Dup3(null, fd, 0)
	}
	_ = unix.Close(null)
}
