package typing

import "github.com/sumun-mcp/sumun/internal/plugin/node/syntax"

// A Schema is a JSON Schema, whose keywords keep their order.
type Schema = syntax.Record

// of returns the schema of these keywords, each followed by its value.
func of(keywords ...any) Schema {
	var s Schema
	for i := 0; i+1 < len(keywords); i += 2 {
		key, _ := keywords[i].(string)
		s = s.With(key, keywords[i+1])
	}
	return s
}
