package redact

import (
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// place puts findings in an unescaped text where they stand in the JSON value: the text is what stands there from start to end. The
// findings may come in any order, and are many only in a text that is long.
func place(found []Finding, value []byte, start, end int) {
	offsets := make(map[int]int, 2*len(found)) // of what is read to what is written
	for _, f := range found {
		offsets[f.Start], offsets[f.End] = end, end
	}
	at := 0
	for i := start; i < end; {
		if _, wanted := offsets[at]; wanted {
			offsets[at] = i
		}
		written, read := unit(value[i:end])
		// What ends within a character ends behind it.
		for n := at + 1; n < at+read; n++ {
			if _, wanted := offsets[n]; wanted {
				offsets[n] = i + written
			}
		}
		i, at = i+written, at+read
	}
	for i := range found {
		found[i].Start, found[i].End = offsets[found[i].Start], offsets[found[i].End]
	}
}

// unit returns how many bytes of a JSON text the first byte or escape of it has, and how many it stands for.
func unit(raw []byte) (written, read int) {
	const escape = len(`\u0000`)
	switch {
	case raw[0] != '\\' || len(raw) == 1:
		return 1, 1
	case raw[1] != 'u' || len(raw) < escape:
		return 2, 1
	}
	r := codeUnit(raw)
	if !utf16.IsSurrogate(r) {
		return escape, utf8.RuneLen(r)
	}
	if len(raw) >= 2*escape && raw[escape] == '\\' && raw[escape+1] == 'u' {
		if pair := utf16.DecodeRune(r, codeUnit(raw[escape:])); pair != utf8.RuneError {
			return 2 * escape, utf8.RuneLen(pair)
		}
	}
	return escape, utf8.RuneLen(utf8.RuneError)
}

// codeUnit returns what \uXXXX stands for, which has been scanned.
func codeUnit(raw []byte) rune {
	n, err := strconv.ParseUint(string(raw[2:6]), 16, 16)
	if err != nil {
		return utf8.RuneError
	}
	return rune(n)
}
