package trust

import (
	"encoding/json"
	"strings"
)

// The names of what is tried with a server: [Observation.Probe]. None of them has an effect that outlasts it. Unless its comment says
// otherwise a probe is a request that an honest client might send, with the operator's credentials if there are some, so that a refusal
// is about what was tried.
const (
	// ProbeList asks for the list of tools without credentials; without session and initialize, too, unless that alone is refused.
	ProbeList = "list"
	// ProbeWrongCredentials asks for it with credentials that nobody was given.
	ProbeWrongCredentials = "wrong-credentials" //nolint:gosec // the name of a probe
	// ProbeEmptyCall calls a tool without naming one, and without credentials.
	ProbeEmptyCall = "empty-call"
	// ProbeUnknownTool calls a tool that there is not, without credentials; Target is its name.
	ProbeUnknownTool = "unknown-tool"
	// ProbeForeignOrigin asks for the list as a page of another site would; Target is the Origin.
	ProbeForeignOrigin = "foreign-origin"
	// ProbeForeignHost asks for it under a host name that is not the server's; Target is the name.
	ProbeForeignHost = "foreign-host"
	// ProbeBadVersion asks for it in a revision of the protocol that there is not; Target is the header's value.
	ProbeBadVersion = "bad-version"
	// ProbeDuplicateMembers asks for it in a message in which a member stands twice.
	ProbeDuplicateMembers = "duplicate-members"
	// ProbeOversize asks for it in a message that is far too large; Target is its size in bytes.
	ProbeOversize = "oversize"
	// ProbePath gets a path of the server where others have an interface of their own for operators, without credentials; Target is the path.
	ProbePath = "path"
	// ProbeNoPath gets a path that there is not, which tells whether the server answers alike under every path.
	ProbeNoPath = "no-path"
	// ProbeResourceMetadata gets the metadata of RFC 9728, which name the authorization servers.
	ProbeResourceMetadata = "resource-metadata"
	// ProbeCertificate looks at the server's certificate; Text is what is wrong with it, empty if nothing is.
	ProbeCertificate = "certificate"
	// ProbeManifest compares what the server offers with the manifest that it was looked at with; Target is what differs, and Text how.
	ProbeManifest = "manifest"

	// ProbeUpwards asks a tool, only when that was wished for, to read a file of ours outside of what it has been given; Target is the tool.
	// Text is the file's content if it came back, otherwise empty. So it is with the two that follow.
	ProbeUpwards = "upwards"
	// ProbeInward asks a tool to get an address of ours on this machine; Text is the request that came.
	ProbeInward = "inward"
	// ProbeCommand gives a tool a text that hides a command; Text is what the command has told us, if somebody has run it.
	ProbeCommand = "command"

	// What a program was seen to do in a box. Target is the tool in whose call it was, empty outside of calls; nothing was asked for.

	// ProbeProcess is another program that it has started or tried to; Text is the program's path.
	ProbeProcess = "process"
	// ProbeConnection is a connection that it has tried to make; Text is where to, and what was said first.
	ProbeConnection = "connection"
	// ProbeName is a name of the network that it has asked for; Text is the name.
	ProbeName = "name"
	// ProbeCanary is a file that only a thief reads, or what stood in one; Text is the file, or where it was sent.
	ProbeCanary = "canary"
	// ProbeRefused is what else the box did not allow; Text is what.
	ProbeRefused = "refused"
)

// Accepted reports whether the server has taken the request up. A tool's failure and an error of JSON-RPC about parameters are answers
// too: who gets them was let in. A refusal may come with status 200, so the error is read as well.
func (o *Observation) Accepted() bool {
	if o.Status != 0 && (o.Status < 200 || o.Status > 299) {
		return false
	}
	if o.Status == 0 && o.Code == 0 && o.Text == "" {
		return false // nothing came back
	}
	text := strings.ToLower(o.Text)
	for _, word := range []string{"unauthori", "forbidden", "not authenticated", "authentication required", "access denied", "permission denied", "invalid token", "invalid api key", "missing api key"} {
		if o.Code != 0 && strings.Contains(text, word) {
			return false
		}
	}
	return true
}

// An Answer is what a tool that changes nothing was called with, and what it answered: one half of a comparison.
type Answer struct {
	// Round counts from 1; between two rounds some time passes, or something else happens. What an earlier scan was answered has 0.
	Round int `json:"round"`
	// Tool is the tool's name.
	Tool string `json:"tool"`
	// Arguments are what it was called with: an object whose texts are random, so that what comes back unasked stands out.
	Arguments json.RawMessage `json:"arguments,omitempty"`
	// Text is what it answered: the texts of its content, one line break between two of them, otherwise as they came.
	Text string `json:"text"`
	// Failed says that the answer is an error.
	Failed bool `json:"failed,omitempty"`
	// Tools is the digest of the list of tools when the round began: equal digests, equal lists.
	Tools string `json:"tools,omitempty"`
}
