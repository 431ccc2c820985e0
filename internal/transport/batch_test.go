package transport

import (
	"bytes"
	"io"
	"net/http"
	"testing"

	"github.com/sumun-mcp/sumun/internal/wire"
)

// TestNoBatch has a server send an array in a revision that has none.
func TestNoBatch(t *testing.T) {
	t.Parallel()
	s := open(t, Target{URL: onSocket(t, plain("2025-06-18", func(_, id string, _ []byte, say func(string)) {
		say(`[` + answerTo(id, "in an array") + `]`)
		say(answerTo(id, "alone"))
	})), Header: secret()}, Hello{})
	if got := call(t, s, "echo", nil); got != "alone" || s.Faults().Garbage != 1 {
		t.Errorf("answer = %q, faults %+v", got, s.Faults())
	}
}

// TestBatchOverHTTP has a server answer with arrays, in JSON and in events.
func TestBatchOverHTTP(t *testing.T) {
	t.Parallel()
	at := web(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		data, _ := io.ReadAll(r.Body)
		var said []byte
		plain("2025-03-26", faulty)(data, func(text string) { said = append(said, text...) })
		switch {
		case len(said) == 0:
			w.WriteHeader(http.StatusAccepted)
		case bytes.Contains(data, []byte(`"text":"events"`)):
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = w.Write(wire.AppendEvent(nil, wire.Event{Data: said}))
		default:
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write(said)
		}
	}))
	s := open(t, Target{URL: at}, Hello{Require: Legacy})
	for _, how := range []string{"json", "events"} {
		sink := newRecorder()
		r := toolCall("batch")
		r.Params = []byte(`{"name":"batch","arguments":{"text":"` + how + `"}}`)
		a, err := s.Call(t.Context(), r, sink)
		if err != nil {
			t.Fatalf("%s: %v", how, err)
		}
		if got := firstText(a.Result()); got != "among \uFFFD" || len(sink.notices) != 1 {
			t.Errorf("%s: answer = %q with %d notices", how, got, len(sink.notices))
		}
		a.Release()
	}
	if got, want := s.Faults(), (Faults{Garbage: 4, Stray: 2}); got != want {
		t.Errorf("faults = %+v, want %+v", got, want)
	}
	for _, body := range []string{"empty", "echo"} {
		r := toolCall(body)
		a, err := s.Call(t.Context(), r, nil)
		a.Release()
		if (err != nil) != (body == "empty") {
			t.Errorf("%s: %v", body, err)
		}
	}
}
