package memory

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"

	"github.com/sumun-mcp/sumun/internal/wire"
)

// KeyOf is what identical calls have in common: the tool, its arguments, and what is handed on to it but for the memory.
func KeyOf(tool string, arguments, handed []byte) string {
	h := sha256.New()
	for _, part := range [...][]byte{[]byte(tool), appendCanonical(nil, arguments), appendCanonical(nil, handed)} {
		_, _ = h.Write(strconv.AppendInt(nil, int64(len(part)), 10)) // a hash takes everything
		_, _ = h.Write([]byte{':'})
		_, _ = h.Write(part)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// appendCanonical appends a JSON value in the form in which equal values are equal bytes: members in the order of their
// names, no white space, strings with the fewest escapes, numbers by their exact decimal value. It is not RFC 8785,
// which takes numbers for equal that differ beyond the precision of a double: those are other arguments.
func appendCanonical(dst, value []byte) []byte {
	if len(value) == 0 {
		return dst
	}
	switch value[0] {
	case '{':
		return appendObject(dst, value)
	case '[':
		dst = append(dst, '[')
		for one := range wire.Elements(value) {
			dst = append(appendCanonical(dst, one), ',')
		}
		return append(dst, ']')
	case '"':
		s, _ := wire.Unquote(value)
		return wire.AppendQuote(dst, s)
	case 't', 'f', 'n':
		return append(dst, value...)
	}
	return appendNumber(dst, value)
}

func appendObject(dst, object []byte) []byte {
	type member struct{ name, value []byte }
	var all []member
	for key, value := range wire.Members(object) {
		name, _ := wire.Unquote(slices.Concat([]byte(`"`), key, []byte(`"`)))
		all = append(all, member{[]byte(name), value})
	}
	slices.SortFunc(all, func(a, b member) int { return bytes.Compare(a.name, b.name) })
	dst = append(dst, '{')
	for _, m := range all {
		dst = append(wire.AppendQuote(dst, string(m.name)), ':')
		dst = append(appendCanonical(dst, m.value), ',')
	}
	return append(dst, '}')
}

// appendNumber appends a number as its digits, without zeros at either end, and the power of ten behind them.
func appendNumber(dst, number []byte) []byte {
	mantissa, exponent, _ := bytes.Cut(bytes.ToLower(number), []byte{'e'})
	negative := len(mantissa) > 0 && mantissa[0] == '-'
	whole, fraction, _ := bytes.Cut(bytes.TrimPrefix(mantissa, []byte{'-'}), []byte{'.'})
	digits := slices.Concat(whole, fraction)
	short := bytes.TrimRight(digits, "0")
	power, err := strconv.ParseInt(string(bytes.TrimPrefix(exponent, []byte{'+'})), 10, 48)
	if len(exponent) > 0 && err != nil {
		return append(dst, number...) // too far away to be anything but itself
	}
	power += int64(len(digits)-len(short)) - int64(len(fraction))
	short = bytes.TrimLeft(short, "0")
	if len(short) == 0 {
		return append(dst, '0')
	}
	if negative {
		dst = append(dst, '-')
	}
	dst = append(append(dst, short...), 'e')
	return strconv.AppendInt(dst, power, 10)
}
