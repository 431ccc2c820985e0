package builtin

import (
	"encoding/json"
	"math"
	"math/big"
)

// Limits of what calc.evaluate computes. They bound the cost of every single
// operation; the length of the expression bounds how many there are.
const (
	maxBits     = 10_000 // of a numerator or a denominator
	maxDecimals = 100    // places of a decimal that is still written in full
)

// A fault is what keeps an operation from having a result, in words for the
// caller. The parser adds the column.
type fault string

func (f fault) Error() string { return string(f) }

const (
	errTooLarge fault = "the number is too large; whole numbers have at most 10000 bits (about 3000 digits), use smaller ones"
	errTiny     fault = "the value is too close to 0 for a floating-point number; multiply it by a power of ten"
	errZero     fault = "division by zero; make sure that the divisor is not 0"
	errRange    fault = "the value is outside the range of floating-point numbers (about ±1.8e308); use smaller numbers or // for whole ones"
	errNotReal  fault = "the result is not a real number; a negative base needs a whole exponent"
)

// A number is a value of calc.evaluate: exact while rat is set, else the
// 64-bit approximation. Numbers are values: no operation changes its operands.
type number struct {
	rat    *big.Rat
	approx float64
}

func (n number) isInt() bool { return n.rat != nil && n.rat.IsInt() }

// float is the nearest 64-bit floating-point value, infinite when there is none.
func (n number) float() float64 {
	if n.rat == nil {
		return n.approx
	}
	f, _ := n.rat.Float64()
	return f
}

// fraction is the exact value of n. A finite float64 is a fraction, too.
func (n number) fraction() *big.Rat {
	if n.rat != nil {
		return n.rat
	}
	return new(big.Rat).SetFloat64(n.approx)
}

func (n number) sign() int { return n.fraction().Sign() }

// newExact returns r as a number. Beyond maxBits a whole number is refused and
// a fraction becomes an approximation.
func newExact(r *big.Rat) (number, error) {
	switch {
	case bits(r) <= maxBits:
		return number{rat: r}, nil
	case r.IsInt():
		return number{}, errTooLarge
	}
	f, _ := r.Float64()
	return newNonZero(f)
}

// newNonZero is newFloat for a value that is 0 only because it was rounded.
func newNonZero(f float64) (number, error) {
	if f == 0 {
		return number{}, errTiny
	}
	return newFloat(f)
}

// newFloat returns f as a number. The values that are none become errors, so
// that no infinity takes part in a computation.
func newFloat(f float64) (number, error) {
	switch {
	case math.IsNaN(f):
		return number{}, errNotReal
	case math.IsInf(f, 0):
		return number{}, errRange
	}
	return number{approx: f}, nil
}

func bits(r *big.Rat) int { return max(r.Num().BitLen(), r.Denom().BitLen()) }

func add(a, b number) (number, error) {
	if a.rat != nil && b.rat != nil {
		return newExact(new(big.Rat).Add(a.rat, b.rat))
	}
	return newFloat(a.float() + b.float())
}

func negate(a number) number {
	if a.rat != nil {
		return number{rat: new(big.Rat).Neg(a.rat)}
	}
	return number{approx: -a.approx}
}

func subtract(a, b number) (number, error) { return add(a, negate(b)) }

func multiply(a, b number) (number, error) {
	if a.rat != nil && b.rat != nil {
		return newExact(new(big.Rat).Mul(a.rat, b.rat))
	}
	return newFloat(a.float() * b.float())
}

func divide(a, b number) (number, error) {
	if b.sign() == 0 {
		return number{}, errZero
	}
	if a.rat != nil && b.rat != nil {
		return newExact(new(big.Rat).Quo(a.rat, b.rat))
	}
	return newFloat(a.float() / b.float())
}

// floorDivide is Python's //: the quotient rounded towards minus infinity. It
// is exact for approximations, too, since these are fractions.
func floorDivide(a, b number) (number, error) {
	if b.sign() == 0 {
		return number{}, errZero
	}
	return newExact(floorRat(new(big.Rat).Quo(a.fraction(), b.fraction())))
}

// modulo is Python's %: the result has the sign of the divisor.
func modulo(a, b number) (number, error) {
	if b.sign() == 0 {
		return number{}, errZero
	}
	x, y := a.fraction(), b.fraction()
	whole := floorRat(new(big.Rat).Quo(x, y))
	rest := new(big.Rat).Sub(x, whole.Mul(whole, y))
	if a.rat != nil && b.rat != nil {
		return newExact(rest)
	}
	f, _ := rest.Float64()
	return newFloat(f)
}

// floorRat is the greatest whole number that is not above r.
func floorRat(r *big.Rat) *big.Rat {
	// Euclidean division floors, because a denominator is positive.
	return new(big.Rat).SetInt(new(big.Int).Div(r.Num(), r.Denom()))
}

// power is a**b: exact for a fraction and a whole exponent, unless newExact
// would not have it exact. The size is estimated first, so that a tower of
// powers is refused before it costs anything.
func power(a, b number) (number, error) {
	if a.sign() == 0 && b.sign() < 0 {
		return number{}, errZero
	}
	if a.rat == nil || !b.isInt() {
		return floatPower(a, b)
	}
	if bits(a.rat) <= 1 { // 0, 1 and -1 stay small whatever the exponent
		return unitPower(a, b.rat.Num()), nil
	}
	exponent := b.rat.Num()
	if !exponent.IsInt64() || abs64(exponent.Int64()) > maxBits/int64(bits(a.rat)-1) {
		if a.rat.IsInt() && exponent.Sign() > 0 {
			return number{}, errTooLarge
		}
		return longPower(a.rat, exponent)
	}
	n := big.NewInt(abs64(exponent.Int64()))
	num := new(big.Int).Exp(a.rat.Num(), n, nil)
	den := new(big.Int).Exp(a.rat.Denom(), n, nil)
	if exponent.Sign() < 0 {
		num, den = den, num
	}
	return newExact(new(big.Rat).SetFrac(num, den))
}

// longPower approximates base**exponent by squaring, with bits to spare for
// the errors of as many as 2^63 multiplications. base is not 0, 1 or -1.
func longPower(base *big.Rat, exponent *big.Int) (number, error) {
	if !exponent.IsInt64() {
		return number{}, fault("the exponent is too large; use one below 2**63")
	}
	if exponent.Sign() < 0 {
		base = new(big.Rat).Inv(base)
	}
	square := new(big.Float).SetPrec(128).SetRat(base)
	product := new(big.Float).SetPrec(128).SetInt64(1)
	for n := abs64(exponent.Int64()); n > 0; n >>= 1 {
		if n&1 == 1 {
			product.Mul(product, square)
		}
		square.Mul(square, square)
	}
	f, _ := product.Float64()
	return newNonZero(f)
}

func unitPower(a number, exponent *big.Int) number {
	switch {
	case exponent.Sign() == 0:
		return number{rat: big.NewRat(1, 1)}
	case a.sign() < 0 && exponent.Bit(0) == 0:
		return negate(a)
	}
	return a
}

// floatPower is exact if b is a fraction such as 2/3 and a has that root.
func floatPower(a, b number) (number, error) {
	if a.rat != nil && b.rat != nil && a.sign() >= 0 {
		if root, ok := exactRoot(a.rat, b.rat.Denom()); ok {
			return power(number{rat: root}, number{rat: new(big.Rat).SetInt(b.rat.Num())})
		}
	}
	return newFloat(math.Pow(a.float(), b.float()))
}

// exactRoot is the degree-th root of r, if that is a fraction.
func exactRoot(r *big.Rat, degree *big.Int) (*big.Rat, bool) {
	if degree.Cmp(big.NewInt(64)) > 0 {
		return nil, false
	}
	num, ok := wholeRoot(r.Num(), degree)
	if !ok {
		return nil, false
	}
	den, ok := wholeRoot(r.Denom(), degree)
	if !ok {
		return nil, false
	}
	return new(big.Rat).SetFrac(num, den), true
}

func wholeRoot(n, degree *big.Int) (*big.Int, bool) {
	root := new(big.Int)
	if degree.IsInt64() && degree.Int64() == 2 {
		root.Sqrt(n)
	} else {
		f, _ := new(big.Float).SetInt(n).Float64()
		guess := math.Round(math.Pow(f, 1/float64(degree.Int64())))
		if guess > 1<<53 {
			return nil, false
		}
		root.SetInt64(int64(guess))
	}
	return root, new(big.Int).Exp(root, degree, nil).Cmp(n) == 0
}

// squareRoot is exact for the square of a fraction. n is not negative.
func squareRoot(n number) (number, error) {
	if n.rat == nil {
		return newFloat(math.Sqrt(n.approx))
	}
	if root, ok := exactRoot(n.rat, big.NewInt(2)); ok {
		return number{rat: root}, nil
	}
	// A number beyond the range of float64 can have a root within it.
	precise := new(big.Float).SetPrec(128).SetRat(n.rat)
	f, _ := precise.Sqrt(precise).Float64()
	return newFloat(f)
}

// abs64 is the absolute value of n, cut to what an int64 holds.
func abs64(n int64) int64 {
	if n < 0 {
		return -max(n, -math.MaxInt64)
	}
	return n
}

// text writes n as a JSON number: whole numbers and short decimals with all
// their digits, the rest as the shortest text that reads back as the same
// 64-bit floating-point value.
func (n number) text() (string, error) {
	if n.rat != nil {
		if places, finite := n.rat.FloatPrec(); finite && places <= maxDecimals {
			return n.rat.FloatString(places), nil
		}
	}
	f := n.float()
	switch {
	case math.IsInf(f, 0):
		return "", errRange
	case f == 0 && n.rat != nil: // it is not: 0 has been written above
		return "", errTiny
	case f == 0:
		return "0", nil // minus zero has no meaning here
	}
	out, err := json.Marshal(f)
	return string(out), err
}
