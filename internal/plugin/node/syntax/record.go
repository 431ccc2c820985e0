package syntax

import (
	"bytes"
	"encoding/json"
	"slices"
)

// A Record is a JSON object whose members keep their order.
type Record []Entry

// An Entry is one member of a Record.
type Entry struct {
	Key   string
	Value any
}

// Get returns the value of a member, nil if it is not there.
func (r Record) Get(key string) any {
	for _, e := range r {
		if e.Key == key {
			return e.Value
		}
	}
	return nil
}

// With returns the record with that value of a member; r is not changed.
func (r Record) With(key string, value any) Record {
	out := slices.Clone(r)
	for i := range out {
		if out[i].Key == key {
			out[i].Value = value
			return out
		}
	}
	return append(out, Entry{key, value})
}

// MarshalJSON writes the members in their order.
func (r Record) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, e := range r {
		if i > 0 {
			b.WriteByte(',')
		}
		key, err := json.Marshal(e.Key)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(e.Value)
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
