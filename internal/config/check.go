package config

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"unicode"

	"github.com/sumun-mcp/sumun/internal/config/suppress"
)

// shortKey is the length below which an apiKey is remarked on.
const shortKey = 16

// check looks at the configuration as a whole.
func (l *loader) check() {
	l.checkListen()
	l.checkKey()
	l.checkTLS()
	l.checkStore()
	l.checkAudit()
	l.checkPublic()
	l.checkKeys()
	l.checkScopes()
	l.checkAlerts()
	l.checkRoles()
	l.checkOAuth()
	l.checkLimits()
	l.checkGuard()
	l.checkServers()
	l.checkSealing()
	l.checkRouting()
	l.config.offer().Check(l.Document)
	l.checkApprovals()
	l.checkPrompts()
	suppress.All(l.Document, "trust.suppress", l.config.Trust.Suppress)
}

// checkListen wants one address, and one that strangers cannot reach unless TLS protects it.
func (l *loader) checkListen() {
	c := l.config
	where := "listen"
	for _, key := range []string{"port", "host"} {
		if !l.Written("listen") && l.Written(key) {
			where = key
		}
	}
	if l.Written("listen") && (l.Written("port") || l.Written("host")) {
		l.Wrong("listen", "stands beside port or host, which say the same", "keep listen, or port and host")
		return
	}
	if !l.OK("listen", "port", "host") {
		return
	}
	host, port, err := net.SplitHostPort(c.Listen)
	if n, e := strconv.ParseUint(port, 10, 16); err != nil || e != nil || strconv.FormatUint(n, 10) != port || !hostLike(host) {
		l.Wrong(where, fmt.Sprintf("%q is not an address to listen on", c.Listen), "write host:port, such as 127.0.0.1:8080")
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
		l.Wrong("anonymous", "lets everyone in who reaches "+c.Listen, "anonymous: true is for loopback only; listen on 127.0.0.1")
	}
	sure := !l.Odd("") && !l.Odd("tls") && l.OK("tls", "tls.enabled", "tls.certFile", "tls.keyFile", "tls.terminated")
	if !c.TLS.Enabled && !c.TLS.Terminated && sure {
		said := ""
		if strings.HasPrefix(l.listenFrom, "environment") {
			said = " (which " + HostVariable + " says)"
		}
		l.Wrong(where, c.Listen+said+" can be reached from other machines, and there is no TLS",
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
	case !l.Written("apiKey") || !l.OK("apiKey"):
	case n == 0:
		l.Wrong("apiKey", "is empty", "remove apiKey to do without, or give it a value: openssl rand -hex 32")
	case n < shortKey:
		l.config.Warnings = append(l.config.Warnings,
			fmt.Sprintf("apiKey has only %d characters and can be guessed; make one with openssl rand -hex 32", n))
	}
}

// checkKeys wants keys that are there.
func (l *loader) checkKeys() {
	for _, k := range l.config.Keys {
		if k.Name == "apiKey" && !l.Written("apiKey") && !l.Odd("") {
			l.WrongKey("keys.apiKey", "there is no apiKey", "give apiKey a value, or remove this")
		}
	}
}

// checkPublic wants an address that can be told apart into its parts.
func (l *loader) checkPublic() {
	if _, err := url.Parse(l.config.PublicURL); err != nil {
		l.Wrong("publicURL", forms["public"].Message, forms["public"].Hint)
	}
}
