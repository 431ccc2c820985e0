package load

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// front starts a server for the test and returns its address.
func front(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://")
}

// echoID answers a request with an empty result under its id, and a notification with 202.
func echoID(w http.ResponseWriter, r *http.Request) {
	var request struct{ ID *int }
	if json.NewDecoder(r.Body).Decode(&request) != nil || request.ID == nil {
		w.WriteHeader(http.StatusAccepted)
		return
	}
	w.Header().Set("Mcp-Session-Id", "s"+r.RemoteAddr)
	fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%d,"result":{}}`, *request.ID)
}

// smallCalls is the task of making small calls, with any answer.
func smallCalls(s Script) Task {
	return Task{Script: s, Request: func(session string) *Message { return s.Call(session, Small()) }}
}

func TestClientsDoTheirTask(t *testing.T) {
	for _, sh := range Shapes() {
		clients, err := Open(t.Context(), smallCalls(Script{Shape: sh, Addr: front(t, echoID)}), 3)
		if err != nil {
			t.Fatal(err)
		}
		got := clients.Drive(t.Context(), grace, 100)
		clients.Close()
		if got.Calls != 100 || got.Failed != 0 || got.Dropped != 0 || got.First != nil {
			t.Errorf("%s: %d calls, %d failed, %d dropped, first %v", sh.Name, got.Calls, got.Failed, got.Dropped, got.First)
		}
		if p50, all := got.Quantile(0.5), got.Quantile(1); p50 <= 0 || p50 > all || all > grace {
			t.Errorf("%s: p50 %v of %v", sh.Name, p50, all)
		}
	}
}

func TestSessionsAreOpened(t *testing.T) {
	sc := Script{Shape: Shapes()[1], Addr: front(t, echoID)}
	sessions, err := OpenSessions(t.Context(), sc, 50)
	if err != nil || len(sessions) != 50 || sessions[0] == "" || sessions[49] == "" {
		t.Fatalf("%q, %v", sessions, err)
	}
	if err := CallIn(t.Context(), sc, sessions[0]); err != nil {
		t.Error(err)
	}
}

// TestFailuresAreCounted drives clients against servers that misbehave.
func TestFailuresAreCounted(t *testing.T) {
	answer := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(text)) }
	}
	tests := []struct {
		name            string
		handler         http.HandlerFunc
		failed, dropped int64
		first           string
	}{
		{"foreign id", answer(`{"id":1,"result":{}}`), giveUp, 0, "lacks"},
		{"error", answer(`{"id":100000001,"error":{}}`), giveUp, 0, "result"},
		{"status", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }, giveUp, 0, "418"},
		{"drop", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, 0, giveUp, "EOF"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			sc := Script{Shape: Shapes()[0], Addr: front(t, tt.handler)}
			clients, err := Open(t.Context(), smallCalls(sc), 1)
			if err != nil {
				t.Fatal(err)
			}
			defer clients.Close()
			got := clients.Drive(t.Context(), grace, 1000)
			if got.Calls != 0 || got.Failed != tt.failed || got.Dropped != tt.dropped || got.First == nil || !strings.Contains(got.First.Error(), tt.first) {
				t.Errorf("%d calls, %d failed, %d dropped, first %v", got.Calls, got.Failed, got.Dropped, got.First)
			}
		})
	}
}

func TestClosingAnswersAreCountedAsDrops(t *testing.T) {
	sc := Script{Shape: Shapes()[0], Addr: front(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Connection", "close")
		echoID(w, r)
	})}
	clients, err := Open(t.Context(), smallCalls(sc), 2)
	if err != nil {
		t.Fatal(err)
	}
	defer clients.Close()
	if got := clients.Drive(t.Context(), grace, 10); got.Calls != 10 || got.Dropped != 10 {
		t.Errorf("%d calls, %d dropped, first %v; want 10 of each", got.Calls, got.Dropped, got.First)
	}
}

func TestHandshakeFailuresAreNamed(t *testing.T) {
	sc := Script{Shape: Shapes()[1], Addr: front(t, http.NotFound)}
	_, err := Open(t.Context(), smallCalls(sc), 1)
	if err == nil || !strings.Contains(err.Error(), "initialize: status 404") {
		t.Errorf("error = %v", err)
	}
}
