package translate

import (
	"testing"

	"github.com/sumun-mcp/sumun/internal/mcp"
)

// TestModernQuestion wants legacy questions as modern clients take them: with params, and without the ids of visits.
func TestModernQuestion(t *testing.T) {
	tests := []struct{ name, method, params, want string }{
		{"no params", mcp.MethodRoots, "", "{}"},
		{"params", mcp.MethodRoots, `{ "_meta":{"a":1.0}}`, `{ "_meta":{"a":1.0}}`},
		{"a form", mcp.MethodElicit, `{"elicitationId":"x","message":"m"}`, `{"elicitationId":"x","message":"m"}`},
		{"a visit", mcp.MethodElicit, `{"mode":"url","elicitationId":"x","url":"u:"}`, `{"mode":"url","url":"u:"}`},
	}
	for _, tt := range tests {
		raw := []byte(tt.params)
		got := ModernQuestion(mcp.Question{Method: tt.method, Params: raw})
		clear(raw) // what came is valid no longer
		if string(got.Params) != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got.Params, tt.want)
		}
	}
}
