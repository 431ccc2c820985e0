package config

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

var (
	serverName  = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)
	envName     = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	prefixName  = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}$`)
	toolName    = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,128}$`)
	headerName  = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]+$") // RFC 9110 section 5.6.2, token
	headerValue = regexp.MustCompile(`^[\t -~\x80-\x{10FFFF}]*$`)     // RFC 9110 section 5.5
)

// maxNameBytes is how long a server's name or prefix may be.
const maxNameBytes = 64

// ours are the headers that the transport sets itself.
var ours = []string{
	"accept", "connection", "content-length", "content-type", "host", "last-event-id", "mcp-method", "mcp-name",
	"mcp-protocol-version", "mcp-session-id", "te", "trailer", "transfer-encoding", "upgrade",
}

// checkName wants a name that can stand in the names of tools and in URIs.
func (l *loader) checkName(path, name string) {
	if !serverName.MatchString(name) || len(name) > maxNameBytes {
		l.wrongKey(path, fmt.Sprintf("%q cannot be a name here", name), fmt.Sprintf("use letters, digits, _ and -, at most %d", maxNameBytes))
	}
}

// checkServers looks at each server, and wants each name once.
func (l *loader) checkServers() {
	c := l.config
	for i := range c.Servers {
		s := &c.Servers[i]
		p := l.serverPath(s.Name, i)
		if j := slices.IndexFunc(c.Servers, func(o Server) bool { return o.Name == s.Name }); j < i {
			l.wrongKey(p, "a server of this name stands under servers and under mcpServers", "remove or rename one")
			continue
		}
		l.checkName(p, s.Name)
		if !l.ok(p) {
			continue
		}
		l.checkWay(p, s)
		l.checkEnv(p, s)
		l.checkHeaders(p, s)
		l.checkTools(p, s)
	}
}

// serverPath returns where the server of that name, the one at i, stands in the file.
func (l *loader) serverPath(name string, i int) string {
	p, q := join("servers", name), join("mcpServers", name)
	first := slices.IndexFunc(l.config.Servers, func(o Server) bool { return o.Name == name })
	both := l.written(p) && l.written(q)
	switch before := l.keys["servers"].line < l.keys["mcpServers"].line; {
	case both && (first == i) == before, !l.written(q):
		return p
	}
	return q
}

// checkWay wants exactly one way to reach the server, and its type to agree.
func (l *loader) checkWay(p string, s *Server) {
	local, remote := l.written(p+".command"), l.written(p+".url")
	if !l.ok(p+".command", p+".url", p+".type") {
		return
	}
	switch {
	case local && remote:
		l.wrong(p+".url", "stands beside command", "a server has either a command or a url")
	case local && s.Type != "stdio":
		l.wrong(p+".type", "a server with a command is of type stdio", "")
	case remote && s.Type != "http":
		l.wrong(p+".type", "a server with a url is of type http", "")
	case local && strings.TrimSpace(s.Command) == "":
		l.wrong(p+".command", "is empty", "name the program to start")
	case remote:
		l.checkURL(p+".url", s.URL)
	case !local:
		l.missing(p, "command or url", "write command: PROGRAM for a local server, or url: https://… for a remote one")
	}
	l.checkBeside(p, s)
}

// checkBeside wants nothing that belongs to the other way.
func (l *loader) checkBeside(p string, s *Server) {
	for _, key := range []string{"args", "env", "cwd"} {
		if s.Command == "" && s.URL != "" && l.written(p+"."+key) {
			l.wrongKey(p+"."+key, "belongs to a server with a command", "remove it")
		}
	}
	if s.Command != "" && l.written(p+".headers") {
		l.wrongKey(p+".headers", "belongs to a server with a url", "remove it")
	}
	for i, arg := range s.Args {
		if strings.ContainsRune(arg, 0) {
			l.wrong(index(p+".args", i), "has a zero byte, which no argument can carry", "")
		}
	}
	if strings.ContainsRune(s.Command, 0) {
		l.wrong(p+".command", "has a zero byte, which no file name can carry", "")
	}
	if strings.ContainsRune(s.Cwd, 0) {
		l.wrong(p+".cwd", "has a zero byte, which no file name can carry", "")
	} else if err := isDir(s.Cwd); err != nil && l.written(p+".cwd") {
		l.wrong(p+".cwd", s.Cwd+": "+err.Error(), "name a directory that is there")
	}
}

// checkURL wants an http or https URL without credentials in it.
func (l *loader) checkURL(path, raw string) {
	u, err := url.Parse(raw)
	switch {
	case err != nil || !isWeb(u):
		l.wrong(path, "is not an http or https URL", "write it like https://issues.example.com/mcp")
	case u.User != nil:
		l.wrong(path, "has credentials in it", "put them under headers: {Authorization: …}")
	case u.Fragment != "":
		l.wrong(path, "has a fragment (#), which is never sent", "remove it")
	}
}

// checkEnv wants names and values that an environment can hold.
func (l *loader) checkEnv(p string, s *Server) {
	for _, name := range sortedKeys(s.Env) {
		at := join(p+".env", name)
		if !envName.MatchString(name) {
			l.wrongKey(at, fmt.Sprintf("%q cannot be the name of an environment variable", name), "use letters, digits and _")
		}
		if strings.ContainsRune(s.Env[name], 0) {
			l.wrong(at, "has a zero byte, which no variable can carry", "")
		}
	}
}

// checkHeaders wants headers that HTTP can carry, each once, and none that the transport sets itself.
func (l *loader) checkHeaders(p string, s *Server) {
	seen := map[string]bool{}
	for _, name := range sortedKeys(s.Headers) {
		at, lower := join(p+".headers", name), strings.ToLower(name)
		switch {
		case !headerName.MatchString(name):
			l.wrongKey(at, fmt.Sprintf("%q cannot be the name of a header", name), "")
		case slices.Contains(ours, lower):
			l.wrongKey(at, "is set by the gateway itself", "remove it")
		case seen[lower]:
			l.wrongKey(at, "stands here twice, in different letters", "header names are equal whatever their case; remove one")
		case !headerValue.MatchString(s.Headers[name]):
			l.wrong(at, "has a line break or another character that a header cannot carry", "")
		}
		seen[lower] = true
	}
}

// checkTools wants patterns that can be matched, and new names that are names and differ.
func (l *loader) checkTools(p string, s *Server) {
	l.checkPatterns(p+".tools.allow", s.Tools.Allow)
	taken := map[string]string{}
	for _, from := range sortedKeys(s.Tools.Rename) {
		at, to := join(p+".tools.rename", from), s.Tools.Rename[from]
		switch other, twice := taken[to]; {
		case from == "":
			l.wrongKey(at, "names no tool", "write the server's name of the tool")
		case !toolName.MatchString(to):
			l.wrong(at, fmt.Sprintf("%q cannot be the name of a tool", to), "use letters, digits, _, - and dots, at most 128")
		case twice:
			l.wrong(at, fmt.Sprintf("%s is already the new name of %s", to, other), "give each tool its own")
		}
		taken[to] = from
	}
	if s.Tools.Timeout > s.MaxRuntime && l.ok(p+".tools.timeout", p+".maxRuntime") {
		l.wrong(p+".tools.timeout", fmt.Sprintf("a call may stay silent for %s but run for %s only", short(s.Tools.Timeout), short(s.MaxRuntime)),
			"make maxRuntime the longer one")
	}
	if l.written(p+".prefix") && s.Prefix != "" && !prefixName.MatchString(s.Prefix) {
		l.wrong(p+".prefix", fmt.Sprintf("%q cannot stand before the names of tools", s.Prefix), "use letters, digits, _, - and dots")
	}
}
