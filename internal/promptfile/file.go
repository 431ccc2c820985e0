package promptfile

import (
	"encoding/json"
	"errors"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/sumun-mcp/sumun/internal/document"
	"github.com/sumun-mcp/sumun/internal/prompt"
)

// A head is what a file says besides its texts: the front matter of a Markdown
// file, or a YAML file.
type head struct {
	Name        string                     `yaml:"name" form:"prompt"`
	Title       string                     `yaml:"title" form:"line"`
	Description string                     `yaml:"description"`
	Parent      string                     `yaml:"parent" form:"prompt"`
	Arguments   []argument                 `yaml:"arguments" list:"true"`
	Variables   map[string]json.RawMessage `yaml:"variables" key:"variable"`
	Sampling    sampling                   `yaml:"sampling"`
	Messages    []said                     `yaml:"messages" list:"true"`
}

// An argument is what the user of a prompt may give.
type argument struct {
	Name        string          `yaml:"name" form:"variable"`
	Title       string          `yaml:"title" form:"line"`
	Description string          `yaml:"description"`
	Required    bool            `yaml:"required"`
	Default     json.RawMessage `yaml:"default"`
	Enum        []string        `yaml:"enum"`
}

// said is one message of a YAML file.
type said struct {
	Role    string `yaml:"role" enum:"user assistant"`
	Content string `yaml:"content"`
}

// grammar is what prompt files hold beyond their structs. Its patterns of letters are large: most starts of the program need none.
var grammar = sync.OnceValue(func() *document.Grammar {
	return &document.Grammar{
		Forms: map[string]document.Form{
			"prompt":   {Pattern: regexp.MustCompile(`^[\p{L}\p{N}_][\p{L}\p{M}\p{N}_.-]{0,63}$`), Message: "cannot be the name of a prompt", Hint: "use letters, digits, _, - and dots, at most 64"},
			"variable": {Pattern: regexp.MustCompile(`^[\p{L}_][\p{L}\p{M}\p{N}_]{0,63}$`), Message: "cannot be the name of a variable", Hint: "use letters, digits and _, at most 64, without a digit at the beginning"},
			"line":     {Pattern: regexp.MustCompile(`^[^\n\r]*$`), Message: "has a line break", Hint: "write one line; description takes more"},
		},
		Elsewhere: map[string]string{
			"args": "write arguments", "inputs": "write arguments", "params": "write arguments", "vars": "write variables",
			"content": "write messages: [{role: user, content: …}]", "template": "write messages: [{role: user, content: …}]",
			"extends": "write parent", "model": "which model is used is for the host to decide; remove it", "id": "write name",
			"temperature": "write it under sampling", "top_p": "write it under sampling", "max_tokens": "write maxTokens under sampling",
			"stop": "write stopSequences", "tags": "remove it", "version": "remove it",
		},
	}
})

// contextName is the variable that tells in which context a prompt is rendered; no
// prompt has one of its own of that name.
const contextName = "context"

// Bounds of one file.
const (
	maxMessages  = 64
	maxArguments = 64
)

// A message is one text of a prompt.
type message struct {
	role string
	text *prompt.Template
}

// A file is what a prompt file says, without faults of its own.
type file struct {
	path     string
	head     head
	declared bool // the file lists its arguments itself
	messages []message
	doc      *document.Document // for telling faults that are found beside other files; not changed any more
}

// parse reads a file. The error is a document.Faults.
func parse(path string, data []byte) (*file, error) {
	f := &file{path: path}
	markdown := isMarkdown(path)
	f.doc = grammar().Read(document.Source{Name: path, Plain: true, Front: markdown}, data, &f.head)
	if !f.doc.Parsed() {
		return nil, f.doc.Err()
	}
	if f.head.Name == "" && !f.doc.Written("name") {
		f.head.Name = nameOf(path)
		if !grammar().Forms["prompt"].Pattern.MatchString(f.head.Name) {
			f.doc.WrongAt(1, 1, "the name of the file cannot be that of a prompt", "write name: …, or rename the file")
		}
	}
	f.declared = f.doc.Written("arguments")
	f.check()
	if markdown {
		f.readBody()
	} else {
		f.readMessages()
	}
	if len(f.messages) > maxMessages {
		f.doc.WrongAt(1, 1, "the prompt has more than 64 messages", "make several prompts of it")
	}
	if err := f.doc.Err(); err != nil {
		return nil, err
	}
	return f, nil
}

// isMarkdown reports whether the file of that path has front matter and a body.
func isMarkdown(path string) bool { return strings.EqualFold(filepath.Ext(path), ".md") }

// nameOf returns the name that a prompt has where its file says none.
func nameOf(path string) string {
	base := filepath.Base(path)
	return strings.TrimSuffix(base, filepath.Ext(base))
}

// check looks at arguments and variables as a whole.
func (f *file) check() {
	doc := f.doc
	if len(f.head.Arguments) > maxArguments {
		doc.Wrong("arguments", "a prompt has at most 64 arguments", "take several values in one")
	}
	if doc.Written("name") && f.head.Name == "" {
		doc.Wrong("name", "is empty", "write a name, or remove the key for that of the file")
	}
	seen := map[string]bool{}
	for i, a := range f.head.Arguments {
		at := element("arguments", i)
		_, twice := f.head.Variables[a.Name]
		switch {
		case a.Name == "":
			doc.Missing(at, "name", "write name: …")
		case a.Name == contextName:
			doc.Wrong(at+".name", "context is what the gateway tells", "choose another name")
		case seen[a.Name]:
			doc.Wrong(at+".name", "there is an argument "+a.Name+" already", "remove one of the two")
		case twice && a.Default != nil:
			doc.Wrong(at+".default", "variables gives "+a.Name+" a value too", "keep one of the two")
		case a.Required && a.Default != nil:
			doc.Wrong(at+".default", "what has a default is not required", "remove default, or required")
		case a.Default != nil && !a.allows(a.Default):
			doc.Wrong(at+".default", "is not among enum", document.Suggest(textOf(a.Default), a.Enum))
		}
		seen[a.Name] = true
	}
	if _, ok := f.head.Variables[contextName]; ok {
		doc.WrongKey("variables."+contextName, "context is what the gateway tells", "choose another name")
	}
}

// allows reports whether the argument may have the value, which is JSON.
func (a *argument) allows(value json.RawMessage) bool {
	return len(a.Enum) == 0 || slices.Contains(a.Enum, textOf(value))
}

// textOf returns a text as it is, and any other JSON as its own text.
func textOf(value json.RawMessage) string {
	var s string
	if json.Unmarshal(value, &s) == nil && string(value) != "null" {
		return s
	}
	return string(value)
}

// readMessages reads the texts of a YAML file.
func (f *file) readMessages() {
	if !f.doc.Written("messages") && f.head.Parent == "" {
		f.doc.WrongAt(1, 1, "the prompt says nothing", "write messages: [{role: user, content: …}]")
	}
	for i, m := range f.head.Messages {
		at := element("messages", i)
		if !f.doc.Written(at + ".content") {
			f.doc.Missing(at, "content", "write content: …")
			continue
		}
		line, indent := f.doc.Place(at + ".content")
		f.add(m.Role, m.Content, line, indent)
	}
	f.head.Messages = nil
}

// add reads a template that begins on a line of the file, behind an indent.
func (f *file) add(role, text string, line, indent int) {
	if role == "" {
		role = "user"
	}
	t, err := prompt.Parse(prompt.Origin{Name: filepath.Base(f.path), Line: line, Indent: indent}, text)
	if e, ok := errors.AsType[*prompt.Error](err); ok {
		f.doc.WrongAt(e.Line, e.Column, e.Message, e.Hint)
		return
	}
	f.messages = append(f.messages, message{role: role, text: t})
}
