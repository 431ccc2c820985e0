package guard

import (
	"iter"
	"maps"
	"slices"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// children returns the schemas that a check may go on to from one, nil among them.
func children(s *jsonschema.Schema) iter.Seq[*jsonschema.Schema] {
	all := []*jsonschema.Schema{
		s.Ref, s.RecursiveRef, s.Not, s.If, s.Then, s.Else,
		s.PropertyNames, s.UnevaluatedProperties, s.Contains, s.Items2020, s.UnevaluatedItems, s.ContentSchema,
	}
	if s.DynamicRef != nil {
		all = append(all, s.DynamicRef.Ref)
	}
	for _, some := range []any{s.AdditionalProperties, s.Items, s.AdditionalItems} {
		switch some := some.(type) {
		case *jsonschema.Schema:
			all = append(all, some)
		case []*jsonschema.Schema:
			all = append(all, some...)
		}
	}
	all = slices.Concat(all, s.AllOf, s.AnyOf, s.OneOf, s.PrefixItems)
	for _, named := range []map[string]*jsonschema.Schema{s.Properties, s.DependentSchemas} {
		all = slices.AppendSeq(all, maps.Values(named))
	}
	all = slices.AppendSeq(all, maps.Values(s.PatternProperties))
	for _, dependency := range s.Dependencies {
		if sub, ok := dependency.(*jsonschema.Schema); ok {
			all = append(all, sub)
		}
	}
	return slices.Values(all)
}
