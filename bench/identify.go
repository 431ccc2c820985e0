package main

import "bytes"

// identify finds the id (as it is spelled; nil in a notification) and the method of a JSON-RPC request. It reads the
// members of the outer object and passes over their values, trusting that these are well formed: E measures the cost of
// a server that does nothing, not of a parser.
func identify(body []byte) (id, method []byte, ok bool) {
	i := bytes.IndexByte(body, '{') + 1
	if i == 0 {
		return nil, nil, false
	}
	for {
		start := skipTo(body, i, '"')
		end := stringEnd(body, start)
		colon := skipTo(body, end, ':')
		if colon >= len(body) {
			return id, method, method != nil
		}
		from := colon + 1
		i = valueEnd(body, from)
		value := bytes.TrimSpace(body[from:i])
		switch string(body[start:end]) {
		case `"id"`:
			id = value
		case `"method"`:
			method = bytes.Trim(value, `"`)
		}
	}
}

// skipTo returns the index of the next byte c at or after i, or len(b).
func skipTo(b []byte, i int, c byte) int {
	if i >= len(b) {
		return len(b)
	}
	if n := bytes.IndexByte(b[i:], c); n >= 0 {
		return i + n
	}
	return len(b)
}

// stringEnd returns the index behind the string that begins at i, or len(b).
func stringEnd(b []byte, i int) int {
	for quote := skipTo(b, i+1, '"'); quote < len(b); quote = skipTo(b, quote+1, '"') {
		first := quote // of the backslashes in front of the quote; an odd number of them escapes it
		for first > i && b[first-1] == '\\' {
			first--
		}
		if (quote-first)%2 == 0 {
			return quote + 1
		}
	}
	return len(b)
}

// valueEnd returns the index of the comma or brace that ends the value at i, or len(b).
func valueEnd(b []byte, i int) int {
	for depth := 0; i < len(b); i++ {
		switch b[i] {
		case '"':
			i = stringEnd(b, i) - 1
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth < 0 {
				return i
			}
		case ',':
			if depth == 0 {
				return i
			}
		}
	}
	return len(b)
}
