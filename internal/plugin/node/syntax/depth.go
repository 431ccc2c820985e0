package syntax

// Bounds of code that a compiler with a recursive parser can be given. Its stack needs up to four kilobytes for each level, and a
// stack that overflows ends the whole process; before that, some things take it the square of their length.
const (
	maxBrackets = 2000    // open at once
	maxChain    = 60_000  // tokens, in all brackets that are open, of which each may be nested within the one before
	harmless    = 200_000 // bytes, which cannot nest too deeply
)

// A chain is what stands in one open bracket since something in it has ended.
type chain struct {
	tokens int
	lists  bool // commas separate elements and members there, which are not nested
}

// TooDeep reports whether code may be nested deeper than anybody writes: brackets, operators before a value, chains of calls, else
// after else.
func TooDeep(src string) bool {
	tokens, _, ok := lex(src)
	if !ok {
		return len(src) > harmless // esbuild will say what is wrong with it, or reads what we cannot
	}
	chains := []chain{{}} // of the file, and of each open bracket
	total := 0
	for _, t := range tokens {
		last := len(chains) - 1
		switch {
		case opens(t):
			chains = append(chains, chain{lists: t.text == "[" || t.text == "{"})
		case t.kind == punct && (t.text == ")" || t.text == "]" || t.text == "}"):
			if last > 0 {
				total -= chains[last].tokens
				chains = chains[:last]
			}
		case t.is(";"), t.is(",") && chains[last].lists, t.first && !continues(t):
			total -= chains[last].tokens
			chains[last].tokens = 0
		}
		chains[len(chains)-1].tokens++
		if total++; total > maxChain || len(chains) > maxBrackets {
			return true
		}
	}
	return false
}

// continues reports whether a token that is the first of its line may belong to the expression or statement before.
func continues(t token) bool {
	switch t.kind {
	case word:
		return t.text == "else" || t.text == "in" || t.text == "instanceof" || t.text == "as" || t.text == "if" || t.text == "typeof" ||
			t.text == "void" || t.text == "delete" || t.text == "await" || t.text == "new" || t.text == "do" || t.text == "for" || t.text == "while"
	case template, punct:
		return true
	case text, number, end, pattern:
	}
	return false
}
