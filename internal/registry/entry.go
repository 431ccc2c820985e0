package registry

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sumun-mcp/sumun/trust"
)

// What is kept is bounded.
const (
	// MaxServers is how many servers a registry has at most.
	MaxServers = 4096
	// MaxHistory is how many events of a server are kept: the newest.
	MaxHistory = 100

	maxTools   = 512
	maxReasons = 32
	maxText    = 500
)

// An Entry is what is known of one server.
type Entry struct {
	// ID is IDOf(Target).
	ID string `json:"id"`
	// Name is what the operator calls it, Target and Transport where it is reached; see [Identity].
	Name      string `json:"name"`
	Target    string `json:"target"`
	Transport string `json:"transport,omitempty"`
	// Listed says that somebody has added it to the list of trusted servers: By, at Added, for the reason Why.
	Listed bool      `json:"listed"`
	By     string    `json:"addedBy,omitempty"`
	Added  time.Time `json:"added,omitzero"`
	Why    string    `json:"why,omitempty"`
	// Signer is the id of the key that has to have signed it for it to stand on the list; empty asks for none.
	Signer string `json:"signer,omitempty"`
	// Signers are the ids of the keys that had signed it when it was last seen.
	Signers []string `json:"signers,omitempty"`
	// Software and Version are what it says of itself.
	Software string `json:"software,omitempty"`
	Version  string `json:"version,omitempty"`
	// Tools are the names of its tools, as it calls them.
	Tools []string `json:"tools,omitempty"`
	// First and Seen are when it was first and last seen, Steady since when nothing of it has changed that nobody has approved.
	First  time.Time `json:"firstSeen,omitzero"`
	Seen   time.Time `json:"lastSeen,omitzero"`
	Steady time.Time `json:"steadySince,omitzero"`
	// Scanned is the verdict of the last scan, Known what follows from what the gateway sees of it; nil if there is none.
	Scanned *Judgement `json:"scanned,omitempty"`
	Known   *Judgement `json:"known,omitempty"`
}

// A Judgement is a verdict, of when and of which version.
type Judgement struct {
	trust.Verdict

	At      time.Time `json:"at"`
	Version string    `json:"version,omitempty"`
}

// identity returns who the entry is about.
func (e *Entry) identity() Identity {
	return Identity{Name: e.Name, Target: e.Target, Transport: e.Transport, Signers: e.Signers}
}

// An Event is something in the history of a server.
type Event struct {
	// ID is that of the server; it is not told with each event.
	ID string    `json:"-"`
	At time.Time `json:"at"`
	// What is added, removed, scanned or seen.
	What string `json:"what"`
	// By is who, and Why for what reason, where a person did it.
	By  string `json:"by,omitempty"`
	Why string `json:"why,omitempty"`
	// Version, Label, Score and Signers are how it was then.
	Version string   `json:"version,omitempty"`
	Label   string   `json:"label,omitempty"`
	Score   int      `json:"score"`
	Signers []string `json:"signers,omitempty"`
	// Changes are what was not so before, a line each.
	Changes []string `json:"changes,omitempty"`
}

// Detail is what the audit record has of an event.
func (e *Event) Detail() map[string]any {
	return map[string]any{"id": e.ID, "why": e.Why, "score": e.Score, "tier": e.Label}
}

// What an Event is about.
const (
	wasAdded   = "added"
	wasRemoved = "removed"
	wasScanned = "scanned"
	wasSeen    = "seen"
)

// A Change is made of several entries at once, all or nothing.
type Change struct {
	// Revision is that of the list when the change begins: it counts what people decide.
	Revision int64
	// Count is how many entries there are.
	Count int
	// Entries are those that were asked for, by their ids. What the change puts in is stored; nil removes, with its history.
	Entries map[string]*Entry
	// Events are appended to the histories.
	Events []Event
	// Decided says that a person has changed the list, so that its revision is raised.
	Decided bool
}

// A Snapshot is all that a registry has, at one time.
type Snapshot struct {
	// Revision counts what people have decided; Clock counts all changes.
	Revision, Clock int64
	Entries         []Entry
	// Feeds are what was last taken over of each feed.
	Feeds []Taken
}

// Store keeps a registry. Its methods may be called concurrently, and by several instances.
type Store interface {
	// Registry returns the entries in any order, unless nothing has changed since that time of the clock; then ok is false.
	Registry(ctx context.Context, clock int64) (s Snapshot, ok bool, err error)
	// ChangeRegistry makes a change of the entries with these ids in one transaction. What change returns an error for is not made.
	ChangeRegistry(ctx context.Context, ids []string, change func(*Change) error) error
	// RegistryHistory returns the events of a server, the newest first.
	RegistryHistory(ctx context.Context, id string) ([]Event, error)
	// PutFeed keeps a feed, if it follows those that are kept: see [Taken.Follows]. DropFeed forgets that of a source, so that its number and
	// issuer are forgotten too; the error is ErrUnknown if there is none.
	PutFeed(ctx context.Context, f *Taken) error
	DropFeed(ctx context.Context, source string) error
}

// Errors that say why the list was not changed.
var (
	ErrUnknown = errors.New("there is no such server in the registry")
	ErrFull    = fmt.Errorf("the registry has %d servers, which is the most; `sumun trust remove NAME --forget` makes room", MaxServers)
)

// A ConflictError says that somebody else has changed the list since.
type ConflictError struct{ Revision int64 }

// Error returns what to do.
func (e *ConflictError) Error() string {
	return fmt.Sprintf("the list of trusted servers has changed meanwhile: revision %d is in force; read it again and decide anew", e.Revision)
}

// short bounds a text.
func short(s string) string {
	if len(s) <= maxText {
		return s
	}
	return strings.ToValidUTF8(s[:maxText], "") + "…"
}

// bounded returns a verdict with as many reasons as are kept; what the others come to stands in one line.
func bounded(v trust.Verdict) trust.Verdict {
	v.Reasons = slices.Clone(v.Reasons)
	for i := range v.Reasons {
		v.Reasons[i].Text = short(v.Reasons[i].Text)
	}
	if len(v.Reasons) > maxReasons {
		rest, points := v.Reasons[maxReasons-1:], 0
		for _, r := range rest {
			points += r.Points
		}
		v.Reasons = append(v.Reasons[:maxReasons-1:maxReasons-1], trust.Reason{Points: points, Text: fmt.Sprintf("%d more reasons", len(rest))})
	}
	return v
}

// differences returns what is not so any more, a line each; nothing of a server that was never seen before.
func differences(was, is *Entry) []string {
	if was.Seen.IsZero() {
		return nil
	}
	var all []string
	say := func(what, before, after string) {
		if before != after {
			all = append(all, short(fmt.Sprintf("%s: %s → %s", what, cmp.Or(before, "none"), cmp.Or(after, "none"))))
		}
	}
	say("software", was.Software, is.Software)
	say("version", was.Version, is.Version)
	say("signed by", strings.Join(was.Signers, " "), strings.Join(is.Signers, " "))
	added, removed := less(is.Tools, was.Tools), less(was.Tools, is.Tools)
	for what, names := range map[string][]string{"tools added": added, "tools removed": removed} {
		if len(names) > 0 {
			all = append(all, short(fmt.Sprintf("%s: %s", what, strings.Join(names, ", "))))
		}
	}
	before, after := was.own(), is.own()
	say("tier", before.Label, after.Label)
	if before.Score != after.Score {
		all = append(all, fmt.Sprintf("score: %d → %d", before.Score, after.Score))
	}
	slices.Sort(all)
	return all
}

// less returns what is in the sorted list a and not in b.
func less(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(s string) bool { _, in := slices.BinarySearch(b, s); return in })
}

// event returns an event about the entry as it is.
func (e *Entry) event(what string, at time.Time) Event {
	v := e.own()
	return Event{ID: e.ID, At: at, What: what, Version: e.Version, Label: v.Label, Score: v.Score, Signers: e.Signers}
}
