package session_test

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sumun-mcp/sumun/internal/session"
)

var digest = []byte("call")

func openParking(t *testing.T, s *session.Sealer, instance string) *session.Parking[string] {
	t.Helper()
	return session.NewParking[string](t.Context(), session.ParkingOptions{
		Sealer: s, Instance: instance, Patience: time.Minute, PerCaller: 2, Max: 3,
	})
}

func park(t *testing.T, p *session.Parking[string], caller, call string) session.Slot {
	t.Helper()
	s, err := p.Park(caller, digest, call)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestParking(t *testing.T) {
	sealer := newSealer(t, session.NewKey())
	p := openParking(t, sealer, "one")
	defer p.Close()
	slot := park(t, p, "alice", "a")
	for name, c := range map[string]struct {
		token, caller, digest string
		want                  error
	}{
		"someone else's":   {slot.Token, "bob", "call", session.ErrForeign},
		"of another call":  {slot.Token, "alice", "other call", session.ErrChanged},
		"forged":           {slot.Token[:20] + "x" + slot.Token[21:], "alice", "call", session.ErrForged},
		"cut off":          {slot.Token[:40], "alice", "call", session.ErrForged},
		"of another use":   {sealer.Seal(make([]byte, 100), nil), "alice", "call", session.ErrForged},
		"a server's state": {"round=2", "alice", "call", session.ErrForged},
	} {
		if call, err := p.Take(c.token, c.caller, []byte(c.digest)); !errors.Is(err, c.want) || call != "" {
			t.Errorf("%s: %q, %v, want %v", name, call, err, c.want)
		}
	}
	if call, err := p.Take(slot.Token, "alice", digest); err != nil || call != "a" {
		t.Errorf("took %q, %v", call, err)
	}
	if p.Leave(slot) {
		t.Error("a call left that was taken")
	}
	if _, err := p.Take(slot.Token, "alice", digest); !errors.Is(err, session.ErrUsed) {
		t.Errorf("taken twice: %v", err)
	}
	if n := p.Len(); n != 0 {
		t.Errorf("%d calls wait", n)
	}
}

// TestParkingElsewhere brings tokens to another instance, and to the same one after a restart.
func TestParkingElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sealer := newSealer(t, session.NewKey())
		one, two := openParking(t, sealer, "one"), openParking(t, sealer, "two")
		slot := park(t, one, "alice", "a")
		one.Close()
		defer two.Close()
		for caller, want := range map[string]error{"alice": session.ErrLost, "bob": session.ErrForeign} {
			if _, err := two.Take(slot.Token, caller, digest); !errors.Is(err, want) {
				t.Errorf("%s: %v, want %v", caller, err, want)
			}
		}
		if _, err := one.Park("alice", digest, "b"); !errors.Is(err, session.ErrLost) {
			t.Errorf("parked after the end: %v", err)
		}
		time.Sleep(time.Minute)
		if _, err := two.Take(slot.Token, "alice", digest); !errors.Is(err, session.ErrExpired) {
			t.Errorf("too late: %v, want %v", err, session.ErrExpired)
		}
	})
}

func TestParkingIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := openParking(t, newSealer(t, session.NewKey()), "one")
		defer p.Close()
		first := park(t, p, "alice", "a")
		park(t, p, "alice", "b")
		for range 1000 {
			if _, err := p.Park("alice", digest, "c"); !errors.Is(err, session.ErrCrowded) {
				t.Fatalf("a third call of one caller: %v", err)
			}
		}
		park(t, p, "bob", "d")
		if _, err := p.Park("bob", digest, "e"); !errors.Is(err, session.ErrCrowded) {
			t.Errorf("a fourth call in all: %v", err)
		}
		if n := p.Len(); n != 3 {
			t.Errorf("%d calls wait", n)
		}
		if _, err := p.Take(first.Token, "alice", digest); err != nil {
			t.Fatal(err)
		}
		park(t, p, "alice", "c")
		time.Sleep(time.Minute)
		synctest.Wait()
		for range 2 {
			park(t, p, "bob", "f") // all others have expired
		}
	})
}

// TestParkingForgets lets many more calls end while they are parked than are remembered: they crowd nobody out.
func TestParkingForgets(t *testing.T) {
	p := openParking(t, newSealer(t, session.NewKey()), "one")
	defer p.Close()
	var first, last session.Slot
	for i := range 5000 {
		last = park(t, p, "alice", "a")
		if i == 0 {
			first = last
		}
		if !p.Leave(last) {
			t.Fatal("a call for which nobody came did not leave")
		}
	}
	for _, w := range []struct {
		slot session.Slot
		want error
	}{{last, session.ErrLost}, {first, session.ErrUsed}} {
		if _, err := p.Take(w.slot.Token, "alice", digest); !errors.Is(err, w.want) {
			t.Errorf("%v, want %v", err, w.want)
		}
		if !p.Leave(w.slot) {
			t.Error("a call that has left was taken")
		}
	}
}

// TestParkingDefaults bounds one caller and all where nothing is said.
func TestParkingDefaults(t *testing.T) {
	p := session.NewParking[int](t.Context(), session.ParkingOptions{Sealer: newSealer(t, session.NewKey()), Patience: time.Hour})
	defer p.Close()
	var parked int
	for caller := range 100 {
		for i := range 100 {
			_, err := p.Park(strconv.Itoa(caller), digest, i)
			if err == nil {
				parked++
			}
			if want := i < 64 && caller < 64; (err == nil) != want {
				t.Fatalf("call %d of caller %d: %v", i, caller, err)
			}
		}
	}
	if p.Len() != parked || parked != 4096 {
		t.Errorf("%d calls wait, %d were parked", p.Len(), parked)
	}
}

// TestParkingExpires tells the owners of calls for which nobody came, each in its time.
func TestParkingExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := openParking(t, newSealer(t, session.NewKey()), "one")
		defer p.Close()
		start := time.Now()
		a := park(t, p, "alice", "a")
		time.Sleep(20 * time.Second)
		b := park(t, p, "bob", "b")
		gone := park(t, p, "alice", "c")
		if _, err := p.Take(a.Token, "alice", digest); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if !p.Leave(gone) {
				t.Error("a call for which nobody came did not leave")
			}
		}
		if _, err := p.Take(gone.Token, "alice", digest); !errors.Is(err, session.ErrLost) {
			t.Errorf("one that has left: %v, want %v", err, session.ErrLost)
		}
		<-b.Expired
		if took := time.Since(start); took != 80*time.Second {
			t.Errorf("expired after %v", took)
		}
		if !p.Leave(b) {
			t.Error("a call that has expired was taken")
		}
		select {
		case <-a.Expired:
			t.Error("a call that was taken expires")
		default:
		}
		for name, slot := range map[string]session.Slot{"alice": gone, "bob": b} {
			if _, err := p.Take(slot.Token, name, digest); !errors.Is(err, session.ErrExpired) {
				t.Errorf("%s's: %v, want %v", name, err, session.ErrExpired)
			}
		}
		if n := p.Len(); n != 0 {
			t.Errorf("%d calls wait", n)
		}
	})
}

// TestParkingCloses ends what runs for parked calls. That no timer is left shows in
// that the bubble ends at once, and in that Close returns.
func TestParkingCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := openParking(t, newSealer(t, session.NewKey()), "one")
		var ended atomic.Int32
		ready := make(chan struct{})
		p.Go(func(ctx context.Context) {
			slot := park(t, p, "alice", "a")
			close(ready)
			select {
			case <-ctx.Done():
				p.Leave(slot)
			case <-slot.Expired:
				t.Error("expired at the end")
			}
			ended.Add(1)
		})
		<-ready
		start := time.Now()
		p.Close()
		p.Go(func(ctx context.Context) { // one that came late
			if ctx.Err() != nil {
				ended.Add(1)
			}
		})
		p.Close()
		if ended.Load() != 2 || !time.Now().Equal(start) {
			t.Errorf("%d ended in %v", ended.Load(), time.Since(start))
		}
	})
}

// TestParkingAtOnce lets clients and the clock compete for calls: each call has one end.
func TestParkingAtOnce(t *testing.T) {
	p := session.NewParking[int](t.Context(), session.ParkingOptions{
		Sealer: newSealer(t, session.NewKey()), Patience: time.Millisecond, PerCaller: 1000,
	})
	var taken, left atomic.Int32
	var all sync.WaitGroup
	const n = 200
	for i := range n {
		all.Go(func() {
			slot, err := p.Park("alice", digest, i)
			if err != nil {
				t.Error(err)
				return
			}
			all.Go(func() {
				if call, err := p.Take(slot.Token, "alice", digest); err == nil && call == i {
					taken.Add(1)
				}
			})
			<-time.After(time.Duration(i%3) * time.Millisecond)
			if p.Leave(slot) {
				left.Add(1)
			}
		})
	}
	all.Wait()
	p.Close()
	if taken.Load()+left.Load() != n {
		t.Errorf("%d taken and %d left, want %d together", taken.Load(), left.Load(), n)
	}
}

func FuzzTake(f *testing.F) {
	sealer := newSealer(f, session.NewKey())
	p := session.NewParking[int](f.Context(), session.ParkingOptions{Sealer: sealer, Patience: time.Hour})
	slot, err := p.Park("alice", digest, 1)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(slot.Token[:len(slot.Token)-2])
	f.Add("sumun1.")
	f.Fuzz(func(t *testing.T, token string) {
		if strings.HasPrefix(token, slot.Token) {
			t.Skip("the token was not changed")
		}
		if _, err := p.Take(token, "alice", digest); !errors.Is(err, session.ErrForged) {
			t.Errorf("%q: %v", token, err)
		}
	})
}

// TestParkingDrains lets all that is parked go.
func TestParkingDrains(t *testing.T) {
	p := openParking(t, newSealer(t, session.NewKey()), "one")
	defer p.Close()
	slot := park(t, p, "alice", "a")
	p.Drain()
	<-slot.Expired
	if _, err := p.Take(slot.Token, "alice", digest); !errors.Is(err, session.ErrLost) {
		t.Errorf("taken after that: %v, want %v", err, session.ErrLost)
	}
	if _, err := p.Park("alice", digest, "b"); !errors.Is(err, session.ErrLost) {
		t.Errorf("parked after that: %v, want %v", err, session.ErrLost)
	}
}
