package guard

import (
	"errors"
	"math"
	"math/big"
	"strconv"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Bounds are what a schema says of numbers.
type bounds struct {
	minimum, maximum, above, below, multipleOf *big.Rat
	// low and high are what integers lie between, where that is all.
	low, high int64
	integral  bool
}

// takeBounds takes the bounds out of a schema, nil if there are none.
func takeBounds(s *jsonschema.Schema) *bounds {
	b := &bounds{
		minimum: s.Minimum, maximum: s.Maximum, above: s.ExclusiveMinimum, below: s.ExclusiveMaximum, multipleOf: s.MultipleOf,
		low: math.MinInt64, high: math.MaxInt64,
	}
	s.Minimum, s.Maximum, s.ExclusiveMinimum, s.ExclusiveMaximum, s.MultipleOf = nil, nil, nil, nil, nil
	if b.minimum == nil && b.maximum == nil && b.above == nil && b.below == nil && b.multipleOf == nil {
		return nil
	}
	b.integral = b.above == nil && b.below == nil && b.multipleOf == nil && isInt64(b.minimum) && isInt64(b.maximum)
	if b.integral && b.minimum != nil {
		b.low = b.minimum.Num().Int64()
	}
	if b.integral && b.maximum != nil {
		b.high = b.maximum.Num().Int64()
	}
	return b
}

func isInt64(r *big.Rat) bool { return r == nil || r.IsInt() && r.Num().IsInt64() }

// fault returns what a number has wrong.
func (b *bounds) fault(number string) error {
	if b.integral {
		if n, err := strconv.ParseInt(number, 10, 64); err == nil && b.low <= n && n <= b.high {
			return nil
		}
	}
	n, ok := new(big.Rat).SetString(number)
	switch {
	case !ok:
		return errors.New("is a number that cannot be checked")
	case b.minimum != nil && n.Cmp(b.minimum) < 0:
		return errors.New("is less than " + short(b.minimum.RatString()))
	case b.maximum != nil && n.Cmp(b.maximum) > 0:
		return errors.New("is more than " + short(b.maximum.RatString()))
	case b.above != nil && n.Cmp(b.above) <= 0:
		return errors.New("is not more than " + short(b.above.RatString()))
	case b.below != nil && n.Cmp(b.below) >= 0:
		return errors.New("is not less than " + short(b.below.RatString()))
	case b.multipleOf != nil && !new(big.Rat).Quo(n, b.multipleOf).IsInt():
		return errors.New("is not a multiple of " + short(b.multipleOf.RatString()))
	}
	return nil
}
