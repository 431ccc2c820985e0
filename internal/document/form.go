package document

import (
	"regexp"
	"strings"
)

// A Form is what a text must look like. Reading and the schema both go by it.
type Form struct {
	// Pattern is a regular expression for Go and for JavaScript alike, because editors use the schema.
	Pattern *regexp.Regexp
	// Message says what is wrong with a text that does not match, and Hint what to try.
	Message, Hint string
}

// everyText is the name of the form that holds for every text.
const everyText = "bytes"

// carried is the form that holds for every text.
var carried = Form{Pattern: regexp.MustCompile(`^[^\x00]*$`), Message: "has a zero byte, which nothing can carry"}

// formsOf returns the names in a tag, with what holds for every text.
func formsOf(tag string) []string { return append([]string{everyText}, strings.Fields(tag)...) }

// form returns the form of that name.
func (g *Grammar) form(name string) Form {
	if name == everyText {
		return carried
	}
	return g.Forms[name]
}

// misses returns the first of the named forms that s does not have; ok is false when it has all.
func (g *Grammar) misses(s string, names []string) (missed Form, ok bool) {
	for _, name := range names {
		if f := g.form(name); !f.Pattern.MatchString(s) {
			return f, true
		}
	}
	return Form{}, false
}

// looks returns the schema of texts that have the named forms.
func (g *Grammar) looks(names []string) Schema {
	all := []Schema{}
	for _, name := range names {
		all = append(all, Schema{"pattern": g.form(name).Pattern.String()})
	}
	if len(all) == 1 {
		return all[0]
	}
	return Schema{"allOf": all}
}
