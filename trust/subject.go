package trust

import "encoding/json"

// A Subject is what is known of one server: facts only, gathered by somebody else. Checks read it and never change it.
type Subject struct {
	// Name is what the server is called in the configuration, or by itself.
	Name string `json:"name"`
	// Target is the URL or the command line that was looked at, without secrets.
	Target string `json:"target"`
	// Transport is http, sse, websocket or stdio.
	Transport string `json:"transport"`
	// Loopback says that only this machine reaches the server; it is true of stdio.
	Loopback bool `json:"loopback,omitempty"`
	// TLS says that the connection is encrypted and the certificate holds.
	TLS bool `json:"tls,omitempty"`
	// Software and Version are the server's own name and version, as it says them.
	Software string `json:"software,omitempty"`
	Version  string `json:"version,omitempty"`
	// Sandbox is what stands between a program and the machine while it runs: box, box-lite, container, gvisor or none; empty where that is
	// not known, and for what is no program of ours.
	Sandbox string `json:"sandbox,omitempty"`
	// Revisions are the revisions of the protocol that it speaks.
	Revisions []string `json:"revisions,omitempty"`
	// Instructions are what it tells models.
	Instructions string `json:"instructions,omitempty"`
	// Tools, Prompts, Resources and Templates are the elements of its lists, as they came.
	Tools     []json.RawMessage `json:"tools,omitempty"`
	Prompts   []json.RawMessage `json:"prompts,omitempty"`
	Resources []json.RawMessage `json:"resources,omitempty"`
	Templates []json.RawMessage `json:"templates,omitempty"`
	// Authentication is what it asks of whoever calls it.
	Authentication Authentication `json:"authentication"`
	// Observations are what was tried, and what came of it.
	Observations []Observation `json:"observations,omitempty"`
	// Answers are what its tools were asked with random arguments, and what they answered.
	Answers []Answer `json:"answers,omitempty"`
	// Views are what it offered when it was looked at again: later, after calls, by other clients, by earlier scans.
	Views []View `json:"views,omitempty"`
	// Signed names who has signed the server's manifest, where that holds.
	Signed []string `json:"signed,omitempty"`
	// Days is for how many days it was watched without a change that nobody approved.
	Days int `json:"days,omitempty"`
}

// An Authentication is what a server asks of its callers. The zero value is that nobody has looked.
type Authentication string

// The kinds of authentication.
const (
	// AuthNone: whoever reaches the server may call it. So is every server that is started over stdio: who may start it may call it.
	AuthNone Authentication = "none"
	// AuthStatic: a credential that does not change by itself, as an API key or a password.
	AuthStatic Authentication = "static"
	// AuthStrong: OAuth with an audience, or client certificates.
	AuthStrong Authentication = "strong"
)

// An Observation is one thing that was tried with a server, and what it answered.
type Observation struct {
	// Probe names what was tried.
	Probe string `json:"probe"`
	// Target is what it was tried with: a path, a tool.
	Target string `json:"target,omitempty"`
	// Status is the status of HTTP, 0 without one.
	Status int `json:"status,omitempty"`
	// Code is the code of a JSON-RPC error, 0 without one.
	Code int `json:"code,omitempty"`
	// Text is an excerpt of what came back, or the error.
	Text string `json:"text,omitempty"`
}
