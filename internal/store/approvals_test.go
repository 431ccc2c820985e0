package store_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sumun-mcp/sumun/internal/approve"
)

// TestApprovals keeps requests for approval, settles each once, and remembers decisions.
func TestApprovals(t *testing.T) {
	engines(t, func(t *testing.T, at string) {
		t.Helper()
		one, two, ctx := open(t, at), open(t, at), t.Context()
		now := time.UnixMilli(1_800_000_000_000)
		pay := approve.Subject{Caller: "ci", Server: "bank", Name: "bank.pay\x00", Digest: "d1"}
		request := func(id string, s approve.Subject, age time.Duration) approve.Request {
			return approve.Request{
				Subject: s, ID: id, Instance: "i", Call: "c", Method: "tools/call", Client: "cli", Why: "new", Arguments: `{"a":"\u001a\x00"}`, By: "either",
				Asked: now.Add(-age), Until: now.Add(time.Minute), State: approve.Waiting,
			}
		}
		a, b, c := request("a", pay, 0), request("b", pay, time.Second), request("c", approve.Subject{Caller: "x", Server: "bank", Name: "n"}, 2*time.Second)
		c.By, c.Instance = "host", "j"
		for _, r := range []approve.Request{a, b, c} {
			if err := one.AddApproval(ctx, &r); err != nil {
				t.Fatal(err)
			}
		}
		if err := two.BeatApprovals(ctx, "j"); err != nil {
			t.Fatal(err)
		}
		c.Beat = 1
		if got, err := two.WaitingApprovals(ctx); err != nil || cmp.Diff([]approve.Request{c, b, a}, got) != "" {
			t.Errorf("%v, -want +got\n%s", err, cmp.Diff([]approve.Request{c, b, a}, got))
		}

		denied := &approve.Settlement{State: approve.Denied, Decision: approve.Decision{Decider: "op", Via: approve.ViaOperator, Reason: "no\x00", At: now}}
		if _, err := two.SettleApproval(ctx, "absent", denied); !errors.Is(err, approve.ErrUnknown) {
			t.Error(err)
		}
		if _, err := two.SettleApproval(ctx, "c", denied); !errors.Is(err, approve.ErrNotAsked) {
			t.Error(err)
		}
		kept := &approve.Remembered{ID: "m", Created: now, Expires: now.Add(time.Hour), Decider: "op", Reason: "yes"}
		allowed := &approve.Settlement{State: approve.Allowed, Decision: approve.Decision{Decider: "op", Via: approve.ViaOperator, At: now}, Remember: kept}
		a.State, a.Decision = approve.Allowed, allowed.Decision
		if got, err := two.SettleApproval(ctx, "a", allowed); err != nil || cmp.Diff(a, got) != "" {
			t.Errorf("%v, -want +got\n%s", err, cmp.Diff(a, got))
		}
		if got, err := one.SettleApproval(ctx, "a", denied); !errors.Is(err, approve.ErrSettled) || cmp.Diff(a, got) != "" {
			t.Errorf("twice: %v, -want +got\n%s", err, cmp.Diff(a, got))
		}
		b.State, b.Decision = a.State, a.Decision // it is about the same
		if got, err := one.SettledApprovals(ctx, "i", b.Asked); err != nil || cmp.Diff([]approve.Request{a, b}, got) != "" {
			t.Errorf("%v, -want +got\n%s", err, cmp.Diff([]approve.Request{a, b}, got))
		}
		if got, err := one.SettledApprovals(ctx, "i", a.Asked); err != nil || len(got) != 1 {
			t.Errorf("%+v, %v", got, err)
		}

		kept.Subject = pay
		if got, ok, err := one.RecallApproval(ctx, pay, now); err != nil || !ok || cmp.Diff(*kept, got) != "" {
			t.Errorf("%t, %v, -want +got\n%s", ok, err, cmp.Diff(*kept, got))
		}
		other := pay
		other.Digest = "d2"
		for of, when := range map[approve.Subject]time.Time{other: now, pay: now.Add(time.Hour)} {
			if _, ok, err := one.RecallApproval(ctx, of, when); err != nil || ok {
				t.Errorf("%+v at %v: %t, %v", of, when, ok, err)
			}
		}
		if got, err := two.RememberedApprovals(ctx, now); err != nil || len(got) != 1 {
			t.Errorf("%+v, %v", got, err)
		}
		if _, err := two.ForgetApproval(ctx, "m"); err != nil {
			t.Error(err)
		}
		if _, err := two.ForgetApproval(ctx, "m"); !errors.Is(err, approve.ErrUnknown) {
			t.Error(err)
		}
		late := request("d", pay, -2*time.Hour)
		if err := one.AddApproval(ctx, &late); err != nil {
			t.Error(err)
		}
		if got, err := one.SettledApprovals(ctx, "i", time.UnixMilli(0)); err != nil || len(got) != 0 {
			t.Errorf("what was settled long ago stays: %+v, %v", got, err)
		}
	})
}
