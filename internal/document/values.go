package document

import "encoding/json"

// Values returns a document as encoding/json would decode it into an any, with numbers as json.Number, before variables are expanded:
// what a JSON Schema judges. name is the document's file. The error is a Faults.
func Values(name string, data []byte) (any, error) {
	return values(newSource(name, data), data)
}

// LargeValues is Values for a document that a program may have written: of at most 60,000 lines and elements, and 500,000 values. Reading
// one may take seconds.
func LargeValues(name string, data []byte) (any, error) {
	src := newSource(name, data)
	src.most = bounds{largeParts, largeNodes}
	return values(src, data)
}

func values(src *source, data []byte) (any, error) {
	root, faults := parse(src, data)
	if len(faults) > 0 {
		return nil, faults
	}
	return root.plain(), nil
}

// plain returns n as encoding/json would decode it.
func (n *node) plain() any {
	switch n.kind {
	case boolean:
		return n.raw == "true"
	case number:
		return json.Number(n.raw)
	case text:
		return n.raw
	case list:
		out := []any{}
		for _, item := range n.items {
			out = append(out, item.plain())
		}
		return out
	case object:
		out := map[string]any{}
		for _, f := range n.fields {
			out[f.key] = f.value.plain()
		}
		return out
	case null:
	}
	return nil
}
