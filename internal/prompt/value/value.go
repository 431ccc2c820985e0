// Package value holds the values of templates, which are those of JSON, and what
// can be computed with them: as in Python, where Jinja comes from, and within a
// Budget, since a template may come from a stranger.
package value

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A Value is what an expression has: None, bool, int64, *big.Int (only where an
// int64 is too small), float64, string, *List, *span, *Dict, *Undefined or
// Object. The nil interface is no value.
type Value any

// None is null.
type None struct{}

// Undefined is the value of what is not there. It shows as nothing, is false
// and empty; anything else done with it fails for the reason why it is not there.
type Undefined struct {
	Reason string // with one %s if there is a name
	Name   string // of what is not there; as long as a template makes it
}

// Fault is why the value is not there.
func (u *Undefined) Fault() error {
	reason := u.Reason
	if u.Name != "" {
		reason = strings.Replace(reason, "%s", QuoteAll([]Value{u.Name}), 1)
	}
	return Faultf("give it a value, test it with 'is defined', or use the filter default", "%s", reason)
}

// An Object is a value that is not JSON, such as the variable "loop".
type Object interface {
	Member(name string) Value
	String() string
}

// A Sequence is a list or a range.
type Sequence interface {
	Size() int
	At(i int) Value
}

// A List is a list or a tuple. It does not change once an expression has it.
type List struct {
	Items   []Value
	IsTuple bool
}

// Size returns the number of items.
func (l *List) Size() int { return len(l.Items) }

// At returns the item with that index, from 0.
func (l *List) At(i int) Value { return l.Items[i] }

// Add puts one more item at the end.
func (l *List) Add(r *Budget, v Value) error {
	l.Items = append(l.Items, v)
	return r.Alloc(SizeItem)
}

// A span is a range: count whole numbers from first on, by step, before stop.
type span struct{ first, stop, step, count int64 }

// Size returns how many numbers there are.
func (s *span) Size() int { return int(s.count) }

// At returns the number with that index, from 0.
func (s *span) At(i int) Value { return s.first + int64(i)*s.step }

// maxSpan is how many numbers a range may have, as in the sandbox of Jinja.
const maxSpan = 100_000

// NewRange returns the range of one to three arguments.
func (r *Budget) NewRange(args []Value) (Value, error) {
	n := [3]int64{0, 0, 1}
	for i, v := range args {
		whole, ok := ToNumber(v)
		small, isSmall := whole.(int64)
		if !ok || !isSmall || small > math.MaxInt32 || small < math.MinInt32 {
			return nil, Faultf("give whole numbers of at most 32 bits", "%s is not a number for range", Describe(v))
		}
		n[i] = small
	}
	if len(args) == 1 {
		n[0], n[1] = 0, n[0]
	}
	first, stop, step := n[0], n[1], n[2]
	if step == 0 {
		return nil, Faultf("leave it out, or give 1 or -1", "the step of a range is 0")
	}
	count := countOf(first, stop, step)
	if count > maxSpan {
		return nil, Limited("a range of %d numbers is longer than %d", count, maxSpan)
	}
	return &span{first, stop, step, count}, nil
}

// A Dict is a mapping in the order of its members.
type Dict struct {
	Keys, Values []Value
	hashes       []string       // of the keys
	places       map[string]int // by the hash of the key
}

// get returns the member of that name.
func (d *Dict) get(name string) (Value, bool) {
	var hash [128]byte // so that short names need no memory
	i, ok := d.places[string(append(append(hash[:0], 's'), name...))]
	if !ok {
		return nil, false
	}
	return d.Values[i], true
}

// at returns the member whose key has that hash.
func (d *Dict) at(hash string) (Value, bool) {
	i, ok := d.places[hash]
	if !ok {
		return nil, false
	}
	return d.Values[i], true
}

// Set gives a member a value.
func (d *Dict) Set(r *Budget, key, v Value) error {
	h, err := r.hash(key)
	if err != nil {
		return err
	}
	if i, ok := d.places[h]; ok {
		d.Values[i] = v
		return r.Step(1)
	}
	if d.places == nil {
		d.places = map[string]int{}
	}
	d.places[h] = len(d.Keys)
	d.hashes = append(d.hashes, h)
	d.Keys, d.Values = append(d.Keys, key), append(d.Values, v)
	return r.Alloc(SizeEntry + len(h))
}

// Items returns what a loop over v goes through.
func (r *Budget) Items(v Value) (Sequence, error) {
	switch v := v.(type) {
	case Sequence:
		return v, nil
	case *Dict:
		return &List{Items: v.Keys}, nil
	case *Undefined:
		return &List{}, nil
	case string:
		l, err := r.List(utf8.RuneCountInString(v))
		if err != nil {
			return nil, err
		}
		for i, c := range v {
			l.Items = append(l.Items, v[i:i+utf8.RuneLen(c)])
		}
		return l, nil
	}
	return nil, Faultf("it takes a list, a mapping or a text", "%s has no items", Describe(v))
}

// Truth reports whether v counts as true.
func Truth(v Value) bool {
	switch v := v.(type) {
	case None, *Undefined:
		return false
	case bool:
		return v
	case int64:
		return v != 0
	case float64:
		return v != 0
	case string:
		return v != ""
	case Sequence:
		return v.Size() > 0
	case *Dict:
		return len(v.Keys) > 0
	}
	return true
}

// Describe names the kind of a value in an error.
func Describe(v Value) string {
	switch v := v.(type) {
	case None:
		return "none"
	case bool:
		return strings.ToLower(pythonBool(v))
	case int64, *big.Int:
		return "an integer"
	case float64:
		return "a float"
	case string:
		return "a string"
	case *List:
		if v.IsTuple {
			return "a tuple"
		}
		return "a list"
	case *span:
		return "a range"
	case *Dict:
		return "a mapping"
	case *Undefined:
		return "an undefined value"
	}
	return "the loop"
}

func pythonBool(b bool) string {
	if b {
		return "True"
	}
	return "False"
}

// Convert returns the value of what a caller gave.
func (r *Budget) Convert(given any, level int) (Value, error) {
	if err := r.Step(1); err != nil {
		return nil, err
	}
	if level > maxLevels {
		return nil, tooDeep()
	}
	switch v := given.(type) {
	case nil:
		return None{}, nil
	case bool, int64, float64:
		return v, r.Alloc(8)
	case string:
		return strings.ToValidUTF8(v, "\uFFFD"), r.Alloc(16)
	case json.Number:
		return r.number(v)
	case int, int8, int16, int32, uint, uint8, uint16, uint32, uint64:
		return r.number(json.Number(fmt.Sprint(v)))
	case float32:
		return float64(v), nil
	case json.RawMessage:
		return r.decode(v, level)
	case []any:
		return convertList(r, v, level)
	case []string:
		return convertList(r, v, level)
	case map[string]any:
		return convertMap(r, v, level)
	case map[string]string:
		return convertMap(r, v, level)
	}
	return nil, Faultf("pass nil, bool, a number, string, a slice or a map of these, or json.RawMessage", "a Go value of type %T is not JSON", given)
}

func convertList[T any](r *Budget, given []T, level int) (Value, error) {
	l, err := r.List(len(given))
	if err != nil {
		return nil, err
	}
	for _, g := range given {
		v, err := r.Convert(g, level+1)
		if err != nil {
			return nil, err
		}
		l.Items = append(l.Items, v)
	}
	return l, nil
}

func convertMap[T any](r *Budget, given map[string]T, level int) (Value, error) {
	if err := r.Alloc(SizeItem * (len(given) + 1)); err != nil {
		return nil, err
	}
	d := &Dict{}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		v, err := r.Convert(given[name], level+1)
		if err != nil {
			return nil, err
		}
		if err := d.Set(r, strings.ToValidUTF8(name, "\uFFFD"), v); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// number returns a number as JSON writes it: whole numbers stay exact.
func (r *Budget) number(n json.Number) (Value, error) {
	text := n.String()
	if small, err := strconv.ParseInt(text, 10, 64); err == nil {
		return small, r.Alloc(8)
	}
	if strings.ContainsAny(text, ".eE") {
		f, err := strconv.ParseFloat(text, 64)
		if err != nil && !math.IsInf(f, 0) {
			return nil, Faultf("pass JSON", "%q is not a number", text)
		}
		return f, r.Alloc(8)
	}
	if len(text) > MaxDigits {
		return nil, tooLarge()
	}
	large, ok := new(big.Int).SetString(text, 10)
	if !ok {
		return nil, Faultf("pass JSON", "%q is not a number", text)
	}
	return Shrink(large), r.Alloc(len(text))
}

// decode reads JSON, members in its order.
func (r *Budget) decode(text []byte, level int) (Value, error) {
	if err := r.Alloc(len(text)); err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	v, err := r.decodeNext(d, level)
	if err == nil {
		if _, more := d.Token(); more == io.EOF {
			return v, nil
		}
		err = Faultf("pass one value", "there is more than one JSON value")
	}
	return nil, err
}

func (r *Budget) decodeNext(d *json.Decoder, level int) (Value, error) {
	t, err := d.Token()
	if err != nil {
		return nil, Faultf("pass JSON", "this is not JSON: %v", err)
	}
	switch t {
	case json.Delim('['):
		l, err := r.List(0)
		for err == nil && d.More() {
			var v Value
			if v, err = r.decodeInner(d, level); err == nil {
				err = l.Add(r, v)
			}
		}
		return r.decoded(d, l, err)
	case json.Delim('{'):
		m := &Dict{}
		for err == nil && d.More() {
			var key, v Value
			if key, err = r.decodeNext(d, level); err == nil {
				if v, err = r.decodeInner(d, level); err == nil {
					err = m.Set(r, key, v)
				}
			}
		}
		return r.decoded(d, m, err)
	}
	return r.Convert(t, level)
}

func (r *Budget) decodeInner(d *json.Decoder, level int) (Value, error) {
	if level++; level > maxLevels {
		return nil, tooDeep()
	}
	return r.decodeNext(d, level)
}

// decoded reads the end of a list or an object.
func (r *Budget) decoded(d *json.Decoder, v Value, err error) (Value, error) {
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != nil {
		return nil, Faultf("pass JSON", "this is not JSON: %v", err)
	}
	return v, r.Step(1)
}

func tooDeep() error {
	return Limited("lists and mappings are more than %d levels deep", maxLevels)
}
