package clientfile

import (
	"net"
	"net/url"
	"path"
	"slices"
	"strings"
)

// Allows reports whether the server at a URL may be connected to. Without a whitelist every server may.
//
// An entry allows the servers of its scheme, host and port, below its path. https://*.example.com allows all hosts below example.com, not
// example.com itself. A WebSocket is allowed by the entry of its HTTP twin, and the other way round.
func (f *File) Allows(server string) bool {
	if !f.Listed {
		return true
	}
	at := address(server)
	return at != nil && slices.ContainsFunc(f.Whitelist, func(entry string) bool {
		may := address(entry)
		return may != nil && may.covers(at)
	})
}

// AllowsProgram reports whether a program may be started that mcp.yaml has under that name. Such names, with * for some characters, say
// nothing of servers at URLs.
func (f *File) AllowsProgram(name string) bool {
	return !f.Listed || slices.ContainsFunc(f.Whitelist, func(entry string) bool {
		if strings.Contains(entry, "://") {
			return false
		}
		ok, err := path.Match(entry, name)
		return err == nil && ok
	})
}

// A place is where a URL leads, in one spelling.
type place struct{ scheme, host, port, path string }

// address returns where a URL leads, nil if that cannot be told for sure.
func address(text string) *place {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil || u.Opaque != "" {
		return nil
	}
	scheme, ok := map[string]string{"http": "http", "ws": "http", "https": "https", "wss": "https"}[strings.ToLower(u.Scheme)]
	if !ok {
		return nil
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[scheme]
	}
	escaped := strings.ToLower(u.EscapedPath())
	if strings.Contains(escaped, "%2e") || strings.Contains(escaped, "%2f") || strings.Contains(escaped, "%5c") || strings.Contains(escaped, `\`) {
		return nil // servers differ in what they make of it
	}
	return &place{scheme, strings.TrimSuffix(strings.ToLower(u.Hostname()), "."), port, strings.TrimSuffix(path.Clean("/"+u.EscapedPath()), "/")}
}

// covers reports whether o lies at p, or below.
func (p *place) covers(o *place) bool {
	if p.scheme != o.scheme || p.port != o.port || o.path != p.path && !strings.HasPrefix(o.path, p.path+"/") {
		return false
	}
	if below, ok := strings.CutPrefix(p.host, "*."); ok {
		return strings.HasSuffix(o.host, "."+below)
	}
	return o.host == p.host
}

// loopback reports whether only this machine is reached there.
func (p *place) loopback() bool {
	ip := net.ParseIP(p.host)
	return p.host == "localhost" || ip != nil && ip.IsLoopback()
}
