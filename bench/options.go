package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// options are the flags.
type options struct {
	rounds    int
	duration  time.Duration
	conns     string
	only      string
	targets   string
	gateway   string
	anonymous bool
	postgres  string
	quick     bool
	json      string
	markdown  string
	soak16k   bool
	soakCalls int64
	sessions  int
	profile   string
}

// parse reads the flags.
func (o *options) parse(args []string, stderr io.Writer) error {
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.IntVar(&o.rounds, "rounds", 7, "how often each target is measured in each cell")
	f.DurationVar(&o.duration, "duration", 600*time.Millisecond, "how long a target is loaded in a round, after its warm-up")
	f.StringVar(&o.conns, "conns", "1,16,64", "numbers of connections")
	f.StringVar(&o.only, "only", "", "measure only what has a name, such as \"legacy SSE, 16 KB, c=64\" or \"audit, durable\", that matches this expression")
	f.StringVar(&o.targets, "targets", "E,B,C,S", "which of the yardsticks E, B, C and the gateway S to measure")
	f.StringVar(&o.gateway, "gateway", "", "binary of the gateway (default: built from this module)")
	f.BoolVar(&o.anonymous, "anonymous", false, "run the gateway without a key")
	f.StringVar(&o.postgres, "postgres", "start", "PostgreSQL for the audit record: start one, where it is installed, the DSN of an empty database, or nothing")
	f.BoolVar(&o.quick, "quick", false, "one round of 300 ms at 1 and 16 connections: does it work at all?")
	f.StringVar(&o.json, "json", "", "keep the raw figures in this file")
	f.StringVar(&o.markdown, "markdown", "", "put the table between the marks of this page")
	f.BoolVar(&o.soak16k, "soak16k", false, "instead of the table: 100,000 calls of 16 KB through each target, counting dropped connections")
	f.Int64Var(&o.soakCalls, "soak-calls", 100_000, "how many calls -soak16k makes")
	f.IntVar(&o.sessions, "sessions", 0, "instead of the table: memory of so many idle legacy sessions")
	f.StringVar(&o.profile, "profile", "", "instead of the table: CPU profile of the gateway in the first cell that -only matches, into this file")
	if err := f.Parse(args); err != nil {
		return err
	}
	if f.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", f.Arg(0))
	}
	if o.quick {
		o.rounds, o.duration, o.conns = 1, 300*time.Millisecond, "1,16"
	}
	if o.rounds < 1 || o.duration <= 0 {
		return errors.New("-rounds and -duration must be positive")
	}
	return nil
}

// parseConns reads a list of numbers of connections.
func parseConns(list string) ([]int, error) {
	var conns []int
	for field := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(field))
		if err != nil || n < 1 || n > 1000 {
			return nil, fmt.Errorf("-conns: %q is not a number from 1 to 1000", field)
		}
		conns = append(conns, n)
	}
	return conns, nil
}
