package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/pprof"
	"net/url"
	"runtime"
	"strconv"
	"sync"
	"time"

	"github.com/sumun-mcp/sumun/bench/load"
)

// childVerb is the hidden first argument under which this program is a yardstick and not the bench.
const childVerb = "yardstick"

// A childConfig says which yardstick a process is.
type childConfig struct {
	kind     string // E, B or C
	shape    load.Shape
	era      string // of E: modern, legacy or both
	tools    int    // of E
	upstream string // of B and C: the endpoint of E
}

// args returns the command line that says the same.
func (c childConfig) args() []string {
	return []string{
		childVerb, "-kind", c.kind, "-era", c.era, "-upstream", c.upstream, "-tools", strconv.Itoa(c.tools),
		fmt.Sprintf("-modern=%t", c.shape.Modern), fmt.Sprintf("-stream=%t", c.shape.Stream),
	}
}

// parseChild reads what args wrote.
func parseChild(args []string, stderr io.Writer) (childConfig, error) {
	var c childConfig
	f := flag.NewFlagSet(childVerb, flag.ContinueOnError)
	f.SetOutput(stderr)
	f.StringVar(&c.kind, "kind", "E", "which yardstick: E, B or C")
	f.StringVar(&c.era, "era", "both", "the eras that E speaks: modern, legacy or both")
	f.StringVar(&c.upstream, "upstream", "", "the endpoint behind B and C")
	f.IntVar(&c.tools, "tools", 1, "how many tools E lists")
	f.BoolVar(&c.shape.Modern, "modern", false, "the modern era on both sides of C")
	f.BoolVar(&c.shape.Stream, "stream", false, "answers as event streams")
	return c, f.Parse(args)
}

// runChild is the main function of a yardstick's process. It says on stdout where it listens and ends when stdin does,
// so that it cannot outlive the bench.
func runChild(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	c, err := parseChild(args, stderr)
	if err != nil {
		return err
	}
	handler, err := c.handler(ctx)
	if err != nil {
		return err
	}
	front, err := serve(ctx, handler)
	if err != nil {
		return err
	}
	back, err := serve(ctx, controlHandler())
	if err != nil {
		return errors.Join(err, front.close())
	}
	fmt.Fprintf(stdout, "%s %s\n", front.addr, back.addr)
	_, err = io.Copy(io.Discard, stdin)
	return errors.Join(err, front.close(), back.close())
}

// handler makes the yardstick.
func (c childConfig) handler(ctx context.Context) (http.Handler, error) {
	switch c.kind {
	case "E":
		return newUpstream(c.era, c.shape.Stream, c.tools), nil
	case "B":
		target, err := url.Parse(c.upstream)
		if err != nil {
			return nil, err
		}
		target.Path = ""
		return newProxy(target), nil
	case "C":
		return newNaive(ctx, c.upstream, c.shape)
	}
	return nil, fmt.Errorf("no yardstick is called %q", c.kind)
}

// A service is an HTTP server on a loopback port of its own.
type service struct {
	addr    string
	server  *http.Server
	serving sync.WaitGroup
}

// serve starts a service. The caller closes it.
func serve(ctx context.Context, h http.Handler) (*service, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &service{addr: listener.Addr().String(), server: &http.Server{Handler: h, ReadHeaderTimeout: time.Minute}}
	s.serving.Go(func() { _ = s.server.Serve(listener) }) // ends with ErrServerClosed
	return s, nil
}

// close ends the service at once.
func (s *service) close() error {
	err := s.server.Close()
	s.serving.Wait()
	return err
}

// memory is what a process says of its heap. All but Heap count from its start.
type memory struct {
	Mallocs uint64  // objects allocated
	Bytes   uint64  // bytes allocated
	Heap    int64   // bytes in use, garbage included
	GCs     float64 // collections done
}

// controlHandler answers /memory, and profiles the process at /debug/pprof/profile.
func controlHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/memory", func(w http.ResponseWriter, _ *http.Request) {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		heap := int64(m.HeapAlloc) //nolint:gosec // no heap is that large
		_ = json.NewEncoder(w).Encode(memory{m.Mallocs, m.TotalAlloc, heap, float64(m.NumGC)})
	})
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	return mux
}
