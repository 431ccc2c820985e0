package guard

import (
	"fmt"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

// A Fault is one thing that a value has wrong.
type Fault struct {
	// Pointer is where, as a JSON Pointer (RFC 6901) into the value; empty is the whole.
	Pointer string `json:"pointer"`
	// Message says what, in English, without a subject: "is missing".
	Message string `json:"message"`
}

const (
	// maxFaults is how many faults are told.
	maxFaults = 20
	// maxGathered is how many are put in order for that.
	maxGathered = 1000
)

// A collector gathers faults from the error of package jsonschema.
type collector struct {
	faults []Fault
	// all counts also those that are not told.
	all int
}

func (c *collector) add(location []string, name, format string, args ...any) {
	c.all++
	if len(c.faults) == maxGathered {
		return
	}
	var b strings.Builder
	for _, token := range location {
		b.WriteString("/" + pointerEscapes.Replace(token))
	}
	if name != "" {
		b.WriteString("/" + pointerEscapes.Replace(name))
	}
	c.faults = append(c.faults, Fault{shorter(b.String()), shorter(fmt.Sprintf(format, args...))})
}

var pointerEscapes = strings.NewReplacer("~", "~0", "/", "~1")

// collect adds the faults that an error stands for.
func (c *collector) collect(e *jsonschema.ValidationError) {
	at := e.InstanceLocation
	switch k := e.ErrorKind.(type) {
	case *kind.Schema, *kind.Group, *kind.AllOf, *kind.Reference:
		for _, cause := range e.Causes {
			c.collect(cause)
		}
	case *kind.AnyOf:
		c.alternatives(e)
	case *kind.OneOf:
		if len(k.Subschemas) == 0 {
			c.alternatives(e)
			return
		}
		c.add(at, "", "fits more than one alternative, and may fit one only")
	case *kind.Required:
		c.missing(at, k.Missing, "is missing")
	case *kind.DependentRequired:
		c.missing(at, k.Missing, fmt.Sprintf("is missing; %s needs it", short(k.Prop)))
	case *kind.Dependency:
		c.missing(at, k.Missing, fmt.Sprintf("is missing; %s needs it", short(k.Prop)))
	case *kind.AdditionalProperties:
		c.missing(at, k.Properties, "is not known here")
	case *kind.PropertyNames:
		c.add(at, k.Property, "is no name that may be here")
	default:
		c.add(at, "", "%s", words(e.ErrorKind))
	}
}

// missing adds a fault of each name.
func (c *collector) missing(at, names []string, what string) {
	for _, name := range names {
		c.add(at, name, "%s", what)
	}
}

// alternatives adds one fault of a value that fits no alternative, which says what is wrong with each of the first.
func (c *collector) alternatives(e *jsonschema.ValidationError) {
	const most = 3
	var why []string
	for _, cause := range e.Causes[:min(len(e.Causes), most)] {
		var of collector
		of.collect(cause)
		if len(of.faults) == 0 {
			continue
		}
		first := of.faults[0]
		here := len(e.InstanceLocation)
		if below := cause.InstanceLocation; len(below) > here || first.Pointer != pointer(e.InstanceLocation) {
			why = append(why, first.Pointer+" "+first.Message)
			continue
		}
		why = append(why, first.Message)
	}
	c.add(e.InstanceLocation, "", "fits none of %d alternatives: %s", len(e.Causes), strings.Join(why, "; or "))
}

func pointer(location []string) string {
	var c collector
	c.add(location, "", "")
	return c.faults[0].Pointer
}

// words says what is wrong.
func words(k jsonschema.ErrorKind) string {
	switch k := k.(type) {
	case *kind.Format:
		return k.Err.Error() // of a hook
	case *kind.Pattern:
		return "does not match the pattern " + short(k.Want)
	case *kind.MinLength:
		return fmt.Sprintf("has %d characters, needs %d", k.Got, k.Want)
	case *kind.MaxLength:
		return fmt.Sprintf("has %d characters, may have %d", k.Got, k.Want)
	case *kind.ExclusiveMinimum: // of a schema that is not one: no hook is in the way
		return "is not more than " + short(k.Want.RatString())
	case *kind.Minimum:
		return "is less than " + short(k.Want.RatString())
	case *kind.MinItems:
		return fmt.Sprintf("has %d elements, needs %d", k.Got, k.Want)
	case *kind.MaxItems:
		return fmt.Sprintf("has %d elements, may have %d", k.Got, k.Want)
	case *kind.UniqueItems:
		return fmt.Sprintf("has equal elements, at %d and %d", k.Duplicates[0], k.Duplicates[1])
	case *kind.MinProperties:
		return fmt.Sprintf("has %d members, needs %d", k.Got, k.Want)
	case *kind.MaxProperties:
		return fmt.Sprintf("has %d members, may have %d", k.Got, k.Want)
	case *kind.Contains:
		return "has no element that must be there"
	case *kind.MinContains:
		return fmt.Sprintf("has %d elements of a kind, needs %d", len(k.Got), k.Want)
	case *kind.MaxContains:
		return fmt.Sprintf("has %d elements of a kind, may have %d", len(k.Got), k.Want)
	case *kind.AdditionalItems:
		return fmt.Sprintf("has %d elements too many", k.Count)
	case *kind.Not:
		return "is of a form that is not allowed"
	case *kind.RefCycle:
		return "cannot be checked: the schema refers to itself without end"
	case *kind.Type:
		return fmt.Sprintf("is %s, not %s", k.Got, strings.Join(k.Want, " or "))
	}
	return "is not allowed here"
}

// shorter bounds a message or a pointer.
func shorter(s string) string {
	const most = 300
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
