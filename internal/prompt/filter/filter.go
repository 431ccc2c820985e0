// Package filter holds the filters and the tests of templates: what stands after
// "|" and after "is". They have the names, the parameters and the results of
// Jinja's; where Jinja gives a generator, they give a list.
package filter

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/sumun-mcp/sumun/internal/prompt/value"
)

// A Filter makes a value of another. Its params are names in the order of
// Jinja, separated by spaces; those that end with ? may be left out. The
// arguments of an open filter are those of the filter or test that it applies
// to each item.
type Filter struct {
	Params string
	IsOpen bool
	Apply  func(r *value.Budget, v value.Value, args Arguments[value.Value]) (value.Value, error)
}

// Arguments are those of a filter or a test; the last of values belong to names.
type Arguments[T any] struct {
	Values []T
	Names  []string
}

// filters by their names in Jinja; nothing changes them.
var filters = map[string]Filter{
	"abs":        {Apply: absFilter},
	"capitalize": {Apply: textFilter(capitalize)},
	"count":      {Apply: lengthFilter},
	"d":          {Params: "default_value? boolean?", Apply: defaultFilter},
	"default":    {Params: "default_value? boolean?", Apply: defaultFilter},
	"dictsort":   {Params: "case_sensitive? by? reverse?", Apply: dictsortFilter},
	"e":          {Apply: escapeFilter},
	"escape":     {Apply: escapeFilter},
	"first":      {Apply: firstFilter},
	"float":      {Params: "default?", Apply: floatFilter},
	"indent":     {Params: "width? first? blank?", Apply: indentFilter},
	"int":        {Params: "default? base?", Apply: intFilter},
	"items":      {Apply: itemsFilter},
	"join":       {Params: "d? attribute?", Apply: joinFilter},
	"last":       {Apply: lastFilter},
	"length":     {Apply: lengthFilter},
	"list":       {Apply: listFilter},
	"lower":      {Apply: textFilter(strings.ToLower)},
	"map":        {IsOpen: true}, // see Find
	"max":        {Params: "case_sensitive? attribute?", Apply: extremeFilter(1)},
	"min":        {Params: "case_sensitive? attribute?", Apply: extremeFilter(-1)},
	"reject":     {IsOpen: true, Apply: chooseFilter(false, false)},
	"rejectattr": {IsOpen: true, Apply: chooseFilter(true, false)},
	"replace":    {Params: "old new count?", Apply: replaceFilter},
	"reverse":    {Apply: reverseFilter},
	"round":      {Params: "precision? method?", Apply: roundFilter},
	"select":     {IsOpen: true, Apply: chooseFilter(false, true)},
	"selectattr": {IsOpen: true, Apply: chooseFilter(true, true)},
	"sort":       {Params: "reverse? case_sensitive? attribute?", Apply: sortFilter},
	"string":     {Apply: stringFilter},
	"sum":        {Params: "attribute? start?", Apply: sumFilter},
	"title":      {Apply: textFilter(title)},
	"tojson":     {Params: "indent? ensure_ascii?", Apply: tojsonFilter},
	"trim":       {Params: "chars?", Apply: trimFilter},
	"truncate":   {Params: "length? killwords? end? leeway?", Apply: truncateFilter},
	"unique":     {Params: "case_sensitive? attribute?", Apply: uniqueFilter},
	"upper":      {Apply: textFilter(upper)},
	"wordcount":  {Apply: wordcountFilter},
}

// Find returns the filter of that name. What map does cannot stand in the
// table, because it looks into it.
func Find(name string) (Filter, bool) {
	f, ok := filters[name]
	if name == "map" {
		f.Apply = mapFilter
	}
	return f, ok
}

// Bind puts arguments into the order of the parameters; absent ones are nil.
func Bind[T any](name, params string, args Arguments[T]) ([]T, error) {
	fields := strings.Fields(params)
	unnamed := len(args.Values) - len(args.Names)
	if unnamed > len(fields) {
		return nil, fmt.Errorf("%s takes %d arguments, not %d", name, len(fields), unnamed)
	}
	bound := make([]T, len(fields))
	isGiven := make([]bool, len(fields))
	for i, v := range args.Values {
		place := i
		if i >= unnamed {
			given := args.Names[i-unnamed]
			place = slices.IndexFunc(fields, func(f string) bool { return strings.TrimSuffix(f, "?") == given })
			if place < 0 {
				return nil, fmt.Errorf("%s has no argument %q", name, given)
			}
		}
		if isGiven[place] {
			return nil, fmt.Errorf("%s has its argument %q twice", name, strings.TrimSuffix(fields[place], "?"))
		}
		bound[place], isGiven[place] = v, true
	}
	for i, f := range fields {
		if !isGiven[i] && !strings.HasSuffix(f, "?") {
			return nil, fmt.Errorf("%s needs its argument %q", name, f)
		}
	}
	return bound, nil
}

// Usage describes parameters in an error.
func Usage(params string) string {
	return strings.ReplaceAll(strings.ReplaceAll(params, " ", ", "), "?", "=…")
}

// advise names the entries of a table that an unknown name may stand for.
func advise[T any](name string, table map[string]T) string {
	if hint, ok := otherwise[name]; ok {
		return hint
	}
	var near []string
	for known := range maps.Keys(table) {
		if len(name) > 1 && len(known) > 1 && (strings.HasPrefix(known, name[:2]) || strings.Contains(known, name) || strings.Contains(name, known)) {
			near = append(near, known)
		}
	}
	if len(near) == 0 {
		return "there are " + strings.Join(slices.Sorted(maps.Keys(table)), ", ")
	}
	slices.Sort(near)
	return "try " + strings.Join(near, " or ")
}

// Advise says what to try instead of a filter that does not exist.
func Advise(name string) string { return advise(name, filters) }

// AdviseTest says what to try instead of a test that does not exist.
func AdviseTest(name string) string { return advise(name, tests) }

// otherwise is what to do in place of filters and tests of Jinja that are left out.
var otherwise = map[string]string{
	"safe":     "leave it out: nothing is escaped unless the filter escape is used",
	"attr":     "write x[name]",
	"format":   "join texts with ~",
	"groupby":  "use a loop over the values with selectattr",
	"random":   "a prompt is the same for the same variables: choose before rendering",
	"pprint":   "use tojson(indent=2)",
	"sameas":   "compare with ==",
	"callable": "values are never functions",
}

// apply applies the filter of that name, which a template has computed.
func apply(r *value.Budget, name, v value.Value, args Arguments[value.Value]) (value.Value, error) {
	text, _ := name.(string)
	f, ok := Find(text)
	if !ok {
		return nil, value.Faultf(advise(text, filters), "there is no filter %s", shown(name))
	}
	if err := r.Alloc(value.SizeCall); err != nil {
		return nil, err
	}
	if !f.IsOpen {
		values, err := Bind(text, f.Params, args)
		if err != nil {
			return nil, err
		}
		args = Arguments[value.Value]{Values: values}
	}
	return f.Apply(r, v, args)
}

// shown describes a value that should have been a name.
func shown(v value.Value) string {
	if text, ok := v.(string); ok {
		return value.QuoteAll([]value.Value{text})
	}
	return value.Describe(v)
}

// Arguments of filters, as bound to their parameters.

func (a Arguments[T]) isSet(i int) bool {
	return any(a.Values[i]) != nil && any(a.Values[i]) != any(value.None{})
}

// flag returns an argument as a condition; absent is false.
func flag(args Arguments[value.Value], i int) bool {
	return args.isSet(i) && value.Truth(args.Values[i])
}

// whole returns an argument as a whole number of 32 bits.
func whole(args Arguments[value.Value], i, otherwise int) (int, error) {
	if !args.isSet(i) {
		return otherwise, nil
	}
	v, ok := value.ToNumber(args.Values[i])
	n, isSmall := v.(int64)
	if !ok || !isSmall || n > math.MaxInt32 || n < math.MinInt32 {
		return 0, value.Faultf("give a whole number of at most 32 bits", "%s is not a number for this filter", value.Describe(args.Values[i]))
	}
	return int(n), nil
}

// words returns an argument as a text.
func words(r *value.Budget, args Arguments[value.Value], i int, otherwise string) (string, error) {
	if !args.isSet(i) {
		return otherwise, nil
	}
	return r.Text(args.Values[i])
}

// attribute returns the getter of an argument such as "address.city", or of
// the item itself. In its result texts are lower case if folded.
func attribute(r *value.Budget, name value.Value, folded bool) (value.Getter, error) {
	path, err := path(r, name)
	if err != nil {
		return nil, err
	}
	return func(v value.Value) (value.Value, error) {
		for _, key := range path {
			found, err := r.Item(v, key)
			if err != nil {
				return nil, err
			}
			v = found
		}
		if s, ok := v.(string); ok && folded {
			return strings.ToLower(s), r.Alloc(len(s))
		}
		return v, nil
	}, nil
}

// path returns the keys of an attribute such as "address.city" or "0".
func path(r *value.Budget, name value.Value) ([]value.Value, error) {
	switch name := name.(type) {
	case nil, value.None:
		return nil, nil
	case int64:
		return []value.Value{name}, nil
	case string:
		if err := r.Alloc(value.SizeItem * (strings.Count(name, ".") + 2)); err != nil {
			return nil, err
		}
		var path []value.Value
		for part := range strings.SplitSeq(name, ".") {
			var key value.Value = part
			if n, err := intOf(part, 10); err == nil && strings.Trim(part, "0123456789") == "" {
				key = n
			}
			path = append(path, key)
		}
		return path, nil
	}
	return nil, value.Faultf("give the name of a member", "%s is not the name of a member", value.Describe(name))
}
