package host

import (
	"errors"
	"fmt"
	"strings"
)

// Entry is a server to add to a host: a command to start, or an address to reach.
type Entry struct {
	Name    string   // under which the host lists it
	Command string   // the program to start; "" if URL is set
	Args    []string // its arguments
	URL     string   // the address of the MCP endpoint
	Key     string   // the key to write into the file; "" writes the host's own reference to KeyVariable
}

// The reasons why an Entry cannot be written for a host.
var (
	// ErrNoHTTP says that the host only starts commands.
	ErrNoHTTP = errors.New("only starts commands")
	// ErrNeedsKey says that the host's file has no way to name a key without holding it.
	ErrNeedsKey = errors.New("cannot take a key from anywhere but its file")
)

// The values of a configuration file are string, bool, []string, []any of these, object and raw.
type (
	object []field // members in the order in which they are written
	field  struct {
		name  string
		value any
	}
	raw string // the text of a value, as it stands
)

// written is an Entry as a host writes it down.
type written struct {
	name   string
	server any    // an object, or raw
	input  object // what the host shall ask the person for; nil if nothing
}

// written gives e the shape of the host.
func (h Host) written(e Entry) (written, error) {
	w := written{name: e.Name}
	if e.Name == "" || strings.ContainsFunc(e.Name, func(r rune) bool { return r < ' ' }) {
		return w, fmt.Errorf("%q cannot be the name of a server", e.Name)
	}
	var server object
	if e.URL == "" {
		server = append(typed(h.shape.stdioType), field{"command", e.Command}, field{"args", e.Args})
		w.server = server
		return w, nil
	}
	if h.shape.url == "" {
		return w, fmt.Errorf("%s %w", h.Title, ErrNoHTTP)
	}
	server = append(typed(h.shape.httpType), field{h.shape.url, e.URL})
	switch s := h.shape; {
	case e.Key != "":
		server = append(server, bearer(s.headers, e.Key))
	case s.keyVar != "":
		server = append(server, field{s.keyVar, KeyVariable})
	case s.inputs:
		id := inputID(e.Name)
		server = append(server, bearer(s.headers, fmt.Sprintf(s.keyRef, id)))
		w.input = object{{"type", "promptString"}, {"id", id}, {"description", "Key of the gateway " + e.Name}, {"password", true}}
	case s.keyRef != "":
		server = append(server, bearer(s.headers, s.keyRef))
	default:
		return w, fmt.Errorf("%s %w", h.Title, ErrNeedsKey)
	}
	w.server = server
	return w, nil
}

// typed begins an object with its type, unless that is "".
func typed(kind string) object {
	if kind == "" {
		return nil
	}
	return object{{"type", kind}}
}

// bearer is the member with the one header that shows the key.
func bearer(member, key string) field {
	return field{member, object{{"Authorization", "Bearer " + key}}}
}

// inputID names the question for the key of a server.
func inputID(server string) string { return server + "-key" }
