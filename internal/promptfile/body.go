package promptfile

import (
	"regexp"
	"strconv"
	"strings"
)

// mark matches the line of a Markdown file behind which a message of a role
// begins: three dashes and the role. Other roles than the two that prompts have
// are matched to be refused.
var mark = regexp.MustCompile(`^---[ \t]+(user|assistant|system|developer|tool)[ \t]*$`)

// readBody reads the texts of a Markdown file: what stands before the first mark
// is the user's.
func (f *file) readBody() {
	if f.doc.Written("messages") {
		f.doc.WrongKey("messages", "a Markdown file has its messages below the front matter", "write the text there, and a line \"--- assistant\" before an answer")
	}
	body, line := f.doc.Body()
	role := "user"
	var text []string
	begin := line
	for l := range strings.SplitSeq(body, "\n") {
		m := mark.FindStringSubmatch(strings.TrimSuffix(l, "\r"))
		if m == nil {
			text = append(text, l)
			line++
			continue
		}
		f.addPart(role, text, begin)
		if role = m[1]; role != "user" && role != "assistant" {
			f.doc.WrongAt(line, 5, "prompts have no role "+role, "write --- user or --- assistant")
		}
		line++
		text, begin = nil, line
	}
	f.addPart(role, text, begin)
	if len(f.messages) == 0 && f.head.Parent == "" && f.doc.Err() == nil {
		f.doc.WrongAt(begin, 1, "the prompt says nothing", "write its text below the front matter")
	}
}

// addPart adds the message of some lines, the first of which has the number line,
// without the blank ones around it; a part of blank lines is none.
func (f *file) addPart(role string, text []string, line int) {
	for len(text) > 0 && strings.TrimSpace(text[0]) == "" {
		text, line = text[1:], line+1
	}
	for len(text) > 0 && strings.TrimSpace(text[len(text)-1]) == "" {
		text = text[:len(text)-1]
	}
	if len(text) > 0 {
		f.add(role, strings.Join(text, "\n"), line, 0)
	}
}

// element returns the path of element i of a list in the document.
func element(list string, i int) string { return list + "[" + strconv.Itoa(i) + "]" }
