package drift

import (
	"slices"
	"strings"
)

// schema compares two JSON Schemas of objects: what is the noun for their properties, path the way to them.
func (t *teller) schema(what, path string, was, is map[string]any, depth int) {
	if depth > maxDepth {
		if !same(was, is) {
			t.say("%s `%s`: differs deep inside", what, path)
		}
		return
	}
	properties := union(object(was["properties"]), object(is["properties"]))
	for _, name := range properties {
		before, old := object(was["properties"])[name]
		after, now := object(is["properties"])[name]
		at := Visible(path + name)
		needed, needs := required(was, name), required(is, name)
		switch {
		case !old:
			t.newProperty(what, at, object(after), needs)
		case !now:
			t.say("%s `%s`: is gone", what, at)
		default:
			if needed != needs {
				t.say("%s `%s`: %s", what, at, map[bool]string{true: "is required now", false: "no longer required"}[needs])
				t.risk[takes] = t.risk[takes] || needs && what == "parameter"
			}
			t.property(what, path+name, object(before), object(after), depth)
		}
	}
	for _, name := range union(was, is) {
		switch name {
		case "properties", "$schema":
		case "required":
			t.strays(what, path, was, is, properties)
		default:
			t.keyword(place{what, path, depth}, name, was[name], is[name])
		}
	}
}

// newProperty tells of a property that is new.
func (t *teller) newProperty(what, at string, is map[string]any, needed bool) {
	t.risk[takes] = t.risk[takes] || what != "result"
	kind := typeOf(is)
	if needed {
		kind = strings.TrimPrefix(kind+", required", ", ")
	}
	if kind != "" {
		kind = " (" + kind + ")"
	}
	line := "new " + what + " `" + at + "`" + kind
	if text, _ := is["description"].(string); text != "" {
		t.risk[words] = true
		line += ": " + quote(text)
	}
	t.say("%s", line)
	for _, name := range []string{"enum", "default", "examples", "const"} {
		if is[name] != nil {
			t.say("%s `%s`: its %s is %s", what, at, name, brief(is[name]))
		}
	}
	for _, name := range union(object(is["properties"]), nil) {
		t.newProperty(what, at+"."+Visible(name), object(object(is["properties"])[name]), required(is, name))
	}
}

// property compares what is said of one property.
func (t *teller) property(what, path string, was, is map[string]any, depth int) {
	if same(was, is) {
		return
	}
	t.schema(what, path+".", was, is, depth+1)
}

// A place is where in a schema something stands: the noun for properties there, the way to it, and how deep it is.
type place struct {
	what, path string
	depth      int
}

// keyword compares one keyword of a schema.
func (t *teller) keyword(of place, name string, before, after any) {
	if same(before, after) {
		return
	}
	what, path, depth := of.what, of.path, of.depth
	at := "schema"
	if path != "" {
		at = what + " `" + Visible(strings.TrimSuffix(path, ".")) + "`"
	}
	switch name {
	case "enum":
		t.enum(what, at, before, after)
	case "items", "additionalProperties":
		if was, is := object(before), object(after); was != nil && is != nil {
			t.schema(what, path+name+".", was, is, depth+1)
			return
		}
		if name == "additionalProperties" && before == false {
			t.risk[takes] = true
			t.say("%s: takes members of any name now", at)
			return
		}
		t.value(at+": "+name, before, after)
	case "type":
		t.say("%s: was %s, is %s", at, orNone(typeName(before)), orNone(typeName(after)))
		t.risk[takes] = true
	default:
		if was, is := object(before), object(after); was != nil && is != nil && depth < maxDepth {
			for _, member := range union(was, is) {
				t.keyword(place{what, path + name + "." + member + ".", depth + 1}, member, was[member], is[member])
			}
			return
		}
		t.value(at+": "+name, before, after)
	}
}

// enum tells which values there are now, and which are not any more.
func (t *teller) enum(what, at string, before, after any) {
	was, is := list(before), list(after)
	var parts []string
	for _, side := range []struct {
		word     string
		of, than []string
	}{{"gained", is, was}, {"lost", was, is}} {
		var some []string
		for _, value := range side.of {
			if !slices.Contains(side.than, value) {
				some = append(some, "`"+shortened(Visible(value))+"`")
			}
		}
		if len(some) > 0 {
			parts = append(parts, side.word+" "+strings.Join(some, ", "))
			t.risk[takes] = t.risk[takes] || side.word == "gained" && what != "result"
		}
	}
	if len(parts) == 0 {
		parts = []string{"has another order"}
	}
	t.say("%s: enum %s", at, strings.Join(parts, ", "))
}

// strays tells of names that are required and are none of the properties.
func (t *teller) strays(what, path string, was, is map[string]any, properties []string) {
	before, after := list(was["required"]), list(is["required"])
	for _, name := range after {
		if !slices.Contains(before, name) && !slices.Contains(properties, name) {
			t.say("%s `%s`: is required now, and not described", what, Visible(path+name))
		}
	}
}

func list(v any) []string {
	elements, _ := v.([]any)
	var all []string
	for _, e := range elements {
		if text, ok := e.(string); ok {
			all = append(all, text)
			continue
		}
		all = append(all, encoded(e))
	}
	return all
}

func required(schema map[string]any, name string) bool {
	return slices.Contains(list(schema["required"]), name)
}

func typeOf(schema map[string]any) string { return typeName(schema["type"]) }

func typeName(v any) string {
	switch t := v.(type) {
	case string:
		return Visible(t)
	case []any:
		return Visible(strings.Join(list(t), " or "))
	}
	return ""
}

func orNone(s string) string {
	if s == "" {
		return "of any type"
	}
	return s
}
