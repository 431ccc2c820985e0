package sampling

import (
	"math"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sumun-mcp/sumun/internal/wire"
)

// TestFeedback moves the parameters by what users say.
func TestFeedback(t *testing.T) {
	for _, tt := range []struct{ from, said, want string }{
		{`{}`, "more creative", `{"temperature":0.9,"topP":0.95}`},
		{`{}`, "  MORE-creative!! ", `{"temperature":0.9,"topP":0.95}`},
		{`{}`, "be more creative", `{"temperature":0.9,"topP":0.95}`},
		{`{}`, "더 창의적으로", `{"temperature":0.9,"topP":0.95}`},
		{`{}`, "더창의적으로.", `{"temperature":0.9,"topP":0.95}`},
		{`{}`, decomposed("더 창의적으로"), `{"temperature":0.9,"topP":0.95}`},
		{`{}`, "덜 창의적으로", `{"temperature":0.5,"topP":0.85}`},
		{`{}`, "less creative", `{"temperature":0.5,"topP":0.85}`},
		{`{}`, "more focused", `{"temperature":0.4,"topP":0.8}`},
		{`{}`, "more precise", `{"temperature":0.4,"topP":0.8}`},
		{`{}`, "더 정확하게", `{"temperature":0.4,"topP":0.8}`},
		{`{}`, "덜 정확하게", `{"temperature":1,"topP":1}`},
		{`{}`, "shorter", `{"maxTokens":512}`},
		{`{}`, "더 짧게", `{"maxTokens":512}`},
		{`{}`, "더 길게", `{"maxTokens":2048}`},
		{`{}`, "longer", `{"maxTokens":2048}`},
		{`{"temperature":1.4,"topP":1}`, "more creative", `{"temperature":1.5,"topP":1}`},
		{`{"temperature":1.8}`, "more creative", `{"temperature":1.8,"topP":0.95}`},
		{`{"temperature":1.8}`, "less creative", `{"temperature":1.6,"topP":0.85}`},
		{`{"temperature":0.1,"topP":0.05}`, "more precise", `{"temperature":0,"topP":0.05}`},
		{`{"maxTokens":100}`, "shorter", `{"maxTokens":64}`},
		{`{"maxTokens":10}`, "shorter", `{"maxTokens":10}`},
		{`{"maxTokens":10}`, "longer", `{"maxTokens":20}`},
		{`{"maxTokens":30000}`, "longer", `{"maxTokens":32768}`},
	} {
		t.Run(tt.from+" "+tt.said, func(t *testing.T) {
			from := read(t, tt.from)
			got, err := Move(from, from, tt.said)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, string(encode(got))); diff != "" {
				t.Error(diff)
			}
		})
	}
	for _, said := range []string{"", "more", "creative", "blue", "더", "창의적으로 더 많이", "more creative, less creative"} {
		if got, err := Move(Parameters{}, Parameters{}, said); err == nil {
			t.Errorf("%q is understood as %s", said, encode(got))
		}
	}
}

// TestOpposites comes back to where it began, and never leaves the bounds.
func TestOpposites(t *testing.T) {
	there, back := []string{"more creative", "longer"}, []string{"less creative", "shorter"}
	for i := range there {
		s := Parameters{Temperature: new(0.7), TopP: new(0.8), MaxTokens: new(int64(1024))}
		was := string(encode(s))
		for _, said := range []string{there[i], back[i]} {
			var err error
			if s, err = Move(s, s, said); err != nil {
				t.Fatal(err)
			}
		}
		if got := string(encode(s)); got != was {
			t.Errorf("%s and %s: %s, was %s", there[i], back[i], got, was)
		}
	}
	for _, step := range steps {
		var s Parameters
		for range 50 {
			s, _ = Move(s, s, step.phrases[0])
		}
		if v := s.Temperature; v != nil && (*v < 0 || *v > highTemperature || math.IsNaN(*v)) {
			t.Errorf("%s: temperature %g", step.phrases[0], *v)
		}
		if v := s.TopP; v != nil && (*v < leastTopP || *v > highTopP) {
			t.Errorf("%s: topP %g", step.phrases[0], *v)
		}
		if v := s.MaxTokens; v != nil && (*v < leastTokens || *v > highTokens) {
			t.Errorf("%s: maxTokens %d", step.phrases[0], *v)
		}
	}
}

// TestFeedbackPhrases wants each phrase once, and on the page that tells of them.
func TestFeedbackPhrases(t *testing.T) {
	page, err := os.ReadFile("../../docs/roots.md")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]string{}
	for _, step := range steps {
		for _, phrase := range step.phrases {
			if other := seen[plain(phrase)]; other != "" {
				t.Errorf("%q is %q too", phrase, other)
			}
			seen[plain(phrase)] = phrase
			if told := strings.TrimPrefix(phrase, "be "); !strings.Contains(string(page), told) {
				t.Errorf("docs/roots.md does not tell of %q", told)
			}
		}
	}
}

// decomposed writes Hangul in single letters, as file systems and input methods of some systems do.
func decomposed(s string) string {
	var b strings.Builder
	for _, c := range s {
		n := c - firstSyllable
		if n < 0 || n >= leads*vowels*tails {
			b.WriteRune(c)
			continue
		}
		b.WriteRune(firstLead + n/(vowels*tails))
		b.WriteRune(firstVowel + n/tails%vowels)
		if n%tails != 0 {
			b.WriteRune(firstTail + n%tails)
		}
	}
	return b.String()
}

// read reads parameters from an object.
func read(t *testing.T, object string) Parameters {
	t.Helper()
	var e Edit
	for key, value := range wire.Members([]byte(object)) {
		if known, err := e.Take(string(key), value); !known || err != nil {
			t.Fatal(known, err)
		}
	}
	return e.Set
}
