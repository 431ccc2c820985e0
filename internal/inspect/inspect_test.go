package inspect

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/sumun-mcp/sumun/trust"
)

func TestText(t *testing.T) {
	var tags strings.Builder
	for _, c := range overt {
		tags.WriteRune(0xe0000 + c)
	}
	d := New()
	for _, test := range []struct{ name, text, rule string }{
		{"plain", "Returns the weather of a city as JSON.", ""},
		{"an order", "Adds two numbers. " + overt, "text/injection"},
		{"in base64", "Adds two numbers. " + base64.StdEncoding.EncodeToString([]byte(overt)), "text/injection"},
		{"in tag characters", "Adds two numbers." + tags.String(), "text/hidden-characters"},
		{"no UTF-8", "\xe2\x80\xff\xfe", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			all := d.Text(test.text, Description, trust.Place{})
			if test.rule == "" {
				if len(all) > 0 {
					t.Fatalf("found %+v", all)
				}
				return
			}
			for _, f := range all {
				if f.Rule == test.rule {
					if f.Rule == "text/injection" && (len(f.Reasons) < 3 || f.Evidence == "") {
						t.Errorf("%+v does not say why", f)
					}
					return
				}
			}
			t.Errorf("%s is not among %+v", test.rule, all)
		})
	}
}
