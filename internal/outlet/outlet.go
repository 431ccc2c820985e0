// Package outlet is the network of a box: a program in one has no network but the names and ports that its hosts list.
//
// The box hands its sockets out: one on which the programs in it ask for names, and one listener for each port. The names that are allowed
// get a synthetic address each, which the box routes to its listeners, whatever is connected to there is accepted here, and the address tells
// which name was meant. On ports of TLS the client has to ask for that same name (SNI), or else an allowed host that serves many names would
// lead to all of them. The name is resolved here, for each connection anew, and only public addresses are connected to (package dial).
//
// It does not see into TLS: a host that is allowed and lets anybody store or forward things can be sent anything.
package outlet

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/sumun-mcp/sumun/internal/dial"
	"github.com/sumun-mcp/sumun/internal/sandbox/box"
)

// Options say what a program may connect to.
type Options struct {
	// Hosts lists it: HOST for port 443, HOST:PORT, or *.example.com for all below example.com, as in mcp.yaml. Without any, all is refused and
	// told.
	Hosts []string
	// Private lists names and networks whose addresses need not be public, in the form of [dial.Policy]: the registry of an installation,
	// which the configuration of the machine names. What a program's author can choose must not stand in it.
	Private []string
	// Refused is told of each name and connection that is refused. It must not block, and may be called concurrently.
	Refused func(box.Refusal)
	// Sink stands in for the whole network, for programs that are only watched: every name gets an address, whatever is connected to takes
	// what is sent, and nothing is connected to. It is told of each name and connection, must not block, and may be called concurrently.
	Sink func(Visit)
	// Log is told of connections that could not be made.
	Log *slog.Logger
}

// The bounds of one program's connections. How much goes over them is not bounded.
const (
	maxConnections = 256
	helloTime      = 10 * time.Second
	idleTime       = 10 * time.Minute
)

// defaultPort is that of a host without one.
const defaultPort = 443

// tlsPorts are ports where a client speaks TLS from the first byte on, as IANA lists them, and what is used for HTTPS beside 443.
var tlsPorts = []int{443, 465, 563, 636, 853, 989, 990, 992, 993, 994, 995, 5061, 5671, 6514, 8443, 8883}

// Ports returns the ports that hosts name, ascending: those that the box has to listen on.
func Ports(hosts []string) []int {
	var ports []int
	for _, h := range hosts {
		if _, port, ok := splitPort(h); ok {
			ports = append(ports, port)
		}
	}
	slices.Sort(ports)
	return slices.Compact(ports)
}

// splitPort splits an entry of hosts.
func splitPort(entry string) (host string, port int, ok bool) {
	host, text, found := strings.Cut(entry, ":")
	if !found {
		return host, defaultPort, true
	}
	port, err := strconv.Atoi(text)
	return host, port, err == nil && port > 0 && port < 1<<16
}

// A server is the network of one box.
type server struct {
	dialer  *dial.Dialer
	dial    func(ctx context.Context, network, addr string) (net.Conn, error) // the dialer's
	ports   []string                                                          // those of hosts
	names   names
	refused func(box.Refusal)
	sink    func(Visit)
	log     *slog.Logger
	slots   chan struct{} // one for each connection that may be there at once
}

// Check reports what is wrong with hosts, without serving them.
func Check(hosts []string) error {
	_, err := newServer(Options{Hosts: hosts})
	return err
}

func newServer(o Options) (*server, error) {
	s := &server{refused: o.Refused, sink: o.Sink, log: cmp.Or(o.Log, slog.New(slog.DiscardHandler)), slots: make(chan struct{}, maxConnections)}
	policy := dial.Policy{Private: o.Private}
	for _, entry := range o.Hosts {
		host, port, ok := splitPort(entry)
		if !ok || host == "" || host == "*" {
			return nil, fmt.Errorf("%q is not a host that can be connected to; write example.com, example.com:8443 or *.example.com", entry)
		}
		policy.Hosts = append(policy.Hosts, net.JoinHostPort(host, strconv.Itoa(port)))
	}
	for _, port := range Ports(o.Hosts) {
		s.ports = append(s.ports, strconv.Itoa(port))
	}
	var err error
	if s.dialer, err = dial.New(policy); err != nil {
		return nil, fmt.Errorf("reading hosts: %w", err)
	}
	s.dial = s.dialer.DialContext
	return s, nil
}

// Serve answers what comes out of a box until ctx ends. It closes the sockets and all connections, and waits for what it has started.
func Serve(ctx context.Context, l box.Listeners, o Options) error {
	s, err := newServer(o)
	if err != nil {
		l.Close()
		return err
	}
	return s.serve(ctx, l)
}

func (s *server) serve(ctx context.Context, l box.Listeners) error {
	defer s.dialer.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(ctx, l.Close)()
	tasks := []func() error{func() error { return s.answerNames(ctx, l.DNS) }}
	for _, listener := range l.TCP {
		tasks = append(tasks, func() error { return s.accept(ctx, listener) })
	}
	faults := make([]error, len(tasks))
	var work sync.WaitGroup
	for i, task := range tasks {
		work.Go(func() {
			faults[i] = task()
			cancel() // without one of its sockets a box has half a network: better none
		})
	}
	work.Wait()
	return errors.Join(faults...)
}

// accept takes connections until the listener is closed.
func (s *server) accept(ctx context.Context, l net.Listener) error {
	var work sync.WaitGroup
	defer work.Wait()
	for {
		conn, err := l.Accept()
		if err != nil {
			return ended(ctx, fmt.Errorf("accepting connections out of a box: %w", err))
		}
		select {
		case s.slots <- struct{}{}:
		default:
			s.refuse(box.KindLimit, fmt.Sprintf("more than %d connections at once", maxConnections))
			reset(conn)
			continue
		}
		work.Go(func() {
			defer func() { <-s.slots }()
			s.handle(ctx, conn)
		})
	}
}

// ended returns the error of a socket that can no longer be used, or nil if that is as it should be.
func ended(ctx context.Context, err error) error {
	if ctx.Err() == nil && !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// refuse tells of something refused.
func (s *server) refuse(kind, detail string) {
	if s.refused != nil {
		s.refused(box.Refusal{Kind: kind, Detail: detail, At: time.Now()})
	}
}

// allowsName reports whether a name may be connected to at some port.
func (s *server) allowsName(name string) bool {
	return slices.ContainsFunc(s.ports, func(port string) bool { return s.allows(name, port) })
}

// allows reports whether a name may be connected to at that port. A dialer without hosts would allow all.
func (s *server) allows(name, port string) bool {
	return len(s.ports) > 0 && s.dialer.CheckHost(name, port) == nil
}
