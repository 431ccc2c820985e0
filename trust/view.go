package trust

import "encoding/json"

// The causes for which a server is asked once more what it offers: [View.Cause].
const (
	// ViewLater is that some time has passed; Target is how long, as a Go duration.
	ViewLater = "later"
	// ViewCalls is that tools were called meanwhile; Target is how many calls.
	ViewCalls = "calls"
	// ViewClient is that somebody else asks: another program, as it names itself; Target is that name (clientInfo.name).
	ViewClient = "client"
	// ViewEarlier is that it was seen before, by an earlier scan; Target is when, as RFC 3339 has it. It is the only one that lies before
	// what the subject says now.
	ViewEarlier = "earlier"
)

// A View is what a server offered when it was looked at once more. A server that says the same to everybody at all times has views that
// are equal to its subject.
type View struct {
	// Cause is why it was asked again.
	Cause string `json:"cause"`
	// Target is the cause in detail.
	Target string `json:"target,omitempty"`
	// Announced says that the server told of a change before it was asked again (a notification list_changed).
	Announced bool `json:"announced,omitempty"`
	// Version and Instructions are what it said then.
	Version      string `json:"version,omitempty"`
	Instructions string `json:"instructions,omitempty"`
	// Tools are the elements of its list of tools then, as they came.
	Tools []json.RawMessage `json:"tools,omitempty"`
}
