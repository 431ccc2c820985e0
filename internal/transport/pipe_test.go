package transport

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// TestPipeFaults calls a server on a pipe that does something wrong, and then one more tool: nothing else is affected.
func TestPipeFaults(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		want   string
		faults Faults
	}{
		"twice":   {"first", Faults{Stray: 1}},
		"stray":   {"asked", Faults{Stray: 1}},
		"garbage": {"fine", Faults{Garbage: 2}},
	}
	for tool, tt := range tests {
		t.Run(tool, func(t *testing.T) {
			t.Parallel()
			s := open(t, Target{Command: self("plain"), Era: Legacy}, Hello{})
			if got := call(t, s, tool, nil); got != tt.want {
				t.Errorf("answer = %q, want %q", got, tt.want)
			}
			if got := call(t, s, "echo", nil); !strings.Contains(got, "echo") {
				t.Errorf("echo = %q", got)
			}
			if got := s.Faults(); got != tt.faults {
				t.Errorf("faults = %+v, want %+v", got, tt.faults)
			}
		})
	}
}

// TestDeath has the server end while several calls are in flight: each is told why.
func TestDeath(t *testing.T) {
	s := open(t, Target{Command: self("plain"), Era: Legacy}, Hello{})
	errs := make(chan error, 3)
	for range 2 {
		go func() {
			_, err := s.Call(t.Context(), toolCall("never"), nil)
			errs <- err
		}()
	}
	for s.InFlight() < 2 {
		time.Sleep(time.Millisecond)
	}
	_, err := s.Call(t.Context(), toolCall("die"), nil)
	errs <- err
	for range 3 {
		err := <-errs
		e, ok := errors.AsType[*LostError](err)
		if !ok || !e.Sent || e.Err.Reason != mcp.Upstream || !strings.Contains(err.Error(), "exit status 7; it said: out of memory") {
			t.Errorf("error = %v, want a LostError that tells of the end", err)
		}
	}
	<-s.Done()
	_, err = s.Call(t.Context(), toolCall("echo"), nil)
	if e, ok := errors.AsType[*LostError](err); !ok || e.Sent {
		t.Errorf("error after the end = %v, want a LostError that was not sent", err)
	}
}

func TestCancel(t *testing.T) {
	s := open(t, Target{Command: self("plain"), Era: Legacy}, Hello{})
	because := errors.New("because")
	ctx, cancel := context.WithTimeoutCause(t.Context(), 50*time.Millisecond, because)
	defer cancel()
	if _, err := s.Call(ctx, toolCall("never"), nil); !errors.Is(err, because) {
		t.Errorf("error = %v, want the cause", err)
	}
	if n := s.InFlight(); n != 0 {
		t.Errorf("%d calls in flight, want none", n)
	}
}

// TestLateQuestion has a server ask something for a call that was cancelled: no other call is asked.
func TestLateQuestion(t *testing.T) {
	asked := make(chan struct{}, 2)
	unasked := newRecorder()
	unasked.question = func(*wire.Message) ([]byte, *mcp.Error) {
		asked <- struct{}{}
		return []byte(`{"action":"cancel"}`), nil
	}
	s := open(t, Target{Command: self("plain"), Era: Legacy}, Hello{Unsolicited: unasked})
	first, cancelFirst := contextWithCancel(t)
	second, cancelSecond := contextWithCancel(t)
	var calls sync.WaitGroup
	calls.Go(func() { _, _ = s.Call(first, toolCall("never"), nil) })
	calls.Go(func() {
		other := newRecorder()
		other.question = func(m *wire.Message) ([]byte, *mcp.Error) {
			t.Errorf("the other call was asked %s", m.Raw)
			return nil, nil
		}
		_, _ = s.Call(second, toolCall("never"), other)
	})
	for s.InFlight() < 2 {
		time.Sleep(time.Millisecond)
	}
	cancelFirst()
	<-asked
	cancelSecond()
	calls.Wait()
}

func TestTooLong(t *testing.T) {
	s := open(t, Target{Command: self("plain"), Era: Legacy, MaxMessage: 1 << 20}, Hello{})
	a, err := s.Call(t.Context(), toolCall("long"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if e := a.Err(nil); e == nil || !strings.Contains(e.Message, "more than 1048576 bytes") {
		t.Errorf("error = %v", e)
	}
	if got := call(t, s, "echo", nil); !strings.Contains(got, "echo") {
		t.Errorf("echo = %q", got)
	}
}

func TestQuestions(t *testing.T) {
	s := open(t, Target{Command: self("plain"), Era: Legacy}, Hello{})
	sink := newRecorder()
	sink.question = func(m *wire.Message) ([]byte, *mcp.Error) {
		if got := string(m.MethodName()); got != mcp.MethodElicit {
			t.Errorf("question = %s", got)
		}
		return []byte(`{"action":"accept"}`), nil
	}
	for range 300 { // under the same id, as soon as it is answered
		if got, want := call(t, s, "ask", sink), `{"jsonrpc":"2.0","id":"q1","result":{"action":"accept"}}`; got != want {
			t.Fatalf("the server was answered %s, want %s", got, want)
		}
	}
	if got := call(t, s, "ask", nil); !strings.Contains(got, `"error":{"code":-32601`) {
		t.Errorf("the server was answered %s, want an error", got)
	}
	if got, want := call(t, s, "ping", nil), `{"jsonrpc":"2.0","id":"p1","result":{}}`; got != want {
		t.Errorf("the ping was answered %s, want %s", got, want)
	}
}

func TestProgress(t *testing.T) {
	s := open(t, Target{Command: self("plain"), Era: Legacy}, Hello{})
	sink := newRecorder()
	token := call(t, s, "progress", sink)
	for i := range 3 {
		n := <-sink.notices
		if !strings.Contains(n, `"progressToken":`+token+`,"progress":`+string(rune('0'+i))) {
			t.Errorf("notification %d = %s", i, n)
		}
	}
}

// TestCloseInCall closes a session in mid-call.
func TestCloseInCall(t *testing.T) {
	s, err := Open(t.Context(), Target{Name: "test", Command: self("plain"), Era: Legacy}, Hello{})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() {
		_, err := s.Call(t.Context(), toolCall("never"), nil)
		done <- err
	}()
	for s.InFlight() < 1 {
		time.Sleep(time.Millisecond)
	}
	s.Close()
	if err := <-done; !strings.Contains(err.Error(), "was closed") {
		t.Errorf("error = %v", err)
	}
	if _, err := s.Call(t.Context(), toolCall("echo"), nil); err == nil {
		t.Error("a closed session takes calls")
	}
}
