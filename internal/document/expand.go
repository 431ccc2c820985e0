package document

import (
	"fmt"
	"regexp"
	"strings"
)

// An expander replaces variables in the strings of a tree: ${VAR}, ${VAR:-default}, ${VAR:?message} and ${file:PATH}; $$ stands for a
// dollar sign. A variable that is empty counts as missing. What is put in is never read as YAML, nor expanded again.
type expander struct {
	src    *source
	env    func(string) (string, bool)
	dir    string // of relative paths in ${file:PATH}
	faults Faults
}

// mask stands for a value that is not shown.
const mask = "****"

// maxFile bounds what ${file:PATH} reads, in bytes.
const maxFile = 64 << 10

var variable = regexp.MustCompile(`^([A-Za-z_][A-Za-z0-9_]*)(?:(:-|:\?)(.*))?$`)

// tree expands n and everything below it. path is n's own.
func (x *expander) tree(n *node, path string) {
	switch n.kind {
	case text:
		x.scalar(n, path)
	case list:
		for i, item := range n.items {
			x.tree(item, index(path, i))
		}
	case object:
		for _, f := range n.fields {
			x.tree(f.value, Join(path, f.key))
		}
	case null, boolean, number:
	}
}

// scalar expands the text of n. When a variable is missing n becomes nothing that later steps would complain about again.
func (x *expander) scalar(n *node, path string) {
	n.shown = n.text
	if !strings.Contains(n.raw, "$") {
		return
	}
	var out, shown strings.Builder
	rest := n.raw
	for {
		before, after, found := strings.Cut(rest, "$")
		out.WriteString(before)
		shown.WriteString(before)
		if !found {
			break
		}
		switch {
		case strings.HasPrefix(after, "$"):
			rest = after[1:]
		case strings.HasPrefix(after, "{"):
			body, tail, closed := strings.Cut(after[1:], "}")
			if !closed {
				x.fault(n, path, "${", "${ has no closing }", "write $${ for the characters themselves")
				return
			}
			out.WriteString(x.one(n, path, body))
			shown.WriteString(mask)
			rest = tail
			continue
		default:
			rest = after
		}
		out.WriteByte('$')
		shown.WriteByte('$')
	}
	n.text, n.shown = out.String(), shown.String()
}

// one returns the value of ${body}.
func (x *expander) one(n *node, path, body string) string {
	if name, ok := strings.CutPrefix(body, "file:"); ok {
		return x.file(n, path, name)
	}
	m := variable.FindStringSubmatch(body)
	if m == nil {
		x.fault(n, path, "${"+body, "${"+body+"} is not a form that is known here", howToExpand(body))
		return ""
	}
	name, op, rest := m[1], m[2], m[3]
	value, ok := x.env(name)
	n.vars = append(n.vars, "environment "+name)
	switch {
	case value != "":
	case op == ":-":
		n.vars[len(n.vars)-1] = "default of ${" + name + "}"
		return rest
	case op == ":?":
		x.fault(n, path, "${"+name, lacks(name, ok)+": "+rest, "")
	default:
		x.fault(n, path, "${"+name, lacks(name, ok), howToSet(name))
	}
	return value
}

// howToExpand returns what to write in place of ${body}.
func howToExpand(body string) string {
	if kind, name, ok := strings.Cut(body, ":"); ok && kind == "env" && variable.MatchString(name) {
		return "write ${" + name + "}"
	}
	return "write ${VAR}, ${VAR:-default}, ${VAR:?message} or ${file:PATH}, and $${ for the characters themselves"
}

// lacks says that a variable has no value. One that is set to nothing is hardly ever meant; ${VAR:-} says so where it is.
func lacks(name string, set bool) string {
	if set {
		return "the environment variable " + name + " is empty"
	}
	return "the environment variable " + name + " is not set"
}

// howToSet returns what to try when the variable called name has no value.
func howToSet(name string) string {
	return "set it, for example: export " + name + "=…, or give it a default: ${" + name + ":-…}"
}

// file returns the content of the file called name, without a newline at its end.
func (x *expander) file(n *node, path, name string) string {
	n.vars = append(n.vars, "file "+name)
	full := Absolute(x.dir, name)
	data, err := readBounded(full, maxFile)
	if err != nil {
		x.fault(n, path, "${file:", fmt.Sprintf("reading %s: %v", name, err), "")
		return ""
	}
	return strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r")
}

// fault notes what is wrong with a variable in n, at the place of mark if that stands on n's first line.
func (x *expander) fault(n *node, path, mark, message, hint string) {
	at := n.at
	line := []rune(x.src.line(at.line))
	if at.column > 0 && at.column <= len(line) {
		if i := strings.Index(string(line[at.column-1:]), mark); i > 0 {
			at.column += len([]rune(string(line[at.column-1:])[:i]))
		}
	}
	x.faults = append(x.faults, x.src.at(at, path, message, hint))
	n.broken = true
}
