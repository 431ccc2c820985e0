package terminal

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestLatch(t *testing.T) {
	var out strings.Builder
	l := &Latch{Out: &out}
	fmt.Fprintln(l, "early")
	fmt.Fprintln(&out, "banner")
	l.Lift()
	l.Lift()
	fmt.Fprintln(l, "late")
	if got := out.String(); got != "banner\nearly\nlate\n" {
		t.Errorf("out came %q", got)
	}
}

func TestLatchFull(t *testing.T) {
	var out strings.Builder
	l := &Latch{Out: &out}
	line := strings.Repeat("x", 1023) + "\n"
	for range maxHeld / len(line) {
		fmt.Fprint(l, line)
	}
	if out.Len() > 0 {
		t.Fatal("it is lifted too early")
	}
	fmt.Fprint(l, "one more\n")
	if got := out.String(); len(got) != maxHeld+9 || !strings.HasSuffix(got, "x\none more\n") {
		t.Errorf("%d bytes came, or in another order", len(got))
	}
}

func TestLatchInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		l := &Latch{Out: &out}
		said := func() string {
			l.mu.Lock()
			defer l.mu.Unlock()
			return out.String()
		}
		stop := l.LiftIn(time.Second)
		defer stop()
		fmt.Fprint(l, "early")
		time.Sleep(999 * time.Millisecond)
		if got := said(); got != "" {
			t.Errorf("%q came too early", got)
		}
		time.Sleep(2 * time.Millisecond)
		synctest.Wait()
		if got := said(); got != "early" {
			t.Errorf("%q came in time", got)
		}
	})
}
