package declared

import (
	"encoding/json"
	"errors"
	"fmt"
)

// Arguments are the arguments of a call by their names, as the JSON that they were given in.
type Arguments map[string]json.RawMessage

// Value returns the JSON of an argument; ok is false when it was not given or is null.
func (a Arguments) Value(name string) (value json.RawMessage, ok bool) {
	value, ok = a[name]
	return value, ok && string(value) != "null"
}

// Text returns an argument as text: a text itself, a number with the digits that it was written with, true or false. ok is false when it
// was not given. A list or an object is an error.
func (a Arguments) Text(name string) (text string, ok bool, err error) {
	value, ok := a.Value(name)
	if !ok {
		return "", false, nil
	}
	text, err = scalar(value)
	if err != nil {
		return "", false, fmt.Errorf("the argument %q %w", name, err)
	}
	return text, true, nil
}

// Texts returns the elements of an argument that is a list, or the argument as the only one.
func (a Arguments) Texts(name string) (texts []string, ok bool, err error) {
	value, ok := a.Value(name)
	if !ok {
		return nil, false, nil
	}
	var items []json.RawMessage
	if value[0] != '[' {
		items = []json.RawMessage{value}
	} else if err := json.Unmarshal(value, &items); err != nil {
		return nil, false, fmt.Errorf("the argument %q is not JSON: %w", name, err)
	}
	for _, item := range items {
		text, err := scalar(item)
		if err != nil {
			return nil, false, fmt.Errorf("an element of the argument %q %w", name, err)
		}
		texts = append(texts, text)
	}
	return texts, true, nil
}

// scalar returns a text, a number or a boolean as text.
func scalar(value json.RawMessage) (string, error) {
	switch value[0] {
	case '"':
		var text string
		err := json.Unmarshal(value, &text)
		return text, err
	case '[', '{':
		return "", errors.New("is a list or an object; give a text, a number or a boolean")
	case 'n':
		return "", errors.New("is null; give a value or leave it out")
	}
	return string(value), nil
}
