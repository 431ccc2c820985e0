package guard

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// A hook is what is checked of a schema first.
type hook struct {
	meter *meter
	// never says that no value fits.
	never bool
	types []string
	// values are the keys of those that fit, nil if all do; what says which.
	values map[string]bool
	what   string
	// bounds are those of numbers, nil if there are none.
	bounds *bounds
	// steps is the price of a visit, and element of each element or member.
	steps, element int
	unique         bool
	lengths        bool
}

func newHook(s *jsonschema.Schema, m *meter) *hook {
	h := &hook{
		meter: m, never: s.Bool != nil, bounds: takeBounds(s), unique: s.UniqueItems, lengths: s.MinLength != nil || s.MaxLength != nil,
		steps: 1 + (len(s.Required)+len(s.AllOf)+len(s.AnyOf)+len(s.OneOf)+len(s.DependentSchemas))/8, element: 1 + len(s.PatternProperties),
	}
	for _, required := range s.DependentRequired {
		h.steps += 1 + len(required)/8
	}
	if s.Types != nil && !s.Types.IsEmpty() {
		h.types = s.Types.ToStrings()
	}
	if s.Enum != nil {
		h.allow(s.Enum.Values)
	}
	if s.Const != nil {
		if old := h.values; old == nil || old[string(appendKey(nil, *s.Const))] {
			h.values = nil
			h.allow([]any{*s.Const})
		} else {
			h.never = true
		}
	}
	return h
}

// allow has only those values fit.
func (h *hook) allow(values []any) {
	const most = 10
	h.values = make(map[string]bool, len(values))
	for _, v := range values {
		h.values[string(appendKey(nil, v))] = true
	}
	var shown []string
	for _, v := range values[:min(len(values), most)] {
		text, err := json.Marshal(v)
		if err == nil {
			shown = append(shown, short(string(text)))
		}
	}
	if len(values) > most {
		shown = append(shown, fmt.Sprintf("%d more", len(values)-most))
	}
	h.what = strings.Join(shown, ", ")
}

// validate pays for a visit, and checks what can be checked at once. It is called in the place of a format.
func (h *hook) validate(v any) error {
	h.meter.spend(h.steps + h.price(v))
	err := h.fault(v)
	if err != nil {
		h.meter.spend(faultSteps)
	}
	return err
}

// price returns how many steps a value costs for itself.
func (h *hook) price(v any) int {
	const cheap = 64 // bytes of a string for a step
	steps := 0
	switch v := v.(type) {
	case []any:
		steps = h.element * len(v)
		if h.unique {
			steps += 10 * size(v)
		}
	case map[string]any:
		steps = h.element * len(v)
	case string:
		if h.lengths {
			steps = len(v) / cheap
		}
	case json.Number:
		steps = 1 + len(v)/4
	}
	if h.values != nil {
		steps += size(v)
	}
	return steps
}

// size is how much work it is to compare a value with others.
func size(v any) int {
	const cheap = 64
	n := 1
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			n += size(e)
		}
	case map[string]any:
		for name, e := range v {
			n += len(name)/cheap + size(e)
		}
	case string:
		n += len(v) / cheap
	}
	return n
}

// allows reports whether a value is one of those, and of one of the types, that fit.
func (h *hook) allows(v any) bool {
	switch {
	case h.never:
		return false
	case h.types != nil && !slices.ContainsFunc(h.types, func(t string) bool { return is(v, t) }):
		return false
	}
	return h.values == nil || h.values[string(appendKey(nil, v))]
}

// fault returns what a value has wrong.
func (h *hook) fault(v any) error {
	if h.allows(v) {
		if n, ok := v.(json.Number); ok && h.bounds != nil {
			return h.bounds.fault(string(n))
		}
		return nil
	}
	switch {
	case h.never:
		return errors.New("is not allowed here")
	case h.types != nil && !slices.ContainsFunc(h.types, func(t string) bool { return is(v, t) }):
		return fmt.Errorf("is %s, not %s", typeOf(v), strings.Join(h.types, " or "))
	case len(h.values) == 1:
		return errors.New("is not " + h.what)
	}
	return errors.New("is none of " + h.what)
}

// is reports whether a value has that type.
func is(v any, want string) bool {
	n, isNumber := v.(json.Number)
	if isNumber && want == "integer" {
		return isInteger(string(n))
	}
	return typeOf(v) == want
}

func typeOf(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case string:
		return "string"
	case json.Number:
		return "number"
	case []any:
		return "array"
	}
	return "object"
}
