// Package rule says what values must be like: how large, of which characters, and for single ones of what form, below which directory and
// at which host. It looks at JSON that has been scanned, decides nothing about calls, and names no value in what it says of one.
package rule

import (
	"strings"

	"github.com/sumun-mcp/sumun/internal/wire"
)

// An Action is what becomes of a value that breaks a rule.
type Action uint8

// What becomes of a value.
const (
	// Off lets it pass.
	Off Action = iota
	// Flag lets it pass, and tells of it.
	Flag
	// Refuse does not let it pass.
	Refuse
)

// ParseAction returns the action of that name: off, flag or refuse; fallback where there is none.
func ParseAction(name string, fallback Action) Action {
	switch name {
	case "off":
		return Off
	case "flag":
		return Flag
	case "refuse":
		return Refuse
	}
	return fallback
}

// A Fault is what one place of a value has wrong.
type Fault struct {
	// Pointer is the place, as a JSON Pointer (RFC 6901) into the value.
	Pointer string
	// Kind is the rule that is broken, in one word.
	Kind string
	// Message says what is wrong, in English, without a subject and without the value.
	Message string
	// Refused says that the value must not pass, Secret that it holds a secret, of that kind.
	Refused, Secret bool
}

// maxFaults is how many faults of each sort are told.
const maxFaults = 20

// A Report takes the faults of a value.
type Report struct {
	// Faults are the first of them, in the order in which they were found.
	Faults []Fault
	// Refused and Flagged count all.
	Refused, Flagged int
}

// Reset empties the report.
func (r *Report) Reset() { *r = Report{Faults: r.Faults[:0]} }

// Add takes a fault.
func (r *Report) Add(f Fault) {
	count := &r.Flagged
	if f.Refused {
		count = &r.Refused
	}
	if *count++; *count <= maxFaults {
		f.Pointer, f.Message = shorter(f.Pointer), shorter(f.Message)
		r.Faults = append(r.Faults, f)
	}
}

// full reports whether one more fault of that action would only be counted.
func (r *Report) full(action Action) bool {
	if action == Refuse {
		return r.Refused >= maxFaults
	}
	return r.Flagged >= maxFaults
}

// at takes a fault of what stands at an offset of a value.
func (r *Report) at(value []byte, offset int, action Action, kind, message string) {
	if action == Off {
		return
	}
	f := Fault{Kind: kind, Message: message, Refused: action == Refuse}
	if !r.full(action) { // looking for the place takes as long as the value is
		place := wire.Locate(value, offset)
		if f.Pointer = place.Pointer; place.Name {
			f.Message = "has a name that " + message
		}
	}
	r.Add(f)
}

// shorter bounds what stands in a message.
func shorter(s string) string {
	const most = 300
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
