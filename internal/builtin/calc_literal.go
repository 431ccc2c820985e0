package builtin

import (
	"math/big"
	"strings"
)

// literal reads a number: digits, with a decimal point or an exponent.
func (p *parser) literal() (number, error) {
	start := p.pos
	p.blame = start
	rest := p.text[start:]
	whole := countPrefix(rest, isDigit)
	n, places := whole, 0
	if n < len(rest) && rest[n] == '.' {
		places = countPrefix(rest[n+1:], isDigit)
		n += 1 + places
	}
	if whole+places == 0 {
		return number{}, fault("a point without digits; write a number such as 0.5")
	}
	digits := strings.Replace(rest[:n], ".", "", 1)
	exponent, size := scanExponent(rest[n:])
	p.pos += n + size
	return decimal(digits, exponent-places)
}

// scanExponent reads e, an optional sign and digits from the start of s. An e
// without digits is not an exponent. Exponents beyond the limits of numbers
// are cut, which decimal refuses all the same.
func scanExponent(s string) (exponent, size int) {
	if s == "" || s[0] != 'e' && s[0] != 'E' {
		return 0, 0
	}
	digits := 1
	if len(s) > 1 && (s[1] == '+' || s[1] == '-') {
		digits = 2
	}
	count := countPrefix(s[digits:], isDigit)
	if count == 0 {
		return 0, 0
	}
	for _, c := range []byte(s[digits : digits+count]) {
		exponent = min(exponent*10+int(c-'0'), 10*maxBits)
	}
	if s[1] == '-' {
		exponent = -exponent
	}
	return exponent, digits + count
}

// decimal is digits × 10**exponent.
func decimal(digits string, exponent int) (number, error) {
	n, _ := new(big.Int).SetString(digits, 10)
	switch {
	case n.Sign() == 0:
		return number{rat: new(big.Rat)}, nil
	case exponent > maxBits:
		return number{}, errTooLarge
	case exponent < -maxBits:
		return number{}, errTiny
	}
	scale := new(big.Int).Exp(big.NewInt(10), big.NewInt(abs64(int64(exponent))), nil)
	if exponent < 0 {
		return newExact(new(big.Rat).SetFrac(n, scale))
	}
	return newExact(new(big.Rat).SetInt(n.Mul(n, scale)))
}

func countPrefix(s string, in func(byte) bool) int {
	n := 0
	for n < len(s) && in(s[n]) {
		n++
	}
	return n
}

func isDigit(c byte) bool  { return '0' <= c && c <= '9' }
func isLetter(c byte) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' }
