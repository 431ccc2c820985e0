package transport

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sumun-mcp/sumun/internal/wire"
)

func atModern(t *testing.T) Target {
	t.Helper()
	return Target{URL: sdkHTTP(t, Modern)}
}

func atLegacy(t *testing.T) Target {
	t.Helper()
	return Target{URL: sdkHTTP(t, Legacy)}
}

// remembered is a legacy server of which another era may be remembered.
func remembered(era Era) func(t *testing.T) Target {
	return func(t *testing.T) Target {
		t.Helper()
		return Target{URL: sdkHTTP(t, Legacy), Era: era}
	}
}

// TestPeers opens sessions with servers of the official SDK over every transport, in each era.
func TestPeers(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		target func(t *testing.T) Target
		hello  Hello
		want   Era
	}{
		"in process":              {func(*testing.T) Target { return Target{InProcess: newSDK()} }, Hello{}, Modern},
		"in process, legacy":      {func(*testing.T) Target { return Target{InProcess: newSDK()} }, Hello{Require: Legacy}, Legacy},
		"stdio":                   {func(*testing.T) Target { return Target{Command: self("sdk")} }, Hello{}, Modern},
		"stdio, prefers legacy":   {func(*testing.T) Target { return Target{Command: self("sdk")} }, Hello{Prefer: Legacy}, Legacy},
		"http modern":             {atModern, Hello{}, Modern},
		"http legacy":             {atLegacy, Hello{}, Legacy},
		"http legacy, remembered": {remembered(Legacy), Hello{}, Legacy},
		"http, wrongly remembered": {
			remembered(Modern), Hello{}, Legacy,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t, tt.target(t), tt.hello)
			if got := EraOf(s.Revision()); got != tt.want {
				t.Fatalf("era = %v (%s), want %v", got, s.Revision().Name, tt.want)
			}
			if !strings.Contains(string(s.Info()), `"sdk"`) || string(s.Instructions()) != `"be brief"` {
				t.Errorf("info = %s, instructions = %s", s.Info(), s.Instructions())
			}
			if got := call(t, s, "echo", nil); got != "hi" {
				t.Errorf("echo = %q, want hi", got)
			}
			sink := newRecorder()
			if got := call(t, s, "progress", sink); got != "done" {
				t.Errorf("progress = %q, want done", got)
			}
			if n := len(sink.notices); n != 3 {
				t.Errorf("%d progress notifications, want 3", n)
			}
			if f := s.Faults(); f != (Faults{}) {
				t.Errorf("faults = %+v, want none", f)
			}
		})
	}
}

// TestEras finds the era of servers that answer the probe oddly.
func TestEras(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"plain", "banner", "shy", "mute", "flood"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s := open(t, Target{Command: self(kind)}, Hello{})
			if s.Revision().Stateless {
				t.Fatalf("revision = %s, want a legacy one", s.Revision().Name)
			}
			if got := call(t, s, "echo", nil); !strings.Contains(got, `"name":"echo"`) {
				t.Errorf("echo = %q", got)
			}
		})
	}
}

// TestNotOpened tells why a session could not be opened.
func TestNotOpened(t *testing.T) {
	t.Parallel()
	missing := self("plain")
	missing.Path = "no-such-program"
	absolute := self("plain")
	absolute.Path = "/no/such/program"
	tests := map[string]struct {
		target Target
		hello  Hello
		want   string
	}{
		"missing command": {Target{Command: missing}, Hello{}, `"no-such-program" was not found in PATH`},
		"missing path":    {Target{Command: absolute}, Hello{}, `/no/such/program`},
		"dead":            {Target{Command: self("dead")}, Hello{}, "exit status 3; it said: the licence has expired"},
		"wrong era":       {Target{Command: self("plain")}, Hello{Require: Modern}, "no such method"},
		"no server":       {Target{URL: "http://127.0.0.1:1/mcp"}, Hello{}, "cannot be reached"},
		"bad URL":         {Target{URL: "ftp://example.com"}, Hello{}, "not an http or https URL"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tt.target.Name = "test"
			s, err := Open(t.Context(), tt.target, tt.hello)
			if err == nil {
				s.Close()
				t.Fatal("Open succeeded")
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error = %q, want one with %q", err, tt.want)
			}
		})
	}
}

// TestEndsWhatWasOpened ends a session that a server has named although it then could not be opened.
func TestEndsWhatWasOpened(t *testing.T) {
	t.Parallel()
	ended := make(chan string, 1)
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodDelete {
			ended <- r.Header.Get("Mcp-Session-Id")
			return
		}
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Mcp-Session-Id", "s1")
		asJSON(w, http.StatusOK, `{"jsonrpc":"2.0","id":`+string(wire.Get(body, "id"))+`,"error":{"code":-32603,"message":"not now"}}`)
	}))
	defer web.Close()
	s, err := Open(t.Context(), Target{URL: web.URL, MaxMessage: 1 << 20}, Hello{Require: Legacy})
	if err == nil {
		s.Close()
		t.Fatal("it was opened")
	}
	if got := <-ended; got != "s1" {
		t.Errorf("the session %q was ended", got)
	}
}
