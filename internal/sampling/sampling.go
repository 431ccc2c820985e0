// Package sampling is the parameters by which a model's answers are drawn (seed section 3.4): how they are read and bounded,
// overridden level by level, moved by what users say, and merged into what servers ask models.
package sampling

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Parameters are the parameters by which a model's answers are drawn. What is nil is not set.
type Parameters struct {
	// Temperature is how freely is drawn, from 0 to 2.
	Temperature *float64 `json:"temperature,omitzero"`
	// TopP is the share of probability that is drawn from, from 0 to 1.
	TopP *float64 `json:"topP,omitzero"`
	// TopK is how many candidates are drawn from, at least 1.
	TopK *int64 `json:"topK,omitzero"`
	// MaxTokens is how long an answer may be, at least 1.
	MaxTokens *int64 `json:"maxTokens,omitzero"`
	// StopSequences end an answer. An empty list that is not nil says that none does.
	StopSequences []string `json:"stopSequences,omitzero"`
}

// Bounds of the parameters.
const (
	mostTemperature = 2
	mostTokens      = 1 << 31
	mostStops       = 16
	mostStopBytes   = 256
)

// names are the names of the parameters, in the order in which they are told.
var names = [...]string{"temperature", "topP", "topK", "maxTokens", "stopSequences"}

// canonical returns the name of ours for one that is written with hyphens or underscores: top-p and top_p are topP.
func canonical(name string) string {
	if !strings.ContainsAny(name, "-_") {
		return name
	}
	var b strings.Builder
	upper := false
	for _, c := range []byte(name) {
		switch {
		case c == '-' || c == '_':
			upper = true
			continue
		case upper && 'a' <= c && c <= 'z':
			c -= 'a' - 'A'
		}
		upper = false
		b.WriteByte(c)
	}
	return b.String()
}

// IsZero reports whether no parameter is set.
func (s Parameters) IsZero() bool {
	return s.Temperature == nil && s.TopP == nil && s.TopK == nil && s.MaxTokens == nil && s.StopSequences == nil
}

// Over returns the parameters of s, and where it has none those of base: what a node has in force below base.
func (s Parameters) Over(base Parameters) Parameters {
	if s.StopSequences == nil {
		s.StopSequences = base.StopSequences
	}
	return Parameters{
		Temperature: cmp.Or(s.Temperature, base.Temperature), TopP: cmp.Or(s.TopP, base.TopP), TopK: cmp.Or(s.TopK, base.TopK),
		MaxTokens: cmp.Or(s.MaxTokens, base.MaxTokens), StopSequences: s.StopSequences,
	}
}

// Has reports whether the parameter of that name is set.
func (s Parameters) Has(name string) bool {
	switch name {
	case "temperature":
		return s.Temperature != nil
	case "topP":
		return s.TopP != nil
	case "topK":
		return s.TopK != nil
	case "maxTokens":
		return s.MaxTokens != nil
	}
	return s.StopSequences != nil
}

// unset takes the parameter of that name away, so that it is inherited again.
func (s *Parameters) unset(name string) {
	switch name {
	case "temperature":
		s.Temperature = nil
	case "topP":
		s.TopP = nil
	case "topK":
		s.TopK = nil
	case "maxTokens":
		s.MaxTokens = nil
	default:
		s.StopSequences = nil
	}
}

// Size is what the parameters take of a root's bytes.
func (s Parameters) Size() int {
	n := 0
	for _, name := range names {
		if s.Has(name) {
			n += len(name) + 8
		}
	}
	for _, stop := range s.StopSequences {
		n += len(stop)
	}
	return n
}

// An Edit is what an update says of the parameters of one node: those to set, and the names of those to inherit again.
type Edit struct {
	Set   Parameters
	unset []string
	given []string // names that were read, so that no parameter is given in two spellings
}

// IsZero reports whether the edit says nothing.
func (e *Edit) IsZero() bool { return len(e.given) == 0 }

// Apply returns the parameters as they are after the edit.
func (e *Edit) Apply(own Parameters) Parameters {
	for _, name := range e.unset {
		own.unset(name)
	}
	return e.Set.Over(own)
}

// Take reads one parameter, by any spelling of its name. It reports false if there is no such parameter.
func (e *Edit) Take(name string, raw []byte) (bool, error) {
	known := canonical(name)
	if !slices.Contains(names[:], known) {
		return false, nil
	}
	if slices.Contains(e.given, known) {
		return true, fmt.Errorf("gives %s a second time, in another spelling", known)
	}
	e.given = append(e.given, known)
	if string(raw) == "null" {
		e.unset = append(e.unset, known)
		return true, nil
	}
	var err error
	switch known {
	case "temperature":
		e.Set.Temperature, err = readNumber(raw, mostTemperature)
	case "topP":
		e.Set.TopP, err = readNumber(raw, 1)
	case "topK":
		e.Set.TopK, err = readCount(raw)
	case "maxTokens":
		e.Set.MaxTokens, err = readCount(raw)
	default:
		e.Set.StopSequences, err = readStops(raw)
	}
	return true, err
}

func readNumber(raw []byte, most float64) (*float64, error) {
	var v float64
	if err := json.Unmarshal(raw, &v); err != nil || !isNumber(raw) || v < 0 || v > most {
		return nil, fmt.Errorf("must be a number from 0 to %g", most)
	}
	return &v, nil
}

func readCount(raw []byte) (*int64, error) {
	var v float64
	if err := json.Unmarshal(raw, &v); err != nil || !isNumber(raw) || v < 1 || v > mostTokens || v != float64(int64(v)) {
		return nil, fmt.Errorf("must be a whole number from 1 to %d", mostTokens)
	}
	return new(int64(v)), nil
}

func isNumber(raw []byte) bool {
	return len(raw) > 0 && (raw[0] == '-' || '0' <= raw[0] && raw[0] <= '9')
}

func readStops(raw []byte) ([]string, error) {
	wrong := fmt.Errorf("must be a list of at most %d strings of 1 to %d bytes", mostStops, mostStopBytes)
	stops := []string{}
	if err := json.Unmarshal(raw, &stops); err != nil || stops == nil || len(stops) > mostStops {
		return nil, wrong
	}
	for _, s := range stops {
		if s == "" || len(s) > mostStopBytes {
			return nil, wrong
		}
	}
	// A null among the strings would be read as an empty one, which has been refused.
	return stops, nil
}

// Load reads the parameters as they were stored.
func Load(raw []byte) (Parameters, error) {
	var s Parameters
	if len(raw) == 0 {
		return s, nil
	}
	if err := json.Unmarshal(raw, &s); err != nil {
		return s, errors.New("its sampling parameters cannot be read")
	}
	return s, nil
}

// Names returns the names of the parameters, in the order in which they are told.
func Names() []string { return slices.Clone(names[:]) }
