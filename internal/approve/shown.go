package approve

import (
	"regexp"
	"strconv"
	"unicode"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// Bounds of what is shown of arguments.
const (
	// shownBytes is how much in all, about.
	shownBytes = 2048
	// shownText is how many characters of a text, shownItems how many elements of a list and shownDepth how deep.
	shownText, shownItems, shownDepth = 160, 20, 5
)

// secretName matches names of members whose values are not shown.
var secretName = regexp.MustCompile(`(?i)passw|passphrase|secret|token|api[-_]?key|private[-_]?key|authorization|credential|cookie`)

// secretText matches texts that are secrets whatever they are called: keys in PEM, tokens that say what they are, keys of ours.
var secretText = regexp.MustCompile(`-----BEGIN [A-Z ]*PRIVATE KEY|^(?i:bearer|basic) \S|^eyJ[\w-]{8,}\.eyJ|^(sk|ghp|gho|ghs|github_pat|glpat|xox[abprs]|AKIA|sumun)[-_A-Z0-9]`)

// hidden stands in the place of a secret.
const hidden = "•••"

// shown returns the arguments of a call as people are shown them: a JSON value that is short, has no secrets, and no characters that cannot
// be seen. What is left out is said.
func shown(call *mcp.Call, redact func([]byte) []byte) []byte {
	value := call.Member("arguments")
	if call.Method == mcp.MethodWrite {
		var o wire.Object
		for key, member := range wire.Members(call.Params()) {
			if name := unquoted(key); name != "_meta" && name != "uri" && name != "context" {
				o = o.Member(name, member)
			}
		}
		value = o.End()
	}
	if value == nil {
		return []byte("{}")
	}
	if redact != nil {
		value = redact(value)
	}
	p := printer{left: shownBytes}
	p.value(value, 0)
	return p.out
}

// clean returns a text without what is not to be shown of it: a URI may have a token in it.
func (a *Approvals) clean(s string) string {
	if a.Redact == nil {
		return s
	}
	clean, _ := wire.Unquote(a.Redact(wire.AppendQuote(nil, s)))
	return clean
}

// reason returns what somebody gives as a reason as it is kept, and told to the client.
func (a *Approvals) reason(s string) string { return short(visible(a.clean(s)), maxReason) }

// A printer writes a JSON value within bounds.
type printer struct {
	out  []byte
	left int
}

func (p *printer) value(v []byte, depth int) {
	switch {
	case len(v) > 0 && (v[0] == '{' || v[0] == '[') && depth == shownDepth:
		p.text("…")
	case len(v) > 0 && v[0] == '{':
		p.object(v, depth)
	case len(v) > 0 && v[0] == '[':
		p.list(v, depth)
	case len(v) > 0 && v[0] == '"':
		s, _ := wire.Unquote(v)
		if secretText.MatchString(s) {
			s = hidden
		}
		p.text(s)
	case len(v) > shownText: // a number of many digits
		p.text(string(v))
	default:
		p.write(v)
	}
}

func (p *printer) object(v []byte, depth int) {
	p.write([]byte{'{'})
	n, more := 0, 0
	for key, value := range wire.Members(v) {
		if n == shownItems || p.left <= 0 {
			more++
			continue
		}
		if n++; n > 1 {
			p.write([]byte{','})
		}
		name := unquoted(key)
		p.text(name)
		p.write([]byte{':'})
		if secretName.MatchString(name) {
			p.text(hidden)
		} else {
			p.value(value, depth+1)
		}
	}
	if more > 0 {
		if n > 0 {
			p.write([]byte{','})
		}
		p.text("…")
		p.write([]byte{':'})
		p.text(strconv.Itoa(more) + " more")
	}
	p.write([]byte{'}'})
}

func (p *printer) list(v []byte, depth int) {
	p.write([]byte{'['})
	n, more := 0, 0
	for element := range wire.Elements(v) {
		if n == shownItems || p.left <= 0 {
			more++
			continue
		}
		if n++; n > 1 {
			p.write([]byte{','})
		}
		p.value(element, depth+1)
	}
	if more > 0 {
		if n > 0 {
			p.write([]byte{','})
		}
		p.text("… " + strconv.Itoa(more) + " more")
	}
	p.write([]byte{']'})
}

// text writes a text, of which the end may be left out.
func (p *printer) text(s string) {
	runes := []rune(visible(s))
	if n := len(runes); n > shownText {
		s = string(runes[:shownText]) + "… (" + strconv.Itoa(n-shownText) + " more characters)"
	} else {
		s = string(runes)
	}
	p.write(wire.AppendQuote(nil, s))
}

func (p *printer) write(b []byte) {
	p.out = append(p.out, b...)
	p.left -= len(b)
}

// unquoted returns what stands between the quotes of a name.
func unquoted(key []byte) string {
	return string(wire.AppendUnquoted(nil, append(append([]byte{'"'}, key...), '"')))
}

// visible returns s with a mark in the place of each character that cannot be seen or changes how others are: who allows something must see
// it as it is.
func visible(s string) string {
	out := make([]rune, 0, len(s))
	for _, r := range s {
		if r != '\n' && r != '\t' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Zl, r) || unicode.Is(unicode.Zp, r)) {
			r = unicode.ReplacementChar
		}
		out = append(out, r)
	}
	return string(out)
}
