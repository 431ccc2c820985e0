package roots

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/sampling"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// Bounds of what names and describes.
const (
	mostIDBytes       = 128
	mostNameBytes     = 256
	mostURIBytes      = 2048
	mostPathBytes     = 512
	mostSteps         = 16 // of a path
	mostVariableBytes = 128
	leastTTL          = time.Second
	mostTTL           = 365 * 24 * time.Hour
)

// members says how the members of an object are read: each by its function, all others by other, which reports
// false where it does not know the name either.
type members struct {
	each  map[string]func(raw []byte) error
	other func(name string, raw []byte) (bool, error)
	// known are the names that other knows, to be told.
	known []string
	// lax passes over names that nobody knows.
	lax bool
}

// read reads an object; nil is none. At is the JSON Pointer to it in the parameters.
func (m members) read(object []byte, at string) error {
	if object == nil {
		return nil
	}
	if len(object) == 0 || object[0] != '{' {
		return wrong(at, "must be an object")
	}
	for key, value := range wire.Members(object) {
		name, _ := wire.Unquote(slices.Concat([]byte(`"`), key, []byte(`"`)))
		if err := m.one(name, value); err != nil {
			if mcp.AsError(err) != nil { // it has said where
				return err
			}
			return wrong(below(at, name), err.Error())
		}
	}
	return nil
}

func (m members) one(name string, value []byte) error {
	if take := m.each[name]; take != nil {
		return take(value)
	}
	if m.other != nil {
		if known, err := m.other(name, value); known {
			return err
		}
	}
	if m.lax {
		return nil
	}
	return fmt.Errorf("is not known here; there are %s", strings.Join(m.names(), ", "))
}

// names are those that are known, to be told.
func (m members) names() []string {
	names := slices.Clone(m.known)
	for name := range m.each {
		if name != "_meta" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// below is the JSON Pointer (RFC 6901) to a member of what at points to.
func below(at, name string) string {
	return at + "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
}

// wrong refuses parameters; at is the JSON Pointer to the fault in them.
func wrong(at, why string) *mcp.Error {
	e := mcp.Errorf(mcp.CodeInvalidParams, mcp.InvalidArguments, "params%s %s", strings.NewReplacer("/", ".", "~1", "/", "~0", "~").Replace(at), why)
	e.Data = append(wire.AppendQuote([]byte(`{"pointers":[`), at), "]}"...)
	return e
}

// text reads a string of 1 to most bytes without control characters.
func text(dst *string, most int) func(raw []byte) error {
	return func(raw []byte) error {
		s, ok := wire.Unquote(raw)
		if !ok || !isText(s, most) {
			return fmt.Errorf("must be a string of 1 to %d bytes without control characters", most)
		}
		*dst = s
		return nil
	}
}

// address reads a URI (RFC 3986) with its scheme.
func address(dst *string) func(raw []byte) error {
	return func(raw []byte) error {
		s, ok := wire.Unquote(raw)
		if !ok || !isAddress(s) {
			return fmt.Errorf("must be a URI of at most %d bytes, such as file:///home/me/project", mostURIBytes)
		}
		*dst = s
		return nil
	}
}

func isAddress(s string) bool {
	if !isText(s, mostURIBytes) {
		return false
	}
	u, err := url.Parse(s)
	return err == nil && u.IsAbs()
}

func isText(s string, most int) bool {
	return s != "" && len(s) <= most && utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}

// path reads the path of a node: names with a slash between them; an empty one is the root itself.
func path(dst *string) func(raw []byte) error {
	return func(raw []byte) error {
		s, ok := wire.Unquote(raw)
		if !ok || s != "" && !isPath(s) {
			return fmt.Errorf("must be names with / between them, such as review/security: at most %d names and %d bytes", mostSteps, mostPathBytes)
		}
		*dst = s
		return nil
	}
}

func isPath(s string) bool {
	steps := strings.Split(s, "/")
	return isText(s, mostPathBytes) && len(steps) <= mostSteps &&
		!slices.ContainsFunc(steps, func(step string) bool { return step == "" || step == "." || step == ".." })
}

// lifetime reads how long a root lives without use: seconds as a number, or with a unit as a string.
func lifetime(dst *time.Duration) func(raw []byte) error {
	return func(raw []byte) error {
		var d time.Duration
		var err error
		if s, ok := wire.Unquote(raw); ok {
			d, err = time.ParseDuration(s)
		} else {
			var seconds int64
			seconds, err = strconv.ParseInt(string(raw), 10, 32)
			d = time.Duration(seconds) * time.Second
		}
		if err != nil || d < leastTTL || d > mostTTL {
			return fmt.Errorf("must be a duration such as 90m or 24h, or a number of seconds: from %s to %s", leastTTL, mostTTL)
		}
		*dst = d
		return nil
	}
}

// variables reads an object of variables: any JSON value each. Null, which takes a variable away, is kept as it is.
func variables(dst *map[string]json.RawMessage) func(raw []byte) error {
	return func(raw []byte) error {
		if len(raw) == 0 || raw[0] != '{' {
			return errors.New("must be an object of variables")
		}
		all := map[string]json.RawMessage{}
		for key, value := range wire.Members(raw) {
			name, _ := wire.Unquote(slices.Concat([]byte(`"`), key, []byte(`"`)))
			if !isText(name, mostVariableBytes) {
				return fmt.Errorf("has a variable whose name is not 1 to %d bytes without control characters", mostVariableBytes)
			}
			all[name] = slices.Clone(value)
		}
		*dst = all
		return nil
	}
}

// readSampling reads an object of parameters that stands alone, such as context.sampling.
func readSampling(raw []byte, at string) (sampling.Edit, error) {
	var e sampling.Edit
	return e, members{other: e.Take, known: sampling.Names()}.read(raw, at)
}

// A place is what a call says of the context that it belongs to.
type place struct {
	// id is the root's; empty leaves it to the gate.
	id string
	// uri is the workspace that the root is derived from; empty if there is none.
	uri  string
	path string
	// sampling and variables hold for the call alone.
	sampling  sampling.Parameters
	variables map[string]json.RawMessage
}

// readPlace reads a context object: one of the dialect strictly, or the words of ours in the _meta of a standard
// message, in which what is not known is passed over: it may come from another gate.
func readPlace(raw []byte, at string, lax bool) (place, error) {
	var p place
	err := members{lax: lax, each: map[string]func([]byte) error{
		"rootId": text(&p.id, mostIDBytes), "path": path(&p.path), "uri": address(&p.uri),
		"variables": variables(&p.variables),
		"sampling": func(raw []byte) error {
			e, err := readSampling(raw, below(at, "sampling"))
			p.sampling = e.Set
			return err
		},
	}}.read(raw, at)
	return p, err
}
