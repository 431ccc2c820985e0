package builtin

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Limits of an expression, see also maxBits.
const (
	maxExpression = 4096 // bytes
	maxDepth      = 100  // parentheses, signs and powers within each other
)

// evaluate computes an arithmetic expression in Python's notation. It never
// runs code: an expression is numbers, operators, and the names that
// lookupFunction and lookupConstant know. An error says at which column,
// counted in characters from 1, and what to do.
func evaluate(expression string) (string, error) {
	if len(expression) > maxExpression {
		return "", fmt.Errorf("the expression has %d bytes; at most %d are evaluated, split it into several calls", len(expression), maxExpression)
	}
	p := parser{text: expression}
	value, err := p.sum()
	if err == nil && p.peek() != "" {
		err = p.unexpected()
	}
	var text string
	if err == nil {
		text, err = value.text()
	}
	if err != nil {
		return "", p.located(err)
	}
	return text, nil
}

// A parser reads an expression by recursive descent and computes while it
// reads; there is no tree. Grammar, loosest first:
//
//	sum:     product { ("+" | "-") product }
//	product: signed { ("*" | "/" | "//" | "%") signed }
//	signed:  ("+" | "-") signed | power
//	power:   atom [ "**" signed ]
//	atom:    NUMBER | constant | function "(" sum { "," sum } ")" | "(" sum ")"
type parser struct {
	text  string
	pos   int // byte offset of the next token
	blame int // byte offset of what an error is about
	depth int
}

// located puts the column in front of an error.
func (p *parser) located(err error) error {
	if f, ok := errors.AsType[fault](err); ok {
		column := utf8.RuneCountInString(p.text[:p.blame]) + 1
		return fmt.Errorf("column %d: %w", column, f)
	}
	return err
}

// peek returns the next token without taking it, "" at the end. A token is an
// operator, a letter or digit that begins a name or number, or one other
// character.
func (p *parser) peek() string {
	p.pos += len(p.text[p.pos:]) - len(strings.TrimLeft(p.text[p.pos:], " \t\r\n"))
	rest := p.text[p.pos:]
	for _, operator := range [...]string{"**", "//"} {
		if strings.HasPrefix(rest, operator) {
			return operator
		}
	}
	_, size := utf8.DecodeRuneInString(rest)
	return rest[:size]
}

// accept takes the next token if it is one of the wanted and returns it with
// its offset.
func (p *parser) accept(wanted ...string) (token string, at int, ok bool) {
	next := p.peek()
	if !slices.Contains(wanted, next) {
		return "", p.pos, false
	}
	at = p.pos
	p.pos += len(next)
	return next, at, true
}

// enter counts one level of nesting. The caller must leave it.
func (p *parser) enter() error {
	p.depth++
	if p.depth > maxDepth {
		p.blame = p.pos
		return fault(fmt.Sprintf("more than %d levels within each other; split the expression into several calls", maxDepth))
	}
	return nil
}

func (p *parser) leave() { p.depth-- }

func (p *parser) sum() (number, error) {
	return p.chain(p.product, "+", "-")
}

func (p *parser) product() (number, error) {
	return p.chain(p.signed, "*", "/", "//", "%")
}

// chain reads operands joined from left to right by operators of one rank.
func (p *parser) chain(operand func() (number, error), operators ...string) (number, error) {
	left, err := operand()
	for err == nil {
		operator, at, ok := p.accept(operators...)
		if !ok {
			return left, nil
		}
		var right number
		if right, err = operand(); err != nil {
			break
		}
		p.blame = at
		left, err = apply(operator, left, right)
	}
	return number{}, err
}

func apply(operator string, a, b number) (number, error) {
	switch operator {
	case "+":
		return add(a, b)
	case "-":
		return subtract(a, b)
	case "*":
		return multiply(a, b)
	case "/":
		return divide(a, b)
	case "//":
		return floorDivide(a, b)
	case "%":
		return modulo(a, b)
	}
	return power(a, b)
}

func (p *parser) signed() (number, error) {
	sign, _, ok := p.accept("+", "-")
	if !ok {
		return p.power()
	}
	if err := p.enter(); err != nil {
		return number{}, err
	}
	defer p.leave()
	value, err := p.signed()
	if err == nil && sign == "-" {
		value = negate(value)
	}
	return value, err
}

func (p *parser) power() (number, error) {
	base, err := p.atom()
	if err != nil {
		return number{}, err
	}
	_, at, ok := p.accept("**")
	if !ok {
		return base, nil
	}
	if err := p.enter(); err != nil {
		return number{}, err
	}
	defer p.leave()
	exponent, err := p.signed()
	if err != nil {
		return number{}, err
	}
	p.blame = at
	return power(base, exponent)
}

func (p *parser) atom() (number, error) {
	next := p.peek()
	switch {
	case next == "(":
		return p.group()
	case next != "" && (isDigit(next[0]) || next == "."):
		return p.literal()
	case next != "" && isLetter(next[0]):
		return p.named()
	}
	return number{}, p.unexpected()
}

func (p *parser) group() (number, error) {
	if err := p.enter(); err != nil {
		return number{}, err
	}
	defer p.leave()
	open := p.pos
	p.pos++
	value, err := p.sum()
	if err != nil {
		return number{}, err
	}
	return value, p.close(open)
}

// close takes the parenthesis that closes the one at open.
func (p *parser) close(open int) error {
	if _, _, ok := p.accept(")"); ok {
		return nil
	}
	if p.peek() != "" {
		return p.unexpected()
	}
	p.blame = open
	return fault("this parenthesis is never closed; add a )")
}

func (p *parser) named() (number, error) {
	start := p.pos
	end := start + countPrefix(p.text[start:], func(c byte) bool { return isLetter(c) || isDigit(c) })
	name := p.text[start:end]
	p.pos = end
	if f, ok := lookupFunction(name); ok {
		return p.call(name, f, start)
	}
	if value, ok := lookupConstant(name); ok {
		return value, nil
	}
	p.blame = start
	return number{}, fault(fmt.Sprintf("unknown name %q; %s", shorten(name), knownNames))
}

func (p *parser) call(name string, f function, start int) (number, error) {
	if p.peek() != "(" {
		p.blame = start
		return number{}, fault(fmt.Sprintf("%s is a function; write %s(…)", name, name))
	}
	if err := p.enter(); err != nil {
		return number{}, err
	}
	defer p.leave()
	args, err := p.arguments()
	if err != nil {
		return number{}, err
	}
	p.blame = start
	if len(args) < f.least || f.most >= 0 && len(args) > f.most {
		return number{}, fault(fmt.Sprintf("%s takes %s, not %d", name, f.arity(), len(args)))
	}
	return f.call(args)
}

func (f function) arity() string {
	switch {
	case f.most < 0:
		return "one or more arguments"
	case f.least != f.most:
		return fmt.Sprintf("%d or %d arguments", f.least, f.most)
	case f.least == 1:
		return "1 argument"
	}
	return fmt.Sprintf("%d arguments", f.least)
}

// arguments reads a list in parentheses; p stands before the opening one.
func (p *parser) arguments() ([]number, error) {
	open := p.pos
	p.pos++
	if _, _, ok := p.accept(")"); ok {
		return nil, nil
	}
	var args []number
	for {
		arg, err := p.sum()
		if err != nil {
			return nil, err
		}
		args = append(args, arg)
		if _, _, ok := p.accept(","); !ok {
			return args, p.close(open)
		}
	}
}

// unexpected says what is wrong with the next token.
func (p *parser) unexpected() error {
	next := p.peek()
	p.blame = p.pos
	switch {
	case strings.TrimSpace(p.text) == "":
		return fault("the expression is empty; write for example 2*(3+4)")
	case next == "":
		return fault("the expression ends too early; a number, a name or ( must follow")
	case next == "^":
		return fault("^ is not an operator here; write ** for a power")
	case next == "(" || next == "." || isDigit(next[0]) || isLetter(next[0]):
		return fault(fmt.Sprintf("an operator is missing before %q; write * to multiply", next))
	case next == ")":
		return fault("unexpected ); remove it, or add what it should close")
	case next == ",":
		return fault("unexpected comma; decimals are written with a point, commas only separate the arguments of a function")
	}
	return fault(fmt.Sprintf("unexpected %q; use numbers, + - * / // %% ** ( ) and functions", next))
}

func shorten(s string) string {
	if len(s) > 40 {
		return s[:40] + "…"
	}
	return s
}
