package warden

import (
	"errors"
	"strings"
	"testing"
)

func TestChoose(t *testing.T) {
	full, lite, nothing := offer{tier: "box"}, offer{"box-lite", errors.New("namespaces are refused")}, offer{"", errors.New("no Linux")}
	for _, test := range []struct {
		written string
		plain   bool
		has     offer
		tier    string
		says    string // in the notice, or in the error where there is no tier
	}{
		{written: "", has: full, tier: "box"},
		{written: "box", has: full, tier: "box"},
		{written: "box-lite", has: full, tier: "box-lite"},
		{written: "", has: lite, tier: "box-lite", says: "namespaces are refused"},
		{written: "box", has: lite, says: "write sandbox: box-lite"},
		{written: "box-lite", has: lite, tier: "box-lite"},
		{written: "", has: nothing, says: "write sandbox: container"},
		{written: "box", has: nothing, says: "no Linux"},
		{written: "box-lite", has: nothing, says: "no Linux"},
		{written: "container", has: nothing, tier: "container"},
		{written: "gvisor", has: nothing, tier: "gvisor"},
		{written: "none", has: full, tier: "none", says: "without a sandbox"},
		{written: "", plain: true, has: full, tier: "none", says: "write sandbox: box"},
		{written: "box", plain: true, has: full, tier: "box"},
	} {
		tier, notice, err := choose(test.written, !test.plain, test.has)
		if tier != test.tier || (err == nil) != (tier != "") {
			t.Errorf("%+v: %q, %v", test, tier, err)
		}
		said := notice
		if err != nil {
			said = err.Error()
		}
		if !strings.Contains(said, test.says) || test.says == "" && said != "" {
			t.Errorf("%+v says %q", test, said)
		}
	}
}
