package sampling

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

var testScanner = wire.NewScanner(mcp.Vocabulary(), 0)

// TestCanonicalNames reads each spelling of a parameter.
func TestCanonicalNames(t *testing.T) {
	for written, want := range map[string]string{
		"topP": "topP", "top_p": "topP", "top-p": "topP", "top-k": "topK", "max_tokens": "maxTokens", "max-tokens": "maxTokens",
		"stop_sequences": "stopSequences", "stop-sequences": "stopSequences", "temperature": "temperature",
	} {
		if got := canonical(written); got != want {
			t.Errorf("%s is read as %s", written, got)
		}
	}
	for _, written := range []string{"top_P_", "TOPP", "topp", "top p", "_topP", "top__p"} {
		var e Edit
		if known, _ := e.Take(written, []byte("1")); known && written != "top__p" && written != "top_P_" {
			t.Errorf("%s is taken for a parameter", written)
		}
	}
}

// FuzzTake reads any value as any parameter: what is accepted lies within the bounds.
func FuzzTake(f *testing.F) {
	for _, seed := range []string{`1`, `0.5`, `1e3`, `-0`, `["a"]`, `null`, `"1"`, `1e999`, `[null]`, `2147483648`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		if testScanner.Value(value) != nil {
			return
		}
		for _, name := range names {
			var e Edit
			known, err := e.Take(name, bytes.TrimSpace(value))
			if !known {
				t.Fatalf("%s is not known", name)
			}
			if err == nil {
				checkBounds(t, e.Set)
			}
		}
	})
}

func checkBounds(t *testing.T, s Parameters) {
	t.Helper()
	if v := s.Temperature; v != nil && (*v < 0 || *v > mostTemperature) {
		t.Errorf("temperature %g", *v)
	}
	if v := s.TopP; v != nil && (*v < 0 || *v > 1) {
		t.Errorf("topP %g", *v)
	}
	if v := s.TopK; v != nil && *v < 1 {
		t.Errorf("topK %d", *v)
	}
	if v := s.MaxTokens; v != nil && *v < 1 {
		t.Errorf("maxTokens %d", *v)
	}
	if len(s.StopSequences) > mostStops {
		t.Errorf("%d stop sequences", len(s.StopSequences))
	}
	again, err := Load(encode(s))
	if err != nil || string(encode(again)) != string(encode(s)) {
		t.Errorf("%s is loaded as %s, %v", encode(s), encode(again), err)
	}
}

// FuzzInto merges parameters into what a server asks, whatever that is.
func FuzzInto(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"maxTokens":1e9,"temperature":null,"stopSequences":[1],"metadata":"x"}`, `{"metadata":{}}`, ` { "maxTokens" : -1 } `,
	} {
		f.Add([]byte(seed))
	}
	s := Parameters{Temperature: new(0.5), TopP: new(0.5), TopK: new(int64(4)), MaxTokens: new(int64(100)), StopSequences: []string{"a", "b"}}
	f.Fuzz(func(t *testing.T, params []byte) {
		params = bytes.TrimSpace(params)
		if testScanner.Value(params) != nil || params[0] != '{' {
			return
		}
		was := string(params)
		got := s.Into(params)
		if string(params) != was {
			t.Fatal("the question itself has changed")
		}
		if err := testScanner.Value(got); err != nil {
			t.Fatalf("%s becomes %s: %v", params, got, err)
		}
		var merged struct {
			MaxTokens json.Number `json:"maxTokens"`
		}
		if err := json.Unmarshal(got, &merged); err == nil {
			if n, err := merged.MaxTokens.Float64(); err != nil || n > 100 || n < 1 {
				t.Errorf("%s becomes %s", params, got)
			}
		}
	})
}
