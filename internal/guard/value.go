package guard

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/sumun-mcp/sumun/internal/wire"
)

const (
	// maxNesting is how deep a value may nest.
	maxNesting = 512
	// maxDigits and maxExponent bound numbers: beyond, arithmetic with them would cost more than they can mean.
	maxDigits   = 1000
	maxExponent = 1000
)

// A decoder reads a JSON value that has been scanned into what package jsonschema wants: maps, slices, strings, bool, nil, and numbers
// as they were written.
type decoder struct {
	text []byte
	at   int
}

// decode reads a value, which must be all there is.
func decode(text []byte) (any, error) {
	d := decoder{text: text}
	v, err := d.value(0)
	if err == nil && d.peek() != 0 {
		err = d.fault()
	}
	return v, err
}

func (d *decoder) fault() error { return fmt.Errorf("is not JSON, at byte %d", d.at) }

// peek returns the next byte that is no blank, 0 at the end.
func (d *decoder) peek() byte {
	for ; d.at < len(d.text); d.at++ {
		if c := d.text[d.at]; c != ' ' && c != '\t' && c != '\n' && c != '\r' {
			return c
		}
	}
	return 0
}

func (d *decoder) value(depth int) (any, error) {
	if depth > maxNesting {
		return nil, fmt.Errorf("nests deeper than %d", maxNesting)
	}
	switch c := d.peek(); c {
	case '{':
		return d.object(depth)
	case '[':
		return d.array(depth)
	case '"':
		return d.str()
	default:
		return d.literal()
	}
}

func (d *decoder) object(depth int) (any, error) {
	object := make(map[string]any, 8)
	d.at++
	for c := d.peek(); c != '}'; c = d.peek() {
		if len(object) > 0 {
			if c != ',' {
				return nil, d.fault()
			}
			d.at++
			c = d.peek()
		}
		if c != '"' {
			return nil, d.fault()
		}
		name, err := d.str()
		if err != nil {
			return nil, err
		}
		if d.peek() != ':' {
			return nil, d.fault()
		}
		d.at++
		if object[name], err = d.value(depth + 1); err != nil {
			return nil, err
		}
	}
	d.at++
	return object, nil
}

func (d *decoder) array(depth int) (any, error) {
	array := make([]any, 0, 4)
	d.at++
	for c := d.peek(); c != ']'; c = d.peek() {
		if len(array) > 0 {
			if c != ',' {
				return nil, d.fault()
			}
			d.at++
		}
		v, err := d.value(depth + 1)
		if err != nil {
			return nil, err
		}
		array = append(array, v)
	}
	d.at++
	return array, nil
}

func (d *decoder) str() (string, error) {
	start := d.at
	for d.at++; d.at < len(d.text); d.at++ {
		switch d.text[d.at] {
		case '\\':
			d.at++
		case '"':
			d.at++
			s, _ := wire.Unquote(d.text[start:d.at])
			return s, nil
		}
	}
	return "", d.fault()
}

// literal reads null, true, false or a number.
func (d *decoder) literal() (any, error) {
	start := d.at
	for d.at < len(d.text) && strings.IndexByte("+-.0123456789eEaflnrstu", d.text[d.at]) >= 0 {
		d.at++
	}
	switch text := string(d.text[start:d.at]); text {
	case "null":
		return nil, nil
	case "true", "false":
		return text == "true", nil
	default:
		if !json.Valid(d.text[start:d.at]) {
			d.at = start
			return nil, d.fault()
		}
		digits, exponent, ok := decimal(text)
		if !ok || len(digits) > maxDigits || exponent < -maxExponent || exponent > maxExponent {
			return nil, fmt.Errorf("has a number that is too large or too long to be checked, at byte %d", start)
		}
		return json.Number(text), nil
	}
}

// decimal takes a number apart: without its sign it is the digits behind "0." times ten to the exponent. Of zero there are no digits.
func decimal(number string) (digits string, exponent int, ok bool) {
	mantissa := strings.TrimPrefix(number, "-")
	if i := strings.IndexAny(mantissa, "eE"); i >= 0 {
		var err error
		if exponent, err = strconv.Atoi(mantissa[i+1:]); err != nil {
			return "", 0, false
		}
		mantissa = mantissa[:i]
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	all := whole + fraction
	digits = strings.TrimLeft(all, "0")
	exponent += len(whole) - (len(all) - len(digits))
	if digits = strings.TrimRight(digits, "0"); digits == "" {
		exponent = 0
	}
	return digits, exponent, true
}

// isInteger reports whether a number has no fraction, however it is written.
func isInteger(number string) bool {
	if !strings.ContainsAny(number, ".eE") {
		return true
	}
	digits, exponent, ok := decimal(number)
	return ok && exponent >= len(digits)
}

// appendKey appends what two values have in common exactly if they are equal (JSON Schema core, section 4.2.2): numbers by their value,
// objects without regard to order.
func appendKey(dst []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(dst, 'n')
	case bool:
		return strconv.AppendBool(dst, v)
	case string:
		return wire.AppendQuote(dst, v)
	case json.Number:
		digits, exponent, _ := decimal(string(v))
		if digits != "" && v[0] == '-' {
			dst = append(dst, '-')
		}
		return strconv.AppendInt(append(append(dst, digits...), 'e'), int64(exponent), 10)
	case []any:
		dst = append(dst, '[')
		for _, e := range v {
			dst = append(appendKey(dst, e), ',')
		}
		return append(dst, ']')
	case map[string]any:
		dst = append(dst, '{')
		for _, name := range slices.Sorted(maps.Keys(v)) {
			dst = append(appendKey(append(wire.AppendQuote(dst, name), ':'), v[name]), ',')
		}
		return append(dst, '}')
	}
	return dst
}
