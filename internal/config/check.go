package config

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// shortKey is the length below which an apiKey is remarked on.
const shortKey = 16

// check looks at the configuration as a whole.
func (l *loader) check() {
	l.checkListen()
	l.checkKey()
	l.checkTLS()
	l.checkStore()
	l.checkPublic()
	l.checkServers()
	l.checkResources()
}

// wrong notes what is wrong with the value at a path, or with its key when the value is missing. It is silent where a fault has been
// noted already.
func (l *loader) wrong(at, message, hint string) {
	n := l.origin[at]
	switch {
	case n == nil:
		l.faults = append(l.faults, l.src.at(l.keys[at], at, message, hint))
	case !n.broken:
		l.fault(n, at, message, hint)
	}
}

// wrongKey notes what is wrong with the key there.
func (l *loader) wrongKey(at, message, hint string) {
	l.faults = append(l.faults, l.src.at(l.keys[at], at, message, hint))
}

// missing notes that the mapping at a path lacks a key, unless it has one that may be meant.
func (l *loader) missing(at, key, hint string) {
	if !l.odd[at] {
		l.wrongKey(at, key+" is missing", hint)
	}
}

// ok reports whether none of the values at these paths has a fault.
func (l *loader) ok(paths ...string) bool {
	return !slices.ContainsFunc(paths, func(p string) bool { return l.origin[p] != nil && l.origin[p].broken })
}

// checkListen wants one address, and one that strangers cannot reach unless TLS protects it.
func (l *loader) checkListen() {
	c := l.config
	where := "listen"
	for _, key := range []string{"port", "host"} {
		if !l.written("listen") && l.written(key) {
			where = key
		}
	}
	if l.written("listen") && (l.written("port") || l.written("host")) {
		l.wrong("listen", "stands beside port or host, which say the same", "keep listen, or port and host")
		return
	}
	if !l.ok("listen", "port", "host") {
		return
	}
	host, port, err := net.SplitHostPort(c.Listen)
	if n, e := strconv.ParseUint(port, 10, 16); err != nil || e != nil || strconv.FormatUint(n, 10) != port || !hostLike(host) {
		l.wrong(where, fmt.Sprintf("%q is not an address to listen on", c.Listen), "write host:port, such as 127.0.0.1:8080")
		return
	}
	if !loopback(host) {
		l.checkOpen(where)
	}
}

// checkOpen wants TLS, and keys, because strangers can reach the address that where gives.
func (l *loader) checkOpen(where string) {
	c := l.config
	if c.Anonymous {
		l.wrong("anonymous", "lets everyone in who reaches "+c.Listen, "anonymous: true is for loopback only; listen on 127.0.0.1")
	}
	sure := !l.odd[""] && !l.odd["tls"] && l.ok("tls", "tls.enabled", "tls.certFile", "tls.keyFile", "tls.terminated")
	if !c.TLS.Enabled && !c.TLS.Terminated && sure {
		said := ""
		if strings.HasPrefix(l.listenFrom, "environment") {
			said = " (which " + HostVariable + " says)"
		}
		l.wrong(where, c.Listen+said+" can be reached from other machines, and there is no TLS",
			"set tls: {certFile: …, keyFile: …}, or tls: {terminated: true} behind a proxy that ends TLS, or listen on 127.0.0.1")
	}
}

// hostLike reports whether host can be an IP address, a name, or empty for every address.
func hostLike(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	return !strings.ContainsFunc(host, func(r rune) bool {
		return r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("-._", r)
	})
}

// loopback reports whether only this machine can reach host.
func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback() || strings.EqualFold(host, "localhost")
}

// checkKey wants a key that is not empty, when there is one.
func (l *loader) checkKey() {
	switch n := len(l.config.APIKey); {
	case !l.written("apiKey") || !l.ok("apiKey"):
	case n == 0:
		l.wrong("apiKey", "is empty", "remove apiKey to do without, or give it a value: openssl rand -hex 32")
	case n < shortKey:
		l.config.Warnings = append(l.config.Warnings,
			fmt.Sprintf("apiKey has only %d characters and can be guessed; make one with openssl rand -hex 32", n))
	}
}

// checkPublic wants an address that can be told apart into its parts.
func (l *loader) checkPublic() {
	if _, err := url.Parse(l.config.PublicURL); err != nil {
		l.wrong("publicURL", forms["public"].message, forms["public"].hint)
	}
}

// checkTLS wants both files of a certificate, readable.
func (l *loader) checkTLS() {
	t := l.config.TLS
	if !l.ok("tls", "tls.enabled", "tls.terminated") {
		return
	}
	if t.Enabled && t.Terminated {
		l.wrong("tls.terminated", "says that a proxy ends TLS, but TLS is enabled here too", "keep one of the two")
	}
	implied := !l.written("tls.enabled") && (t.CertFile != "" || t.KeyFile != "")
	if !t.Enabled && !implied {
		return
	}
	for _, f := range []struct{ path, name string }{{"tls.certFile", t.CertFile}, {"tls.keyFile", t.KeyFile}} {
		if f.name == "" {
			l.missing("tls", strings.TrimPrefix(f.path, "tls."), "TLS needs certFile and keyFile; without TLS, listen on loopback only")
		} else if err := isReadable(f.name); err != nil {
			l.wrong(f.path, "reading "+f.name+": "+err.Error(), "")
		}
	}
}

// checkStore wants a store that is built.
func (l *loader) checkStore() {
	store := l.config.Store
	scheme, name, _ := strings.Cut(store, ":")
	switch {
	case scheme == "postgres" || scheme == "postgresql":
		l.wrong("store", scheme+" is not built yet in this version", "write sqlite:PATH")
	case scheme != "sqlite":
		l.wrong("store", "wants sqlite:PATH", suggest(scheme, []string{"sqlite"}))
	case name == "":
		l.wrong("store", "names no file", "write sqlite:PATH, such as sqlite:.sumun/sumun.db")
	case strings.HasSuffix(name, "/:memory:"):
		l.wrong("store", "a store in memory would forget its keys", "write sqlite:PATH, such as sqlite:.sumun/sumun.db")
	}
}

// checkResources wants directories that exist.
func (l *loader) checkResources() {
	for _, r := range l.config.Resources {
		p := join("resources", r.Name)
		if !l.ok(p, p+".type", p+".root") {
			continue
		}
		if r.Type == "" {
			l.missing(p, "type", "write type: file")
		}
		if r.Root == "" {
			l.missing(p, "root", "write root: DIRECTORY")
		} else if err := isDir(r.Root); err != nil {
			l.wrong(p+".root", r.Root+": "+err.Error(), "name a directory that is there")
		}
	}
}
