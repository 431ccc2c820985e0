package trust

import (
	"bytes"
	"math"
	"strconv"
)

// appendNumber appends a number, or null, true or false, as Python does.
func appendNumber(dst, literal []byte) []byte {
	if string(literal) == "-0" {
		return append(dst, '0')
	}
	if (literal[0] != '-' && (literal[0] < '0' || literal[0] > '9')) || !bytes.ContainsAny(literal, ".eE") {
		return append(dst, literal...)
	}
	f, _ := strconv.ParseFloat(string(literal), 64) // what is too large is infinite, as for Python
	switch {
	case math.IsInf(f, 1):
		return append(dst, "Infinity"...)
	case math.IsInf(f, -1):
		return append(dst, "-Infinity"...)
	}
	return appendRepr(dst, f)
}

// appendRepr appends Python's repr of a float: the shortest digits that read back the same, with an exponent below 1e-4 and from 1e16 on.
func appendRepr(dst []byte, f float64) []byte {
	if a := math.Abs(f); a != 0 && (a < 1e-4 || a >= 1e16) {
		return strconv.AppendFloat(dst, f, 'e', -1, 64)
	}
	before := len(dst)
	dst = strconv.AppendFloat(dst, f, 'f', -1, 64)
	if !bytes.ContainsRune(dst[before:], '.') {
		dst = append(dst, ".0"...)
	}
	return dst
}

// survives reports whether canonical JSON tells a number, or null, true or false, from all others. What has a fraction or an exponent is
// for everybody the nearest double, if there is one; but canonical JSON writes it as an integer below 1e21, and those go to ±2^53.
func survives(literal []byte) bool {
	const largest, exponents = 1 << 53, 1e21
	if literal[0] != '-' && (literal[0] < '0' || literal[0] > '9') {
		return true
	}
	if bytes.ContainsAny(literal, ".eE") {
		f, err := strconv.ParseFloat(string(literal), 64)
		return err == nil && (math.Abs(f) <= largest || math.Abs(f) >= exponents)
	}
	n, err := strconv.ParseInt(string(literal), 10, 64)
	return err == nil && -largest <= n && n <= largest
}
