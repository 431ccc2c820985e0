package value

import (
	"cmp"
	"fmt"
	"math"
	"math/big"
	"math/bits"
	"slices"
	"strconv"
	"strings"
)

// Bounds of whole numbers. A float has no other than its own.
const (
	MaxBits   = 4096
	MaxDigits = 1234 // of a number of that many bits
)

func tooLarge() error {
	return &Fault{
		Message: fmt.Sprintf("a whole number of more than %d bits", MaxBits),
		Hint:    "use smaller numbers, or floats such as 1e9",
		Cause:   ErrLimit,
	}
}

// ToNumber returns an int64, a *big.Int or a float64; true is 1.
func ToNumber(v Value) (Value, bool) {
	switch v := v.(type) {
	case int64, *big.Int, float64:
		return v, true
	case bool:
		if v {
			return int64(1), true
		}
		return int64(0), true
	}
	return nil, false
}

// Shrink returns n as an int64 if it is small enough.
func Shrink(n *big.Int) Value {
	if n.IsInt64() {
		return n.Int64()
	}
	return n
}

// Grow returns a whole number as a *big.Int.
func Grow(v Value) *big.Int {
	if n, ok := v.(int64); ok {
		return big.NewInt(n)
	}
	n, _ := v.(*big.Int)
	return n
}

// Sized refuses a number that is too large and counts the others.
func (r *Budget) Sized(n *big.Int) (Value, error) {
	words := len(n.Bits())
	if n.BitLen() > MaxBits {
		return nil, tooLarge()
	}
	if err := r.Step(words * words / 16); err != nil {
		return nil, err
	}
	return Shrink(n), r.Alloc(8 * words)
}

// ToFloat returns the nearest float of a number.
func ToFloat(v Value) (float64, error) {
	switch v := v.(type) {
	case int64:
		return float64(v), nil
	case *big.Int:
		f, _ := new(big.Float).SetInt(v).Float64()
		if math.IsInf(f, 0) {
			return 0, Faultf("use // for whole numbers", "a number of this size is not a float")
		}
		return f, nil
	}
	f, _ := v.(float64)
	return f, nil
}

// orderNumbers compares exactly, also a whole number with a float. NaN is the
// caller's business.
func orderNumbers(a, b Value) int {
	x, isInt := a.(int64)
	y, isToo := b.(int64)
	if isInt && isToo {
		return cmp.Compare(x, y)
	}
	f, isFloat := a.(float64)
	g, isFloatToo := b.(float64)
	if isFloat && isFloatToo {
		return cmp.Compare(f, g)
	}
	if isFloat && math.IsNaN(f) || isFloatToo && math.IsNaN(g) {
		return 1
	}
	return exact(a).Cmp(exact(b))
}

// exact returns a number without rounding.
func exact(v Value) *big.Float {
	if f, ok := v.(float64); ok {
		return big.NewFloat(f)
	}
	return new(big.Float).SetInt(Grow(v))
}

// Operate computes a op b.
func (r *Budget) Operate(op string, a, b Value) (Value, error) {
	x, ok := ToNumber(a)
	y, isToo := ToNumber(b)
	if !ok || !isToo {
		return r.operateLists(op, a, b)
	}
	f, isFloat := x.(float64)
	g, isFloatToo := y.(float64)
	if isFloat || isFloatToo {
		var err error
		if !isFloat {
			f, err = ToFloat(x)
		}
		if !isFloatToo && err == nil {
			g, err = ToFloat(y)
		}
		if err != nil {
			return nil, err
		}
		return operateFloats(op, f, g)
	}
	return r.operateWhole(op, x, y)
}

// operateLists joins and repeats texts and lists.
func (r *Budget) operateLists(op string, a, b Value) (Value, error) {
	switch x := a.(type) {
	case *Undefined:
		return nil, x.Fault()
	case string:
		if y, ok := b.(string); ok && op == "+" {
			return r.Join([]Value{x, y}, "")
		}
		if op == "%" {
			return nil, Faultf("join texts with ~", "texts are not formatted with %%")
		}
	case *List:
		if y, ok := b.(*List); ok && op == "+" && x.IsTuple == y.IsTuple {
			l, err := r.List(len(x.Items) + len(y.Items))
			if err != nil {
				return nil, err
			}
			return &List{append(append(l.Items, x.Items...), y.Items...), x.IsTuple}, nil
		}
	}
	if u, ok := b.(*Undefined); ok {
		return nil, u.Fault()
	}
	if op == "*" {
		if _, ok := ToNumber(a); ok {
			a, b = b, a
		}
		if n, ok := ToNumber(b); ok {
			return r.repeat(a, n)
		}
	}
	hint := "convert one with the filters int, float or string"
	if op == "+" {
		hint = "join texts with ~, or convert with the filters int, float or string"
	}
	return nil, Faultf(hint, "%s %s %s has no result", Describe(a), op, Describe(b))
}

// repeat returns a text or a list n times.
func (r *Budget) repeat(v, n Value) (Value, error) {
	times, ok := n.(int64)
	if !ok {
		if _, isLarge := n.(*big.Int); !isLarge {
			return nil, Unfit("*", v)
		}
		times = int64(Grow(n).Sign()) * math.MaxInt32
	}
	times = min(max(times, 0), math.MaxInt32)
	switch v := v.(type) {
	case string:
		if err := r.Alloc(len(v) * int(times)); err != nil {
			return nil, err
		}
		return strings.Repeat(v, int(times)), nil
	case *List:
		l, err := r.List(len(v.Items) * int(times))
		if err != nil {
			return nil, err
		}
		l.IsTuple = v.IsTuple
		for range min(int(times), int(times)*len(v.Items)) {
			l.Items = append(l.Items, v.Items...)
		}
		return l, nil
	}
	return nil, Unfit("*", v)
}

// Unfit returns the Fault of an operation that v does not know.
func Unfit(op string, v Value) error {
	if u, ok := v.(*Undefined); ok {
		return u.Fault()
	}
	return Faultf("convert it with the filters int or float", "%s has no %s", Describe(v), op)
}

// Negate returns -v.
func (r *Budget) Negate(v Value) (Value, error) {
	n, ok := ToNumber(v)
	if !ok {
		return nil, Unfit("-", v)
	}
	if f, ok := n.(float64); ok {
		return -f, nil
	}
	return r.Sized(new(big.Int).Neg(Grow(n)))
}

func errZero() error {
	return Faultf("test the divisor before", "division by zero")
}

// operateWhole computes with whole numbers, exactly but for / and powers below 1.
func (r *Budget) operateWhole(op string, a, b Value) (Value, error) {
	if v, ok := operateSmall(op, a, b); ok {
		return v, nil
	}
	x, y := Grow(a), Grow(b)
	if y.Sign() == 0 && slices.Contains([]string{"/", "//", "%"}, op) {
		return nil, errZero()
	}
	z := new(big.Int)
	switch op {
	case "+":
		z.Add(x, y)
	case "-":
		z.Sub(x, y)
	case "*":
		z.Mul(x, y)
	case "/":
		f, _ := new(big.Rat).SetFrac(x, y).Float64()
		if math.IsInf(f, 0) {
			return nil, Faultf("use // for whole numbers", "the quotient is too large for a float")
		}
		return f, r.Scan(8 * (len(x.Bits()) + len(y.Bits())))
	case "//", "%":
		rest := new(big.Int)
		z.QuoRem(x, y, rest)
		if rest.Sign() != 0 && rest.Sign() != y.Sign() { // rounded to zero, but the floor is wanted
			z.Sub(z, big.NewInt(1))
			rest.Add(rest, y)
		}
		if op == "%" {
			z = rest
		}
	case "**":
		return r.power(x, y)
	}
	return r.Sized(z)
}

// operateSmall computes what needs no large numbers.
func operateSmall(op string, a, b Value) (Value, bool) {
	x, isSmall := a.(int64)
	y, isToo := b.(int64)
	if !isSmall || !isToo || max(x, y) > math.MaxInt32 || min(x, y) < math.MinInt32 {
		return nil, false
	}
	switch {
	case op == "+":
		return x + y, true
	case op == "-":
		return x - y, true
	case op == "*":
		return x * y, true
	case op == "//" && x >= 0 && y > 0:
		return x / y, true
	case op == "%" && x >= 0 && y > 0:
		return x % y, true
	}
	return nil, false
}

func (r *Budget) power(x, y *big.Int) (Value, error) {
	if y.Sign() < 0 {
		f, err := ToFloat(Shrink(x))
		if err != nil {
			return nil, err
		}
		g, err := ToFloat(Shrink(y))
		if err != nil {
			return nil, err
		}
		return operateFloats("**", f, g)
	}
	if x.BitLen() > 1 { // else the result is -1, 0 or 1
		high, size := bits.Mul64(uint64(x.BitLen()-1), y.Uint64()) //nolint:gosec // a length is not negative
		if !y.IsUint64() || high > 0 || size > MaxBits {
			return nil, tooLarge()
		}
	} else if y.BitLen() > 2 {
		y = big.NewInt(2 + int64(y.Bit(0))) //nolint:gosec // a bit; even or odd is all that matters
	}
	return r.Sized(new(big.Int).Exp(x, y, nil))
}

func operateFloats(op string, x, y float64) (Value, error) {
	switch op {
	case "+":
		return x + y, nil
	case "-":
		return x - y, nil
	case "*":
		return x * y, nil
	case "**":
		return powerFloats(x, y)
	}
	if y == 0 {
		return nil, errZero()
	}
	if op == "/" {
		return x / y, nil
	}
	rest := math.Mod(x, y)
	quotient := (x - rest) / y
	switch {
	case rest == 0:
		rest = math.Copysign(0, y)
	case (y < 0) != (rest < 0):
		rest += y
		quotient--
	}
	if op == "%" {
		return rest, nil
	}
	if quotient == 0 {
		return math.Copysign(0, x/y), nil
	}
	floor := math.Floor(quotient)
	if quotient-floor > 0.5 {
		floor++
	}
	return floor, nil
}

func powerFloats(x, y float64) (Value, error) {
	z := math.Pow(x, y)
	switch {
	case x == 0 && y < 0:
		return nil, errZero()
	case math.IsNaN(z) && !math.IsNaN(x) && !math.IsNaN(y):
		return nil, Faultf("make the base positive or the exponent whole", "the power is not a real number")
	case math.IsInf(z, 0) && !math.IsInf(x, 0) && !math.IsInf(y, 0):
		return nil, Faultf("use smaller numbers", "the power is too large for a float")
	}
	return z, nil
}

// NumberText writes a number as Python does.
func NumberText(v Value) string {
	switch v := v.(type) {
	case int64:
		return strconv.FormatInt(v, 10)
	case *big.Int:
		return v.String()
	}
	f, _ := v.(float64)
	switch {
	case math.IsNaN(f):
		return "nan"
	case math.IsInf(f, 0):
		return strings.TrimPrefix(strings.ToLower(strconv.FormatFloat(f, 'f', -1, 64)), "+")
	}
	short := strconv.FormatFloat(f, 'e', -1, 64)
	_, exponent, _ := strings.Cut(short, "e")
	if n, err := strconv.Atoi(exponent); err == nil && (n < -4 || n >= 16) {
		return short
	}
	text := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(text, ".") {
		text += ".0"
	}
	return text
}
