package declared

import (
	"fmt"
	"slices"
	"strings"
)

// A Placeholder is a place in a text that an argument is put into.
type Placeholder struct {
	Name string
	Path bool // {+name}: in a URL, the argument's slashes stay
}

// A Template is a text with placeholders: {name} or {+name}. {{ and }} stand for braces.
type Template struct {
	parts []part
}

// A part is a piece of text as it is, or a placeholder.
type part struct {
	text  string
	place Placeholder // without a name for a text
}

// Parse reads a template.
func Parse(text string) (Template, error) {
	var t Template
	var fixed strings.Builder
	for rest := text; rest != ""; {
		i := strings.IndexAny(rest, "{}")
		if i < 0 {
			fixed.WriteString(rest)
			break
		}
		fixed.WriteString(rest[:i])
		mark := rest[i]
		rest = rest[i+1:]
		if strings.HasPrefix(rest, string(mark)) {
			fixed.WriteByte(mark)
			rest = rest[1:]
			continue
		}
		inner, after, closed := strings.Cut(rest, "}")
		place := Placeholder{Name: strings.TrimPrefix(inner, "+"), Path: strings.HasPrefix(inner, "+")}
		if mark == '}' || !closed || !isName(place.Name) {
			return Template{}, fmt.Errorf("%q has a brace that does not belong to a placeholder such as {name}; write {{ and }} for the characters themselves", text)
		}
		if fixed.Len() > 0 {
			t.parts = append(t.parts, part{text: fixed.String()})
			fixed.Reset()
		}
		t.parts = append(t.parts, part{place: place})
		rest = after
	}
	if fixed.Len() > 0 {
		t.parts = append(t.parts, part{text: fixed.String()})
	}
	return t, nil
}

// isName reports whether a placeholder may have that name.
func isName(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r == 0x7f || strings.ContainsRune(`{}"'+,;|\/?#&=`, r)
	})
}

// Names returns the names of the placeholders, each once, in their order.
func (t Template) Names() []string {
	var names []string
	for _, p := range t.parts {
		if p.place.Name != "" && !slices.Contains(names, p.place.Name) {
			names = append(names, p.place.Name)
		}
	}
	return names
}

// Whole returns the name of the placeholder when the template is nothing but one.
func (t Template) Whole() (name string, ok bool) {
	if len(t.parts) != 1 || t.parts[0].place.Name == "" {
		return "", false
	}
	return t.parts[0].place.Name, true
}

// Beginning returns the text that stands before the first placeholder.
func (t Template) Beginning() string {
	if len(t.parts) == 0 {
		return ""
	}
	return t.parts[0].text
}

// Fill returns the text with the placeholders replaced by what value returns for each. ok is false when value says so of one of them.
func (t Template) Fill(value func(Placeholder) (text string, ok bool, err error)) (text string, ok bool, err error) {
	var out strings.Builder
	for _, p := range t.parts {
		if p.place.Name == "" {
			out.WriteString(p.text)
			continue
		}
		v, ok, err := value(p.place)
		if err != nil || !ok {
			return "", false, err
		}
		out.WriteString(v)
	}
	return out.String(), true, nil
}
