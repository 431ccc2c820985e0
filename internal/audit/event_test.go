package audit_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sumun-mcp/sumun/internal/audit"
	"github.com/sumun-mcp/sumun/internal/mcp"
)

func newLog(t *testing.T, sink audit.Sink, durable bool) *audit.Log {
	t.Helper()
	return audit.New(t.Context(), audit.Options{Sink: sink, Durable: durable, Log: slog.New(slog.DiscardHandler)})
}

// TestEvent puts what is no call on the same record, in order.
func TestEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &memory{}
		log := newLog(t, sink, false)
		now := time.Now().UTC().Format(time.RFC3339Nano)
		events := []audit.Event{
			{Kind: audit.KeyCreated, Actor: "os:root", Subject: "ci", Detail: map[string]any{"scopes": []string{"read:file"}}},
			{Kind: audit.GatewayStarted},
			{Kind: audit.Alert, Subject: "a\nb\x1b\xff", Detail: map[string]any{"text": "\u202e"}},
			{Kind: audit.Withheld, Subject: strings.Repeat("é", 2000), Detail: map[string]any{"long": strings.Repeat("x", 1<<20)}},
			{Kind: audit.Withheld, Detail: map[string]any{"no": func() {}}},
		}
		for _, e := range events {
			if err := log.Event(t.Context(), e); err != nil {
				t.Fatal(err)
			}
		}
		if err := log.Middleware(says(`{}`)).Handle(t.Context(), newCall(t), noReply{}); err != nil {
			t.Fatal(err)
		}
		closeLog(t, log)
		want := []map[string]any{
			{"v": 1.0, "time": now, "event": "key.created", "actor": "os:root", "subject": "ci", "detail": map[string]any{"scopes": []any{"read:file"}}},
			{"v": 1.0, "time": now, "event": "gateway.started"},
			{"v": 1.0, "time": now, "event": "alert", "subject": "a\nb\x1b\ufffd", "detail": map[string]any{"text": "\u202e"}},
			{"v": 1.0, "time": now, "event": "withheld", "subject": strings.Repeat("é", 512) + "…", "detail": map[string]any{"omittedBytes": float64(1<<20 + 11)}},
			{"v": 1.0, "time": now, "event": "withheld", "detail": map[string]any{"unwritable": "json: unsupported type: func()"}},
		}
		got := sink.records(t)
		if diff := cmp.Diff(want, got[:5]); diff != "" {
			t.Errorf("records (-want +got):\n%s", diff)
		}
		if len(got) != 6 || got[5]["method"] != "tools/call" {
			t.Errorf("the call is not behind them: %v", got[5:])
		}
		if err := log.Event(t.Context(), audit.Event{Kind: audit.Alert}); !errors.Is(err, audit.ErrClosed) {
			t.Errorf("after the end: %v", err)
		}
		if err := (*audit.Log)(nil).Event(t.Context(), audit.Event{Kind: audit.Alert}); err != nil {
			t.Errorf("without a log: %v", err)
		}
	})
}

// TestDurableEvent returns when the event is stored, or says that it is not yet.
func TestDurableEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &slowMemory{pause: time.Second}
		log := newLog(t, sink, true)
		if err := log.Event(t.Context(), audit.Event{Kind: audit.KeyRevoked}); err != nil || len(sink.records(t)) != 1 {
			t.Errorf("%v, with %d records", err, len(sink.records(t)))
		}
		sink.setFail(errors.New("disk full"))
		if err := log.Event(t.Context(), audit.Event{Kind: audit.KeyRevoked}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error = %v, want one that it is not stored", err)
		}
		sink.setFail(nil)
		closeLog(t, log)
		if n := len(sink.records(t)); n != 2 {
			t.Errorf("%d records at the end, want both", n)
		}
	})
}

// TestEventsDoNotWait says that an event is not on record where too much waits, at once.
func TestEventsDoNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &memory{fail: errors.New("away")}
		log := newLog(t, sink, false)
		kept, full := 0, 0
		for range 20_000 {
			if log.Event(t.Context(), audit.Event{Kind: audit.Alert}) == nil {
				kept++
			} else {
				full++
			}
		}
		sink.setFail(nil)
		closeLog(t, log)
		if n := len(sink.records(t)); n != kept || full == 0 {
			t.Errorf("%d of %d are on record, %d were refused", n, kept, full)
		}
	})
}

// TestFindings has on record what was found in a call, and who let it go on.
func TestFindings(t *testing.T) {
	sink := &memory{}
	log := newLog(t, sink, false)
	handler := log.Middleware(mcp.HandlerFunc(func(ctx context.Context, call *mcp.Call, reply mcp.Reply) error {
		call.Approval = "ap-7"
		for n := range 40 {
			call.Findings.Add(mcp.Finding{Kind: "card", Action: "redacted", Pointer: "/params/arguments/a~1b" + strings.Repeat("x", n)})
		}
		return reply.Done(ctx, mcp.Own([]byte(`{}`)))
	}))
	call := newCall(t)
	call.Findings = new(mcp.Findings)
	if err := handler.Handle(t.Context(), call, noReply{}); err != nil {
		t.Fatal(err)
	}
	closeLog(t, log)
	r := sink.records(t)[0]
	all, _ := r["findings"].([]any)
	if len(all) != 32 || r["moreFindings"] != 8.0 || r["approval"] != "ap-7" {
		t.Fatalf("on record: %v", r)
	}
	if diff := cmp.Diff(map[string]any{"kind": "card", "action": "redacted", "at": "/params/arguments/a~1b"}, all[0]); diff != "" {
		t.Errorf("a finding (-want +got):\n%s", diff)
	}
}

// TestRedacted keeps no secret, neither in payloads nor in a digest by which it could be guessed.
func TestRedacted(t *testing.T) {
	redact := func(b []byte) []byte { return []byte(strings.ReplaceAll(string(b), "s3", "•")) }
	for _, durable := range []bool{false, true} {
		sink := &memory{}
		log := audit.New(t.Context(), audit.Options{
			Sink: sink, Durable: durable, Log: slog.New(slog.DiscardHandler), Keeping: audit.Keeping{Payloads: audit.Full, Redact: redact},
		})
		call := newCall(t)
		for _, result := range []string{`{"is":"s3"}`, `{"is":"fine"}`} {
			if err := log.Middleware(relays(t, result)).Handle(t.Context(), call, noReply{}); err != nil {
				t.Fatal(err)
			}
		}
		if err := log.Event(t.Context(), audit.Event{Kind: audit.ApprovalDenied, Subject: "file:///a?k=s3", Detail: map[string]any{"reason": "it has s3"}}); err != nil {
			t.Fatal(err)
		}
		closeLog(t, log)
		if event := string(sink.rows[2].Body); strings.Contains(event, "s3") || !strings.Contains(event, `"subject":"file:///a?k=•","detail":{"reason":"it has •"}`) {
			t.Errorf("the event is %s", event)
		}
		for i, r := range sink.records(t)[:2] {
			row := sink.rows[i]
			if strings.Contains(string(row.Arguments)+string(row.Result), "s3") || len(row.Result) == 0 {
				t.Errorf("kept are %s and %s", row.Arguments, row.Result)
			}
			if r["arguments"] != digest(row.Salt, row.Arguments) || r["result"] != digest(row.Salt, row.Result) {
				t.Error("the digests are not of what is kept")
			}
			want := []any{"arguments", "result"}[:2-i]
			if diff := cmp.Diff(want, r["redacted"]); diff != "" {
				t.Errorf("what is said to be redacted (-want +got):\n%s", diff)
			}
		}
	}
}
