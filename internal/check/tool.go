package check

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/sumun-mcp/sumun/trust"
)

// A tool is an element of tools/list as the checks see it.
type tool struct {
	name, title, description string
	skeleton                 string          // of the name; see skeleton
	words                    []string        // of the name, in small letters
	has                      map[string]bool // words of the name, and two of them joined by a blank
	text                     string          // title and description in small letters, one blank between words
	explained                string          // the descriptions of properties, a line each
	parameters               []string        // the names of all properties of the schema, in small letters, sorted
	annotations              annotations
	can                      map[*capability]string // why it has the capabilities that were asked for
	raw                      json.RawMessage
}

type annotations struct {
	ReadOnly    *bool `json:"readOnlyHint"`
	Destructive *bool `json:"destructiveHint"`
	OpenWorld   *bool `json:"openWorldHint"`
}

func (t *tool) readOnly() bool { return t.annotations.ReadOnly != nil && *t.annotations.ReadOnly }

func (t *tool) place(pointer string) trust.Place {
	return trust.Place{Kind: "tool", Name: t.name, Pointer: pointer}
}

// toolsOf returns the tools of a server; what is no tool is left out.
func toolsOf(s *trust.Subject) []*tool {
	tools := make([]*tool, 0, len(s.Tools))
	for _, raw := range s.Tools {
		var element struct {
			Name        string          `json:"name"`
			Title       string          `json:"title"`
			Description string          `json:"description"`
			InputSchema json.RawMessage `json:"inputSchema"`
			Annotations annotations     `json:"annotations"`
		}
		if json.Unmarshal(raw, &element) != nil || element.Name == "" {
			continue
		}
		t := &tool{name: element.Name, title: element.Title, description: element.Description, annotations: element.Annotations, raw: raw, can: map[*capability]string{}}
		t.words, t.skeleton = words(t.name), Skeleton(t.name)
		t.has = map[string]bool{}
		for i, w := range t.words {
			t.has[w] = true
			if i > 0 {
				t.has[t.words[i-1]+" "+w] = true
			}
		}
		t.text = strings.ToLower(strings.Join(strings.Fields(t.title+" "+t.description), " "))
		t.parameters, t.explained = parameters(element.InputSchema)
		tools = append(tools, t)
	}
	return tools
}

// words returns the words of a name in small letters: parted by what is no letter or digit, and where small letters meet large ones.
func words(name string) []string {
	var all []string
	var word []rune
	flush := func() {
		if len(word) > 0 {
			all, word = append(all, strings.ToLower(string(word))), nil
		}
	}
	runes := []rune(name)
	for i, r := range runes {
		switch {
		case !unicode.IsLetter(r) && !unicode.IsDigit(r):
			flush()
			continue
		case i > 0 && unicode.IsUpper(r) && (unicode.IsLower(runes[i-1]) || i+1 < len(runes) && unicode.IsLower(runes[i+1])):
			flush()
		}
		word = append(word, r)
	}
	flush()
	return all
}

// maxDepth is how deep properties of a schema are looked for.
const maxDepth = 8

// parameters returns the names of the properties of a schema, and what is said of them.
func parameters(schema json.RawMessage) (names []string, explained string) {
	found, said := map[string]bool{}, []string{}
	var walk func(raw json.RawMessage, depth int)
	walk = func(raw json.RawMessage, depth int) {
		var node struct {
			Description json.RawMessage            `json:"description"`
			Properties  map[string]json.RawMessage `json:"properties"`
			Items       json.RawMessage            `json:"items"`
		}
		if depth == 0 || len(raw) == 0 || json.Unmarshal(raw, &node) != nil {
			return
		}
		var text string
		if json.Unmarshal(node.Description, &text) == nil && text != "" {
			said = append(said, text)
		}
		for name, inner := range node.Properties {
			found[strings.ToLower(name)] = true
			walk(inner, depth-1)
		}
		walk(node.Items, depth-1)
	}
	walk(schema, maxDepth)
	slices.Sort(said)
	return slices.Sorted(maps.Keys(found)), strings.Join(said, "\n")
}

// server is a subject with its tools read.
type server struct {
	*trust.Subject

	tools []*tool
}

// servers returns the subjects by their names, so that the same set gives the same findings.
func servers(all []*trust.Subject) []*server {
	read := make([]*server, 0, len(all))
	for _, s := range all {
		read = append(read, &server{s, toolsOf(s)})
	}
	slices.SortStableFunc(read, func(a, b *server) int { return strings.Compare(a.Name, b.Name) })
	return read
}
