package alert

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"
)

// A desk collects what is told.
type desk struct {
	mu   sync.Mutex
	told []map[string]any
}

func (d *desk) tell(params []byte) {
	var one map[string]any
	if err := json.Unmarshal(params, &one); err != nil {
		one = map[string]any{"bad": string(params)}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.told = append(d.told, one)
}

func (d *desk) all() []map[string]any {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]map[string]any(nil), d.told...)
}

func TestAlert(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		var d desk
		var recorded []string
		a := New(t.Context(), Options{
			Log: slog.New(slog.NewTextHandler(&log, nil)), Tell: d.tell,
			Record: func(_ context.Context, a *Alert) error {
				recorded = append(recorded, a.Kind+" "+a.Subject)
				return errors.New("the store is away")
			},
		})
		a.Alert(t.Context(), Alert{Kind: "drift", Severity: High, Server: "s", Subject: "tool\nx", Text: "changed", Remedy: "sumun pin show", Evidence: json.RawMessage(`{"now":1}`)})
		synctest.Wait()
		a.Close()
		all := d.all()
		if len(all) != 1 || all[0]["kind"] != "drift" || all[0]["severity"] != "high" || all[0]["subject"] != "tool\nx" || all[0]["id"] == "" || all[0]["evidence"] == nil || all[0]["count"] != nil {
			t.Errorf("told %v", all)
		}
		if len(recorded) != 1 || recorded[0] != "drift tool\nx" {
			t.Errorf("recorded %v", recorded)
		}
		for _, want := range []string{"level=ERROR msg=alert text=changed kind=drift", "remedy=\"sumun pin show\"", `subject="tool\nx"`, "the store is away"} {
			if !strings.Contains(log.String(), want) {
				t.Errorf("the log lacks %s:\n%s", want, &log)
			}
		}
		a.Alert(t.Context(), Alert{Kind: "late"})
		if len(d.all()) != 1 || !strings.Contains(log.String(), "kind=late") {
			t.Error("an alert after the end is told, or not even logged")
		}
	})
}

// TestFlood raises very many alerts: some are told, the others as one with their number; another kind is not held up.
func TestFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d desk
		a := New(t.Context(), Options{Log: slog.New(slog.DiscardHandler), Tell: d.tell})
		defer a.Close()
		const n = 5000
		for i := range n {
			s := Low
			if i == 4000 {
				s = Critical
			}
			a.Alert(t.Context(), Alert{Kind: "drift", Severity: s, Subject: fmt.Sprint("tool ", i), Text: "changed"})
		}
		a.Alert(t.Context(), Alert{Kind: "review", Text: "other"})
		synctest.Wait()
		if got := len(d.all()); got != burst+1 {
			t.Errorf("%d are told at once, want %d", got, burst+1)
		}
		time.Sleep(2 * window)
		synctest.Wait()
		all := d.all()
		if last := all[len(all)-1]; len(all) != burst+2 || last["count"] != float64(n-burst) || last["severity"] != "critical" || last["subject"] != "tool 4000" {
			t.Errorf("%d told, the last %v", len(all), last)
		}
		var raised int64
		a.Observe(func(_, _ string, n int64) { raised += n })
		if raised != n+1 {
			t.Errorf("%d counted", raised)
		}
		for range 3 {
			a.Alert(t.Context(), Alert{Kind: "same", Subject: "x", Text: "again"})
		}
		a.Close()
		all = d.all()
		if got := all[len(all)-1]; len(all) != burst+4 || got["count"] != float64(2) {
			t.Errorf("what says the same: %v", all[burst+2:])
		}
	})
}

func TestManyKinds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := New(t.Context(), Options{Log: slog.New(slog.DiscardHandler)})
		for i := range 10 * maxKinds {
			a.Alert(t.Context(), Alert{Kind: strconv.Itoa(i), Text: "x"})
		}
		a.Close()
		if len(a.floods) > maxKinds+1 || len(a.counts) > maxKinds+1 {
			t.Errorf("%d kinds are kept", len(a.floods))
		}
	})
}

// TestLong cuts what a server may have chosen.
func TestLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d desk
		a := New(t.Context(), Options{Log: slog.New(slog.DiscardHandler), Tell: d.tell})
		a.Alert(t.Context(), Alert{Kind: "x", Subject: strings.Repeat("é", 1<<20)})
		a.Close()
		if s, _ := d.all()[0]["subject"].(string); len(s) > 1100 || strings.ContainsRune(s, utf8.RuneError) {
			t.Errorf("%d bytes", len(s))
		}
	})
}

func TestNil(t *testing.T) {
	var a *Alerts
	a.Alert(t.Context(), Alert{})
	if err := a.Set(Settings{}); err != nil {
		t.Error(err)
	}
	a.Close()
}

func TestSeverity(t *testing.T) {
	for s := Info; s <= Critical; s++ {
		if got, err := ParseSeverity(s.String()); err != nil || got != s {
			t.Errorf("%s: %v, %v", s, got, err)
		}
	}
	if _, err := ParseSeverity("bad"); err == nil {
		t.Error("bad is a severity")
	}
}

// TestWebhook posts what is bad enough, signed, to an address that is not public since the operator has named it.
func TestWebhook(t *testing.T) {
	var got sync.Map
	posted := make(chan string, 10)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got.Store("head", r.Header.Clone())
		posted <- string(body)
	}))
	defer server.Close()
	a := New(t.Context(), Options{Log: slog.New(slog.DiscardHandler)})
	key := []byte("0123456789abcdef")
	if err := a.Set(Settings{Webhook: server.URL + "/hook?token=t", Secret: "whsec_" + base64.StdEncoding.EncodeToString(key), Least: Medium}); err != nil {
		t.Fatal(err)
	}
	a.Alert(t.Context(), Alert{Kind: "low", Severity: Low, Text: "not posted"})
	a.Alert(t.Context(), Alert{Kind: "drift", Severity: High, Subject: "tool", Text: "changed", Remedy: "look", ID: "7"})
	body := <-posted
	a.Close()
	for len(posted) > 0 { // the end may have come between the post and its answer
		if again := <-posted; again != body {
			t.Errorf("another alert was posted: %s", again)
		}
	}
	var told struct{ Text, Kind, Message string }
	if err := json.Unmarshal([]byte(body), &told); err != nil || told.Text != "[high] tool: changed → look" || told.Kind != "drift" || told.Message != "changed" {
		t.Errorf("%s: %v", body, err)
	}
	value, _ := got.Load("head")
	head, _ := value.(http.Header)
	mac := hmac.New(sha256.New, key)
	_, _ = io.WriteString(mac, "alert_7."+head.Get("Webhook-Timestamp")+"."+body)
	if want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)); head.Get("Webhook-Signature") != want || head.Get("Webhook-Id") != "alert_7" {
		t.Errorf("head %v, want the signature %s", head, want)
	}
}

// TestSecrets takes a secret as it is written where it is not in base64.
func TestSecrets(t *testing.T) {
	for secret, want := range map[string]string{"plain": "plain", "whsec_YWI=": "ab", "whsec_%": "whsec_%"} {
		if got := string(keyOf(secret)); got != want {
			t.Errorf("keyOf(%q) = %q", secret, got)
		}
	}
}

// A transport answers without a network.
type transport func(*http.Request) (int, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) {
	code, err := f(r)
	if err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: code, Status: strconv.Itoa(code), Body: http.NoBody, Header: http.Header{"Retry-After": {"30"}}, Request: r}, nil
}

// TestRetries posts again what may be taken later, with pauses that grow, and not what is refused; the URL stands in no log.
func TestRetries(t *testing.T) {
	tests := map[string]struct {
		codes []int // 0 is a broken connection; the last one repeats
		posts int64
		lost  int64
		took  time.Duration
	}{
		"at once":          {[]int{200}, 1, 0, 0},
		"broken":           {[]int{0, 0, 204}, 3, 0, 3 * time.Second},
		"busy":             {[]int{429, 503, 200}, 3, 0, time.Minute},
		"refused":          {[]int{404}, 1, 1, 0},
		"a redirect":       {[]int{302}, 1, 1, 0},
		"down for a while": {[]int{0}, attempts, 1, 4*time.Minute + 3*time.Second},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				a := New(t.Context(), Options{Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
				if err := a.Set(Settings{Webhook: "http://hook.example.com/SECRET"}); err != nil {
					t.Fatal(err)
				}
				var posts atomic.Int64
				began, ended := time.Now(), time.Time{}
				a.hook.to.client = &http.Client{Transport: transport(func(*http.Request) (int, error) {
					code := tt.codes[min(int(posts.Add(1)), len(tt.codes))-1]
					ended = time.Now()
					if code == 0 {
						return 0, errors.New("broken")
					}
					return code, nil
				}), CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
				a.Alert(t.Context(), Alert{Kind: "x", Severity: High, Text: "y"})
				time.Sleep(time.Hour)
				synctest.Wait()
				if lost := a.Observe(func(string, string, int64) {}); posts.Load() != tt.posts || lost != tt.lost || ended.Sub(began) != tt.took {
					t.Errorf("%d posts, %d lost, %v", posts.Load(), lost, ended.Sub(began))
				}
				a.Close()
				if strings.Contains(log.String(), "SECRET") {
					t.Errorf("the log tells the URL:\n%s", &log)
				}
			})
		})
	}
}

// TestPatience keeps no more than it may of what a webhook does not take, and tries once more at the end.
func TestPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := New(t.Context(), Options{Log: slog.New(slog.DiscardHandler)})
		if err := a.Set(Settings{Webhook: "http://hook.example.com/"}); err != nil {
			t.Fatal(err)
		}
		var posts atomic.Int64
		a.hook.to.client = &http.Client{Transport: transport(func(r *http.Request) (int, error) {
			posts.Add(1)
			<-r.Context().Done()
			return 0, r.Context().Err()
		})}
		for i := range 2 * maxOutbox {
			a.hook.push(&Alert{ID: strconv.Itoa(i)})
		}
		synctest.Wait()
		if n := len(a.hook.outbox); n > maxOutbox {
			t.Errorf("%d wait", n)
		}
		began := time.Now()
		a.Close()
		if took := time.Since(began); took > parting+time.Second || len(a.hook.outbox) != 0 {
			t.Errorf("the end took %v, %d are left", took, len(a.hook.outbox))
		}
	})
}

func TestSetRefuses(t *testing.T) {
	a := New(t.Context(), Options{Log: slog.New(slog.DiscardHandler)})
	defer a.Close()
	for _, webhook := range []string{"http://[::1", "http://a b/"} {
		if err := a.Set(Settings{Webhook: webhook}); err == nil {
			t.Errorf("%q is taken", webhook)
		}
	}
}
