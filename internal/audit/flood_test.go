package audit_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sumun-mcp/sumun/internal/audit"
	"github.com/sumun-mcp/sumun/internal/mcp"
)

// A refusal is what a test has refused.
type refusal struct {
	caller, session, remote, transport, method string
	code                                       int
	reason                                     mcp.Reason
}

// call is the call of which it is; its id is the given one.
func (r refusal) call(like mcp.Call, id string) *mcp.Call {
	call := &like
	call.ID, call.Remote, call.Transport, call.Method = id, r.remote, r.transport, r.method
	call.Caller, call.Session = nil, nil
	if r.caller != "" {
		call.Caller = &mcp.Caller{ID: r.caller}
	}
	if r.session != "" {
		call.Session = &mcp.Session{ID: r.session}
	}
	call.Refused = mcp.Errorf(r.code, r.reason, "no")
	return call
}

// refusing is a log and its handler, which refuses what is to be refused.
func refusing(t *testing.T, sink audit.Sink) (*audit.Log, func(refusal, string)) {
	t.Helper()
	log := audit.New(t.Context(), audit.Options{Sink: sink, Keeping: audit.Keeping{Payloads: audit.Hash}, Log: slog.New(slog.DiscardHandler)})
	handler := log.Middleware(mcp.HandlerFunc(func(_ context.Context, call *mcp.Call, _ mcp.Reply) error { return call.Refused }))
	like := *newCall(t)
	return log, func(r refusal, id string) { _ = handler.Handle(t.Context(), r.call(like, id), noReply{}) }
}

func closeLog(t *testing.T, log *audit.Log) {
	t.Helper()
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestOrdinaryRefusals keeps each refusal in full under its own caller: a few in a
// second are no flood, whoever they are of.
func TestOrdinaryRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &memory{}
		log, refuse := refusing(t, sink)
		var want []string
		for i := range 11 {
			r := refusal{
				caller: fmt.Sprint("caller", i%3), session: strconv.Itoa(i % 2), remote: "127.0.0.1:" + strconv.Itoa(1000+i), transport: "http",
				method: []string{mcp.MethodToolsCall, mcp.MethodComplete}[i%2], code: -32600 - i%2, reason: mcp.Malformed,
			}
			refuse(r, fmt.Sprint("i-", i))
			want = append(want, fmt.Sprintf("i-%d %s %s %d", i, r.caller, r.method, r.code))
		}
		time.Sleep(3 * time.Second)
		closeLog(t, log)
		var got []string
		for _, r := range sink.records(t) {
			got = append(got, fmt.Sprintf("%v %v %v %v", r["id"], r["caller"], r["method"], r["code"]))
			if r["count"] != nil || r["arguments"] == nil {
				t.Errorf("not a record of its own: %v", r)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("records (-want +got):\n%s", diff)
		}
	})
}

// TestFlood keeps the first refusals of a source in full and counts the others
// into one record, which says what holds of all of them and nothing else.
func TestFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &memory{}
		log, refuse := refusing(t, sink)
		start := time.Now().UTC()
		r := refusal{caller: "a", session: "s", transport: "http", method: mcp.MethodToolsCall, code: -32600, reason: mcp.Malformed}
		for i := range 1000 {
			r.remote = fmt.Sprint("[::1]:", 1000+i)
			refuse(r, fmt.Sprint("i-", i))
		}
		time.Sleep(3 * time.Second)
		closeLog(t, log)
		records := sink.records(t)
		if len(records) != 21 {
			t.Fatalf("%d records, want 20 in full and one that counts", len(records))
		}
		want := map[string]any{
			"v": 1.0, "time": start.Format(time.RFC3339Nano), "until": start.Format(time.RFC3339Nano),
			"caller": "a", "session": records[0]["session"], "transport": "http", "remote": "::1",
			"method": mcp.MethodToolsCall, "outcome": "refused", "code": -32600.0, "reason": "malformed", "count": 980.0,
		}
		if diff := cmp.Diff(want, records[20]); diff != "" {
			t.Errorf("the counting record (-want +got):\n%s", diff)
		}
		if sink.rows[20].Salt != nil {
			t.Error("the counting record has a salt")
		}
	})
}

// TestFloodGoesOn counts anew in each window.
func TestFloodGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &memory{}
		log, refuse := refusing(t, sink)
		for range 30 {
			for range 10 {
				refuse(refusal{transport: "stdio", code: -32700, reason: mcp.Malformed}, "i")
			}
			time.Sleep(100 * time.Millisecond)
		}
		closeLog(t, log)
		var counts []any
		for _, r := range sink.records(t) {
			if r["count"] != nil {
				counts = append(counts, r["count"])
			}
		}
		if diff := cmp.Diff([]any{80.0, 80.0, 80.0}, counts); diff != "" {
			t.Errorf("counts of three seconds (-want +got):\n%s", diff)
		}
	})
}

// TestManySources tells only so many sources apart; the others' record says so.
func TestManySources(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const sources = 3000
		sink := &memory{}
		log, refuse := refusing(t, sink)
		start := time.Now().UTC().Format(time.RFC3339Nano)
		for i := range sources {
			refuse(refusal{remote: fmt.Sprintf("10.0.%d.%d:1", i>>8, i&255), transport: "http", code: -32600, reason: mcp.Unauthenticated}, "i")
		}
		time.Sleep(3 * time.Second)
		closeLog(t, log)
		records := sink.records(t)
		last := records[len(records)-1]
		want := map[string]any{
			"v": 1.0, "time": start, "until": start, "outcome": "refused", "reason": "unauthenticated",
			"others": true, "count": float64(sources - 1024 - 20),
		}
		if diff := cmp.Diff(want, last); diff != "" {
			t.Errorf("the others' record (-want +got):\n%s", diff)
		}
	})
}

// TestUnknownMethods does not let a client make a source of each word it thinks of.
func TestUnknownMethods(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &memory{}
		log, refuse := refusing(t, sink)
		for i := range 100 {
			refuse(refusal{transport: "http", method: fmt.Sprint("x/", i), code: -32600, reason: mcp.Malformed}, "i")
		}
		closeLog(t, log)
		records := sink.records(t)
		if last := records[len(records)-1]; len(records) != 21 || last["count"] != 80.0 || last["method"] != nil {
			t.Errorf("%d records, the last is %v", len(records), last)
		}
	})
}

// TestNoRefusalIsLost refuses at random: what the records tell of adds up, and
// what they say of a source holds.
func TestNoRefusalIsLost(t *testing.T) {
	for seed := range uint64(4) {
		synctest.Test(t, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 0))
			pick := func(of ...string) string { return of[rnd.IntN(len(of))] }
			sink := &memory{}
			log, refuse := refusing(t, sink)
			want := map[string]int{}
			hosts := 1 + rnd.IntN(2)*2000
			for i := range 3000 {
				r := refusal{
					caller: pick("", "", "", "a"), remote: fmt.Sprintf("host%d:%d", rnd.IntN(hosts), rnd.IntN(9)), transport: "http",
					method: pick("", "tools/call"), code: -32600 - rnd.IntN(2), reason: mcp.Reason(pick("malformed", "forbidden")),
				}
				want[string(r.reason)]++
				refuse(r, strconv.Itoa(i))
				if rnd.IntN(100) == 0 {
					time.Sleep(time.Duration(rnd.IntN(300)) * time.Millisecond)
				}
			}
			closeLog(t, log)
			got, ids := map[string]int{}, map[any]bool{}
			for _, r := range sink.records(t) {
				n, counted := r["count"].(float64)
				switch {
				case counted && (r["id"] != nil || r["name"] != nil || r["arguments"] != nil || n < 1):
					t.Fatalf("a record of many says what holds of one: %v", r)
				case !counted && ids[r["id"]]:
					t.Fatalf("twice: %v", r)
				case !counted:
					ids[r["id"]], n = true, 1
				}
				got[fmt.Sprint(r["reason"])] += int(n)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("seed %d: refusals by reason (-want +got):\n%s", seed, diff)
			}
		})
	}
}
