package document

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// A Size is a number of bytes. In a document it is a number, or a number with a unit: 512KiB, 4MiB, 10MB.
type Size int64

// units are the units of a Size. The larger ones of each sort come first.
var units = []struct {
	name  string
	bytes int64
}{
	{"GiB", 1 << 30},
	{"MiB", 1 << 20},
	{"KiB", 1 << 10},
	{"GB", 1e9},
	{"MB", 1e6},
	{"KB", 1e3},
	{"kB", 1e3},
	{"B", 1},
}

// parseSize reads a number of bytes with or without a unit.
func parseSize(s string) (Size, error) {
	factor := int64(1)
	for _, u := range units {
		if digits, ok := strings.CutSuffix(s, u.name); ok {
			s, factor = strings.TrimRight(digits, " "), u.bytes
			break
		}
	}
	n, err := strconv.ParseInt(s, 10, 64)
	switch {
	case err != nil:
		return 0, err
	case n < 0 || n > math.MaxInt64/factor:
		return 0, fmt.Errorf("%d × %d does not fit", n, factor)
	}
	return Size(n * factor), nil
}

// ParseSize reads a number of bytes with or without a unit, as documents have them.
func ParseSize(s string) (Size, error) { return parseSize(s) }

// String returns s with the largest unit that leaves a whole number.
func (s Size) String() string {
	for _, u := range units {
		if strings.HasSuffix(u.name, "iB") && s != 0 && int64(s)%u.bytes == 0 {
			return strconv.FormatInt(int64(s)/u.bytes, 10) + u.name
		}
	}
	return strconv.FormatInt(int64(s), 10)
}
