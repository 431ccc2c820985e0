package command

import "regexp/syntax"

// mayBeginWith reports whether a text that a pattern of JSON Schema allows can begin with r. Where that is hard to tell it can.
func mayBeginWith(pattern string, r rune) bool {
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return true
	}
	return anchoredMay(re.Simplify(), r)
}

// anchoredMay reports the same of an expression that begins somewhere: unless it is bound to the beginning, everything may stand there.
func anchoredMay(re *syntax.Regexp, r rune) bool {
	switch re.Op { //nolint:exhaustive // of the others it can, see the end
	case syntax.OpCapture:
		return anchoredMay(re.Sub[0], r)
	case syntax.OpAlternate:
		for _, sub := range re.Sub {
			if anchoredMay(sub, r) {
				return true
			}
		}
		return false
	case syntax.OpConcat:
		if re.Sub[0].Op != syntax.OpBeginText {
			return anchoredMay(re.Sub[0], r)
		}
		for _, sub := range re.Sub[1:] {
			may, empty := first(sub, r)
			if may {
				return true
			}
			if !empty {
				return false
			}
		}
		return true // it allows the empty text, and so anything behind it
	}
	return true
}

// first reports whether what re matches can begin with r, and whether it can be empty.
func first(re *syntax.Regexp, r rune) (may, empty bool) {
	switch re.Op { //nolint:exhaustive // of the others it can, see the end
	case syntax.OpLiteral:
		return re.Rune[0] == r, false
	case syntax.OpCharClass:
		for i := 0; i+1 < len(re.Rune); i += 2 {
			if re.Rune[i] <= r && r <= re.Rune[i+1] {
				return true, false
			}
		}
		return false, false
	case syntax.OpCapture, syntax.OpPlus:
		return first(re.Sub[0], r)
	case syntax.OpStar, syntax.OpQuest:
		may, _ = first(re.Sub[0], r)
		return may, true
	case syntax.OpEmptyMatch, syntax.OpBeginText, syntax.OpEndText:
		return false, true
	case syntax.OpAlternate:
		for _, sub := range re.Sub {
			m, e := first(sub, r)
			may, empty = may || m, empty || e
		}
		return may, empty
	case syntax.OpConcat:
		for _, sub := range re.Sub {
			m, e := first(sub, r)
			if may = may || m; !e {
				return may, false
			}
		}
		return may, true
	}
	return true, true
}
