package prompt

import (
	"slices"
	"strconv"
	"strings"

	"github.com/sumun-mcp/sumun/internal/prompt/filter"
	"github.com/sumun-mcp/sumun/internal/prompt/value"
)

// The grammar of expressions, loosest first. As in Jinja ** groups from the
// left, a sign binds tighter than **, and filters and tests bind tightest.
//
//	tuple:      expression { "," expression }
//	expression: or { "if" or [ "else" expression ] }
//	or:         and { "or" and }
//	and:        not { "and" not }
//	not:        "not" not | compare
//	compare:    sum { ("==" | "!=" | "<" | … | ["not"] "in") sum }
//	sum:        concat { ("+" | "-") concat }
//	concat:     product { "~" product }
//	product:    power { ("*" | "/" | "//" | "%") power }
//	power:      signed { "**" signed }
//	signed:     ("-" | "+") signed | primary { "." name | "[" … "]" | "(" … ")" } { "|" filter | "is" test }

// keywords are names that no variable has.
var keywords = []string{"and", "or", "not", "in", "is", "if", "else", "true", "false", "none", "True", "False", "None"}

// tuple reads one expression, or several as a tuple. Where "if" follows an
// expression as a word of its own, as in a loop, it has no condition.
func (p *parser) tuple(withCondition bool) expression {
	read := p.or
	if withCondition {
		read = p.expression
	}
	t := p.tok
	x := read()
	if !p.tok.is(",") {
		return x
	}
	items := []expression{x}
	for p.skip(",") && !p.endsTuple() {
		items = append(items, read())
	}
	return &listing{p.node(t.offset, items...), items, true}
}

func (p *parser) endsTuple() bool {
	return p.tok.kind == kindCloseValue || p.tok.kind == kindCloseBlock || p.tok.kind == kindEnd || p.tok.is(")")
}

func (p *parser) expression() expression {
	p.enter()
	defer func() { p.nesting-- }()
	x := p.or()
	for p.tok.is("if") {
		t := p.next()
		test := p.or()
		var otherwise expression
		if p.skip("else") {
			otherwise = p.expression()
		}
		x = &condition{p.node(t.offset, x, test, otherwise), test, x, otherwise}
	}
	return x
}

func (p *parser) or() expression {
	x := p.and()
	for p.tok.is("or") {
		t := p.next()
		y := p.and()
		x = &logic{p.node(t.offset, x, y), true, x, y}
	}
	return x
}

func (p *parser) and() expression {
	x := p.not()
	for p.tok.is("and") {
		t := p.next()
		y := p.not()
		x = &logic{p.node(t.offset, x, y), false, x, y}
	}
	return x
}

func (p *parser) not() expression {
	if !p.tok.is("not") {
		return p.compare()
	}
	p.enter()
	defer func() { p.nesting-- }()
	t := p.next()
	x := p.not()
	return &unary{p.node(t.offset, x), "not", x}
}

var comparisons = []string{"==", "!=", "<", "<=", ">", ">=", "in"}

func (p *parser) compare() expression {
	x := p.sum()
	var chain []comparand
	below := []expression{x}
	offset := p.tok.offset
	for {
		op := p.tok.text
		switch {
		case (p.tok.kind == kindOperator || p.tok.kind == kindName) && slices.Contains(comparisons, op):
			p.next()
		case p.tok.is("not") && p.look().is("in"):
			p.next()
			p.next()
			op = "not in"
		case chain == nil:
			return x
		default:
			return &comparison{p.node(offset, below...), x, chain}
		}
		y := p.sum()
		chain = append(chain, comparand{op, y})
		below = append(below, y)
	}
}

// infix reads operations of one level, which group from the left.
func (p *parser) infix(read func() expression, operators ...string) expression {
	x := read()
	for p.tok.kind == kindOperator && slices.Contains(operators, p.tok.text) {
		t := p.next()
		y := read()
		x = &binary{p.node(t.offset, x, y), t.text, x, y}
	}
	return x
}

func (p *parser) sum() expression     { return p.infix(p.concat, "+", "-") }
func (p *parser) product() expression { return p.infix(p.power, "*", "/", "//", "%") }
func (p *parser) power() expression   { return p.infix(p.signed, "**") }

func (p *parser) concat() expression {
	t := p.tok
	parts := []expression{p.product()}
	for p.skip("~") {
		parts = append(parts, p.product())
	}
	if len(parts) == 1 {
		return parts[0]
	}
	return &concatenation{p.node(t.offset, parts...), parts}
}

func (p *parser) signed() expression { return p.postfixed(p.prefixed(), true) }

// prefixed reads signs and what they stand before.
func (p *parser) prefixed() expression {
	if !p.tok.is("-") && !p.tok.is("+") {
		return p.postfixed(p.primary(), false)
	}
	p.enter()
	defer func() { p.nesting-- }()
	t := p.next()
	x := p.prefixed()
	return p.postfixed(&unary{p.node(t.offset, x), t.text, x}, false)
}

// postfixed reads members, items and calls after x, and filters and tests too
// if they may follow.
func (p *parser) postfixed(x expression, withFilters bool) expression {
	for {
		t := p.tok
		switch {
		case t.is("."):
			x = p.member(x)
		case t.is("["):
			x = p.subscript(x)
		case t.is("("):
			x = p.call(x)
		case withFilters && t.is("|"):
			x = p.filter(x)
		case withFilters && t.is("is"):
			x = p.test(x)
		default:
			return x
		}
	}
}

func (p *parser) primary() expression {
	t := p.next()
	switch {
	case t.kind == kindString:
		return p.joined(t)
	case t.kind == kindNumber:
		return &literal{p.node(t.offset), t.v}
	case t.kind == kindName:
		return p.name(t)
	case t.is("("):
		return p.parenthesis(t)
	case t.is("["):
		items := p.items("]", "a list ends with ]")
		return &listing{p.node(t.offset, items...), items, false}
	case t.is("{"):
		return p.mapping(t)
	}
	p.fail(t.offset, "write a variable, a number, a text in quotes, a [list] or a {mapping}", "expected a value, found %s", t)
	return &literal{p.node(t.offset), value.None{}}
}

// joined reads the strings after a string: 'a' 'b' is 'ab'.
func (p *parser) joined(t token) expression {
	var text strings.Builder
	for {
		part, _ := t.v.(string)
		text.WriteString(part)
		n := p.node(t.offset)
		if p.tok.kind != kindString {
			return &literal{n, text.String()}
		}
		t = p.next()
	}
}

func (p *parser) name(t token) expression {
	switch t.text {
	case "true", "True":
		return &literal{p.node(t.offset), true}
	case "false", "False":
		return &literal{p.node(t.offset), false}
	case "none", "None":
		return &literal{p.node(t.offset), value.None{}}
	}
	if slices.Contains(keywords, t.text) {
		p.fail(t.offset, "write a value before it", "expected a value, found %s", t)
	}
	id := p.id(t.text)
	if t.text != "range" || !p.tok.is("(") {
		p.reads(id)
	}
	return &variable{p.node(t.offset), id, t.text}
}

// parenthesis reads (x), (x, y) and ().
func (p *parser) parenthesis(t token) expression {
	p.enter()
	defer func() { p.nesting-- }()
	x := expression(&listing{node: p.node(t.offset), isTuple: true})
	if !p.tok.is(")") {
		x = p.tuple(true)
	}
	p.expect(")", "")
	return x
}

// items reads expressions up to the end.
func (p *parser) items(end, hint string) []expression {
	var items []expression
	for !p.tok.is(end) && p.err == nil {
		items = append(items, p.expression())
		if !p.skip(",") {
			break
		}
	}
	p.expect(end, hint)
	return items
}

func (p *parser) mapping(t token) expression {
	var keys, values []expression
	for !p.tok.is("}") && p.err == nil {
		keys = append(keys, p.expression())
		p.expect(":", "write {'key': value}")
		values = append(values, p.expression())
		if !p.skip(",") {
			break
		}
	}
	p.expect("}", "a mapping ends with }")
	return &mapping{p.node(t.offset, slices.Concat(keys, values)...), keys, values}
}

func (p *parser) member(x expression) expression {
	t := p.next()
	name := p.next()
	switch {
	case name.kind == kindName:
		return &member{p.node(t.offset, x), x, name.text}
	case name.kind != kindNumber:
		p.fail(name.offset, "write x.name, x['name'] or x[0]", "expected the name of a member, found %s", name)
	}
	return &item{p.node(t.offset, x), x, &literal{p.node(name.offset), name.v}}
}

func (p *parser) subscript(x expression) expression {
	t := p.next()
	s := &slicing{x: x}
	isSlice := false
	for i := range s.bounds {
		if !p.tok.is(":") && !p.tok.is("]") {
			s.bounds[i] = p.expression()
		}
		if i == len(s.bounds)-1 || !p.skip(":") {
			break
		}
		isSlice = true
	}
	if s.bounds[0] == nil && !isSlice {
		p.fail(p.tok.offset, "write x[0], x['name'] or x[1:3]", "expected an index, found %s", p.tok)
	}
	p.expect("]", "write x[0], x['name'] or x[1:3]")
	if !isSlice {
		return &item{p.node(t.offset, x, s.bounds[0]), x, s.bounds[0]}
	}
	s.node = p.node(t.offset, x, s.bounds[0], s.bounds[1], s.bounds[2])
	return s
}

// call reads the few calls that there are: range(…), loop.cycle(…) and
// loop.changed(…).
func (p *parser) call(x expression) expression {
	t := p.tok
	switch x := x.(type) {
	case *variable:
		if x.name != "range" {
			p.fail(x.base().at(), instead[x.name], "%s() is not called: the only function is range", x.name)
		}
	case *member:
		if v, ok := x.x.(*variable); !ok || v.name != "loop" || x.name != "cycle" && x.name != "changed" {
			p.fail(x.base().at(), instead[x.name], "%s() is not called: templates only read values", x.name)
		}
	default:
		p.fail(t.offset, "write an operator or a filter before the parenthesis", "values are not called")
	}
	args := p.arguments()
	if len(args.Names) > 0 {
		p.fail(t.offset, "", "only filters and tests have arguments with names")
	}
	if v, ok := x.(*variable); ok && (len(args.Values) == 0 || len(args.Values) > 3) {
		p.fail(t.offset, "write range(stop), range(start, stop) or range(start, stop, step)", "%s takes 1 to 3 arguments, not %s", v.name, strconv.Itoa(len(args.Values)))
	}
	return &call{p.node(t.offset, append(args.Values, x)...), x, args.Values}
}

// instead is what to do in place of well-known functions and methods.
var instead = map[string]string{
	"items": "use x|items", "keys": "use x|list", "values": "use x|items", "get": "use x.name|default(…)",
	"upper": "use x|upper", "lower": "use x|lower", "title": "use x|title", "capitalize": "use x|capitalize",
	"strip": "use x|trim", "lstrip": "use x|trim", "rstrip": "use x|trim", "replace": "use x|replace(old, new)",
	"join": "use xs|join(', ')", "format": "use ~ to join texts", "startswith": "compare a slice: x[:3] == 'abc'",
	"endswith": "compare a slice: x[-3:] == 'abc'", "append": "use xs + [x]", "dict": "write {'key': value}",
	"namespace": "a variable that is set in a loop ends with the loop: use a filter such as map, select or sum",
	"super":     "include the parts that prompts share", "caller": "include the parts that prompts share",
}

func (p *parser) arguments() filter.Arguments[expression] {
	var args filter.Arguments[expression]
	p.expect("(", "")
	for !p.tok.is(")") && p.err == nil {
		switch {
		case p.tok.is("*") || p.tok.is("**"):
			p.fail(p.tok.offset, "write the arguments one by one", "arguments are not unpacked")
		case p.tok.kind == kindName && p.look().is("="):
			args.Names = append(args.Names, p.next().text)
			p.next()
		case len(args.Names) > 0:
			p.fail(p.tok.offset, "give the arguments with names last", "an argument without a name after one with a name")
		}
		args.Values = append(args.Values, p.expression())
		if !p.skip(",") {
			break
		}
	}
	p.expect(")", "")
	return args
}

func (p *parser) filter(x expression) expression {
	p.next()
	name := p.next()
	f, ok := filter.Find(name.text)
	if name.kind != kindName || !ok {
		p.fail(name.offset, filter.Advise(name.text), "there is no filter %s", name)
		return x
	}
	var args filter.Arguments[expression]
	if p.tok.is("(") {
		args = p.arguments()
	}
	s := &filtering{x: x, filter: f, args: args}
	s.node = p.node(name.offset, append(slices.Clone(args.Values), x)...)
	if !f.IsOpen {
		s.args.Values = p.bound(name, f.Params, args)
	}
	return s
}

// bound returns the arguments in the order of the parameters, absent ones nil.
func (p *parser) bound(name token, params string, args filter.Arguments[expression]) []expression {
	values, err := filter.Bind(name.text, params, args)
	if err != nil {
		p.fail(name.offset, "it takes ("+filter.Usage(params)+")", "%v", err)
	}
	return values
}

func (p *parser) test(x expression) expression {
	p.next()
	negated := p.skip("not")
	name := p.next()
	t, ok := filter.FindTest(name.text)
	if name.kind != kindName || !ok {
		p.fail(name.offset, filter.AdviseTest(name.text), "there is no test %s", name)
		return x
	}
	var args filter.Arguments[expression]
	switch {
	case p.tok.is("("):
		args = p.arguments()
	case p.tok.kind == kindString || p.tok.kind == kindNumber || p.tok.is("[") || p.tok.is("{"),
		p.tok.kind == kindName && (!slices.Contains(keywords, p.tok.text) || slices.Index(keywords, p.tok.text) > 6) && p.tok.text != "recursive":
		args.Values = []expression{p.postfixed(p.primary(), false)}
	case p.tok.is("is"):
		p.fail(p.tok.offset, "put the first test into parentheses", "a test follows a test")
	}
	s := &testing{node: p.node(name.offset, append(slices.Clone(args.Values), x)...), x: x, test: t, negated: negated}
	s.args = p.bound(name, t.Params, args)
	return s
}
