package config

import (
	"regexp"
	"strings"
)

// A form is what a text must look like. The loader and the schema both go by it. Its pattern is a regular expression for Go and for
// JavaScript alike, because editors use the schema.
type form struct {
	pattern       *regexp.Regexp
	message, hint string
}

// forms are the forms that the tags form and key name.
var forms = map[string]form{
	"bytes": {regexp.MustCompile(`^[^\x00]*$`), "has a zero byte, which nothing can carry", ""},
	"some":  {regexp.MustCompile(`\S`), "is empty", ""},

	"name":   {regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`), "cannot be a name here", "use letters, digits, _ and -, at most 64"},
	"prefix": {regexp.MustCompile(`^[A-Za-z0-9_.-]{0,64}$`), "cannot stand before the names of tools", "use letters, digits, _, - and dots, at most 64"},
	"tool":   {regexp.MustCompile(`^[A-Za-z0-9_.-]{1,128}$`), "cannot be the name of a tool", "use letters, digits, _, - and dots, at most 128"},
	"env":    {regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`), "cannot be the name of an environment variable", "use letters, digits and _"},

	"scope": {regexp.MustCompile(`^[!#-\[\]-~]+$`), "cannot be the name of a scope", "write it like read:file or invoke:weather_api, without spaces, quotes and backslashes"},
	"word":  {regexp.MustCompile(`^[^\s\x00-\x1f\x7f]+$`), "is empty or has a space, which no name has", "write one name or pattern for each element of the list"},
	"stars": {regexp.MustCompile(`^[^?\[\]{}]*$|://`), "has a character that no name has", "only * stands for others; write an element for each pattern"},

	"key":    {regexp.MustCompile(`^[!-~]*$`), "has a character that an Authorization header cannot carry", "use letters, digits and punctuation, without spaces"},
	"header": {regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]+$"), "cannot be the name of a header", ""},                                  // RFC 9110 section 5.6.2
	"line":   {regexp.MustCompile(`^[^\x00-\x08\x0a-\x1f\x7f]*$`), "has a line break or another character that a header cannot carry", ""}, // RFC 9110 section 5.5

	"url":     {regexp.MustCompile(`^https?://[^/?#\s]+[^\s]*$`), "is not an http or https URL", "write it like https://issues.example.com/mcp"},
	"keyless": {regexp.MustCompile(`^[^@]*$|^[a-z]+://[^/?#@]*[/?#]`), "has credentials in it", "put them under headers: {Authorization: …}"},
	"whole":   {regexp.MustCompile(`^[^#]*$`), "has a fragment (#), which is never sent", "remove it"},
	"public":  {regexp.MustCompile(`^https?://[^/?#@\s]+[^?#\s]*$`), "is not an address for clients", "write it like https://mcp.example.com"},
	"origin":  {regexp.MustCompile(`^https?://[^/?#@\s]+$`), "is not an origin", "write scheme://host or scheme://host:port, such as https://app.example.com"},
}

// misses returns the first of the named forms that s does not have; ok is false when it has all.
func misses(s string, names []string) (missed form, ok bool) {
	for _, name := range names {
		if f := forms[name]; !f.pattern.MatchString(s) {
			return f, true
		}
	}
	return form{}, false
}

// looks returns the schema of texts that have the named forms.
func looks(names []string) schema {
	all := []schema{}
	for _, name := range names {
		all = append(all, schema{"pattern": forms[name].pattern.String()})
	}
	if len(all) == 1 {
		return all[0]
	}
	return schema{"allOf": all}
}

// formsOf returns the names in a tag, with what holds for every text.
func formsOf(tag string) []string { return append([]string{"bytes"}, strings.Fields(tag)...) }
