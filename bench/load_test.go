package main

import (
	"net/http"
	"strings"
	"testing"
)

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
			sc := script{shape: shapes()[0], addr: front(t, tt.handler)}
			seats, err := openSeats(t.Context(), callWork(small()).task(sc), 1)
			if err != nil {
				t.Fatal(err)
			}
			defer closeSeats(seats, sc)
			got := drive(t.Context(), seats, grace, 1000)
			if got.Calls != 0 || got.Failed != tt.failed || got.Dropped != tt.dropped || got.First == nil || !strings.Contains(got.First.Error(), tt.first) {
				t.Errorf("%d calls, %d failed, %d dropped, first %v", got.Calls, got.Failed, got.Dropped, got.First)
			}
		})
	}
}

func TestClosingAnswersAreCountedAsDrops(t *testing.T) {
	e := newUpstream("both", false, 1)
	sc := script{shape: shapes()[0], addr: front(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Connection", "close")
		e.ServeHTTP(w, r)
	}))}
	seats, err := openSeats(t.Context(), callWork(small()).task(sc), 2)
	if err != nil {
		t.Fatal(err)
	}
	defer closeSeats(seats, sc)
	if got := drive(t.Context(), seats, grace, 10); got.Calls != 10 || got.Dropped != 10 {
		t.Errorf("%d calls, %d dropped, first %v; want 10 of each", got.Calls, got.Dropped, got.First)
	}
}

func TestHandshakeFailuresAreNamed(t *testing.T) {
	sc := script{shape: shapes()[1], addr: front(t, http.NotFoundHandler())}
	_, err := openSeats(t.Context(), callWork(small()).task(sc), 1)
	if err == nil || !strings.Contains(err.Error(), "initialize: status 404") {
		t.Errorf("error = %v", err)
	}
}
