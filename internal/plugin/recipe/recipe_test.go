package recipe

import "testing"

// TestError: an error names its place as far as it is known.
func TestError(t *testing.T) {
	for _, tt := range []struct {
		err  Error
		want string
	}{
		{Error{File: "plugins/a.ts", Line: 3, Column: 7, Message: "unexpected }"}, "plugins/a.ts:3:7: unexpected }"},
		{Error{File: "plugins/a.py", Line: 3, Message: "no"}, "plugins/a.py:3: no"},
		{Error{File: "plugins/a.py", Column: 3, Message: "no"}, "plugins/a.py: no"},
		{Error{Message: "no"}, "no"},
	} {
		if got := tt.err.Error(); got != tt.want {
			t.Errorf("%+v is %q, want %q", tt.err, got, tt.want)
		}
	}
}
