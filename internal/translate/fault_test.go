package translate

import (
	"strings"
	"testing"

	"github.com/sumun-mcp/sumun/internal/mcp"
)

// TestFault wants the results refused that no client of the other era could make sense of.
func TestFault(t *testing.T) {
	legacy, modern := &mcp.Revision{}, &mcp.Revision{ResultType: true}
	tests := []struct {
		result string
		from   *mcp.Revision
		want   string
	}{
		{`[1]`, legacy, "not an object"},
		{`null`, modern, "not an object"},
		{`"x"`, modern, "not an object"},
		{`{}`, legacy, ""},
		{`{"resultType":"odd"}`, legacy, ""},
		{`{}`, modern, ""},
		{`{"resultType":"complete"}`, modern, ""},
		{`{"resultType":"task"}`, modern, ""},
		{`{"resultType":"odd"}`, modern, "unknown resultType"},
		{`{"resultType":5}`, modern, "unknown resultType"},
		{`{"resultType":"input_required"}`, modern, "neither"},
		{`{"resultType":"input_required","inputRequests":[1],"requestState":"s"}`, modern, "not an object"},
		{`{"resultType":"input_required","requestState":"s"}`, modern, ""},
		{`{"resultType":"input_required","inputRequests":{}}`, modern, ""},
	}
	for _, tt := range tests {
		got := Fault([]byte(tt.result), tt.from)
		if !strings.Contains(got, tt.want) || (got == "") != (tt.want == "") {
			t.Errorf("%s: %q, want %q", tt.result, got, tt.want)
		}
	}
}
