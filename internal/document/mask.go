package document

import (
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// secretKey matches keys whose values are not to be shown, also where they are misspelled or in the wrong place.
var secretKey = regexp.MustCompile(`(?i)api[-_]?key|token|secret|passw|authorization|cookie`)

// secretLine matches such a key and its value in the text of a line, for a file that could not be parsed.
var secretLine = regexp.MustCompile(`(?i)((?:api[-_]?key|token|secret|passw|authorization|cookie)[\w-]*["']?\s*:\s*)(\S.*)$`)

// passwords match what stands before a password in a URL, and the password: of its user, in addresses of databases also with characters
// that would have to be escaped, and in a parameter.
var passwords = []*regexp.Regexp{
	regexp.MustCompile(`(?i)(postgre[a-z]*://[^\s:@"']*:)([^\s"']*)@`),
	regexp.MustCompile(`(://[^\s/?#:@"']*:)([^\s/?#@"']*)@`),
	regexp.MustCompile(`(?i)([?&](?:ssl)?password=)([^\s"'&#]*)`),
}

// withoutPasswords has the passwords of URLs in s replaced.
func withoutPasswords(s string, by func(password string) string) string {
	for _, re := range passwords {
		s = re.ReplaceAllStringFunc(s, func(found string) string {
			m := re.FindStringSubmatch(found)
			return m[1] + by(m[2]) + found[len(m[1])+len(m[2]):]
		})
	}
	return s
}

// hide masks, in the source lines of faults, the secrets that stand literally in the file. Variables stay: ${TOKEN} tells nothing.
// The masked text is as long as the secret, so that the caret stays where it belongs. keys are those below which all is secret.
func (fs Faults) hide(root *node, keys []string) {
	secrets := map[int][]*node{}
	if root != nil {
		root.secrets(false, keys, secrets)
	}
	for i := range fs {
		f := &fs[i]
		if f.Source == "" {
			continue
		}
		for _, n := range secrets[f.Line] {
			f.Source = n.hideIn(f.Source)
		}
		f.Source = withoutPasswords(f.Source, starred)
		if root == nil {
			f.Source = secretLine.ReplaceAllStringFunc(f.Source, func(s string) string {
				m := secretLine.FindStringSubmatch(s)
				return m[1] + starred(m[2])
			})
		}
	}
}

// secrets gathers, by line, the literal texts that are secret: those below keys, and those whose key says so.
func (n *node) secrets(secret bool, keys []string, into map[int][]*node) {
	switch n.kind {
	case object:
		for _, f := range n.fields {
			f.value.secrets(secret || slices.Contains(keys, f.key) || secretKey.MatchString(f.key), keys, into)
		}
	case list:
		for _, item := range n.items {
			item.secrets(secret, keys, into)
		}
	case text, number, boolean, null:
		if secret && n.text != "" {
			into[n.at.line] = append(into[n.at.line], n)
		}
	}
}

// hideIn masks n's text in the line it stands on; all from there on when the text is written in another way, with escapes for example.
func (n *node) hideIn(line string) string {
	runes := []rune(line)
	from := min(max(n.at.column-1, 0), len(runes))
	before, rest := string(runes[:from]), string(runes[from:])
	if i := strings.Index(rest, n.raw); i >= 0 && n.raw != "" {
		return before + rest[:i] + starred(n.raw) + rest[i+len(n.raw):]
	}
	return before + starred(rest)
}

// starred returns asterisks in place of s, unless s is written with a variable.
func starred(s string) string {
	if strings.Contains(s, "${") {
		return s
	}
	return strings.Repeat("*", utf8.RuneCountInString(s))
}
