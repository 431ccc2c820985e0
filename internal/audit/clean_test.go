package audit_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"

	"github.com/sumun-mcp/sumun/internal/audit"
	"github.com/sumun-mcp/sumun/internal/mcp"
)

// TestClean keeps what must not be kept out of names and errors too.
func TestClean(t *testing.T) {
	t.Parallel()
	sink := &memory{}
	log := audit.New(t.Context(), audit.Options{Sink: sink, Log: slog.New(slog.DiscardHandler), Keeping: audit.Keeping{
		Payloads: audit.None,
		Redact: func(payload []byte) []byte {
			if !bytes.Contains(payload, []byte("pass")) {
				return payload
			}
			return bytes.ReplaceAll(payload, []byte("pass"), []byte("[redacted:x]"))
		},
	}})
	call := newCall(t)
	call.Name = "https://example.com/?t=pass"
	h := mcp.HandlerFunc(func(context.Context, *mcp.Call, mcp.Reply) error {
		return mcp.Errorf(mcp.CodeInternal, mcp.Upstream, "no pass for \"you\"")
	})
	_ = log.Middleware(h).Handle(t.Context(), call, noReply{})
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	record := sink.records(t)[0]
	if record["name"] != "https://example.com/?t=[redacted:x]" || record["error"] != `no [redacted:x] for "you"` || strings.Contains(string(sink.rows[0].Body), "pass") {
		t.Errorf("on record: %s", sink.rows[0].Body)
	}
}
