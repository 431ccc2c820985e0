package sampling

import (
	"encoding/json"
	"slices"

	"github.com/sumun-mcp/sumun/internal/wire"
)

// Into returns the parameters of sampling/createMessage with s merged in. What the server asks for stands within the
// caller's limits: maxTokens is the lower of the two; stop sequences are those of both; temperature is the server's
// where it gives one. topP and topK, for which the standard has no name, stand in metadata unless the server has put
// something of that name there.
func (s Parameters) Into(params []byte) []byte {
	if s.Temperature != nil && isAbsent(wire.Get(params, "temperature")) {
		params = WithMember(params, "temperature", encode(s.Temperature))
	}
	if s.MaxTokens != nil {
		var theirs float64
		err := json.Unmarshal(wire.Get(params, "maxTokens"), &theirs)
		if err != nil || theirs > float64(*s.MaxTokens) || theirs < 1 {
			params = WithMember(params, "maxTokens", encode(s.MaxTokens))
		}
	}
	if len(s.StopSequences) > 0 {
		var stops []string
		_ = json.Unmarshal(wire.Get(params, "stopSequences"), &stops) // what is no list of strings is none
		for _, stop := range s.StopSequences {
			if !slices.Contains(stops, stop) {
				stops = append(stops, stop)
			}
		}
		params = WithMember(params, "stopSequences", encode(stops))
	}
	metadata := wire.Get(params, "metadata")
	if isAbsent(metadata) {
		metadata = []byte("{}")
	}
	if (s.TopP == nil && s.TopK == nil) || metadata[0] != '{' {
		return params
	}
	if s.TopP != nil && wire.Get(metadata, "topP") == nil {
		metadata = WithMember(metadata, "topP", encode(s.TopP))
	}
	if s.TopK != nil && wire.Get(metadata, "topK") == nil {
		metadata = WithMember(metadata, "topK", encode(s.TopK))
	}
	return WithMember(params, "metadata", metadata)
}

func isAbsent(value []byte) bool { return value == nil || string(value) == "null" }

// encode writes a number or a list of strings, which JSON always can.
func encode(v any) []byte {
	raw, _ := json.Marshal(v)
	return raw
}

// WithMember returns a copy of a JSON object in which the member of that name has the value.
func WithMember(object []byte, name string, value []byte) []byte {
	empty := true
	for m := range wire.MemberSpans(object) {
		empty = false
		if wire.KeyEqual(object[m.Key.Start:m.Key.End], name) {
			return wire.AppendPatched(nil, object, wire.Patch{Span: m.Value, With: value})
		}
	}
	at := slices.Index(object, '{') + 1
	with := append(append(wire.AppendQuote(nil, name), ':'), value...)
	if !empty {
		with = append(with, ',')
	}
	return wire.AppendPatched(nil, object, wire.Patch{Span: wire.Span{Start: at, End: at}, With: with})
}
