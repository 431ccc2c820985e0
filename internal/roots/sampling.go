package roots

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Sampling are the parameters by which a model's answers are drawn (seed section 3.4). What is nil is not set.
type Sampling struct {
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

// parameters are the names of the parameters, in the order in which they are told.
var parameters = [...]string{"temperature", "topP", "topK", "maxTokens", "stopSequences"}

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

// isZero reports whether no parameter is set.
func (s Sampling) isZero() bool {
	return s.Temperature == nil && s.TopP == nil && s.TopK == nil && s.MaxTokens == nil && s.StopSequences == nil
}

// over returns the parameters of s, and where it has none those of base: what a node has in force below base.
func (s Sampling) over(base Sampling) Sampling {
	if s.StopSequences == nil {
		s.StopSequences = base.StopSequences
	}
	return Sampling{
		Temperature: cmp.Or(s.Temperature, base.Temperature), TopP: cmp.Or(s.TopP, base.TopP), TopK: cmp.Or(s.TopK, base.TopK),
		MaxTokens: cmp.Or(s.MaxTokens, base.MaxTokens), StopSequences: s.StopSequences,
	}
}

// has reports whether the parameter of that name is set.
func (s Sampling) has(name string) bool {
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
func (s *Sampling) unset(name string) {
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

// size is what the parameters take of a root's bytes.
func (s Sampling) size() int {
	n := 0
	for _, name := range parameters {
		if s.has(name) {
			n += len(name) + 8
		}
	}
	for _, stop := range s.StopSequences {
		n += len(stop)
	}
	return n
}

// An edit is what an update says of the parameters of one node: those to set, and the names of those to inherit again.
type edit struct {
	set   Sampling
	unset []string
	given []string // names that were read, so that no parameter is given in two spellings
}

// isZero reports whether the edit says nothing.
func (e *edit) isZero() bool { return len(e.given) == 0 }

// apply returns the parameters as they are after the edit.
func (e *edit) apply(own Sampling) Sampling {
	for _, name := range e.unset {
		own.unset(name)
	}
	return e.set.over(own)
}

// take reads one parameter, by any spelling of its name. It reports false if there is no such parameter.
func (e *edit) take(name string, raw []byte) (bool, error) {
	known := canonical(name)
	if !slices.Contains(parameters[:], known) {
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
		e.set.Temperature, err = readNumber(raw, mostTemperature)
	case "topP":
		e.set.TopP, err = readNumber(raw, 1)
	case "topK":
		e.set.TopK, err = readCount(raw)
	case "maxTokens":
		e.set.MaxTokens, err = readCount(raw)
	default:
		e.set.StopSequences, err = readStops(raw)
	}
	return true, err
}

// readSampling reads an object of parameters that stands alone, such as context.sampling.
func readSampling(raw []byte, at string) (edit, error) {
	var e edit
	return e, members{other: e.take, known: parameters[:]}.read(raw, at)
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

// loadSampling reads the parameters as they were stored.
func loadSampling(raw []byte) (Sampling, error) {
	var s Sampling
	if len(raw) == 0 {
		return s, nil
	}
	if err := json.Unmarshal(raw, &s); err != nil {
		return s, errors.New("its sampling parameters cannot be read")
	}
	return s, nil
}
