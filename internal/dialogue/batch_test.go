package dialogue_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/sumun-mcp/sumun/internal/dialogue"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

func nobody(*wire.Message) bool { return false }

// TestSplit reads arrays of messages: what is wrong with an array is told of the array, what is wrong with a message of
// that alone.
func TestSplit(t *testing.T) {
	const ping = `{"jsonrpc":"2.0","id":1,"method":"ping"}`
	for _, c := range []struct {
		data  string
		fault string   // of the array
		each  []string // the faults of its messages
	}{
		{`[` + ping + `]`, "", []string{""}},
		{`[]`, "must not be empty", nil},
		{`[[` + ping + `]]`, "must not contain another", nil},
		{`[` + ping, "ends where", nil},
		{`[` + strings.Repeat(ping+",", 100) + ping + `]`, "too many messages", nil},
		{`[` + ping + `,` + ping + `]`, "", []string{"", "another request of the array has this id"}},
		{`[` + ping + `,{"jsonrpc":"2.0","id":"1","method":"ping"}]`, "", []string{"", ""}},
		{`[{"jsonrpc":"2.0","id":1,"result":{}},` + ping + `]`, "", []string{"", ""}},
		{`[{"jsonrpc":"2.0","id":1,"id":1,"method":"ping"},` + ping + `]`, "", []string{"id", ""}},
		{`[{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}},` + ping + `]`, "", []string{"initialize must not", ""}},
		{`[{"jsonrpc":"2.0","id":2,"method":"ping","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"x"}}}]`, "", []string{"a protocol version of its own"}},
	} {
		elements, fault := dialogue.Split([]byte(c.data), mcp.Unnamed(), nobody)
		if (fault != nil) != (c.fault != "") || fault != nil && !strings.Contains(fault.Message, c.fault) {
			t.Errorf("%.80s: %v, want %q", c.data, fault, c.fault)
		}
		if len(elements) != len(c.each) {
			t.Errorf("%.80s: %d messages", c.data, len(elements))
			continue
		}
		for i, want := range c.each {
			if got := elements[i].Refused; (got != nil) != (want != "") || got != nil && !strings.Contains(got.Message, want) {
				t.Errorf("%.80s, message %d: %v, want %q", c.data, i, got, want)
			}
		}
	}
	for _, r := range append(mcp.Revisions(), nil) {
		if _, fault := dialogue.Split([]byte(`[`+ping+`]`), r, nobody); (fault == nil) != (r != nil && r.Batch) {
			t.Errorf("%+v: %v", r, fault)
		}
	}
}

// TestSplitAlone reads arrays of clients that have none, in which some messages are of no revision.
func TestSplitAlone(t *testing.T) {
	alone := func(m *wire.Message) bool { return bytes.HasPrefix(m.MethodName(), []byte("own.")) }
	const own, ping = `{"jsonrpc":"2.0","id":1,"method":"own.x"}`, `{"jsonrpc":"2.0","id":2,"method":"ping"}`
	for _, r := range []*mcp.Revision{nil, mcp.Latest(), mcp.LatestLegacy()} {
		elements, fault := dialogue.Split([]byte(`[`+own+`,`+ping+`,`+own+`,1]`), r, alone)
		if fault != nil {
			t.Fatal(fault)
		}
		var refused []bool
		for _, e := range elements {
			refused = append(refused, e.Refused != nil)
		}
		if want := []bool{false, true, true, true}; !slices.Equal(refused, want) {
			t.Errorf("refused are %v, want %v", refused, want)
		}
	}
}
