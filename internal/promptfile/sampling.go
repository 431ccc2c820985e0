package promptfile

import "maps"

// sampling is what a prompt asks of the model. What is nil is left to the level above.
type sampling struct {
	Temperature   *float64 `yaml:"temperature" min:"0" max:"2"`
	TopP          *float64 `yaml:"topP,top_p,top-p" min:"0" max:"1"`
	TopK          *int     `yaml:"topK,top_k,top-k" min:"1" max:"1000000"`
	MaxTokens     *int     `yaml:"maxTokens,max_tokens,max-tokens" min:"1" max:"10000000"`
	StopSequences []string `yaml:"stopSequences,stop_sequences,stop-sequences" lone:"true"`
}

// over returns the parameters of base with those of s in their place.
func (s sampling) over(base map[string]any) map[string]any {
	out := maps.Clone(base)
	if out == nil {
		out = map[string]any{}
	}
	set(out, "temperature", s.Temperature)
	set(out, "topP", s.TopP)
	set(out, "topK", s.TopK)
	set(out, "maxTokens", s.MaxTokens)
	if s.StopSequences != nil {
		list := make([]any, len(s.StopSequences))
		for i, stop := range s.StopSequences {
			list[i] = stop
		}
		out["stopSequences"] = list
	}
	return out
}

// set puts a value under a name unless there is none.
func set[T any](out map[string]any, name string, value *T) {
	if value != nil {
		out[name] = *value
	}
}

// above returns the parameters of s, and those of base where s says nothing.
func (s sampling) above(base sampling) sampling {
	if s.Temperature == nil {
		s.Temperature = base.Temperature
	}
	if s.TopP == nil {
		s.TopP = base.TopP
	}
	if s.TopK == nil {
		s.TopK = base.TopK
	}
	if s.MaxTokens == nil {
		s.MaxTokens = base.MaxTokens
	}
	if s.StopSequences == nil {
		s.StopSequences = base.StopSequences
	}
	return s
}
