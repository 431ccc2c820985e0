package builtin

import (
	"fmt"
	"go/ast"
	"go/constant"
	goparser "go/parser"
	"go/token"
	"math"
	"math/big"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestEvaluate(t *testing.T) {
	tests := []struct{ expression, want string }{
		{"2*(3+4)", "14"},
		{"1", "1"},
		{" \t1\r\n + 1 ", "2"},
		{"007", "7"},
		{".5", "0.5"},
		{"5.", "5"},
		{"1.50", "1.5"},
		{"0.1+0.2", "0.3"},
		{"1/3*3", "1"},
		{"1/3", "0.3333333333333333"},
		{"2/3", "0.6666666666666666"},
		{"7/2", "3.5"},
		{"1/8", "0.125"},
		{"10/5", "2"},
		{"7//2", "3"},
		{"-7//2", "-4"},
		{"7//-2", "-4"},
		{"-7//-2", "3"},
		{"7.5//2", "3"},
		{"7%3", "1"},
		{"-7%3", "2"},
		{"7%-3", "-2"},
		{"-7%-3", "-1"},
		{"5.5%2", "1.5"},
		{"pi//1", "3"},
		{"pi%1", "0.14159265358979312"},
		{"2**10", "1024"},
		{"2**3**2", "512"},
		{"(2**3)**2", "64"},
		{"-2**2", "-4"},
		{"(-2)**2", "4"},
		{"2**-1", "0.5"},
		{"2**-2**2", "0.0625"},
		{"0**0", "1"},
		{"1**10**100", "1"},
		{"(-1)**(10**100)", "1"},
		{"(-1)**(10**100+1)", "-1"},
		{"0**10**100", "0"},
		{"4**0.5", "2"},
		{"(9/4)**0.5", "1.5"},
		{"8**(1/3)", "2"},
		{"2**0.5", "1.4142135623730951"},
		{"--1", "1"},
		{"-+-1", "1"},
		{"1--1", "2"},
		{"1-2-3", "-4"},
		{"100/10/2", "5"},
		{"2+3*4", "14"},
		{"2*3%4", "2"},
		{"2*-3", "-6"},
		{"((((1))))", "1"},
		{"-0", "0"},
		{"-0.0", "0"},
		{"0*-1.5", "0"},
		{"-sin(0)", "0"},
		{"9007199254740993", "9007199254740993"},
		{"2**53+1", "9007199254740993"},
		{"2**64", "18446744073709551616"},
		{"12345678901234567890*98765432109876543210", "1219326311370217952237463801111263526900"},
		{"10**30+1", "1000000000000000000000000000001"},
		{"123456789.987654321", "123456789.987654321"},
		{"1e3", "1000"},
		{"1E3", "1000"},
		{"1e+3", "1000"},
		{"1.5e-3", "0.0015"},
		{"1e-7", "0.0000001"},
		{"1e400/1e399", "10"},
		{"0e999999999999", "0"},
		{"1e-150", "1e-150"},
		{"1.0004**3650", "4.304702706809041"},
		{"0." + strings.Repeat("3", 4000), "0.3333333333333333"},
		{"(1+1e-18)**(10**18)", "2.718281828459045"},
		{"(1+1e-18)**(-10**18)", "0.36787944117144233"},
		{"(-1.5)**1001*1.5**-1001", "-1"},
		{"pi", "3.141592653589793"},
		{"e", "2.718281828459045"},
		{"2*e", "5.43656365691809"},
		{"sqrt(16)", "4"},
		{"sqrt(2)", "1.4142135623730951"},
		{"sqrt(0.25)", "0.5"},
		{"sqrt(0)", "0"},
		{"sqrt(10**1000)", "1" + strings.Repeat("0", 500)},
		{"abs(-3)", "3"},
		{"abs(-pi)", "3.141592653589793"},
		{"min(3,1,2)", "1"},
		{"max(3,1,2)", "3"},
		{"max(3,pi)", "3.141592653589793"},
		{"min(4)", "4"},
		{"round(2.5)", "2"},
		{"round(3.5)", "4"},
		{"round(-2.5)", "-2"},
		{"round(2.4)", "2"},
		{"round(-2.6)", "-3"},
		{"round(2.675,2)", "2.68"},
		{"round(1234,-2)", "1200"},
		{"round(pi,4)", "3.1416"},
		{"floor(2.7)", "2"},
		{"floor(-2.2)", "-3"},
		{"ceil(2.2)", "3"},
		{"ceil(-2.7)", "-2"},
		{"floor(5)", "5"},
		{"floor(e)", "2"},
		{"pow(2,8)", "256"},
		{"pow(2,-1)", "0.5"},
		{"ln(e)", "1"},
		{"log(e)", "1"},
		{"log(1000,10)", "3"},
		{"log(1/8,2)", "-3"},
		{"log(2**3000,2)", "3000"},
		{"log(10,100)", "0.5"},
		{"ln(1)", "0"},
		{"ln(10**1000)", "2302.5850929940457"},
		{"27**(2/3)", "9"},
		{"(8/27)**(-1/3)", "1.5"},
		{"9**(1/3)", "2.080083823051904"},
		{"exp(0)", "1"},
		{"exp(1)", "2.718281828459045"},
		{"exp(-1000)", "0"},
		{"sin(0)", "0"},
		{"cos(0)", "1"},
		{"sin(pi/2)", "1"},
		{"tan(0)", "0"},
		{"cos(pi)", "-1"},
		{"max(1, min(2, 3)) * abs(-4)", "8"},
		{"2 ** 0.5 * 2 ** 0.5", "2.0000000000000004"},
		{"10**21*pi", "3.141592653589793e+21"},
		{"pi/10**8", "3.141592653589793e-8"},
	}
	for _, tt := range tests {
		got, err := evaluate(tt.expression)
		if err != nil || got != tt.want {
			t.Errorf("evaluate(%q) = %q, %v; want %q", tt.expression, got, err, tt.want)
		}
	}
}

func TestEvaluateRefuses(t *testing.T) {
	tests := []struct {
		expression string
		column     int
		want       string
	}{
		{"", 1, "empty"},
		{"   ", 4, "empty"},
		{"1/0", 2, "division by zero"},
		{"1//0", 2, "division by zero"},
		{"1%0", 2, "division by zero"},
		{"1/(2-2)", 2, "division by zero"},
		{"0**-1", 2, "division by zero"},
		{"pow(0,-1)", 1, "division by zero"},
		{"1/sin(0)", 2, "division by zero"},
		{"2+", 3, "too early"},
		{"(1+2", 1, "never closed"},
		{"max(1,2", 4, "never closed"},
		{"1)", 2, "unexpected )"},
		{"()", 2, "unexpected )"},
		{"max(,1)", 5, "comma"},
		{"1,5", 2, "comma"},
		{"max(1,)", 7, "unexpected )"},
		{"2 3", 3, "operator is missing"},
		{"2(3)", 2, "operator is missing"},
		{"2pi", 2, "operator is missing"},
		{"2e", 2, "operator is missing"},
		{"1.2.3", 4, "operator is missing"},
		{"1_000", 2, "operator is missing"},
		{"0x10", 2, "operator is missing"},
		{".", 1, "point without digits"},
		{"2^3", 2, "**"},
		{"2 * * 3", 5, `unexpected "*"`},
		{"*2", 1, `unexpected "*"`},
		{"1///2", 4, `unexpected "/"`},
		{"1 + 수문", 5, "unexpected"},
		{"2×3", 2, `unexpected "×"`},
		{"foo", 1, "unknown name"},
		{"1+foo(2)", 3, "unknown name"},
		{"Pi", 1, "unknown name"},
		{"__import__('os')", 1, "unknown name"},
		{strings.Repeat("a", 4000), 1, "unknown name"},
		{"sqrt", 1, "is a function"},
		{"sqrt()", 1, "takes 1 argument"},
		{"sqrt(1,2)", 1, "takes 1 argument"},
		{"pow(1)", 1, "takes 2 arguments"},
		{"round(1,2,3)", 1, "takes 1 or 2 arguments"},
		{"max()", 1, "one or more arguments"},
		{"round(1,0.5)", 1, "whole number"},
		{"round(1,10**30)", 1, "whole number"},
		{"round(1,1001)", 1, "whole number"},
		{"sqrt(-1)", 1, "negative"},
		{"ln(0)", 1, "not positive"},
		{"log(-1)", 1, "not positive"},
		{"log(5,1)", 1, "base"},
		{"log(5,0)", 1, "base"},
		{"log(5,-2)", 1, "base"},
		{"(-8)**(1/3)", 5, "not a real number"},
		{"2**10**9", 2, "too large"},
		{"10**10**10", 3, "too large"},
		{"9**9**9", 2, "too large"},
		{"9**9**9**9**9", 8, "too large"},
		{"(1/2)**10**9", 6, "too close to 0"},
		{"(3/2)**10**9", 6, "range"},
		{"(3/2)**-10**9", 6, "too close to 0"},
		{"(3/2)**10**30", 6, "exponent"},
		{"(1+1e-20)**10**20", 10, "exponent"},
		{"2**-10**30", 2, "exponent"},
		{"1.1**10000", 4, "range"},
		{"2**-10**9", 2, "too close to 0"},
		{"pow(pow(9,999),pow(9,999))", 1, "too large"},
		{"2**9223372036854775808", 2, "too large"},
		{"2**-9223372036854775808", 2, "too close to 0"},
		{"2**-9223372036854775809", 2, "exponent"},
		{"2**10001", 2, "too large"},
		{"(2**9000)*(2**9000)", 10, "too large"},
		{"1e999999999999999999999", 1, "too large"},
		{"1e-999999999999999999999", 1, "too close to 0"},
		{strings.Repeat("9", 4000), 1, "too large"},
		{"exp(1000)", 1, "range"},
		{"10**1000*pi", 9, "range"},
		{"10**1000/3", 9, "range"},
		{"1/(3*10**400)", 2, "too close to 0"},
		{"sin(10**20)", 1, "angle"},
		{strings.Repeat("(", 101) + "1" + strings.Repeat(")", 101), 101, "levels"},
		{strings.Repeat("-", 4000) + "1", 102, "levels"},
		{"1" + strings.Repeat("**1", 1000), 304, "levels"},
		{strings.Repeat("abs(", 1000) + "1", 404, "levels"},
	}
	for _, tt := range tests {
		got, err := evaluate(tt.expression)
		prefix := fmt.Sprintf("column %d: ", tt.column)
		if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), prefix) {
			t.Errorf("evaluate(%.60q) = %.40q, %v; want error at column %d with %q", tt.expression, got, err, tt.column, tt.want)
		}
	}
	if _, err := evaluate(strings.Repeat(" ", 4096) + "1"); err == nil || !strings.Contains(err.Error(), "4097 bytes") {
		t.Errorf("4097 bytes: %v; want an error that says so", err)
	}
}

// TestEvaluateIsBounded evaluates the dearest expressions that we know of.
func TestEvaluateIsBounded(t *testing.T) {
	dearest := []string{
		strings.Repeat("1e9999-", 580) + "1",
		strings.Repeat("0*1e-9999+", 400) + "1",
		strings.Repeat("9**999*9**999/(9**999)*", 170) + "1",
		"3**6000" + strings.Repeat("%7**3500+3**6000", 250),
		strings.Repeat("log(3**6000,3)+", 270) + "1",
		strings.Repeat("sqrt(3**6000)+", 290) + "1",
		strings.Repeat("1/3**60+", 500) + "1",
		strings.Repeat("1/7**999+1/3**999-", 220) + "1",
		strings.Repeat("max(3**6000/7**3000,", 90) + "1" + strings.Repeat(")", 90),
		"7**3000" + strings.Repeat("//1.1**1000*1.1**1000", 190),
	}
	for _, expression := range dearest {
		start := time.Now()
		got, err := evaluate(expression)
		if took := time.Since(start); took > 20*time.Second {
			t.Errorf("evaluate(%.40q) took %v", expression, took)
		}
		if err == nil && len(got) > maxBits {
			t.Errorf("evaluate(%.40q) has %d digits", expression, len(got))
		}
	}
}

// TestEvaluateAgainstGo compares random expressions with Go's own parser and
// exact constant arithmetic.
func TestEvaluateAgainstGo(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	computed := 0
	for range 3_000 {
		expression := randomExpression(random, 5)
		want, ok := goConstant(t, expression)
		got, err := evaluate(expression)
		if !ok {
			if err == nil {
				t.Fatalf("evaluate(%q) = %s; want a division by zero", expression, got)
			}
			continue
		}
		if err != nil {
			t.Fatalf("evaluate(%q): %v; want %s", expression, err, want.RatString())
		}
		checkClose(t, expression, got, want)
		computed++
	}
	if computed < 2_000 {
		t.Errorf("only %d expressions had a value", computed)
	}
}

func randomExpression(random *rand.Rand, depth int) string {
	if depth == 0 || random.IntN(5) == 0 {
		literals := []string{"0", "1", "2", "3", "7", "10", "0.5", "12.25", "1e2", "3.125e-2", "98765432109876543210"}
		return literals[random.IntN(len(literals))]
	}
	switch random.IntN(6) {
	case 0:
		return "(" + randomExpression(random, depth-1) + ")"
	case 1:
		return "- (" + randomExpression(random, depth-1) + ")"
	}
	operators := []string{" + ", " - ", "+ ", "- ", "*", "/", "*- "}
	return randomExpression(random, depth-1) + operators[random.IntN(len(operators))] + randomExpression(random, depth-1)
}

// goConstant evaluates an expression of + - * / and parentheses exactly; false
// if it divides by zero.
func goConstant(t *testing.T, expression string) (*big.Rat, bool) {
	t.Helper()
	tree, err := goparser.ParseExpr(expression)
	if err != nil {
		t.Fatalf("parsing %q: %v", expression, err)
	}
	value := goValue(tree)
	if value.Kind() == constant.Unknown {
		return nil, false
	}
	out, ok := new(big.Rat).SetString(value.ExactString())
	if !ok {
		t.Fatalf("%q has no fraction: %s", expression, value.ExactString())
	}
	return out, true
}

func goValue(tree ast.Expr) constant.Value {
	switch tree := tree.(type) {
	case *ast.BasicLit:
		return constant.MakeFromLiteral(tree.Value, tree.Kind, 0)
	case *ast.ParenExpr:
		return goValue(tree.X)
	case *ast.UnaryExpr:
		return constant.UnaryOp(tree.Op, goValue(tree.X), 0)
	case *ast.BinaryExpr:
		x, y := goValue(tree.X), goValue(tree.Y)
		if x.Kind() == constant.Unknown || tree.Op == token.QUO && constant.Sign(y) == 0 {
			return constant.MakeUnknown()
		}
		return constant.BinaryOp(x, tree.Op, y)
	}
	return constant.MakeUnknown()
}

// checkClose wants a text that is exact where it claims to be, else within
// half a unit of the last place of float64.
func checkClose(t *testing.T, expression, got string, want *big.Rat) {
	t.Helper()
	have, ok := new(big.Rat).SetString(got)
	if !ok {
		t.Fatalf("evaluate(%q) = %q, no number", expression, got)
	}
	if have.Cmp(want) == 0 {
		return
	}
	if want.IsInt() {
		t.Fatalf("evaluate(%q) = %s, want %s", expression, got, want.RatString())
	}
	f, _ := want.Float64()
	if g, err := strconv.ParseFloat(got, 64); err != nil || math.Float64bits(f) != math.Float64bits(g) {
		t.Fatalf("evaluate(%q) = %s, want %v", expression, got, f)
	}
}

// TestModuloIdentity holds Python's invariant (a//b)*b + a%b == a and the sign
// rule of %.
func TestModuloIdentity(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 500 {
		a := fmt.Sprintf("(%d/%d)", random.IntN(2001)-1000, random.IntN(30)+1)
		b := fmt.Sprintf("(%d/%d)", random.IntN(200)+1, random.IntN(30)+1)
		if random.IntN(2) == 0 {
			b = "(-" + b + ")"
		}
		back := fmt.Sprintf("(%[1]s//%[2]s)*%[2]s+%[1]s%%%[2]s-%[1]s", a, b)
		if got, err := evaluate(back); err != nil || got != "0" {
			t.Fatalf("%s = %s, %v; want 0", back, got, err)
		}
		sign := fmt.Sprintf("min(0,(%[1]s%%%[2]s)*%[2]s)", a, b)
		if got, err := evaluate(sign); err != nil || got != "0" {
			t.Fatalf("%s = %s, %v; want 0", sign, got, err)
		}
	}
}

func FuzzEvaluate(f *testing.F) {
	for _, seed := range []string{"2*(3+4)", "9**9**9", "-2**-.5", "log(2**99,2)", "round(1e3,-2)//7%3", "max(1,pi,e)", "1e-9e9", "((((", "\xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, expression string) {
		start := time.Now()
		text, err := evaluate(expression)
		if took := time.Since(start); took > 30*time.Second {
			t.Fatalf("took %v", took)
		}
		if err != nil {
			return
		}
		if _, ok := new(big.Rat).SetString(text); !ok || strings.HasPrefix(text, "-0") && !strings.Contains(text, ".") {
			t.Fatalf("evaluate(%q) = %q, no JSON number", expression, text)
		}
	})
}
