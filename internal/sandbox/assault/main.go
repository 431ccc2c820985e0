//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"
)

// A verdict is how a probe went, as it is printed.
type verdict struct {
	Through bool   // it did what a box must not let it do
	Missing bool   // so fails what a machine cannot do, or lets nobody do
	Detail  string // what it met
}

// usage is what the program exits with when it is not told what to do.
const usage = 2

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout)) }

// run runs the probe NAME against the target, which is the second argument in JSON, and prints its verdict. Instead of a
// probe there may be a role: the victim, somebody who does as little as possible, or one that was started by a probe.
func run(args []string, stdin io.Reader, stdout io.Writer) int {
	if len(args) == 0 {
		return usage
	}
	switch args[0] {
	case "victim":
		return victim(stdin, stdout)
	case "echo": // what the bench measures a start and a call by
		_, _ = io.Copy(stdout, stdin)
		return 0
	case "stay":
		return stay(stdout)
	case "hello":
		fmt.Fprintln(stdout, greeting)
		return 0
	case "shadow-for-me": // as the program whose owner is root
		if err := readShadow(nil); err != nil {
			return 1
		}
		fmt.Fprintln(stdout, greeting)
		return 0
	}
	if args[0] == "each" && len(args) > 2 {
		return each(args[1], args[2:], stdout)
	}
	var t Target
	if len(args) != 2 || json.Unmarshal([]byte(args[1]), &t) != nil {
		return usage
	}
	for _, p := range probes() {
		if p.name == args[0] {
			return tell(stdout, p.run(&t))
		}
	}
	return usage
}

// tell prints the verdict on what a probe has returned.
func tell(stdout io.Writer, err error) int {
	v := verdict{Through: err == nil, Missing: isMissing(err)}
	if err != nil {
		v.Detail = err.Error()
	}
	if err := json.NewEncoder(stdout).Encode(v); err != nil {
		return 1
	}
	return 0
}

// isMissing reports whether the error is one of a machine that cannot do what was asked, or does not let anybody. Who is not root,
// or is in a box, is told the same.
func isMissing(err error) bool {
	for _, no := range []error{
		errMissing, syscall.ENOSYS, syscall.EAFNOSUPPORT, syscall.EPROTONOSUPPORT, syscall.ESOCKTNOSUPPORT, syscall.EOPNOTSUPP, syscall.ENOENT, syscall.EPERM,
	} {
		if errors.Is(err, no) {
			return true
		}
	}
	return false
}

// stay makes three copies of itself, each in a session of its own, says so and ignores everything that can be ignored.
func stay(stdout io.Writer) int {
	signal.Ignore(syscall.SIGHUP, syscall.SIGINT, syscall.SIGTERM, syscall.SIGPIPE)
	for range 3 {
		if _, err := forked(func() { raw(syscall.SYS_SETSID); rest() }); err != nil {
			return 1
		}
	}
	fmt.Fprintln(stdout, greeting)
	for {
		rest()
	}
}

// each runs some probes, where every one of them may be a program of its own, and prints NAME and what it has said, line by line.
func each(target string, names []string, stdout io.Writer) int {
	for _, name := range names {
		ctx, stop := context.WithTimeout(context.Background(), 20*time.Second) //nolint:forbidigo // this is a program
		said, _ := exec.CommandContext(ctx, self, name, target).Output()       //nolint:gosec // who says nothing has failed
		stop()
		fmt.Fprintf(stdout, "%s %s\n", name, bytes.TrimSpace(said))
	}
	return 0
}
