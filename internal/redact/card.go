package redact

// maxDigits is how many digits a card has at most (ISO/IEC 7812-1).
const maxDigits = 19

func isSeparator(c byte) bool { return c == ' ' || c == '-' }

// numbers looks at the long numbers of a text: digits, and single blanks or dashes between them.
func (s *scan) numbers(text []byte) {
	done := 0 // where the last number ended
	for i := stride - 1; i < len(text); i += stride {
		at := i
		if classes[text[at]]&digit == 0 {
			if at--; !isSeparator(text[i]) || classes[text[at]]&digit == 0 || at < done {
				continue
			}
		}
		start, end := at, at+1
		for start > done && (classes[text[start-1]]&digit != 0 || start-1 > done && isSeparator(text[start-1]) && classes[text[start-2]]&digit != 0) {
			start--
		}
		for end < len(text) && (classes[text[end]]&digit != 0 || isSeparator(text[end]) && end+1 < len(text) && classes[text[end+1]]&digit != 0) {
			end++
		}
		if end-start >= minDigits {
			s.number(text, start, end)
		}
		done, i = end, max(i, end-1)
	}
}

// number looks for cards in a number: whole, or groups of it as cards are written.
func (s *scan) number(text []byte, start, end int) {
	if start > 0 && (classes[text[start-1]]&word != 0 && text[start-1] != '-' || isPoint(text, start-1)) || end < len(text) && (classes[text[end]]&word != 0 && text[end] != '-' || isPoint(text, end)) {
		return // of a longer word: a hash, an identifier, a fraction
	}
	for i, before := start, 0; i < end; {
		group := run(text, i, digit) - i
		n := s.card(text, i, end, before)
		if n == 0 {
			n, before = group, group
		} else {
			before = 0
		}
		i += n + 1
	}
}

// isPoint reports whether a point stands at i, with a digit on its other side.
func isPoint(text []byte, i int) bool {
	isDigit := func(i int) bool { return 0 <= i && i < len(text) && classes[text[i]]&digit != 0 }
	return text[i] == '.' && isDigit(i-1) && isDigit(i+1)
}

// layouts are how cards are written in groups.
var layouts = [...][]int{{4, 4, 4, 4, 3}, {4, 4, 4, 4}, {4, 6, 5}, {4, 6, 4}}

// card returns how many bytes of a number the card has that begins at i, 0 if none does. Before is how long the group before it is.
func (s *scan) card(text []byte, i, end, before int) int {
	if n := run(text, i, digit) - i; n >= minDigits {
		if n <= maxDigits && isCard(text[i:i+n]) {
			s.add(i, i+n, kindCard)
			return n
		}
		return 0
	}
	for _, layout := range layouts {
		n := grouped(text[i:end], layout)
		// One of many groups of four is a row of numbers.
		if n == 0 || before == layout[0] || run(text, min(i+n+1, end), digit)-(i+n+1) >= layout[0] {
			continue
		}
		if isCard(text[i : i+n]) {
			s.add(i, i+n, kindCard)
			return n
		}
	}
	return 0
}

// grouped returns how long digits are that are written in these groups, all with the same separator; 0 if they are not.
func grouped(text []byte, layout []int) int {
	i, separator := 0, byte(0)
	for n, size := range layout {
		if n > 0 {
			if i == len(text) || !isSeparator(text[i]) || separator != 0 && text[i] != separator {
				return 0
			}
			separator = text[i]
			i++
		}
		if run(text, i, digit)-i != size {
			return 0
		}
		i += size
	}
	return i
}

// isCard reports whether digits are the number of a card: its check digit is right (ISO/IEC 7812-1, annex B), and a network has its
// beginning and its length.
func isCard(text []byte) bool {
	var digits [maxDigits]byte
	n, sum := 0, 0
	for _, c := range text {
		if classes[c]&digit != 0 {
			digits[n] = c - '0'
			n++
		}
	}
	for i := range n {
		d := int(digits[n-1-i])
		if i%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	begins := 0
	for _, d := range digits[:6] {
		begins = 10*begins + int(d)
	}
	return sum%10 == 0 && issued(begins, n)
}

// A network gives numbers out that begin with six digits between first and last, of these lengths.
type network struct{ first, last, least, most int }

// networks are the large ones.
var networks = [...]network{
	{400000, 499999, 16, 16}, {400000, 499999, 13, 13}, {400000, 499999, 19, 19}, // Visa
	{510000, 559999, 16, 16}, {222100, 272099, 16, 16}, // Mastercard
	{340000, 349999, 15, 15}, {370000, 379999, 15, 15}, // American Express
	{601100, 601199, 16, 19}, {644000, 659999, 16, 19}, // Discover
	{300000, 305999, 14, 14}, {360000, 369999, 14, 14}, {380000, 399999, 14, 14}, // Diners Club
	{352800, 358999, 16, 19},                                                                                                                                   // JCB
	{620000, 629999, 16, 19},                                                                                                                                   // UnionPay
	{501800, 501899, 16, 19}, {502000, 502099, 16, 19}, {503800, 503899, 16, 19}, {589300, 589399, 16, 19}, {630400, 630499, 16, 19}, {675900, 676399, 16, 19}, // Maestro
}

func issued(begins, length int) bool {
	for _, n := range networks {
		if n.first <= begins && begins <= n.last && n.least <= length && length <= n.most {
			return true
		}
	}
	return false
}
