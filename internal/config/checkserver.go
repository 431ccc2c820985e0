package config

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/sumun-mcp/sumun/internal/document"
)

// ours are the headers that the transport sets itself.
var ours = []string{
	"accept", "connection", "content-length", "content-type", "host", "last-event-id", "mcp-method", "mcp-name",
	"mcp-protocol-version", "mcp-session-id", "te", "trailer", "transfer-encoding", "upgrade",
}

// local are the keys that belong to a server with a command.
var local = []string{"args", "env", "cwd", "sandbox", "image", "read", "write", "hosts", "exec", "memory", "pids", "cpu"}

// checkServers looks at each server, and wants each name once.
func (l *loader) checkServers() {
	c := l.config
	for i := range c.Servers {
		s := &c.Servers[i]
		p := l.Element("servers", i)
		if j := slices.IndexFunc(c.Servers, func(o Server) bool { return o.Name == s.Name }); j < i {
			l.WrongKey(p, "a server of this name stands under servers and under mcpServers", "remove or rename one")
			continue
		}
		if !l.OK(p) {
			continue
		}
		l.checkWay(p, s)
		l.checkReplicas(p, s)
		l.checkHeaders(p, s)
		l.checkCredentials(p, s)
		l.checkTools(p, s)
	}
}

// checkWay wants exactly one way to reach the server, and its type to agree.
func (l *loader) checkWay(p string, s *Server) {
	command, remote := l.Written(p+".command"), l.Written(p+".url")
	if !l.OK(p+".command", p+".url", p+".type") {
		return
	}
	switch {
	case command && remote:
		l.Wrong(p+".url", "stands beside command", "a server has either a command or a url")
	case command && s.Type != "stdio":
		l.Wrong(p+".type", "a server with a command is of type stdio", "")
	case remote && s.Type == "stdio":
		l.Wrong(p+".type", "a server with a url is of type http, sse or websocket", "")
	case remote && isSocket(s.URL) && s.Type != websocket:
		l.Wrong(p+".type", "a server with a ws or wss URL is of type websocket", "")
	case remote && !isSocket(s.URL) && s.Type == websocket:
		l.Wrong(p+".type", "a server of type websocket has a ws or wss URL", "")
	case remote:
		if _, err := url.Parse(s.URL); err != nil {
			l.Wrong(p+".url", forms["url"].Message, forms["url"].Hint)
		}
	case !command:
		l.Missing(p, "command or url", "write command: PROGRAM for a local server, or url: https://… for a remote one")
	}
	l.checkBeside(p, s)
}

// checkBeside wants nothing that belongs to the other way.
func (l *loader) checkBeside(p string, s *Server) {
	for _, key := range local {
		if s.Command == "" && s.URL != "" && l.Written(p+"."+key) {
			l.WrongKey(p+"."+key, "belongs to a server with a command", "remove it")
		}
	}
	if s.Command != "" && l.Written(p+".headers") {
		l.WrongKey(p+".headers", "belongs to a server with a url", "remove it")
	}
	if err := document.Directory(s.Cwd); err != nil && l.Written(p+".cwd") {
		l.Wrong(p+".cwd", s.Cwd+": "+err.Error(), "name a directory that is there")
	}
}

// checkHeaders wants each header once, and none that the transport sets itself.
func (l *loader) checkHeaders(p string, s *Server) {
	seen := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(s.Headers)) {
		at, lower := document.Join(p+".headers", name), strings.ToLower(name)
		switch {
		case slices.Contains(ours, lower):
			l.WrongKey(at, "is set by the gateway itself", "remove it")
		case seen[lower]:
			l.WrongKey(at, "stands here twice, in different letters", "header names are equal whatever their case; remove one")
		}
		seen[lower] = true
	}
}

// checkTools wants new names that differ, and a call that may last longer than it may be silent.
func (l *loader) checkTools(p string, s *Server) {
	taken := map[string]string{}
	for _, from := range slices.Sorted(maps.Keys(s.Tools.Rename)) {
		to := s.Tools.Rename[from]
		if other := taken[to]; other != "" && to != "" {
			l.Wrong(document.Join(p+".tools.rename", from), fmt.Sprintf("%s is already the new name of %s", to, other), "give each tool its own")
		}
		taken[to] = from
	}
	if s.Tools.Timeout > s.MaxRuntime && l.OK(p+".tools.timeout", p+".maxRuntime") {
		l.Wrong(p+".tools.timeout", fmt.Sprintf("a call may stay silent for %s but run for %s only", document.Short(s.Tools.Timeout), document.Short(s.MaxRuntime)),
			"make maxRuntime the longer one")
	}
}
