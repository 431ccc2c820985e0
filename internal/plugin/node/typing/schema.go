package typing

import (
	"bytes"
	"encoding/json"
	"slices"
)

// A Schema is a JSON Schema, whose keywords keep their order.
type Schema []Keyword

// A Keyword is one of a Schema.
type Keyword struct {
	Key   string
	Value any
}

// Get returns the value of a keyword, nil if it is not there.
func (s Schema) Get(key string) any {
	for _, k := range s {
		if k.Key == key {
			return k.Value
		}
	}
	return nil
}

// With returns the schema with that value of a keyword; s is not changed.
func (s Schema) With(key string, value any) Schema {
	out := slices.Clone(s)
	for i := range out {
		if out[i].Key == key {
			out[i].Value = value
			return out
		}
	}
	return append(out, Keyword{key, value})
}

// MarshalJSON writes the keywords in their order.
func (s Schema) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, k := range s {
		if i > 0 {
			b.WriteByte(',')
		}
		key, err := json.Marshal(k.Key)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(k.Value)
		if err != nil {
			return nil, err
		}
		b.Write(key)
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}
