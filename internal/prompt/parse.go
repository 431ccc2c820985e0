package prompt

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A parser reads a template by recursive descent. After its first error it sees
// nothing but the end of the template, so that every function comes back.
type parser struct {
	tmpl  *Template
	scan  scanner
	tok   token
	ahead *token // the one after tok, if it was looked at
	err   error

	nodes   int
	nesting int
	blocks  []openBlock
	scope   *scope
}

// An openBlock is a block whose end is still to come.
type openBlock struct {
	name   string
	offset int
}

// A scope knows which variables have certainly been set in a part of the template.
type scope struct {
	set   map[int]bool
	outer *scope
}

func newParser(t *Template) *parser {
	p := &parser{tmpl: t, scan: scanner{tmpl: t, text: t.text, inside: kindText}, scope: &scope{set: map[int]bool{}}}
	p.next()
	return p
}

// fail keeps the first error.
func (p *parser) fail(offset int, hint, format string, args ...any) {
	if p.err == nil {
		p.err = p.tmpl.newError(offset, fmt.Sprintf(format, args...), hint)
	}
	p.tok, p.ahead = token{kind: kindEnd, offset: len(p.tmpl.text)}, nil
}

// next goes to the next token and returns the one before.
func (p *parser) next() token {
	before := p.tok
	if p.ahead != nil {
		p.tok, p.ahead = *p.ahead, nil
	} else {
		p.tok = p.read()
	}
	return before
}

func (p *parser) read() token {
	end := token{kind: kindEnd, offset: len(p.tmpl.text)}
	if p.err != nil {
		return end
	}
	t, err := p.scan.next()
	if err != nil {
		p.err = err
		return end
	}
	return t
}

// look returns the token after the next.
func (p *parser) look() token {
	if p.ahead == nil {
		t := p.read()
		p.ahead = &t
	}
	return *p.ahead
}

// skip goes on if the next token is the operator or the name.
func (p *parser) skip(text string) bool {
	if !p.tok.is(text) {
		return false
	}
	p.next()
	return true
}

func (p *parser) expect(text, hint string) {
	if !p.skip(text) {
		p.fail(p.tok.offset, hint, "expected '%s', found %s", text, p.tok)
	}
}

// enter counts a level of nesting; leave it with p.nesting--.
func (p *parser) enter() {
	if p.nesting++; p.nesting > maxNesting {
		p.fail(p.tok.offset, "split the template into prompts that include each other", "more than %d blocks or brackets within each other", maxNesting)
	}
}

// node returns the place of a new node above others, and keeps the tree small
// enough to be walked.
func (p *parser) node(offset int, below ...expression) node {
	n := node{offset: int32(offset)} //nolint:gosec // a template has at most maxText bytes
	for _, x := range below {
		if x != nil {
			n.height = max(n.height, x.base().height+1)
		}
	}
	if p.nodes++; p.nodes > maxNodes {
		p.fail(offset, "split the template into prompts that include each other", "the template has more than %d expressions and statements", maxNodes)
	}
	if n.height > maxHeight {
		p.fail(offset, "compute parts of it with {% set %} before", "more than %d operations build on each other here", maxHeight)
	}
	return n
}

// within parses something in a scope of its own and returns what it has set.
func (p *parser) within(parse func()) map[int]bool {
	p.scope = &scope{set: map[int]bool{}, outer: p.scope}
	parse()
	set := p.scope.set
	p.scope = p.scope.outer
	return set
}

// id returns the number of a variable.
func (p *parser) id(name string) int {
	id, ok := p.tmpl.ids[name]
	if !ok {
		id = len(p.tmpl.names)
		p.tmpl.ids[name] = id
		p.tmpl.names = append(p.tmpl.names, name)
	}
	return id
}

// reads notes that a variable is read here.
func (p *parser) reads(id int) {
	for s := p.scope; s != nil; s = s.outer {
		if s.set[id] {
			return
		}
	}
	p.tmpl.reads[p.tmpl.names[id]] = true
}

// template reads all of it.
func (p *parser) template() []statement {
	body, _ := p.body()
	return body
}

// body reads statements up to a tag that one of the ends names, and returns
// that name; the tag is read up to the name. Without ends it reads all.
func (p *parser) body(ends ...string) (body []statement, end string) {
	p.enter()
	defer func() { p.nesting-- }()
	for {
		t := p.next()
		switch t.kind {
		case kindText:
			body = append(body, &text{p.node(t.offset), t.text})
		case kindOpenValue:
			x := p.tuple(true)
			body = append(body, &output{p.node(t.offset, x), x})
			p.close(kindCloseValue)
		case kindOpenBlock:
			if p.tok.kind == kindName && slices.Contains(ends, p.tok.text) {
				return body, p.next().text
			}
			if s := p.statement(t); s != nil {
				body = append(body, s)
			}
			p.close(kindCloseBlock)
		default:
			if len(ends) > 0 && p.err == nil {
				open := p.blocks[len(p.blocks)-1]
				p.fail(open.offset, "end it with {% "+ends[len(ends)-1]+" %}", "the %s has no end", open.name)
			}
			return body, ""
		}
	}
}

// close reads the end of a tag.
func (p *parser) close(want kind) {
	if p.tok.kind != want {
		hint := ""
		if p.tok.is("=") {
			hint = "set a variable with {% set %}, compare with =="
		}
		p.fail(p.tok.offset, hint, "expected %s, found %s", token{kind: want}, p.tok)
	}
	p.next()
}

// statement reads a block, from its name on.
func (p *parser) statement(begin token) statement {
	t := p.next()
	if t.kind != kindName {
		p.fail(t.offset, "write {% if … %}, {% for … %}, {% set … %} or {% include … %}", "a block begins with a name, found %s", t)
		return nil
	}
	var read func(token) statement
	switch t.text {
	case "if":
		read = p.ifBlock
	case "for":
		read = p.forBlock
	case "set":
		read = p.setBlock
	case "include":
		read = p.includeTag
	default:
		p.refuse(t)
		return nil
	}
	p.blocks = append(p.blocks, openBlock{t.text, begin.offset})
	s := read(begin)
	p.blocks = p.blocks[:len(p.blocks)-1]
	return s
}

// refuse says what to do instead of a block that is not one of ours.
func (p *parser) refuse(t token) {
	name, isEnd := strings.CutPrefix(t.text, "end")
	if hint, ok := refused[name]; ok {
		p.fail(t.offset, hint, "'%s' is not part of this language", t.text)
		return
	}
	isEnd = isEnd && slices.Contains([]string{"if", "for", "set", "raw"}, name)
	switch {
	case !isEnd && t.text != "else" && t.text != "elif":
		p.fail(t.offset, "there are if, for, set, include and raw; put it between {% raw %} and {% endraw %} if it is text", "there is no block %q", t.text)
	case len(p.blocks) == 0:
		p.fail(t.offset, "leave it out, or open the block before", "'%s' belongs to no block", t.text)
	default:
		open := p.blocks[len(p.blocks)-1]
		line, _ := p.tmpl.position(open.offset)
		p.fail(t.offset, "end blocks in the order in which they were opened", "'%s' stands where the %s of line %d has to end first", t.text, open.name, line)
	}
}

// refused are the blocks of Jinja that are left out, with what to do instead.
var refused = map[string]string{
	"extends":    "a prompt stands by itself: include the parts it shares with others",
	"block":      "a prompt stands by itself: include the parts it shares with others",
	"import":     "include the prompt that has the text",
	"from":       "include the prompt that has the text",
	"macro":      "write the text as a prompt of its own, set its variables and include it",
	"call":       "write the text as a prompt of its own, set its variables and include it",
	"filter":     "use {% set x | upper %}…{% endset %}{{ x }}",
	"with":       "use {% set %}",
	"do":         "use {% set %}: values do not change",
	"print":      "use {{ }}",
	"autoescape": "use the filter escape where the text is HTML",
	"break":      "choose the items before: {% for x in xs if … %} or xs[:10]",
	"continue":   "choose the items before: {% for x in xs if … %}",
	"trans":      "write one prompt for each language",
	"debug":      "use {{ x | tojson }}",
}

// blockBody reads the end of a tag and what is in the block.
func (p *parser) blockBody(ends ...string) (body []statement, end string) {
	p.skip(":")
	p.close(kindCloseBlock)
	return p.body(ends...)
}

func (p *parser) ifBlock(begin token) statement {
	s := &branches{}
	var certain map[int]bool // set in all branches
	for end := "elif"; end == "elif" || end == "else"; {
		var b branch
		if end == "elif" {
			b.test = p.tuple(false)
		}
		ends := []string{"elif", "else", "endif"}
		if end == "else" {
			ends = ends[2:]
		}
		last := end == "else"
		set := p.within(func() { b.body, end = p.blockBody(ends...) })
		if certain == nil {
			certain = set
		}
		maps.DeleteFunc(certain, func(id int, _ bool) bool { return !set[id] })
		s.list = append(s.list, b)
		if last {
			maps.Copy(p.scope.set, certain)
		}
	}
	s.node = p.node(begin.offset)
	return s
}

func (p *parser) forBlock(begin token) statement {
	s := &loop{id: p.id("loop")}
	s.target = p.target("in")
	p.expect("in", "write {% for item in items %}")
	s.items = p.tuple(false)
	p.within(func() {
		p.declare(s.target)
		if p.skip("if") {
			s.test = p.expression()
		}
		if p.tok.is("recursive") {
			p.fail(p.tok.offset, "write the loop as a prompt that includes itself", "recursive loops are not part of this language")
		}
		p.scope.set[s.id] = true
		var end string
		if s.body, end = p.blockBody("else", "endfor"); end == "else" {
			p.scope = &scope{set: map[int]bool{}, outer: p.scope.outer}
			s.otherwise, _ = p.blockBody("endfor")
		}
	})
	s.node = p.node(begin.offset, s.items, s.test)
	if slices.Contains(s.target.all(nil), s.id) {
		p.fail(begin.offset, "choose another name", "a loop variable cannot be named 'loop'")
	}
	return s
}

func (p *parser) setBlock(begin token) statement {
	target := p.target("=")
	if p.skip("=") {
		x := p.tuple(true)
		p.declare(target)
		return &setting{p.node(begin.offset, x), target, x}
	}
	s := &capture{target: target}
	s.filter = p.postfixed(expression(&captured{p.node(begin.offset)}), true)
	p.within(func() { s.body, _ = p.blockBody("endset") })
	p.declare(target)
	s.node = p.node(begin.offset, s.filter)
	return s
}

// target reads the names that a loop or a set gives values to.
func (p *parser) target(end string) target {
	var t target
	for {
		if p.tok.is("(") {
			p.next()
			p.enter()
			t.parts = append(t.parts, p.target(")"))
			p.nesting--
			p.expect(")", "")
		} else {
			t.parts = append(t.parts, target{id: p.targetName()})
		}
		if !p.skip(",") {
			break
		}
		t.isTuple = true
		if p.tok.is(end) {
			break
		}
	}
	if !t.isTuple {
		return t.parts[0]
	}
	return t
}

func (p *parser) targetName() int {
	t := p.next()
	switch {
	case t.kind != kindName || slices.Contains(keywords, t.text):
		p.fail(t.offset, "write a name", "expected the name of a variable, found %s", t)
	case p.tok.is(".") || p.tok.is("["):
		p.fail(p.tok.offset, "set a variable of its own", "values do not change: only a variable can be set")
	}
	p.node(t.offset)
	return p.id(t.text)
}

// declare notes that the names of a target are set from here on.
func (p *parser) declare(t target) {
	for _, id := range t.all(nil) {
		p.scope.set[id] = true
	}
}

func (p *parser) includeTag(begin token) statement {
	s := &include{withContext: true}
	s.name = p.expression()
	if p.tok.is("ignore") && p.look().is("missing") {
		p.next()
		p.next()
		s.ignoreMissing = true
	}
	if (p.tok.is("with") || p.tok.is("without")) && p.look().is("context") {
		s.withContext = p.next().text == "with"
		p.next()
	}
	s.node = p.node(begin.offset, s.name)
	if l, ok := s.name.(*literal); ok {
		if name, ok := l.v.(string); ok {
			p.tmpl.includes(name, begin.offset, s.ignoreMissing)
		}
	}
	return s
}

// includes notes that the template includes the prompt of that name.
func (t *Template) includes(name string, offset int, optional bool) {
	i := slices.IndexFunc(t.calls, func(c Include) bool { return c.Name == name })
	if i < 0 {
		line, column := t.position(offset)
		t.calls = append(t.calls, Include{Name: name, Line: line, Column: column, Optional: optional})
		return
	}
	t.calls[i].Optional = t.calls[i].Optional && optional
}
