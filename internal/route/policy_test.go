package route

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestParse reads policies in their forms.
func TestParse(t *testing.T) {
	p := parsed(t, `{
		"catalog.search": {"targets": [{"server": "shop-a", "name": "find", "weight": 9e1}, {"server": "shop-b"}],
			"strategy": "sticky:key", "failover": ["shop-c", "shop-d:find", {"server": "shop-e", "name": "x"}], "timeout": "20s", "retries": 0},
		"b.*": {"targets": {"shop-a": {"weight": 2}, "new": {"server": "shop-b"}}},
		"a~/b": {}
	}`)
	want := Policy{Rules: []Rule{
		{Pattern: "a~/b", Strategy: RoundRobin, Retries: DefaultRetries},
		{Pattern: "b.*", Strategy: RoundRobin, Retries: DefaultRetries, Targets: []Target{
			{Server: "shop-b", Weight: 1}, {Server: "shop-a", Weight: 2},
		}},
		{
			Pattern: "catalog.search", Strategy: StickyKey, Timeout: 20e9,
			Targets:  []Target{{"shop-a", "find", 90}, {"shop-b", "", 1}},
			Failover: []Target{{"shop-c", "", 0}, {"shop-d", "find", 0}, {"shop-e", "x", 0}},
		},
	}}
	if diff := cmp.Diff(want, p); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestFaults wants every fault of a policy at once, and where it stands.
func TestFaults(t *testing.T) {
	known := func(server string) bool { return strings.HasPrefix(server, "shop") }
	tests := []struct{ name, policy, want string }{
		{"no object", `[]`, " must be an object"},
		{"null", `null`, " must be an object"},
		{"no rule", `{"a": 1}`, "/a must be an object"},
		{"unknown member", `{"a": {"target": []}}`, "/a/target is not known"},
		{"unknown member of a target", `{"a/b": {"targets": [{"server": "shop", "wait": 1}]}}`, "/a~1b/targets/0/wait is not known"},
		{
			"types", `{"a": {"targets": 1, "strategy": 2, "failover": {}, "timeout": 5, "retries": "x"}}`,
			"/a/failover must be an array\n/a/retries must be a whole number\n/a/strategy must be a string\n/a/targets must be an array\n/a/timeout must be a string",
		},
		{"fraction", `{"a": {"targets": [{"server": "shop", "weight": 1.5}]}}`, "/a/targets/0/weight must be a whole number"},
		{"time", `{"a": {"timeout": "soon"}}`, "/a/timeout must be a time"},
		{"pattern", `{"": {}, "a b": {}}`, "/ is no name and no pattern\n/a b is no name and no pattern"},
		{"strategy", `{"a": {"strategy": "fastest"}}`, `/a/strategy "fastest" is no strategy: use one of round-robin, least-pending`},
		{
			"bounds", `{"a": {"timeout": "1us", "retries": 6}, "b": {"timeout": "25h", "retries": -1}}`,
			"/a/timeout wants a time\n/a/retries wants a number from 0 to 5\n/b/timeout wants a time\n/b/retries wants a number from 0 to 5",
		},
		{
			"server", `{"a": {"targets": [{"server": "x"}, {"weight": 1}], "failover": ["y"]}}`,
			"/a/targets/0/server there is no server \"x\"\n/a/targets/1/server there is no server \"\"\n/a/failover/0/server there is no server \"y\"",
		},
		{
			"weights", `{"a": {"targets": [{"server": "shop", "weight": 0}, {"server": "shop2", "weight": -1}, {"server": "shop3", "weight": 1000001}]}}`,
			"/a/targets/0/weight is 0, so that the target gets no calls\n/a/targets/1/weight wants a number\n/a/targets/2/weight wants a number",
		},
		{"name of a pattern", `{"a.*": {"targets": [{"server": "shop", "name": "x"}]}}`, "/a.*/targets/0/name a pattern stands for many names"},
		{
			"twice", `{"a": {"targets": [{"server": "shop"}, {"server": "shop"}], "failover": ["shop"]}}`,
			"/a/targets/1 is /a/targets/0 again\n/a/failover/0 is /a/targets/1 again",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, faults := Parse([]byte(tt.policy))
			if len(faults) == 0 {
				faults = p.Check(known)
			}
			wants := strings.Split(tt.want, "\n")
			for i, f := range faults {
				if i >= len(wants) || !strings.HasPrefix(f.String(), wants[i]) {
					t.Errorf("fault %d: %s", i, f)
				}
			}
			if len(faults) != len(wants) {
				t.Errorf("%d faults, want %d", len(faults), len(wants))
			}
		})
	}
}

// TestTooMuch bounds what a policy may hold.
func TestTooMuch(t *testing.T) {
	var p Policy
	for range mostRules + 1 {
		p.Rules = append(p.Rules, Rule{Pattern: "a", Strategy: RoundRobin})
	}
	p.Rules[0].Targets = make([]Target, mostTargets+1)
	faults := p.Check(func(string) bool { return true })
	if len(faults) < 2 || !strings.Contains(faults[0].Message, "257 rules") || faults[1].Pointer != "/a/targets" {
		t.Errorf("faults = %v", faults)
	}
}

// TestSpecific finds the most specific rule of a name.
func TestSpecific(t *testing.T) {
	p := parsed(t, `{"*": {}, "shop.*": {}, "shop.s*": {}, "*search": {}, "shop.search": {}, "*.s*h": {}, "sh*p.s*": {}}`)
	m := newMatcher(&p)
	for name, want := range map[string]string{
		"shop.search": "shop.search", "shop.sort": "shop.s*", "ship.sort": "sh*p.s*", "shop.list": "shop.*", "x": "*",
		"other.search": "*search", "other.sh": "*.s*h", "other.sort": "*",
	} {
		if r := m.find(name); r == nil || r.Pattern != want {
			t.Errorf("%s is decided by %v, want %s", name, r, want)
		}
	}
	if r := (&matcher{}).find("x"); r != nil {
		t.Errorf("a rule without a policy: %v", r)
	}
}

// FuzzParse wants a policy or faults of any bytes, and the same policy of what it writes.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"a.*":{"targets":[{"server":"s/1","weight":3}],"strategy":"sticky:root","failover":["t:x"],"timeout":"1m30s","retries":1}}`,
		`{"a":{"targets":{"x":{"server":"y"}}}}`, `{"a":{"retries":1e400}}`, `[`, `{"a":null}`, `{"a":{"failover":[":"]}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		p, faults := Parse(data)
		if len(faults) > 0 {
			return
		}
		if len(p.Check(func(string) bool { return true })) > 0 {
			return
		}
		text, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		again, faults := Parse(text)
		if len(faults) > 0 || !reflect.DeepEqual(p, again) {
			t.Errorf("%s becomes %s: %v\n%s", data, text, faults, cmp.Diff(p, again))
		}
	})
}
