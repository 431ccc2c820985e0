package config

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sumun-mcp/sumun/internal/document"
)

// Limits bound what clients may send. What is not written is not bounded, but for the size of a request.
type Limits struct {
	// BodyBytes is how large one request may be, as a number of bytes or with a unit: 4MiB.
	BodyBytes document.Size `yaml:"bodyBytes" min:"1024" max:"1073741824"`
	// PerKey is how many calls a key may make, as a number for each second, minute or hour: 50/s, 600/m, 1000/h.
	PerKey string `yaml:"perKey" form:"rate"`
	// Burst is how many calls a key that was silent may make at once. When absent it is what perKey allows in a second, at least 1.
	Burst int `yaml:"burst" min:"1" max:"10000000"`
	// Concurrent is how many calls of a key may run at once. 0 does not bound them.
	Concurrent int `yaml:"concurrent" min:"0" max:"10000000"`
	// Bytes is how much a key may send and be sent in calls and answers: 10MiB/s, 1GiB/h.
	Bytes string `yaml:"bytes" form:"flow"`
	// Keys says what holds for single keys in place of the four above, by the names of the keys.
	Keys []Limit `yaml:"keys" key:"some"`
	// Tools bounds tools, by their full names and patterns of them (with *), for all callers together. All entries that a name fits count.
	Tools []Limit `yaml:"tools" key:"word stars"`
	// Servers bounds servers, by their names, for all callers together.
	Servers []Limit `yaml:"servers" key:"name"`
}

// A Limit bounds the calls of one key, one sort of tools or one server.
type Limit struct {
	// Name is the name of the key or server, or the pattern of the tools.
	Name string `yaml:"-"`
	// Rate is how many calls there may be, as perKey.
	Rate string `yaml:"rate" form:"rate"`
	// Burst is how many calls there may be at once after a silence, as burst.
	Burst int `yaml:"burst" min:"1" max:"10000000"`
	// Concurrent is how many calls may run at once. 0 does not bound them.
	Concurrent int `yaml:"concurrent" min:"0" max:"10000000"`
	// Bytes is how much may be sent both ways, as bytes.
	Bytes string `yaml:"bytes" form:"flow"`
}

// Begin makes l the limit of that name.
func (l *Limit) Begin(name string) { *l = Limit{Name: name} }

// ForKeys returns what holds for each key that has no limit of its own.
func (l *Limits) ForKeys() Limit {
	return Limit{Rate: l.PerKey, Burst: l.Burst, Concurrent: l.Concurrent, Bytes: l.Bytes}
}

// What rates and flows look like.
const (
	ratePattern = `^[0-9]{1,9}(\.[0-9]{1,3})?/(s|m|h)$`
	flowPattern = `^[0-9]{1,9}((Gi|Mi|Ki|G|M|K|k)?B)?/(s|m|h)$`
)

// spans are what rates are told by.
var spans = map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour}

// ParseRate returns how many a second a text such as 50/s, 600/m or 1000/h says; zero for an empty text.
func ParseRate(s string) (float64, error) {
	return parsePer(s, func(number string) (float64, error) { return strconv.ParseFloat(number, 64) })
}

// ParseFlow returns how many bytes a second a text such as 10MiB/s says; zero for an empty text.
func ParseFlow(s string) (float64, error) {
	return parsePer(s, func(number string) (float64, error) {
		size, err := document.ParseSize(number)
		return float64(size), err
	})
}

func parsePer(s string, parse func(string) (float64, error)) (float64, error) {
	if s == "" {
		return 0, nil
	}
	number, unit, _ := strings.Cut(s, "/")
	span, ok := spans[unit]
	if !ok {
		return 0, fmt.Errorf("%q is not for each s, m or h", s)
	}
	n, err := parse(number)
	if err == nil && (n <= 0 || math.IsInf(n, 0) || math.IsNaN(n)) {
		err = fmt.Errorf("%q is no bound; leave it out to have none", s)
	}
	return n / span.Seconds(), err
}

// checkLimits wants rates above zero, and servers that are there.
func (l *loader) checkLimits() {
	limits := &l.config.Limits
	l.checkLimit("limits", "perKey", limits.ForKeys())
	for group, list := range map[string][]Limit{"keys": limits.Keys, "tools": limits.Tools, "servers": limits.Servers} {
		for i, one := range list {
			l.checkLimit(l.Element("limits."+group, i), "rate", one)
		}
	}
	for i, one := range limits.Servers {
		if !slices.ContainsFunc(l.config.Servers, func(s Server) bool { return s.Name == one.Name }) && !l.Odd("") {
			l.WrongKey(l.Element("limits.servers", i), "there is no such server", "write a name from servers")
		}
	}
}

func (l *loader) checkLimit(at, key string, one Limit) {
	for _, f := range []struct {
		key, text string
		parse     func(string) (float64, error)
	}{{key, one.Rate, ParseRate}, {"bytes", one.Bytes, ParseFlow}} {
		p := document.Join(at, f.key)
		if _, err := f.parse(f.text); err != nil && l.OK(p) {
			l.Wrong(p, err.Error(), "write a number for each s, m or h, such as 50/s, or 10MiB/s for bytes")
		}
	}
	if one.Burst > 0 && cmp.Or(one.Rate, "") == "" && l.OK(document.Join(at, key)) {
		l.Wrong(document.Join(at, "burst"), "bounds nothing without "+key, "write "+key+" too")
	}
}
