package probe

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// A fake calls nothing.
type fake struct {
	tools []json.RawMessage
	calls []string
	times []time.Time
	fail  error
}

func (f *fake) List(context.Context) ([]json.RawMessage, error) { return f.tools, nil }

func (f *fake) Call(_ context.Context, tool string, arguments json.RawMessage) (string, bool, error) {
	f.calls, f.times = append(f.calls, tool+string(arguments)), append(f.times, time.Now())
	return "a", false, f.fail
}

const (
	mooded = `{"name":"get_mood","inputSchema":{"properties":{"of":{"enum":["a","b","c","d"]},"who":{"type":"string"}},"required":["of","who"]}}`
	killer = `{"name":"delete_all","inputSchema":{}}`
)

func TestAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{tools: []json.RawMessage{[]byte(mooded), []byte(killer)}}
		answers, err := Answers(t.Context(), f, Rounds{Count: 3, Pause: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		if len(answers) != 18 || answers[17].Round != 3 || answers[0].Tools != ListDigest(f.tools) {
			t.Errorf("%d answers, the first is %+v", len(answers), answers[0])
		}
		slices.Sort(f.calls)
		if all := strings.Join(f.calls, "\n"); strings.Contains(all, "delete") || len(slices.Compact(f.calls)) != 18 {
			t.Errorf("the calls are\n%s", all)
		}
		for _, value := range []string{"a", "b", "c", "d"} {
			if !strings.Contains(strings.Join(f.calls, ""), `"of":"`+value+`"`) {
				t.Errorf("the value %s was not tried", value)
			}
		}
		if took := f.times[17].Sub(f.times[0]); took != 2*time.Minute {
			t.Errorf("three rounds took %v", took)
		}
	})
}

func TestAnswersSilent(t *testing.T) {
	f := &fake{tools: []json.RawMessage{[]byte(mooded)}, fail: errors.New("gone")}
	answers, err := Answers(t.Context(), f, Rounds{Count: 2})
	if err == nil || len(answers) != mostSilent-1 || !answers[0].Failed {
		t.Errorf("%d answers, error %v", len(answers), err)
	}
}

func TestListDigest(t *testing.T) {
	one, two := json.RawMessage(`{"name":"a"}`), json.RawMessage(`{"name":"b"}`)
	if ListDigest([]json.RawMessage{one, two}) != ListDigest([]json.RawMessage{two, one}) {
		t.Error("the order counts")
	}
	if ListDigest([]json.RawMessage{one}) == ListDigest([]json.RawMessage{one, one}) || ListDigest([]json.RawMessage{[]byte(`7`)}) == ListDigest([]json.RawMessage{[]byte(`8`)}) {
		t.Error("different lists have one digest")
	}
}

// TestArguments wants arguments that their schemas take.
func TestArguments(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":    `{"type":"object","properties":{}}`,
		"optional":   `{"type":"object","properties":{"q":{"type":"string"},"n":{"type":"integer"}}}`,
		"all kinds":  `{"type":"object","properties":{"s":{"type":"string"},"i":{"type":"integer","minimum":5,"maximum":7},"n":{"type":"number","minimum":100},"b":{"type":"boolean"},"z":{"type":"null"},"a":{"type":"array","items":{"type":"string"}},"e":{"enum":[3,4]},"c":{"const":"k"}},"required":["s","i","n","b","z","a","e","c"]}`,
		"nested":     `{"type":"object","properties":{"o":{"type":"object","properties":{"x":{"type":"string"},"y":{"type":"array","items":{"type":"integer"},"minItems":1}},"required":["x","y"]}},"required":["o"],"additionalProperties":false}`,
		"references": `{"type":"object","$defs":{"p":{"type":"object","properties":{"lat":{"type":"number"}},"required":["lat"]}},"properties":{"at":{"$ref":"#/$defs/p"}},"required":["at"]}`,
		"choices":    `{"type":"object","properties":{"q":{"anyOf":[{"type":"null"},{"type":"string"}]},"k":{"type":["null","integer"]}},"required":["q","k"]}`,
		"formats":    `{"type":"object","properties":{"u":{"type":"string","format":"uri"},"m":{"type":"string","format":"email"},"d":{"type":"string","format":"date"},"t":{"type":"string","format":"date-time"},"i":{"type":"string","format":"uuid"}},"required":["u","m","d","t","i"]}`,
		"short":      `{"type":"object","properties":{"q":{"type":"string","maxLength":3}},"required":["q"]}`,
		"pattern":    `{"type":"object","properties":{"q":{"type":"string","pattern":"^[A-Z]{2}$","default":"KR"}},"required":["q"]}`,
	} {
		t.Run(name, func(t *testing.T) {
			schema, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
			if err != nil {
				t.Fatal(err)
			}
			c := jsonschema.NewCompiler()
			c.AssertFormat()
			if err := c.AddResource("s.json", schema); err != nil {
				t.Fatal(err)
			}
			compiled, err := c.Compile("s.json")
			if err != nil {
				t.Fatal(err)
			}
			with, ok := arguments([]byte(text), 1)
			value, err := jsonschema.UnmarshalJSON(strings.NewReader(string(with)))
			if !ok || err != nil {
				t.Fatalf("%s: %v", with, err)
			}
			if err := compiled.Validate(value); err != nil {
				t.Errorf("%s: %v", with, err)
			}
		})
	}
}

// TestArgumentsEndless leaves a schema that contains itself.
func TestArgumentsEndless(t *testing.T) {
	if with, ok := arguments([]byte(`{"properties":{"a":{"$ref":"#"}},"required":["a"]}`), 0); ok {
		t.Errorf("arguments %s", with)
	}
}

func FuzzArguments(f *testing.F) {
	f.Add([]byte(`{"type":"object","properties":{"q":{"type":"string","maxLength":3},"$r":{"$ref":"#/properties/q"}},"required":["q"]}`), 3)
	f.Add([]byte(`{"properties":{"a":{"type":"integer","minimum":9223372036854775807,"maximum":-9}},"required":["a","b"]}`), 0)
	f.Fuzz(func(t *testing.T, schema []byte, turn int) {
		if !json.Valid(schema) || turn < 0 {
			return
		}
		choices(schema)
		if with, ok := arguments(schema, turn); ok && !json.Valid(with) {
			t.Errorf("%s is no JSON", with)
		}
	})
}
