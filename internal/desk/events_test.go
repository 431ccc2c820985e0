package desk

import (
	"strconv"
	"testing"

	"github.com/sumun-mcp/sumun/internal/mcp"
)

// TestWaitingIsBounded has lines subscribe to resources and end before they have a stream: what is kept of them is bounded, and a
// line with a stream is not forgotten.
func TestWaitingIsBounded(t *testing.T) {
	var s streams
	note := func(line string) {
		t.Helper()
		call := &mcp.Call{Caller: &mcp.Caller{ID: "ann"}, Line: line, Name: "a:b"}
		if _, _, err := s.note(call); err != nil {
			t.Fatal(err)
		}
	}
	note("heard")
	if uris, err := s.join("line heard", &stream{id: "1"}); err != nil || len(uris) != 1 {
		t.Fatal(uris, err)
	}
	for i := range 3 * maxWaiting {
		note(strconv.Itoa(i))
	}
	if n := len(s.listeners); n != maxWaiting+1 {
		t.Errorf("%d listeners are kept, want %d", n, maxWaiting+1)
	}
	if s.listeners["line heard"] == nil {
		t.Error("a line with a stream is forgotten")
	}
}
