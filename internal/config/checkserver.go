package config

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// ours are the headers that the transport sets itself.
var ours = []string{
	"accept", "connection", "content-length", "content-type", "host", "last-event-id", "mcp-method", "mcp-name",
	"mcp-protocol-version", "mcp-session-id", "te", "trailer", "transfer-encoding", "upgrade",
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
		if !l.ok(p) {
			continue
		}
		l.checkWay(p, s)
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
	case remote:
		if _, err := url.Parse(s.URL); err != nil {
			l.wrong(p+".url", forms["url"].message, forms["url"].hint)
		}
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
	if err := isDir(s.Cwd); err != nil && l.written(p+".cwd") {
		l.wrong(p+".cwd", s.Cwd+": "+err.Error(), "name a directory that is there")
	}
}

// checkHeaders wants each header once, and none that the transport sets itself.
func (l *loader) checkHeaders(p string, s *Server) {
	seen := map[string]bool{}
	for _, name := range sortedKeys(s.Headers) {
		at, lower := join(p+".headers", name), strings.ToLower(name)
		switch {
		case slices.Contains(ours, lower):
			l.wrongKey(at, "is set by the gateway itself", "remove it")
		case seen[lower]:
			l.wrongKey(at, "stands here twice, in different letters", "header names are equal whatever their case; remove one")
		}
		seen[lower] = true
	}
}

// checkTools wants new names that differ, and a call that may last longer than it may be silent.
func (l *loader) checkTools(p string, s *Server) {
	taken := map[string]string{}
	for _, from := range sortedKeys(s.Tools.Rename) {
		to := s.Tools.Rename[from]
		if other := taken[to]; other != "" && to != "" {
			l.wrong(join(p+".tools.rename", from), fmt.Sprintf("%s is already the new name of %s", to, other), "give each tool its own")
		}
		taken[to] = from
	}
	if s.Tools.Timeout > s.MaxRuntime && l.ok(p+".tools.timeout", p+".maxRuntime") {
		l.wrong(p+".tools.timeout", fmt.Sprintf("a call may stay silent for %s but run for %s only", short(s.Tools.Timeout), short(s.MaxRuntime)),
			"make maxRuntime the longer one")
	}
}
