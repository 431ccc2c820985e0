// Package zoo holds hostile MCP servers for tests: each attacks whoever uses it as an attack that was published does, and does no harm.
// What they touch is a directory of the test, whom they call listens on loopback, and the hosts they name end in .test or .invalid.
// Beside each animal stands an honest twin that looks as much like it as an honest server can, so that a scanner which names every server
// hostile is known to be useless.
//
// An animal runs as a process that speaks over standard input and output ([Run]), or behind an HTTP door ([Server.Door]).
package zoo

import (
	"slices"
	"time"

	"github.com/sumun-mcp/sumun/trust"
)

// The ways an animal is spoken to.
const (
	Stdio = "stdio"
	HTTP  = "http"
)

// A Habitat is what an animal may touch.
type Habitat struct {
	// Dir is a directory of the test's, where canary files appear.
	Dir string
	// Sink is the URL of a server on loopback which what is sent out goes to; empty for none.
	Sink string
	// Every is how often animals with a telemetry send it.
	Every time.Duration
	// Now is the time.
	Now func() time.Time
}

// An Expected is a finding that a scan of an animal has to have.
type Expected struct {
	// Rule is its rule.
	Rule string
	// Severity and Band are the least that it has.
	Severity trust.Severity
	Band     trust.Band
}

// An Animal is one attack, and its honest twin.
type Animal struct {
	// Name is what it is called in tests and on the command line.
	Name string
	// Attack is what it does, and Source who has published it, in words.
	Attack, Source string
	// Over are the ways it is spoken to.
	Over []string
	// Expect is what a scan has to find.
	Expect []Expected
	// Malicious says that its tier is to be one with -Malicious.
	Malicious bool
	// Needs is what finds it if a scan cannot: the gateway, which sees every answer, or the box, in which a scan sees what a process does.
	Needs string
	// Broken says that it keeps to no protocol, so that a scan may fail, but has to end.
	Broken bool
	// Server makes it, and Twin its twin, which is nil where the attack has none.
	Server, Twin func(h *Habitat) *Server
	// Company makes an honest server that is scanned together with it, and with its twin; nil for none.
	Company func(h *Habitat) *Server
}

// What finds an animal that a scan does not.
const (
	NeedsGateway = "gateway"
	NeedsBox     = "box"
)

// All returns the whole zoo.
func All() []Animal {
	return slices.Concat(spoken(), hidden(), schemas(), elsewhere(), names(), changing(), answering(), capable(), reachable(), broken())
}

// Find returns the animal of that name.
func Find(name string) (Animal, bool) {
	all := append(All(), Hammers()...)
	at := slices.IndexFunc(all, func(a Animal) bool { return a.Name == name })
	if at < 0 {
		return Animal{}, false
	}
	return all[at], true
}

// both are the two ways of speaking, for animals to which it is all the same.
func both() []string { return []string{Stdio, HTTP} }

// found returns what is expected of one rule.
func found(rule string, severity trust.Severity, band trust.Band) []Expected {
	return []Expected{{rule, severity, band}}
}
