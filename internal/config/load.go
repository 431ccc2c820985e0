package config

import (
	"cmp"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/sumun-mcp/sumun/internal/document"
)

// Fault is one thing that is wrong with a configuration.
type Fault = document.Fault //nolint:errname // see document.Fault

// Faults is everything that is wrong with a configuration, in the order of the file.
type Faults = document.Faults //nolint:errname // see Fault

// HostVariable is the environment variable that names the address to listen on where the file names none: a container image sets it.
const HostVariable = "SUMUN_HOST"

// Find returns the configuration file of a directory, mcp.yaml or config/mcp.yaml, or an empty string when it has neither.
func Find(dir string) string {
	for _, name := range []string{"mcp.yaml", filepath.Join("config", "mcp.yaml")} {
		name = filepath.Join(dir, name)
		if _, err := os.Stat(name); err == nil {
			return name
		}
	}
	return ""
}

// Load reads the configuration file at path, YAML or (when its name ends in .json or .jsonc) JSON, with env to look up variables in;
// os.LookupEnv when env is nil. When path is empty it is the file that Find finds in the working directory, or else the defaults.
// An error about the content is a Faults, and names everything that is wrong with it. What could be read all the same comes with it,
// for finding the gateway that runs; it is not to be run.
func Load(path string, env func(string) (string, bool)) (*Config, error) {
	l, err := load(path, env)
	if l == nil {
		return nil, err
	}
	return l.config, err
}

// Parse makes a configuration of data as Load does of a file, but takes nothing from the environment: a dollar sign is one. name is what
// faults call it, and dir where relative paths start.
func Parse(name, dir string, data []byte) (*Config, error) {
	l := &loader{env: func(string) (string, bool) { return "", false }, config: defaults(dir)}
	err := l.take(document.Source{Name: name, Dir: dir, Plain: true}, data)
	return l.config, err
}

// LookupEnv looks up a variable of the gateway's environment, for files that are read later.
func LookupEnv(name string) (string, bool) { return os.LookupEnv(name) }

// ListeningOn returns a copy of c that listens on address, in place of what the file says. It is refused where Load would refuse it.
func (c *Config) ListeningOn(address string) (*Config, error) {
	changed := *c
	changed.Listen = address
	l := &loader{Document: grammar.Read(document.Source{Dir: c.Dir}, nil, &changed), config: &changed}
	l.checkListen()
	if err := l.Err(); err != nil {
		return nil, err
	}
	return &changed, nil
}

// A loader is one Load: the document and the configuration in the making.
type loader struct {
	*document.Document

	env    func(string) (string, bool)
	config *Config
	// listenFrom is where Listen comes from when the file does not say: the default, or a variable.
	listenFrom string
}

// load does what Load says, and keeps the origins for Explain.
func load(path string, env func(string) (string, bool)) (*loader, error) {
	path = cmp.Or(path, Find("."))
	dir, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return nil, fmt.Errorf("finding the directory of %s: %w", path, err)
	}
	var data []byte
	if path != "" {
		if data, err = document.ReadFile(path); err != nil {
			return nil, Faults{{File: path, Message: "reading the configuration: " + err.Error()}}
		}
	}
	if env == nil {
		env = os.LookupEnv
	}
	l := &loader{env: env, config: defaults(dir)}
	l.config.Path = path
	return l, l.take(document.Source{Name: path, Dir: dir, Env: env}, data)
}

// take makes the configuration of what a document holds.
func (l *loader) take(from document.Source, data []byte) error {
	l.Document = grammar.Read(from, data, l.config)
	if l.finish(); l.Parsed() {
		l.check()
	}
	return l.Err()
}

// finish fills in what follows from what was written, and makes paths absolute.
func (l *loader) finish() {
	c := l.config
	l.listen()
	l.finishTLS()
	l.finishStore()
	l.finishAudit()
	l.finishOAuth()
	for i := range c.Servers {
		l.finishServer(&c.Servers[i], i)
	}
	document.Within(c.Dir, c.Prompts)
	document.Within(c.Dir, c.Plugins)
	l.finishGuard()
	l.finishApprovals()
	c.offer().Finish(c.Dir)
}

// finishServer fills in what follows from what was written of s, the server at i.
func (l *loader) finishServer(s *Server, i int) {
	if s.Command != "" || s.Cwd != "" {
		s.Cwd = document.Absolute(l.config.Dir, s.Cwd)
	}
	if !l.Written(l.Element("servers", i) + ".tools.timeout") {
		s.Tools.Timeout = min(s.Tools.Timeout, s.MaxRuntime)
	}
	s.finishCredentials()
	s.Trust = l.config.Trust.For(s.Trust)
	s.Trust.Finish(l.config.Dir)
	s.Finish(l.config.Dir)
	switch {
	case s.Type == "ws", s.Type == "" && isSocket(s.URL):
		s.Type = websocket
	case s.Type == "streamable-http", s.Type == "" && s.URL != "":
		s.Type = "http"
	case s.Type == "":
		s.Type = "stdio"
	}
}

// websocket is the type of servers at the end of a WebSocket.
const websocket = "websocket"

// isSocket reports whether a URL is that of a WebSocket.
func isSocket(url string) bool {
	return strings.HasPrefix(url, "ws:") || strings.HasPrefix(url, "wss:")
}

// project returns the directory that state is kept below by default: that of the file, or the one above it for config/mcp.yaml.
func project(c *Config) string {
	if filepath.Base(c.Dir) == "config" && filepath.Base(c.Path) == "mcp.yaml" {
		return filepath.Dir(c.Dir)
	}
	return c.Dir
}

// listen makes Listen of port and host, of which either may be missing.
func (l *loader) listen() {
	c := l.config
	if l.Written("listen") {
		return
	}
	host, set := l.env(HostVariable)
	l.listenFrom = "default"
	switch {
	case c.Host != "":
		host = strings.Trim(c.Host, "[]")
	case set && host != "":
		l.listenFrom = "environment " + HostVariable
	default:
		host = defaultHost
	}
	port := defaultPort
	if c.Port != 0 {
		port = strconv.Itoa(c.Port)
	}
	c.Listen = net.JoinHostPort(host, port)
}
