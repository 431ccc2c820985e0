package s3

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestOpenRefuses(t *testing.T) {
	for _, text := range []string{
		"", "s3://", "gs://reports", "s3:reports", "s3://reports?endpoint=127.0.0.1", "s3://reports?endpoint=ftp://x", "s3://reports?endpoint=http://127.0.0.1/path",
		"s3://reports?endpoint=http://",
	} {
		if s, err := Open(Options{URL: text, MaxBytes: 1}); err == nil {
			s.Close()
			t.Errorf("%q was opened", text)
		}
	}
}

// TestStore speaks to a store that answers what it is told to. What a real one does is tested in interop, what clients see in package resource.
func TestStore(t *testing.T) {
	var answer http.HandlerFunc
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, fmt.Sprint(r.Method, " ", r.URL.Path, " ", r.Header.Get("If-Match"), r.Header.Get("If-None-Match")))
		answer(w, r)
	}))
	defer server.Close()
	s, err := Open(Options{URL: "s3://reports/2026?endpoint=" + server.URL, AccessKey: "key", SecretKey: "secret", MaxBytes: 10})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	fail := func(status int, code string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			fmt.Fprintf(w, "<Error><Code>%s</Code></Error>", code)
		}
	}

	answer = fail(http.StatusNotFound, "NoSuchKey")
	if _, err := s.Get(t.Context(), "a", ""); !errors.Is(err, ErrNotFound) {
		t.Errorf("no object: %v", err)
	}
	answer = fail(http.StatusNotFound, "NoSuchBucket")
	if _, err := s.Get(t.Context(), "a", ""); err == nil || errors.Is(err, ErrNotFound) {
		t.Errorf("no bucket: %v", err)
	}
	answer = func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("ETag", `"abc"`)
		w.Header().Set("Last-Modified", "Wed, 21 Oct 2026 07:28:00 GMT")
		fmt.Fprint(w, strings.Repeat("x", 11))
	}
	_, err = s.Get(t.Context(), "a", "")
	if told, ok := errors.AsType[Refusal](err); !ok || !strings.Contains(told.Told(), "at most 10") {
		t.Errorf("a large object: %v", err)
	}

	// What a caller says that it knows is one etag, and not a list in which the store finds its own.
	answer = func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.Header.Get("If-None-Match"), `"abc"`) {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		w.Header().Set("ETag", `"abc"`)
		w.Header().Set("Last-Modified", "Wed, 21 Oct 2026 07:28:00 GMT")
		fmt.Fprint(w, "x")
	}
	for _, known := range []string{`other", "abc`, `", "abc`, `abc", "`} {
		if o, err := s.Get(t.Context(), "a", known); err == nil && o.ETag != "abc" {
			t.Errorf("known %s: the object has the etag %s", known, o.ETag)
		}
	}
	if o, err := s.Get(t.Context(), "a", "abc"); err != nil || !o.Unchanged {
		t.Errorf("the known etag: %v, %v", o, err)
	}

	// A condition that fails is asked about again, and not without end.
	asked = nil
	answer = func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			fail(http.StatusPreconditionFailed, "PreconditionFailed")(w, r)
			return
		}
		w.Header().Set("ETag", fmt.Sprintf(`"%d"`, len(asked)))
		w.Header().Set("Last-Modified", "Wed, 21 Oct 2026 07:28:00 GMT")
	}
	allowed := 0
	_, err = s.Put(t.Context(), "a b", &Change{Content: []byte("x"), Type: "text/plain", Allow: func(string) error { allowed++; return nil }})
	if _, ok := errors.AsType[Refusal](err); !ok || allowed != putTries {
		t.Errorf("others are always faster: %v after %d times", err, allowed)
	}
	if want := `PUT /reports/2026/a b "1"`; len(asked) < 2 || asked[1] != want {
		t.Errorf("asked %q, want %q", asked, want)
	}
	no := errors.New("no")
	if _, err := s.Put(t.Context(), "a", &Change{Allow: func(string) error { return no }}); !errors.Is(err, no) {
		t.Errorf("what is not allowed: %v", err)
	}
}
