package dial

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
)

func newDialer(t *testing.T, p Policy) *Dialer {
	t.Helper()
	d, err := New(p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d
}

// get asks for a URL and returns the body.
func get(t *testing.T, d *Dialer, rawURL string, header ...string) (string, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, rawURL, http.NoBody)
	if err != nil {
		return "", err
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := d.Client().Do(r)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := Read(resp.Body, 1<<20)
	return string(body), err
}

// serve starts a server that counts its requests.
func serve(t *testing.T, h http.HandlerFunc) (addr string, asked *atomic.Int32) {
	t.Helper()
	asked = new(atomic.Int32)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		h(w, r)
	}))
	t.Cleanup(s.Close)
	return s.Listener.Addr().String(), asked
}

func hello(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }

func TestKind(t *testing.T) {
	tests := map[kind][]string{
		public: {"8.8.8.8", "1.1.1.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808", "172.32.0.1", "100.128.0.1", "192.1.0.1"},
		private: {
			"10.0.0.1", "127.0.0.1", "127.255.1.2", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "0.1.2.3", "192.0.2.1",
			"198.18.0.1", "240.0.0.1", "::1", "fc00::1", "fd12::1", "::ffff:10.0.0.1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a00:1",
			"64:ff9b:1::1", "2002:7f00:1::", "2001::1", "2001:db8::1", "::127.0.0.1", "fec0::1", "100::1", "5f00::1",
		},
		sensitive: {
			"169.254.169.254", "169.254.170.2", "fd00:ec2::254", "100.100.100.200", "168.63.129.16", "fe80::1", "::ffff:169.254.169.254",
			"64:ff9b::a9fe:a9fe", "fd20:ce::254",
		},
		never: {"0.0.0.0", "::", "224.0.0.1", "239.1.1.1", "ff02::1", "255.255.255.255", "::ffff:0.0.0.0", "64:ff9b::"},
	}
	for want, addrs := range tests {
		for _, addr := range addrs {
			if got := kindOf(embedded(netip.MustParseAddr(addr))); got != want {
				t.Errorf("%s is of kind %d, want %d", addr, got, want)
			}
		}
	}
}

func TestPrivate(t *testing.T) {
	addr, asked := serve(t, hello)
	_, port, _ := net.SplitHostPort(addr)
	tests := []struct {
		private []string
		url     string
		ok      bool
	}{
		{nil, "http://" + addr, false},
		{nil, "http://localhost:" + port, false},
		{nil, "http://[::ffff:127.0.0.1]:" + port, false},
		{nil, "http://127.1:" + port, false},
		{nil, "http://2130706433:" + port, false},
		{nil, "http://0x7f.1:" + port, false},
		{nil, "http://0x7f000001:" + port, false},
		{nil, "http://0177.0.0.1:" + port, false},
		{nil, "http://0.0.0.0:" + port, false},
		{nil, "http://[::]:" + port, false},
		{nil, "http://LOCALHOST.:" + port, false},
		{nil, "http://127.0.0.1.:" + port, false},
		{[]string{"0.0.0.0/0", "*"}, "http://0.0.0.0:" + port, false},
		{[]string{addr}, "http://" + addr, true},
		{[]string{addr}, "http://[::ffff:127.0.0.1]:" + port, true},
		{[]string{addr}, "http://localhost:" + port, true}, // the address is named
		{[]string{"127.0.0.1"}, "http://" + addr, true},
		{[]string{"127.0.0.1:1"}, "http://" + addr, false},
		{[]string{"127.0.0.0/8"}, "http://" + addr, true},
		{[]string{"10.0.0.0/8"}, "http://" + addr, false},
		{[]string{"localhost:" + port}, "http://localhost:" + port, true},
		{[]string{"localhost"}, "http://LocalHost.:" + port, true},
		{[]string{"localhost"}, "http://" + addr, false},
		{[]string{"*"}, "http://" + addr, true},
	}
	for _, tt := range tests {
		before := asked.Load()
		body, err := get(t, newDialer(t, Policy{Private: tt.private}), tt.url)
		reached := asked.Load() > before
		if tt.ok && (err != nil || body != "hello") {
			t.Errorf("%s with %q: %q, %v", tt.url, tt.private, body, err)
		}
		if !tt.ok && (err == nil || reached) {
			t.Errorf("%s with %q was fetched", tt.url, tt.private)
		}
	}
}

// TestSensitive holds that a network or a name does not open what only an address does.
func TestSensitive(t *testing.T) {
	for _, private := range [][]string{nil, {"*"}, {"169.254.0.0/16"}, {"0.0.0.0/0", "::/0"}, {"metadata.google.internal"}} {
		d := newDialer(t, Policy{Private: private})
		for _, raw := range []string{
			"http://169.254.169.254/latest/meta-data/", "http://[fd00:ec2::254]/", "http://[::ffff:a9fe:a9fe]/", "http://[64:ff9b::a9fe:a9fe]/",
			"http://100.100.100.200/", "http://[fe80::1%25eth0]/",
		} {
			if err := d.Check(parse(t, raw)); !errors.Is(err, ErrRefused) {
				t.Errorf("%s with %q: %v", raw, private, err)
			}
		}
		if err := d.checkAddress(netip.MustParseAddr("169.254.169.254"), "metadata.google.internal", "80"); !errors.Is(err, ErrRefused) {
			t.Errorf("a name for it with %q: %v", private, err)
		}
	}
	for _, private := range []string{"169.254.169.254", "169.254.169.254:80", "169.254.169.254/32"} {
		if err := newDialer(t, Policy{Private: []string{private}}).Check(parse(t, "http://169.254.169.254/")); err != nil {
			t.Errorf("%s: %v", private, err)
		}
	}
}

func parse(t *testing.T, raw string) *url.URL {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestHosts(t *testing.T) {
	d := newDialer(t, Policy{Hosts: []string{"api.example.com", "*.example.org:8443", "1.1.1.1", "[2606:4700::1111]:443"}})
	allowed := []string{
		"https://api.example.com/x", "https://API.Example.COM./x", "http://api.example.com:81", "https://a.example.org:8443", "https://a.b.example.org:8443",
		"https://1.1.1.1", "https://[2606:4700::1111]/", "https://[::ffff:1.1.1.1]/",
	}
	refused := []string{
		"https://example.com", "https://api.example.com.evil.test", "https://evilapi.example.com", "https://api.example.com@evil.test", "https://good@api.example.com",
		"https://example.org:8443", "https://a.example.org", "https://aexample.org:8443", "https://api.example.com..", "https://xn--pi-7ka.example.com",
		"https://аpi.example.com", "https://api。example.com", "https://[2606:4700::1111]:444/", "ftp://api.example.com", "file:///etc/passwd", "https:api.example.com",
		"gopher://api.example.com", "https://", "https://api.example.com%2eevil.test", "//api.example.com", "https://api_.example.com", "https://.example.org:8443",
	}
	for _, raw := range allowed {
		if err := d.Check(parse(t, raw)); err != nil {
			t.Errorf("%s: %v", raw, err)
		}
	}
	for _, raw := range refused {
		u, err := url.Parse(raw)
		if err != nil {
			continue
		}
		if err := d.Check(u); !errors.Is(err, ErrRefused) {
			t.Errorf("%s: %v", raw, err)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	bad := []string{
		"", "https://example.com", "example.com/path", "exa mple.com", "*.1.1.1.1", "a*.example.com", "example.com:0", "example.com:65536", "example.com:http",
		"пример.example", "10.0.0.0/8", "::1:80:", "[::1", "0x7f.1", "*.*",
	}
	for _, text := range bad {
		if _, err := New(Policy{Hosts: []string{text}}); err == nil {
			t.Errorf("the host %q is taken", text)
		}
	}
	_, err := New(Policy{Hosts: []string{"a b"}, Private: []string{"c d", "10.0.0.0/33"}})
	for _, want := range []string{`"a b"`, `"c d"`, `"10.0.0.0/33"`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error %v does not name %s", err, want)
		}
	}
}

// TestRebinding has a name that is public when it is first asked for, and loopback after that.
func TestRebinding(t *testing.T) {
	addr, asked := serve(t, hello)
	_, port, _ := net.SplitHostPort(addr)
	d := newDialer(t, Policy{Hosts: []string{"rebind.test"}})
	d.resolver = nameServer(t, [4]byte{127, 0, 0, 1})
	if _, err := get(t, d, "http://rebind.test:"+port); !errors.Is(err, ErrRefused) {
		t.Errorf("a name for loopback: %v", err)
	}
	if asked.Load() != 0 {
		t.Error("the server was reached")
	}
	d = newDialer(t, Policy{Private: []string{"rebind.test"}})
	d.resolver = nameServer(t, [4]byte{127, 0, 0, 1})
	if body, err := get(t, d, "http://rebind.test:"+port); err != nil || body != "hello" {
		t.Errorf("a name that is named as private: %q, %v", body, err)
	}
	d = newDialer(t, Policy{Private: []string{"rebind.test"}})
	d.resolver = nameServer(t, [4]byte{169, 254, 169, 254})
	if _, err := get(t, d, "http://rebind.test:"+port); !errors.Is(err, ErrRefused) {
		t.Errorf("a name for the metadata of a cloud: %v", err)
	}
}

// nameServer returns a resolver for which each name has that address.
func nameServer(t *testing.T, addr [4]byte) *net.Resolver {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 512)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			_, _ = conn.WriteTo(nameAnswer(buf[:n], addr), from)
		}
	}()
	t.Cleanup(func() { conn.Close(); <-done })
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

// nameAnswer answers a question of DNS (RFC 1035 section 4): a question for an A record with addr, others with nothing.
func nameAnswer(question []byte, addr [4]byte) []byte {
	end := 12
	for question[end] != 0 {
		end += int(question[end]) + 1
	}
	end += 5
	out := slices.Clone(question[:end])
	out[2], out[3] = 0x81, 0x80
	binary.BigEndian.PutUint16(out[10:], 0) // no additional records
	if binary.BigEndian.Uint16(question[end-4:]) == 1 {
		binary.BigEndian.PutUint16(out[6:], 1)
		out = append(out, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4)
		out = append(out, addr[:]...)
	}
	return out
}

func TestRedirect(t *testing.T) {
	secret := []string{"Authorization", "Bearer s3cret", "X-Api-Key", "s3cret", "Cookie", "s3cret"}
	var home, away string
	seen := make(chan http.Header, 10)
	away, awayAsked := serve(t, func(w http.ResponseWriter, r *http.Request) {
		seen <- r.Header.Clone()
		if r.URL.Path == "/back" {
			http.Redirect(w, r, "http://"+home+"/end", http.StatusFound)
		}
	})
	home, _ = serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/here":
			http.Redirect(w, r, "/end?q=1", http.StatusFound)
		case "/away", "/back":
			http.Redirect(w, r, "http://"+away+r.URL.Path, http.StatusTemporaryRedirect)
		case "/loop":
			http.Redirect(w, r, "/loop", http.StatusFound)
		case "/metadata":
			http.Redirect(w, r, "http://169.254.169.254/latest", http.StatusFound)
		case "/user":
			http.Redirect(w, r, "http://x:y@"+home+"/end", http.StatusFound)
		default:
			seen <- r.Header.Clone()
		}
	})
	d := newDialer(t, Policy{Private: []string{home, away}})
	fetch := func(path string) error {
		_, err := get(t, d, "http://"+home+path, secret...)
		return err
	}
	leaks := func(h http.Header) bool { return strings.Contains(fmt.Sprint(h), "s3cret") || h.Get("Referer") != "" }

	if err := fetch("/here"); err != nil {
		t.Fatal(err)
	}
	if h := <-seen; h.Get("X-Api-Key") == "" || h.Get("Authorization") == "" || h.Get("Referer") != "" {
		t.Errorf("the same origin was sent %v", h)
	}
	if err := fetch("/away"); err != nil {
		t.Fatal(err)
	}
	if h := <-seen; leaks(h) {
		t.Errorf("another origin was sent %v", h)
	}
	if err := fetch("/back"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if h := <-seen; leaks(h) {
			t.Errorf("there and back was sent %v", h)
		}
	}
	for _, path := range []string{"/loop", "/metadata", "/user"} {
		if err := fetch(path); !errors.Is(err, ErrRefused) {
			t.Errorf("%s: %v", path, err)
		}
	}
	before := awayAsked.Load()
	r, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+home+"/away", strings.NewReader("s3cret"))
	resp, err := d.Client().Do(r)
	if err == nil {
		resp.Body.Close()
	}
	if !errors.Is(err, ErrRefused) || awayAsked.Load() != before {
		t.Errorf("a body for another origin: %v", err)
	}
}

func TestRedirectNone(t *testing.T) {
	addr, _ := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/x", http.StatusFound) })
	d := newDialer(t, Policy{Private: []string{addr}, Redirects: -1})
	r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+addr, http.NoBody)
	resp, err := d.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusFound {
		t.Errorf("status %d", resp.StatusCode)
	}
}

func TestRedirectDowngrade(t *testing.T) {
	plain, _ := serve(t, hello)
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "http://"+plain, http.StatusFound) }))
	defer s.Close()
	d := newDialer(t, Policy{Private: []string{"127.0.0.1"}})
	d.direct.TLSClientConfig = s.Client().Transport.(*http.Transport).TLSClientConfig
	if _, err := get(t, d, s.URL); !errors.Is(err, ErrRefused) {
		t.Errorf("from https to http: %v", err)
	}
}

func TestProxy(t *testing.T) {
	proxy, asked := serve(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "for "+r.URL.String()) })
	t.Setenv("HTTP_PROXY", "http://"+proxy)
	t.Setenv("http_proxy", "http://"+proxy)
	if _, err := get(t, newDialer(t, Policy{}), "http://nowhere.invalid/"); err == nil || asked.Load() != 0 {
		t.Errorf("the environment's proxy was used: %v", err)
	}
	d := newDialer(t, Policy{Hosts: []string{"api.test", "direct.test"}, Proxy: func(r *http.Request) (*url.URL, error) {
		if r.URL.Hostname() == "direct.test" {
			return nil, nil //nolint:nilnil // as http.ProxyFromEnvironment does
		}
		return url.Parse("http://" + proxy)
	}})
	if body, err := get(t, d, "http://api.test/x"); err != nil || body != "for http://api.test/x" {
		t.Errorf("through a proxy: %q, %v", body, err)
	}
	if _, err := get(t, d, "http://evil.test/x"); !errors.Is(err, ErrRefused) {
		t.Errorf("a host that is not allowed, through a proxy: %v", err)
	}
	d.resolver = nameServer(t, [4]byte{127, 0, 0, 1})
	if _, err := get(t, d, "http://direct.test/x"); !errors.Is(err, ErrRefused) {
		t.Errorf("past the proxy to loopback: %v", err)
	}
}

func TestRead(t *testing.T) {
	for _, tt := range []struct {
		most int64
		want string
		err  error
	}{{5, "hello", nil}, {6, "hello", nil}, {4, "hell", ErrTooLarge}, {0, "", ErrTooLarge}} {
		data, err := Read(strings.NewReader("hello"), tt.most)
		if string(data) != tt.want || !errors.Is(err, tt.err) {
			t.Errorf("at most %d: %q, %v", tt.most, data, err)
		}
	}
}

func TestDialContext(t *testing.T) {
	addr, _ := serve(t, hello)
	d := newDialer(t, Policy{Private: []string{addr}})
	conn, err := d.DialContext(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	for _, tt := range [][2]string{{"udp", addr}, {"unix", "/tmp/x"}, {"tcp", "127.0.0.1"}, {"tcp", "127.0.0.1:1"}} {
		if conn, err := d.DialContext(t.Context(), tt[0], tt[1]); err == nil {
			conn.Close()
			t.Errorf("%q was dialed", tt)
		}
	}
}

// FuzzCheck holds that what passes is one of the hosts that are allowed, whatever it is written like.
func FuzzCheck(f *testing.F) {
	for _, s := range []string{"https://api.example.com", "https://a.example.org:8443/", "https://good@evil", "http://0x7f.1", "http://[::1]", "https://api.example.com\\@evil"} {
		f.Add(s)
	}
	d, err := New(Policy{Hosts: []string{"api.example.com", "*.example.org:8443"}})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		u, err := url.Parse(raw)
		if err != nil || d.Check(u) != nil {
			return
		}
		host := strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
		if host != "api.example.com" && (!strings.HasSuffix(host, ".example.org") || u.Port() != "8443") || u.User != nil {
			t.Errorf("%q passes", raw)
		}
	})
}

// FuzzHost holds that a canonical host is its own canonical form, and has nothing that ends or joins hosts.
func FuzzHost(f *testing.F) {
	for _, s := range []string{"a.b", "A.", "127.0.0.1", "::1", "::ffff:1.2.3.4", "0x7f.1", "xn--a", "a..b", "fe80::1%eth0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, host string) {
		name, err := canonical(host)
		if err != nil {
			return
		}
		again, err := canonical(name)
		if err != nil || again != name || strings.ContainsAny(name, "/@\\?#% \r\n") {
			t.Errorf("%q becomes %q, %q, %v", host, name, again, err)
		}
	})
}
