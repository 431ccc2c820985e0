package terminal_test

import (
	"strings"
	"testing"

	"github.com/sumun-mcp/sumun/internal/terminal"
)

func TestVoice(t *testing.T) {
	var data, people strings.Builder
	v := &terminal.Voice{Data: &data, People: &people}
	for _, write := range []func(any) error{v.WriteJSON, v.WriteJSONLine} {
		if err := write(map[string]string{"a": "<b>"}); err != nil {
			t.Fatal(err)
		}
	}
	v.Note("%d said", 1)
	v.Quiet = true
	v.Note("%d not said", 2)
	if want := "{\n  \"a\": \"<b>\"\n}\n{\"a\":\"<b>\"}\n"; data.String() != want {
		t.Errorf("data = %q, want %q", &data, want)
	}
	if want := "1 said\n"; people.String() != want {
		t.Errorf("people = %q, want %q", &people, want)
	}
}
