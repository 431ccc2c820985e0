package document

import (
	"bytes"
	"regexp"
	"strconv"

	"github.com/tailscale/hujson"
)

// readJSON parses a JSON document as hosts write it: comments and a comma after the last element are allowed. Without these, and with
// every character in its place, it is YAML.
func readJSON(src *source, data []byte) (*node, Faults) {
	if len(bytes.TrimSpace(data)) == 0 {
		return readYAML(src, nil)
	}
	root, err := hujson.Parse(data)
	if err != nil {
		return nil, Faults{src.badJSON(err)}
	}
	root.Standardize()
	// Tabs may stand between values in JSON, but not in YAML. No text has any.
	return readYAML(src, bytes.ReplaceAll(root.Pack(), []byte("\t"), []byte(" ")))
}

// placed takes the place out of the parser's message, which begins with it.
var placed = regexp.MustCompile(`^(?:hujson: )?line (\d+), column (\d+): (.*)$`)

// badJSON turns the parser's error into a fault.
func (s *source) badJSON(err error) Fault {
	at, message := position{1, 1}, err.Error()
	if m := placed.FindStringSubmatch(message); m != nil {
		at.line, _ = strconv.Atoi(m[1])
		at.column, _ = strconv.Atoi(m[2])
		message = m[3]
	}
	return s.at(at, "", "cannot be parsed: "+message, "")
}
