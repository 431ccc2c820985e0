package terminal

import (
	"strings"

	"github.com/sumun-mcp/sumun/internal/document"
)

// Nearest returns the candidate that word was probably meant to be, or "". A candidate that begins with word is as near
// as one that differs in a letter.
func Nearest(word string, candidates []string) string {
	word = strings.ToLower(word)
	best, least := "", 2+len(word)/4
	for _, candidate := range candidates {
		d := document.Distance(word, candidate)
		if len(word) > 1 && strings.HasPrefix(candidate, word) {
			d = min(d, 1)
		}
		if d < least {
			best, least = candidate, d
		}
	}
	return best
}
