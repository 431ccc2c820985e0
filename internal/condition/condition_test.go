package condition

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
)

func compile(tb testing.TB, text string) *Condition {
	tb.Helper()
	c, err := Compile(text)
	if err != nil {
		tb.Fatalf("%s: %v", text, err)
	}
	return c
}

// TestHolds works conditions out on one call.
func TestHolds(t *testing.T) {
	in := func() *Input {
		return &Input{
			Args: []byte(`{"amount":99.5,"n":100,"big":18446744073709551615,
				"id":9223372036854775808,"neg":-9223372036854775808,"to":{"iban":"DE1"},"tags":["a","b"],"none":null,"flag":true,"bytes":"\u0000é"}`),
			CallerID: "ci", Scopes: []string{"invoke:pay"}, Roles: []string{"clerk"}, Claims: []byte(`{"org":"acme","level":3}`),
			Name: "pay.now", Kind: "tool", Verb: "invoke", Now: time.Date(2026, 11, 22, 18, 30, 0, 0, time.UTC), Remote: "10.0.0.7",
		}
	}
	tests := []struct {
		text string
		want Verdict
		fail string
	}{
		{"args.amount < 100", Yes, ""},
		{"args.amount < 99", No, ""},
		{"args.n == 100 && args.n <= 100.0 && args.n > 99.9", Yes, ""},
		{"args.big == 18446744073709551615u && args.big > 9223372036854775807", Yes, ""},
		{"args.id > 0", Yes, ""},
		{"args.neg < 0", Yes, ""},
		{"args.missing == 1", No, "no such key"},
		{"!has(args.missing) && has(args.amount)", Yes, ""},
		{"args.to.iban.startsWith('DE')", Yes, ""},
		{"args.to.iban.matches('^DE[0-9]+$')", Yes, ""},
		{"'a' in args.tags && size(args.tags) == 2", Yes, ""},
		{"args.none == null", Yes, ""},
		{"args.flag", Yes, ""},
		{"args.amount", No, "neither true nor false"},
		{"args.amount < 'x'", No, "no such overload"},
		{"caller.id == 'ci' && 'clerk' in caller.roles && 'invoke:pay' in caller.scopes", Yes, ""},
		{"caller.claims.org == 'acme' && caller.claims.level >= 3", Yes, ""},
		{"has(caller.claims.other)", No, ""},
		{"name.startsWith('pay.') && kind == 'tool' && verb == 'invoke'", Yes, ""},
		{"remote.startsWith('10.')", Yes, ""},
		{"now.getHours('Europe/Berlin') == 19 && now.getDayOfWeek() == 0", Yes, ""},
		{"now < timestamp('2026-12-01T00:00:00Z')", Yes, ""},
		{"args.n / 0 == 1", No, "division by zero"},
		{"args.big + 1u > 0u", No, "overflow"},
		{"args.neg - 1 < 0", No, "overflow"},
	}
	for _, tt := range tests {
		got, err := compile(t, tt.text).Holds(in())
		if got != tt.want || (err == nil) != (tt.fail == "") || err != nil && !strings.Contains(err.Error(), tt.fail) {
			t.Errorf("%s: %v, %v; want %v, %q", tt.text, got, err, tt.want, tt.fail)
		}
	}
}

// TestLargeNumbers refuses what no 64 bits hold exactly, wherever it stands: a comparison may be with that.
func TestLargeNumbers(t *testing.T) {
	for _, raw := range []string{
		`{"x":18446744073709551616}`, `{"x":-9223372036854775809}`, `{"x":9007199254740993.0}`, `{"x":1e400}`, `{"x":[1,2,99999999999999999999]}`,
		`{"x":{"y":1e23}}`, `{"x":1,"other":-1e400}`,
	} {
		for _, text := range []string{"args.x > 0", "!(args.x == 1)", "args.x == [1, 2]", "args.x != {'y': 2}", "3 in args.x", "has(args.x)"} {
			if got, err := compile(t, text).Holds(&Input{Args: []byte(raw)}); got != No || err == nil || !strings.Contains(err.Error(), "too large") {
				t.Errorf("%s of %s: %v, %v", text, raw, got, err)
			}
		}
	}
	for _, raw := range []string{`{"x":18446744073709551615}`, `{"x":1e22}`, `{"x":9007199254740992.0}`, `{"x":0.1}`} {
		if got, err := compile(t, "args.x > 0").Holds(&Input{Args: []byte(raw)}); got != Yes {
			t.Errorf("%s: %v, %v", raw, got, err)
		}
	}
}

// TestOpen works conditions out before the arguments are known.
func TestOpen(t *testing.T) {
	in := &Input{ArgsOpen: true, CallerID: "ci", Name: "x"}
	for text, want := range map[string]Verdict{
		"args.amount < 100":                      Open,
		"caller.id == 'ci' && args.amount < 100": Open,
		"caller.id != 'ci' && args.amount < 100": No,
		"args.amount < 100 && caller.id != 'ci'": No,
		"caller.id == 'ci' || args.amount < 100": Yes,
		"has(args.x)":                            Open,
		"args.tags.exists(x, x == 1)":            Open,
		"size(args) == 0":                        Open,
		"name == 'x'":                            Yes,
		"caller.claims.x == 1 && args.y == 2":    Open, // an error, unless the arguments say no
	} {
		got, err := compile(t, text).Holds(in)
		if got != want {
			t.Errorf("%s: %v, %v; want %v", text, got, err, want)
		}
	}
}

// TestCompileRefuses says what is wrong and where.
func TestCompileRefuses(t *testing.T) {
	deep := strings.Repeat("(", 2*maxDepth) + "true" + strings.Repeat(")", 2*maxDepth)
	tests := []struct {
		text string
		want string
	}{
		{"", "1:1: is empty"},
		{"  \n ", "1:1: is empty"},
		{"args.amount <", "1:14: Syntax error"},
		{"true &&\n  caler.id == 'x'", "2:3: undeclared reference to 'caler'"},
		{"caller.name == 'x'", "1:1: undeclared reference to 'caller'"},
		{"caller.id == 1", "1:11: found no matching overload for '_==_'"},
		{"now > 3", "1:5: found no matching overload"},
		{"name", "1:1: is string, not true or false"},
		{"args.x.matches(args.y)", "1:20: the regular expression must be written out here"},
		{"args.x.matches('a' + 'b')", "the regular expression must be written out here"},
		{"args.x.matches('(')", "1:16: "},
		{"args.x.matches('((a{100}){10}){10}')", "1:16: "},
		{"now < timestamp('soon')", "1:17: "},
		{"args.a.all(x, args.b.all(y, args.c.all(z, x == y && y == z)))", "may take too long"},
		{"true" + strings.Repeat(" && true", 1000), "exceeds"},
		{strings.Repeat(" ", MaxText) + "true", "exceeds"},
		{deep, "recursion"},
		{"foo(args)", "1:4: undeclared reference to 'foo'"},
		{"google.protobuf.Timestamp{} == now && env.HOME == 'x'", "undeclared reference to 'env'"},
	}
	for _, tt := range tests {
		_, err := Compile(tt.text)
		if all, ok := errors.AsType[Faults](err); !ok || len(all) == 0 || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%.80s: %v, want %q", tt.text, err, tt.want)
		}
	}
}

// TestCost ends what takes too long at the call, whatever the arguments are.
func TestCost(t *testing.T) {
	c := compile(t, "args.list.all(x, args.list.exists(y, x == y))")
	list, err := json.Marshal(map[string]any{"list": make([]int, 100_000)})
	if err != nil {
		t.Fatal(err)
	}
	c2 := compile(t, "args.list.all(x, x + x != args.text && !args.text.contains('b'))")
	text := []byte(`{"list":["a","b","c","d","e","f","g","h"],"text":"` + strings.Repeat("a", 1<<20) + `"}`)
	for _, one := range []struct {
		c    *Condition
		args []byte
	}{{c, []byte(strings.Replace(string(list), "0", "1", 1))}, {c2, text}} {
		began := time.Now()
		_, err := one.c.Holds(&Input{Args: one.args})
		if took := time.Since(began); err == nil || took > 2*time.Second {
			t.Errorf("%s: %v took %v", one.c, err, took)
		}
	}
	all := compile(t, "args.list.all(x, x < 5)")
	if _, err := all.Holds(&Input{Args: list}); err == nil || !strings.Contains(err.Error(), "cost limit") {
		t.Errorf("a list of 100,000: %v", err)
	}
}

// TestAsks says what a condition looks at.
func TestAsks(t *testing.T) {
	for text, want := range map[string][2]bool{
		"args.x == 1": {true, false}, "has(args.x)": {true, false}, "args['x'] == 1": {true, false}, "size(args) == 1": {true, false},
		"[1].exists(i, i in args.list)": {true, false}, "caller.id == 'args'": {false, false}, "name == 'x'": {false, true},
		"kind == 'tool' || verb == 'read'": {false, true}, "now.getHours() < 3 && remote == ''": {false, false},
	} {
		c := compile(t, text)
		if got := [2]bool{c.AsksArgs(), c.AsksThing()}; got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
}

// TestArguments takes what is no object for an error, never for something that holds.
func TestArguments(t *testing.T) {
	for _, raw := range []string{`[1]`, `{"x":`, `"x"`, `null`, `7`, "\xff"} {
		for _, text := range []string{"args.x == 1", "!(args.x == 1)", "args.x != 1"} {
			if got, err := compile(t, text).Holds(&Input{Args: []byte(raw)}); got != No || err == nil {
				t.Errorf("%s of %s: %v, %v", text, raw, got, err)
			}
		}
	}
}

// FuzzCompile reads whatever there is, within bounds of time, and works it out.
func FuzzCompile(f *testing.F) {
	for _, s := range []string{
		"args.amount < 100", "args.a.all(x, x > 1)", "caller.id == 'x' && now > timestamp('2026-01-01T00:00:00Z')", "{'a': 1}['a'] == args.x",
		"args.x.matches('^a+$')", "[1, 2].map(x, x * 2).exists(y, y == args.z)", "size(args) > 0 ? true : false", "b'\\xff' == bytes(args.s)", "dyn(1) == 1u", "1 / 0 == 1",
		"int(args.x) > 3", "duration('1h') < now - now", "has(caller.claims.x)", "'\\u0000'", "/* */", "// x\ntrue", "a.b.c", "true ||", "`x`",
	} {
		f.Add(s, `{"amount":1,"x":"1","list":[1,{"a":null}],"s":"é"}`)
	}
	f.Fuzz(func(t *testing.T, text, arguments string) {
		c, err := Compile(text)
		if err != nil {
			all, ok := errors.AsType[Faults](err)
			if !ok || len(all) == 0 || all[0].Line < 1 || all[0].Column < 1 || all[0].Message == "" {
				t.Fatalf("%q: %#v", text, err)
			}
			return
		}
		began := time.Now()
		closed, err := c.Holds(&Input{Args: []byte(arguments), Now: time.Unix(0, 0)})
		if closed == Open || err != nil && closed != No {
			t.Fatalf("%q of %q: %v, %v", text, arguments, closed, err)
		}
		open, _ := c.Holds(&Input{ArgsOpen: true, Now: time.Unix(0, 0)})
		if open == Open && !c.AsksArgs() {
			t.Fatalf("%q hangs on arguments that it does not ask for", text)
		}
		if open == Yes && closed == No && err == nil {
			t.Fatalf("%q holds whatever the arguments are, but not with %q", text, arguments)
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Fatalf("%q took %v", text, took)
		}
	})
}

// FuzzNumber compares the numbers of JSON with themselves: none becomes another one.
func FuzzNumber(f *testing.F) {
	for _, s := range []string{"0", "-0", "1", "9223372036854775807", "9223372036854775808", "18446744073709551616", "1e3", "1E400", "0.1", "9007199254740993.0", "1e-400"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if !json.Valid([]byte(text)) || strings.TrimSpace(text) != text || !strings.ContainsAny(text[:1], "-0123456789") {
			return
		}
		value, _ := number(text)
		var exactly json.Number
		if err := json.Unmarshal([]byte(text), &exactly); err != nil {
			return
		}
		if i, err := exactly.Int64(); err == nil && !strings.ContainsAny(text, ".eE") && value != i {
			t.Errorf("%s is %v", text, value)
		}
	})
}

func BenchmarkHolds(b *testing.B) {
	c := compile(b, "args.amount < 100 && caller.id == 'ci'")
	raw := []byte(`{"amount":99.5,"to":"x","note":"for the rent of November"}`)
	b.ReportAllocs()
	for b.Loop() {
		if v, err := c.Holds(&Input{Args: raw, CallerID: "ci"}); v != Yes || err != nil {
			b.Fatal(v, err)
		}
	}
}
