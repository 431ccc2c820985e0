package builtin

import (
	"math"
	"math/big"
)

// A function of calc.evaluate takes least to most arguments; most < 0 means
// any number of them.
type function struct {
	least, most int
	call        func(args []number) (number, error)
}

// lookupFunction returns the function of a name.
func lookupFunction(name string) (function, bool) {
	one := func(f func(number) (number, error)) function {
		return function{1, 1, func(args []number) (number, error) { return f(args[0]) }}
	}
	switch name {
	case "sqrt":
		return one(sqrt), true
	case "abs":
		return one(absolute), true
	case "min":
		return function{1, -1, func(args []number) (number, error) { return extreme(args, -1), nil }}, true
	case "max":
		return function{1, -1, func(args []number) (number, error) { return extreme(args, 1), nil }}, true
	case "round":
		return function{1, 2, round}, true
	case "floor":
		return one(floor), true
	case "ceil":
		return one(ceiling), true
	case "pow":
		return function{2, 2, func(args []number) (number, error) { return power(args[0], args[1]) }}, true
	case "log":
		return function{1, 2, logarithm}, true
	case "ln":
		return function{1, 1, logarithm}, true
	case "exp":
		return one(func(x number) (number, error) { return newFloat(math.Exp(x.float())) }), true
	case "sin":
		return one(angle(math.Sin)), true
	case "cos":
		return one(angle(math.Cos)), true
	case "tan":
		return one(angle(math.Tan)), true
	}
	return function{}, false
}

// knownNames is what an unknown name is answered with.
const knownNames = "known are sqrt abs min max round floor ceil pow log ln exp sin cos tan and the constants pi and e"

func lookupConstant(name string) (number, bool) {
	switch name {
	case "pi":
		return number{approx: math.Pi}, true
	case "e":
		return number{approx: math.E}, true
	}
	return number{}, false
}

func sqrt(x number) (number, error) {
	if x.sign() < 0 {
		return number{}, fault("sqrt of a negative number; use a number that is at least 0")
	}
	return squareRoot(x)
}

func absolute(x number) (number, error) {
	if x.sign() < 0 {
		return negate(x), nil
	}
	return x, nil
}

// extreme is the least argument for want -1 and the greatest for want 1; the
// first of equals.
func extreme(args []number, want int) number {
	best := args[0]
	for _, arg := range args[1:] {
		if arg.fraction().Cmp(best.fraction()) == want {
			best = arg
		}
	}
	return best
}

func floor(x number) (number, error) { return newExact(floorRat(x.fraction())) }

func ceiling(x number) (number, error) {
	down := floorRat(new(big.Rat).Neg(x.fraction()))
	return newExact(down.Neg(down))
}

// round is Python's: to a number of decimal places (0 if not given), halves
// to the even neighbour.
func round(args []number) (number, error) {
	places := int64(0)
	if len(args) == 2 {
		if !args[1].isInt() || !args[1].rat.Num().IsInt64() || abs64(args[1].rat.Num().Int64()) > 1000 {
			return number{}, fault("round takes the number of decimal places, a whole number from -1000 to 1000")
		}
		places = args[1].rat.Num().Int64()
	}
	scale := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(abs64(places)), nil))
	if places < 0 {
		scale.Inv(scale)
	}
	scaled := new(big.Rat).Mul(args[0].fraction(), scale)
	whole := halfEven(scaled)
	return newExact(whole.Quo(whole, scale))
}

func halfEven(r *big.Rat) *big.Rat {
	down := floorRat(r)
	above := new(big.Rat).Sub(r, down)
	switch above.Cmp(big.NewRat(1, 2)) {
	case -1:
		return down
	case 0:
		if down.Num().Bit(0) == 0 {
			return down
		}
	}
	return down.Add(down, big.NewRat(1, 1))
}

// logarithm is natural, or to the base of a second argument. A whole power of
// an exact base has its exact exponent.
func logarithm(args []number) (number, error) {
	if args[0].sign() <= 0 {
		return number{}, fault("logarithm of a number that is not positive; use a number above 0")
	}
	top := naturalLog(args[0])
	if len(args) == 1 {
		return newFloat(top)
	}
	base := args[1]
	bottom := 0.0
	if base.sign() > 0 {
		bottom = naturalLog(base)
	}
	if bottom == 0 {
		return number{}, fault("logarithm to this base is not defined; use a base above 0 other than 1")
	}
	if near := (number{rat: new(big.Rat).SetInt64(int64(math.Round(top / bottom)))}); base.rat != nil && args[0].rat != nil {
		if p, err := power(base, near); err == nil && p.rat.Cmp(args[0].rat) == 0 {
			return near, nil
		}
	}
	return newFloat(top / bottom)
}

// naturalLog works for exact numbers beyond the range of float64.
func naturalLog(x number) float64 {
	if f := x.float(); !math.IsInf(f, 0) && f > 0x1p-1022 {
		return math.Log(f)
	}
	mantissa := new(big.Float)
	exponent := new(big.Float).SetPrec(64).SetRat(x.fraction()).MantExp(mantissa)
	m, _ := mantissa.Float64()
	return math.FMA(float64(exponent), math.Ln2, math.Log(m))
}

// angle makes a function of radians. Beyond 2^53 a float64 cannot tell one
// angle from the next, so the answer would be noise.
func angle(f func(float64) float64) func(number) (number, error) {
	return func(x number) (number, error) {
		radians := x.float()
		if math.Abs(radians) > 1<<53 {
			return number{}, fault("the angle is too large to be meaningful; use at most 9007199254740992 radians")
		}
		return newFloat(f(radians))
	}
}
