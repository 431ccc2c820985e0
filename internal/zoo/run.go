package zoo

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// patience is how long an animal waits for what others should do at once.
const patience = 10 * time.Second

// Run runs an animal as a program does, until its standard input or ctx ends. The arguments are flags and the animal's name:
//
//	[--twin|--company] [--http 127.0.0.1:0] [--dir DIR] [--sink URL] [--every 5s] [--at 2026-11-22T09:00:00Z] NAME
//
// With --http it listens there, and says where on errors.
func Run(ctx context.Context, arguments []string, in io.Reader, out, errors io.Writer) error {
	flags := flag.NewFlagSet("zoo", flag.ContinueOnError)
	flags.SetOutput(errors)
	twin, company := flags.Bool("twin", false, "its honest twin"), flags.Bool("company", false, "the honest server beside it")
	address := flags.String("http", "", "an address of loopback to listen on instead of speaking on standard input and output")
	h := &Habitat{Now: time.Now}
	flags.StringVar(&h.Dir, "dir", "", "a directory in which it may do what it likes")
	flags.StringVar(&h.Sink, "sink", "", "a URL of loopback that it sends to")
	flags.DurationVar(&h.Every, "every", 5*time.Second, "how often it sends telemetry")
	at := flags.String("at", "", "the time that it believes it is when it starts")
	if err := flags.Parse(arguments); err != nil {
		return fmt.Errorf("reading an animal's flags: %w", err)
	}
	if *at != "" {
		fixed, err := time.Parse(time.RFC3339, *at)
		if err != nil {
			return fmt.Errorf("reading --at: %w", err)
		}
		began := time.Now()
		h.Now = func() time.Time { return fixed.Add(time.Since(began)) }
	}
	s, err := let(h, flags.Arg(0), *twin, *company)
	if err != nil {
		return err
	}
	return s.run(ctx, func(ctx context.Context) error {
		if *address == "" {
			return s.Speak(ctx, in, out)
		}
		if !strings.HasPrefix(*address, "127.0.0.1:") {
			return fmt.Errorf("animals stay on 127.0.0.1, not %s", *address)
		}
		return s.listen(ctx, *address, func(url string) { fmt.Fprintln(errors, url) })
	})
}

// let returns the server of that name.
func let(h *Habitat, name string, twin, company bool) (*Server, error) {
	a, ok := Find(name)
	if !ok {
		return nil, fmt.Errorf("the zoo has no %q", name)
	}
	switch {
	case twin && a.Twin != nil:
		return a.Out(h, a.Twin), nil
	case company && a.Company != nil:
		return a.Out(h, a.Company), nil
	case twin || company:
		return nil, fmt.Errorf("%s has none", name)
	}
	return a.Out(h, a.Server), nil
}

// Out makes one of the animal's servers in a habitat.
func (a *Animal) Out(h *Habitat, which func(*Habitat) *Server) *Server {
	s := which(h)
	s.now = h.Now
	return s
}

// run runs what a server does beside answering as long as serve runs.
func (s *Server) run(ctx context.Context, serve func(ctx context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	var beside sync.WaitGroup
	defer beside.Wait()
	defer cancel()
	if s.Beside != nil {
		beside.Go(func() { s.Beside(ctx) })
	}
	return serve(ctx)
}

// Speak answers the messages of one client, a line each, until there are no more, or ctx ends.
func (s *Server) Speak(ctx context.Context, in io.Reader, out io.Writer) error {
	ctx, cancel := context.WithCancel(ctx)
	var mu sync.Mutex
	say := func(message []byte) {
		mu.Lock()
		defer mu.Unlock()
		_, _ = out.Write(append(message, '\n'))
	}
	t := &talk{say: say}
	var work sync.WaitGroup
	defer work.Wait()
	defer cancel()
	lines := bufio.NewReaderSize(in, 64<<10)
	for ctx.Err() == nil {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return nil // the client has gone
		}
		if s.Wild != nil { // it may wait for ever, and still hears that its client goes
			work.Go(func() { s.speak(ctx, t, line) })
			continue
		}
		s.speak(ctx, t, line)
	}
	return nil
}

func (s *Server) speak(ctx context.Context, t *talk, line []byte) {
	if answer := s.answer(ctx, t, line); answer != nil {
		t.say(answer)
	}
}
