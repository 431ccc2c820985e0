package scan

import (
	"crypto/tls"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/exit"
	"github.com/sumun-mcp/sumun/internal/host"
	"github.com/sumun-mcp/sumun/internal/http1"
	"github.com/sumun-mcp/sumun/internal/probe"
	"github.com/sumun-mcp/sumun/internal/route"
	"github.com/sumun-mcp/sumun/internal/sandbox"
	"github.com/sumun-mcp/sumun/internal/transport"
	"github.com/sumun-mcp/sumun/trust"
)

// A Finder finds targets.
type Finder struct {
	// Reaper is the beginning of the command line under which programs are started (see sandbox.Reap).
	Reaper []string
	// Lookup looks variables up.
	Lookup func(string) (string, bool)
	// Header goes to servers that are named by their URLs.
	Header http.Header
	// TLS says whose certificates servers over HTTPS may have, and which one they are shown; nil stands for the system's, and none.
	TLS *tls.Config

	taken map[string]bool
}

// name gives a target its title.
func (f *Finder) name(t Target, as string) Target {
	if f.taken == nil {
		f.taken = map[string]bool{}
	}
	t.Title = title(f.taken, as)
	return t
}

// IsURL reports whether an argument is the address of a server.
func IsURL(argument string) bool { return strings.Contains(argument, "://") }

// URL returns the target at an address.
func (f *Finder) URL(address string) (Target, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || !slices.Contains([]string{"http", "https", "ws", "wss"}, u.Scheme) {
		return Target{}, &exit.Error{Code: exit.Usage, Msg: fmt.Sprintf("%.80q is no URL of a server", address), Target: address, Hint: "write it as https://host/mcp, or a command behind --"}
	}
	t := Target{Target: probe.Target{Target: transport.Target{Name: u.Host, URL: address, Header: f.Header}}}
	f.secure(&t)
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	return f.name(t, u.String()), nil
}

// secure has a target over HTTPS shown what TLS says; who asks it as nobody shows nothing.
func (f *Finder) secure(t *Target) {
	u, err := url.Parse(t.URL)
	if f.TLS == nil || err != nil || u.Scheme != "https" {
		return
	}
	nobody := f.TLS.Clone()
	nobody.Certificates, nobody.GetClientCertificate = nil, nil
	t.Base = &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: nobody, DisableCompression: true}
	own := t.Base.Clone()
	own.TLSClientConfig = f.TLS
	t.RoundTripper = http1.New(u, own)
}

// Command returns the target that a command starts.
func (f *Finder) Command(argv []string) Target {
	s := config.NewServer(filepath.Base(argv[0]))
	s.Command, s.Args = argv[0], argv[1:]
	t := Target{Target: probe.Target{Target: transport.Target{Name: s.Name}}}
	f.start(&t, s)
	return f.name(t, probe.CommandLine(argv))
}

// start has a target be what the command of a server starts.
func (f *Finder) start(t *Target, s config.Server) {
	if s.Cwd == "" {
		s.Cwd, _ = os.Getwd() // without one the program has none either
	}
	t.Program = &s
	t.Command = &sandbox.Command{Path: s.Command, Args: s.Args, Env: s.Env, Dir: s.Cwd, Reaper: f.Reaper}
	t.Secrets = slices.Collect(maps.Values(s.Env))
}

// File returns the targets of a file: the servers of mcp.yaml or of a host's configuration, or the server of a manifest.
func (f *Finder) File(name string) ([]Target, error) {
	data, err := os.ReadFile(name) //nolint:gosec // the user names it
	if err != nil {
		return nil, &exit.Error{Code: exit.Usage, Err: err, Target: name}
	}
	if m, err := trust.ParseManifest(data); err == nil {
		return f.manifest(name, m)
	}
	cfg, fault := config.Load(name, f.Lookup)
	if fault == nil {
		return f.Config(cfg), nil
	}
	servers, err := host.Read(name, data)
	if err != nil || len(servers) == 0 {
		return nil, &exit.Error{Code: exit.Usage, Msg: "no server is found in " + name, Err: fault, Target: name, Hint: "an mcp.yaml, a host's configuration, or a manifest has some"}
	}
	return f.servers(servers), nil
}

// manifest returns the target that a manifest is about.
func (f *Finder) manifest(name string, m *trust.Manifest) ([]Target, error) {
	if m.URI == "" {
		return nil, &exit.Error{Code: exit.Usage, Msg: "the manifest says not where its server is reached", Target: name, Hint: "sumun verify MANIFEST -- COMMAND checks a program against it"}
	}
	t, err := f.URL(m.URI)
	t.Manifest = m
	return []Target{t}, err
}

// Config returns the servers of a configuration, those that are disabled left out.
func (f *Finder) Config(cfg *config.Config) []Target {
	var all []Target
	for _, s := range route.Expand(cfg) {
		if s.Disabled {
			continue
		}
		t := Target{Target: probe.Target{Target: transport.Target{Name: s.Name, URL: s.URL, Events: s.Type == "sse", StartTimeout: s.StartTimeout}}}
		for _, name := range slices.Sorted(maps.Keys(s.Headers)) {
			if t.Header == nil {
				t.Header = http.Header{}
			}
			t.Header.Set(name, s.Headers[name])
		}
		if s.Command != "" {
			f.start(&t, s)
		}
		f.secure(&t)
		all = append(all, f.name(t, s.Name))
	}
	return all
}

// servers returns the servers of a host's file. What the file takes from the environment is looked up; what it asks people for is left out.
func (f *Finder) servers(servers []host.Server) []Target {
	var all []Target
	for i := range servers {
		s := &servers[i]
		if s.Disabled {
			continue
		}
		t := Target{Target: probe.Target{Target: transport.Target{Name: s.Name}}}
		if s.URL != "" {
			t.URL, t.Events = f.filled(s.URL), s.Type == "sse"
			t.Header = http.Header{}
			for name, value := range s.Headers {
				if value = f.filled(value); !strings.Contains(value, "${") {
					t.Header.Set(name, value)
				}
			}
		} else {
			c := config.NewServer(s.Name)
			c.Command, c.Cwd, c.Env = f.filled(s.Command), f.filled(s.Dir), map[string]string{}
			for _, a := range s.Args {
				c.Args = append(c.Args, f.filled(a))
			}
			for name, value := range s.Env {
				c.Env[name] = f.filled(value)
			}
			f.start(&t, c)
		}
		all = append(all, f.name(t, s.Name))
	}
	return all
}

// filled returns a text with the variables that hosts write as ${NAME} or ${env:NAME}; others stay.
func (f *Finder) filled(s string) string {
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(s, "${")
		b.WriteString(before)
		if !ok {
			return b.String()
		}
		name, after, ok := strings.Cut(rest, "}")
		value, found := "", false
		if ok {
			value, found = f.Lookup(strings.TrimPrefix(name, "env:"))
		}
		if !found {
			b.WriteString("${")
			s = rest
			continue
		}
		b.WriteString(value)
		s = after
	}
}

// A Place is a file of a host that was found, with the servers in it.
type Place struct {
	Host    string   `json:"host"`
	Scope   string   `json:"scope"`
	File    string   `json:"file"`
	Servers []string `json:"servers"`
	Error   string   `json:"error,omitempty"`
}

// Discover returns the files of hosts on this machine that there are, and the servers in them. One that stands in several files in the
// same way is a target once.
func (f *Finder) Discover(env host.Env) ([]Place, []Target) {
	var places []Place
	var all []host.Server
	for _, known := range host.Files(env) {
		file, err := host.Open(known.File)
		if err == nil && !file.Exists {
			continue
		}
		p := Place{Host: known.Title, Scope: string(known.Scope), File: known.File, Servers: []string{}}
		var servers []host.Server
		if err == nil {
			servers, err = host.Read(known.File, file.Data)
		}
		if err != nil {
			p.Error = err.Error()
		}
		for _, s := range servers {
			p.Servers = append(p.Servers, s.Name)
			if !slices.ContainsFunc(all, func(o host.Server) bool { return same(o, s) }) {
				all = append(all, s)
			}
		}
		places = append(places, p)
	}
	return places, f.servers(all)
}

// same reports whether two entries start or reach the same server in the same way.
func same(a, b host.Server) bool {
	return a.Command == b.Command && slices.Equal(a.Args, b.Args) && maps.Equal(a.Env, b.Env) && a.Dir == b.Dir && a.URL == b.URL && maps.Equal(a.Headers, b.Headers)
}
