package http1

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// shows is an Authority that gives its values one after the other.
type shows struct {
	values  []string
	wanted  bool  // whether another attempt is worth it
	err     error // of Refused
	refused []string
	seconds int
}

func (s *shows) Authorization(context.Context) (string, error) {
	if len(s.values) == 0 {
		return "", errNothing
	}
	return s.values[0], nil
}

func (s *shows) Refused(_ context.Context, shown string, second bool, _ *http.Response) (bool, error) {
	s.refused = append(s.refused, shown)
	if second {
		s.seconds++
	}
	if len(s.values) > 1 {
		s.values = s.values[1:]
	}
	return s.wanted, s.err
}

var errNothing = errors.New("there is nothing to show")

// TestAs makes requests that show what an Authority gives, in both ways in which requests are made.
func TestAs(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if got := r.Header.Values("Authorization"); len(got) != 1 || got[0] != "good" || string(body) != "hello" {
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	defer server.Close()
	base := For(server.URL, nil)
	defer base.CloseIdleConnections()
	u, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	ways := map[string]func(*Transport) (*http.Response, error){
		"do": func(tr *Transport) (*http.Response, error) {
			return tr.Do(t.Context(), &Request{Method: http.MethodPost, URL: u, Header: http.Header{"Authorization": {"configured"}}, Body: []byte("hello")})
		},
		"round trip": func(tr *Transport) (*http.Response, error) {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, strings.NewReader("hello"))
			if err != nil {
				return nil, err
			}
			return tr.RoundTrip(r)
		},
	}
	stop := errors.New("stop")
	for name, c := range map[string]struct {
		who             shows
		status, refused int
		err             error
	}{
		"good":            {shows{values: []string{"good"}}, 200, 0, nil},
		"renewed":         {shows{values: []string{"bad", "good"}, wanted: true}, 200, 1, nil},
		"not worth it":    {shows{values: []string{"bad", "good"}}, 401, 1, nil},
		"twice bad":       {shows{values: []string{"bad", "worse", "good"}, wanted: true}, 401, 2, nil},
		"nothing to show": {shows{}, 0, 0, errNothing},
		"stopped":         {shows{values: []string{"bad"}, err: stop}, 0, 1, stop},
	} {
		for way, send := range ways {
			who := c.who
			resp, err := send(base.As(&who))
			if !errors.Is(err, c.err) || IsRefusal(err) != (c.err != nil) || len(who.refused) != c.refused || who.seconds != max(0, c.refused-1) {
				t.Errorf("%s, %s: %v after %q were refused", name, way, err, who.refused)
			}
			if err == nil {
				_ = resp.Body.Close()
				if resp.StatusCode != c.status {
					t.Errorf("%s, %s: %s", name, way, resp.Status)
				}
			}
		}
	}
}

// TestAsOnce does not send a body twice that cannot be had twice.
func TestAsOnce(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusUnauthorized)
	}))
	defer server.Close()
	base := For(server.URL, nil)
	defer base.CloseIdleConnections()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, io.NopCloser(strings.NewReader("hello")))
	if err != nil {
		t.Fatal(err)
	}
	if resp, err := base.As(&shows{values: []string{"bad", "good"}, wanted: true}).RoundTrip(r); err == nil {
		_ = resp.Body.Close()
		t.Errorf("answered %s", resp.Status)
	}
}
