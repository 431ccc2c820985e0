package document

import (
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/token"
)

// Tokens returns the tokens of a YAML document as it is read here, for who edits one in place.
func Tokens(text string) token.Tokens { return mend(lexer.Tokenize(text)) }

// mend returns the tokens of a YAML document with plain scalars put together again that have a colon inside: within { } the lexer
// parts read:file at every colon, where YAML (1.2, section 7.3.3) asks for a blank after it. Names of scopes and addresses are such
// scalars. What stands as {a:b} stays a key and its value, as the lexer has it.
func mend(tokens token.Tokens) token.Tokens {
	var mended token.Tokens
	var open []token.Type // the lists and mappings in { } and [ ] that are not closed yet
	for i := 0; i < len(tokens); i++ {
		switch t := tokens[i]; t.Type {
		case token.MappingStartType, token.SequenceStartType:
			open = append(open, t.Type)
		case token.MappingEndType, token.SequenceEndType:
			open = open[:max(len(open)-1, 0)]
		default: // opens and closes nothing
		}
		if len(open) > 0 && parted(tokens[i:]) {
			if whole := join(tokens[i], tokens[i+2], open[len(open)-1]); whole != nil {
				mended.Add(whole...)
				i += 2
				continue
			}
		}
		mended.Add(tokens[i])
	}
	return mended
}

// parted reports whether the tokens begin with a plain scalar, a colon and another plain scalar, with nothing between them.
func parted(tokens token.Tokens) bool {
	if len(tokens) < 3 || tokens[1].Type != token.MappingValueType || !isPlain(tokens[0]) || !isPlain(tokens[2]) {
		return false
	}
	before, colon, after := tokens[0], tokens[1].Position, tokens[2].Position
	return before.Position.Line == colon.Line && before.Position.Column+utf8.RuneCountInString(before.Value) == colon.Column &&
		after.Line == colon.Line && after.Column == colon.Column+1
}

func isPlain(t *token.Token) bool {
	return t.Indicator == token.NotIndicator && t.Type != token.CommentType && t.CharacterType != token.CharacterTypeWhiteSpace
}

// join returns the two as one scalar in a list, and in a mapping as a key, with its value if that was taken for the end of the
// key; nil if the second is the value.
func join(before, after *token.Token, in token.Type) []*token.Token {
	text := before.Value + ":" + after.Value
	key, value, inside := strings.Cut(text, ": ")
	switch {
	case in == token.SequenceStartType && !inside && !strings.HasSuffix(text, ":"):
		return []*token.Token{scalar(before, text)}
	case in == token.SequenceStartType:
		return nil
	case inside:
		at := *before.Position
		at.Column += utf8.RuneCountInString(key)
		rest := at
		rest.Column += 2
		return []*token.Token{scalar(before, key), token.MappingValue(&at), token.New(value, value, &rest)}
	case strings.HasSuffix(text, ":"):
		at := *before.Position
		at.Column += utf8.RuneCountInString(text) - 1
		return []*token.Token{scalar(before, strings.TrimSuffix(text, ":")), token.MappingValue(&at)}
	}
	return nil
}

// scalar returns a plain scalar that begins where another did.
func scalar(as *token.Token, text string) *token.Token {
	t := *as
	t.Type, t.Value, t.Origin = token.StringType, text, text
	return &t
}
