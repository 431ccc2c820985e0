package registry

import (
	"cmp"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/sumun-mcp/sumun/trust"
)

// On what a verdict rests.
const (
	// ByScan: somebody has scanned the server.
	ByScan = "scan"
	// BySight: nobody has; it is what the gateway sees of the server when it uses it.
	BySight = "gateway"
	// ByAddress: it was never seen; only where it is reached tells something.
	ByAddress = "address"
)

// What it costs that nobody has scanned a server, or has not even seen it: what is not known must not be better than what is known to be middling.
const (
	unscanned = 10
	unseen    = 40
)

// sightRoom begins the rules of findings that the gateway makes itself.
const sightRoom = "gateway/"

// basis says on what the entry's own verdict rests.
func (e *Entry) basis() string {
	switch {
	case e.Scanned != nil:
		return ByScan
	case e.Known != nil:
		return BySight
	}
	return ByAddress
}

// own returns what we think of the server ourselves. What the gateway has seen since counts beside what a scan has found.
func (e *Entry) own() trust.Verdict {
	switch e.basis() {
	case BySight:
		return with(e.Known.Verdict, trust.Reason{Points: -unscanned, Text: "nobody has scanned it; this is what the gateway sees of it"})
	case ByAddress:
		v := trust.Grade(&trust.Subject{Target: e.Target, Transport: e.Transport, Loopback: isLocal(e.Target), TLS: isEncrypted(e.Target), Signed: e.Signers}, nil)
		return with(v, trust.Reason{Points: -unseen, Text: "nobody has looked at it; this is what its address tells"})
	}
	v := e.Scanned.Verdict
	if e.Version != e.Scanned.Version {
		v = with(v, trust.Reason{Text: fmt.Sprintf("it is of version %s; version %s was scanned", cmp.Or(e.Version, "unknown"), cmp.Or(e.Scanned.Version, "unknown"))})
	}
	if e.Known != nil {
		for _, r := range e.Known.Reasons {
			if strings.HasPrefix(r.Rule, sightRoom) && r.Rule != sightRoom+"vulnerable" { // a scan knows what is vulnerable itself
				v = with(v, r)
			}
		}
	}
	return v
}

// with returns a verdict with one reason more.
func with(v trust.Verdict, r trust.Reason) trust.Verdict {
	r.Points = min(max(v.Score+r.Points, 0), 100) - v.Score
	v.Score += r.Points
	v.Reasons = append(slices.Clone(v.Reasons), r)
	slices.SortStableFunc(v.Reasons, func(a, b trust.Reason) int { return cmp.Compare(a.Points, b.Points) })
	return v
}

// isEncrypted reports whether what is sent to a target is encrypted on its way.
func isEncrypted(target string) bool { return !isURL(target) || strings.HasPrefix(target, "https://") }

// isLocal reports whether only this machine reaches a target: it is a program, or listens on loopback.
func isLocal(target string) bool {
	if !isURL(target) {
		return true
	}
	u, err := url.Parse(target)
	if err != nil {
		return false
	}
	addr, err := netip.ParseAddr(u.Hostname())
	return err == nil && addr.Unmap().IsLoopback() || u.Hostname() == "localhost"
}
