package config

import (
	"bytes"
	"cmp"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"
)

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

// ListeningOn returns a copy of c that listens on address, in place of what the file says. It is refused where Load would refuse it.
func (c *Config) ListeningOn(address string) (*Config, error) {
	changed := *c
	changed.Listen = address
	l := newLoader("", c.Dir, nil)
	l.config = &changed
	l.checkListen()
	if len(l.faults) > 0 {
		return nil, l.faults
	}
	return &changed, nil
}

// A loader is one Load: the configuration in the making and where its values come from.
type loader struct {
	decoder

	env    func(string) (string, bool)
	root   *node // what the file says; nil when it could not be parsed
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
		if data, err = readBounded(path, maxBytes); err != nil {
			return nil, Faults{{File: path, Message: "reading the configuration: " + err.Error()}}
		}
	}
	if env == nil {
		env = os.LookupEnv
	}
	l := newLoader(path, dir, env)
	return l, l.take(data)
}

// newLoader returns a loader for the file at path, whose directory is dir.
func newLoader(path, dir string, env func(string) (string, bool)) *loader {
	l := &loader{
		decoder: decoder{src: newSource(path, nil), origin: map[string]*node{}, keys: map[string]position{}, odd: map[string]bool{}},
		env:     env,
		config:  defaults(dir),
	}
	l.config.Path = path
	return l
}

// take makes the configuration of the file's content.
func (l *loader) take(data []byte) error {
	l.read(data)
	if l.root != nil {
		l.value(l.root, "", reflect.ValueOf(l.config).Elem(), attribute{})
	}
	if l.finish(); l.root != nil {
		l.check()
	}
	if len(l.faults) > 0 {
		l.faults.hide(l.root)
		return l.faults.sorted()
	}
	return nil
}

// read makes a tree of the file's content, with variables expanded; none when it cannot be parsed.
func (l *loader) read(data []byte) {
	data = bytes.TrimPrefix(data, []byte("\uFEFF")) // a byte order mark, which some editors write
	l.src, l.root = newSource(l.config.Path, data), nil
	if !utf8.Valid(data) {
		l.faults = append(l.faults, Fault{File: l.config.Path, Message: "the file is not UTF-8 text"})
		return
	}
	if at, why := tooMuch(data); why != "" {
		l.faults = append(l.faults, l.src.at(at, "", why, ""))
		return
	}
	parse := readYAML
	switch strings.ToLower(filepath.Ext(l.config.Path)) {
	case ".json", ".jsonc":
		parse = readJSON
	}
	root, faults := parse(l.src, data)
	l.root, l.faults = root, append(l.faults, faults...)
	if root == nil {
		return
	}
	x := &expander{src: l.src, env: l.env, dir: l.config.Dir}
	x.tree(root, "")
	l.faults = append(l.faults, x.faults...)
}

// written reports whether the file has a value at path.
func (l *loader) written(path string) bool { return l.origin[path] != nil }

// finish fills in what follows from what was written, and makes paths absolute.
func (l *loader) finish() {
	c := l.config
	l.listen()
	if !l.written("tls.enabled") {
		c.TLS.Enabled = c.TLS.CertFile != "" && c.TLS.KeyFile != ""
	}
	for _, p := range []*string{&c.TLS.CertFile, &c.TLS.KeyFile} {
		if *p != "" {
			*p = absolute(c.Dir, *p)
		}
	}
	if name, ok := strings.CutPrefix(c.Store, sqlite); ok && name != "" {
		c.Store = sqlite + absolute(c.Dir, name)
	} else if !l.written("store") {
		c.Store = sqlite + filepath.Join(project(c), stateDir, "sumun.db")
	}
	for i := range c.Servers {
		l.finishServer(&c.Servers[i], i)
	}
	for i := range c.Resources {
		if r := &c.Resources[i]; r.Root != "" {
			r.Root = absolute(c.Dir, r.Root)
		}
	}
}

// finishServer fills in what follows from what was written of s, the server at i.
func (l *loader) finishServer(s *Server, i int) {
	if s.Command != "" || s.Cwd != "" {
		s.Cwd = absolute(l.config.Dir, s.Cwd)
	}
	if !l.written(l.serverPath(s.Name, i) + ".tools.timeout") {
		s.Tools.Timeout = min(s.Tools.Timeout, s.MaxRuntime)
	}
	switch {
	case s.Type == "streamable-http", s.Type == "" && s.URL != "":
		s.Type = "http"
	case s.Type == "":
		s.Type = "stdio"
	}
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
	if l.written("listen") {
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
