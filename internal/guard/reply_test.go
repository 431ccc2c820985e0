package guard_test

import (
	"context"
	"testing"

	"github.com/sumun-mcp/sumun/internal/guard"
	"github.com/sumun-mcp/sumun/internal/mcp"
)

// A passed is a Reply that notes the result.
type passed struct {
	mcp.Reply
	value string
}

func (p *passed) Done(_ context.Context, result *mcp.Result) error {
	p.value = string(result.Value)
	return nil
}

// TestReply lets results through that fit, or that the schema is not about.
func TestReply(t *testing.T) {
	t.Parallel()
	schema := compile(t, `{"type":"object","required":["n"],"properties":{"n":{"type":"integer"}}}`)
	for value, want := range map[string]string{
		`{"content":[],"structuredContent":{"n":1}}`:                                    "",
		`{"content":[],"structuredContent":{"n":"1"}}`:                                  "the tool's result does not fit its outputSchema: /n is string, not integer",
		`{"content":[],"structuredContent":null}`:                                       "the tool's result does not fit its outputSchema: is null, not object",
		`{"content":[],"structuredContent":{"n":"1"},"isError":false}`:                  "the tool's result does not fit its outputSchema: /n is string, not integer",
		`{"content":[],"structuredContent":{"n":"1"},"isError":true}`:                   "",
		`{"content":[{"type":"text","text":"\"structuredContent\":1"}]}`:                "the tool's result has no structuredContent, which its outputSchema promises",
		`{"resultType":"input_required","inputRequests":{},"requestState":"x"}`:         "",
		`{"task":{"taskId":"1","status":"working","ttl":1,"createdAt":"","other":"x"}}`: "",
	} {
		var client passed
		err := schema.Reply(&client).Done(t.Context(), mcp.Own([]byte(value)))
		e := mcp.AsError(err)
		switch {
		case want == "" && (err != nil || client.value != value):
			t.Errorf("%s ends with %v, and %q", value, err, client.value)
		case want != "" && (e == nil || e.Message != want || e.Reason != mcp.Upstream || client.value != ""):
			t.Errorf("%s ends with %v, and %q", value, err, client.value)
		}
	}
	for value, ok := range map[string]bool{
		`{"taskId":"1","status":"working"}`:                          true,
		`{"taskId":"1","result":{"structuredContent":{"n":1}}}`:      true,
		`{"taskId":"1","result":{"structuredContent":{"n":"1"}}}`:    false,
		`{"taskId":"1","result":{"content":[]}}`:                     false,
		`{"taskId":"1","result":{"content":[],"isError":true}}`:      true,
		`{"taskId":"1","structuredContent":{"n":"1"},"result":null}`: false,
	} {
		var client passed
		if err := schema.TaskReply(&client).Done(t.Context(), mcp.Own([]byte(value))); (err == nil) != ok || (client.value == value) != ok {
			t.Errorf("a task: %s ends with %v, and %q", value, err, client.value)
		}
	}
	var none *guard.Schema
	if client := new(passed); none.Reply(client) != mcp.Reply(client) {
		t.Error("without a schema something stands between")
	}
}
