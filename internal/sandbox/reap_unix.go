//go:build unix

package sandbox

import (
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"sync/atomic"
	"syscall"

	"github.com/sumun-mcp/sumun/internal/sandbox/box/launch"
)

// lifeLine is the file that a Reap inherits: the reading end of a pipe that nobody writes to and only the gateway holds open.
const lifeLine = 3

// Reap runs the program argv, which is a path and its arguments, as a child of this process, and returns its exit status. A
// gateway starts its servers through it, since a gateway that is killed can do nothing for its children any more: `npx` starts
// a server as a grandchild, and that may ignore both the end of its input and signals to its parent. The kernel closes the life
// line of a gateway that has died in whatever way; then, or when the program itself has ended, Reap kills all that came from
// the program. On Linux it adopts orphans, so that it finds them whatever process group or session they moved to; elsewhere it
// kills the process group.
//
// Reap uses file descriptor 3 and belongs into a process of its own: the program re-executes itself with a hidden verb.
func Reap(argv []string) int {
	runtime.LockOSThread() // the child is told of the death of this thread
	// Signals to the group are for the server, and must not end who watches it. Being caught and not ignored, they are not
	// ignored by the child.
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT)
	syscall.CloseOnExec(lifeLine)
	adopt()
	pid, err := syscall.ForkExec(argv[0], //nolint:gosec // to run what the gateway was configured to run is the purpose
		argv, &syscall.ProcAttr{
			Env: os.Environ(), Files: []uintptr{0, 1, 2}, Sys: childAttributes(),
		})
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s cannot be run: %v\n", argv[0], err)
		const cannotRun = 126
		return cannotRun
	}
	letGo(os.Stdin, os.Stdout) // so that the gateway sees when the server closes them
	var dying atomic.Bool
	go pass(signals, pid) // this and the next end with the process
	go func() {
		_, _ = io.Copy(io.Discard, os.NewFile(lifeLine, "life line"))
		dying.Store(true)
		killTree(pid)
	}()
	return launch.Await(pid, &dying, func() { killTree(pid) })
}

// letGo puts nothing in the place of files, whose numbers must not be used for others.
func letGo(files ...*os.File) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	for _, f := range files {
		if err == nil {
			err = duplicate(int(null.Fd()), int(f.Fd()))
		}
	}
}
