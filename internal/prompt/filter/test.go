package filter

import (
	"math/big"
	"strings"
	"unicode"

	"github.com/sumun-mcp/sumun/internal/prompt/value"
)

// A Test is what stands after "is". Its params are as those of a filter.
type Test struct {
	Params string
	Holds  func(r *value.Budget, v value.Value, args []value.Value) (bool, error)
}

// tests by their names in Jinja; nothing changes them. Those that are no names are for select and
// its like: xs|select('>', 2).
var tests = map[string]Test{
	"boolean": kindTest(func(v value.Value) bool { _, ok := v.(bool); return ok }),
	"defined": kindTest(func(v value.Value) bool { _, ok := v.(*value.Undefined); return !ok }),
	"divisibleby": {"num", func(r *value.Budget, v value.Value, args []value.Value) (bool, error) {
		return leaves(r, v, args[0], 0)
	}},
	"even":      {"", func(r *value.Budget, v value.Value, _ []value.Value) (bool, error) { return leaves(r, v, int64(2), 0) }},
	"false":     kindTest(func(v value.Value) bool { return v == false }),
	"float":     kindTest(func(v value.Value) bool { _, ok := v.(float64); return ok }),
	"integer":   kindTest(isInteger),
	"iterable":  kindTest(isIterable),
	"lower":     {"", caseTest(unicode.IsLower, unicode.IsUpper)},
	"mapping":   kindTest(func(v value.Value) bool { _, ok := v.(*value.Dict); return ok }),
	"none":      kindTest(func(v value.Value) bool { return v == value.None{} }),
	"number":    kindTest(func(v value.Value) bool { _, ok := value.ToNumber(v); return ok }),
	"odd":       {"", func(r *value.Budget, v value.Value, _ []value.Value) (bool, error) { return leaves(r, v, int64(2), 1) }},
	"sequence":  kindTest(isIterable),
	"string":    kindTest(func(v value.Value) bool { _, ok := v.(string); return ok }),
	"true":      kindTest(func(v value.Value) bool { return v == true }),
	"undefined": kindTest(func(v value.Value) bool { _, ok := v.(*value.Undefined); return ok }),
	"upper":     {"", caseTest(unicode.IsUpper, unicode.IsLower)},

	"in": compareTest("in"),
	"==": compareTest("=="), "eq": compareTest("=="), "equalto": compareTest("=="),
	"!=": compareTest("!="), "ne": compareTest("!="),
	"<": compareTest("<"), "lt": compareTest("<"), "lessthan": compareTest("<"),
	"<=": compareTest("<="), "le": compareTest("<="),
	">": compareTest(">"), "gt": compareTest(">"), "greaterthan": compareTest(">"),
	">=": compareTest(">="), "ge": compareTest(">="),
}

// FindTest returns the test of that name.
func FindTest(name string) (Test, bool) {
	t, ok := tests[name]
	return t, ok
}

func kindTest(is func(value.Value) bool) Test {
	return Test{"", func(_ *value.Budget, v value.Value, _ []value.Value) (bool, error) { return is(v), nil }}
}

func compareTest(op string) Test {
	return Test{"other", func(r *value.Budget, v value.Value, args []value.Value) (bool, error) {
		return r.Compare(op, v, args[0])
	}}
}

func isInteger(v value.Value) bool {
	switch v.(type) {
	case int64, *big.Int:
		return true
	}
	return false
}

func isIterable(v value.Value) bool {
	switch v.(type) {
	case string, value.Sequence, *value.Dict, *value.Undefined:
		return true
	}
	return false
}

// leaves reports whether v divided by n leaves that rest.
func leaves(r *value.Budget, v, n value.Value, rest int64) (bool, error) {
	if _, ok := value.ToNumber(v); !ok {
		return false, value.Unfit("rest of a division", v)
	}
	left, err := r.Operate("%", v, n)
	if err != nil {
		return false, err
	}
	return r.Equal(left, rest, 0)
}

// caseTest holds for texts with letters of one case and none of the other.
func caseTest(is, isOther func(rune) bool) func(*value.Budget, value.Value, []value.Value) (bool, error) {
	return func(r *value.Budget, v value.Value, _ []value.Value) (bool, error) {
		s, err := r.Text(v)
		if err != nil {
			return false, err
		}
		other := func(c rune) bool { return isOther(c) || unicode.IsTitle(c) }
		return strings.ContainsFunc(s, is) && !strings.ContainsFunc(s, other), r.Scan(4 * len(s))
	}
}
