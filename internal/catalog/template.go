package catalog

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"github.com/sumun-mcp/sumun/internal/mcp"
)

// maxTemplate bounds what of a template is compiled, in bytes.
const maxTemplate = 2048

// A template finds out which URIs a server's URI template (RFC 6570) may expand to.
type template struct {
	entry   *Entry
	head    string // the literal text that it begins with
	literal int    // bytes of literal text: more are more specific
	match   *regexp.Regexp
}

// compileTemplates compiles the templates and puts the most specific first; among equals, the order of the file holds.
func (c *Catalog) compileTemplates() {
	for _, e := range c.entries[mcp.Template] {
		if t, ok := compileTemplate(e); ok {
			c.templates = append(c.templates, t)
			continue
		}
		c.warn(Warning{e.Dest.Server, e.Kind, e.Dest.Name, "it is no URI template (RFC 6570), so that no URI fits it"})
	}
	slices.SortStableFunc(c.templates, func(a, b *template) int { return cmp.Compare(b.literal, a.literal) })
}

// byTemplate returns an entry for a URI that fits a template. The server gets the URI as it is.
func (c *Catalog) byTemplate(uri string) (*Entry, bool) {
	for _, t := range c.templates {
		if strings.HasPrefix(uri, t.head) && t.match.MatchString(uri) {
			e := *t.entry
			e.Kind, e.Name, e.Dest.Name = mcp.Resource, uri, uri
			return &e, true
		}
	}
	return nil, false
}

func compileTemplate(e *Entry) (*template, bool) {
	rest := e.Dest.Name
	if len(rest) > maxTemplate {
		return nil, false
	}
	t := &template{entry: e}
	var pattern strings.Builder
	pattern.WriteString(`(?s)\A`)
	for {
		literal, after, more := strings.Cut(rest, "{")
		if strings.Contains(literal, "}") {
			return nil, false
		}
		if pattern.Len() == len(`(?s)\A`) {
			t.head = literal
		}
		t.literal += len(literal)
		pattern.WriteString(regexp.QuoteMeta(literal))
		if !more {
			break
		}
		expression, after, closed := strings.Cut(after, "}")
		if !closed || !writeExpression(&pattern, expression) {
			return nil, false
		}
		rest = after
	}
	pattern.WriteString(`\z`)
	match, err := regexp.Compile(pattern.String())
	t.match = match
	return t, err == nil
}

// Patterns of what an expression may expand to, by its operator (RFC 6570
// section 3.2). Values are read generously: the server decides what it serves.
const (
	simpleValue = `[^/?#]*`
	anyValue    = `.*`
)

var variable = regexp.MustCompile(`\A[A-Za-z0-9_.%]+(:[1-9][0-9]{0,3}|\*)?\z`)

// writeExpression writes the pattern of what stands between two braces.
func writeExpression(pattern *strings.Builder, expression string) bool {
	operator := ""
	if strings.IndexAny(expression, "+#./;?&") == 0 {
		operator, expression = expression[:1], expression[1:]
	}
	var names []string
	exploded := false
	for spec := range strings.SplitSeq(expression, ",") {
		if !variable.MatchString(spec) {
			return false
		}
		exploded = exploded || strings.HasSuffix(spec, "*")
		name, _, _ := strings.Cut(strings.TrimSuffix(spec, "*"), ":")
		names = append(names, regexp.QuoteMeta(name))
	}
	name := `(?:` + strings.Join(names, "|") + `)`
	if exploded {
		name = `[^&=#;/?]+` // an exploded map brings names of its own
	}
	switch operator {
	case "+":
		pattern.WriteString(anyValue)
	case "#":
		pattern.WriteString(`(?:#` + anyValue + `)?`)
	case ".", "/":
		pattern.WriteString(`(?:` + regexp.QuoteMeta(operator) + simpleValue + `)*`)
	case ";":
		pattern.WriteString(`(?:;` + name + `(?:=[^/?#;]*)?)*`)
	case "?":
		pattern.WriteString(`(?:\?` + name + `(?:=[^&#]*)?(?:&` + name + `(?:=[^&#]*)?)*)?`)
	case "&":
		pattern.WriteString(`(?:&` + name + `(?:=[^&#]*)?)*`)
	default:
		pattern.WriteString(simpleValue)
	}
	return true
}
