package alert

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sumun-mcp/sumun/internal/dial"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// Settings are what the configuration says of alerts.
type Settings struct {
	// Webhook is the URL that alerts are posted to; empty for none. Its host may have any address: the operator has named it.
	Webhook string
	// Secret signs what is posted; empty for none.
	Secret string
	// Least is the least severity that is posted.
	Least Severity
}

const (
	// maxOutbox is how many alerts may wait for the webhook; the oldest make room.
	maxOutbox = 1000
	// attempts is how often one is posted, with pauses from firstPause to lastPause between.
	attempts   = 10
	firstPause = time.Second
	lastPause  = time.Minute
	// patience is how long an answer may take, and parting how long the end of the gateway waits for the webhook.
	patience = 10 * time.Second
	parting  = 3 * time.Second
	// maxAnswer is how much of an answer is read, so that its connection can be used again.
	maxAnswer = 64 << 10
)

// A hook posts alerts, one after the other, in the form of Standard Webhooks (github.com/standard-webhooks/standard-webhooks).
type hook struct {
	log  *slog.Logger
	lost atomic.Int64 // alerts that were given up
	wake chan struct{}

	mu     sync.Mutex
	to     *target // nil without a webhook
	outbox []*Alert
}

// A target is where and how one configuration has alerts posted.
type target struct {
	Settings
	key    []byte // nil without a secret
	dialer *dial.Dialer
	client *http.Client
}

func (h *hook) init(log *slog.Logger) { h.log, h.wake = log, make(chan struct{}, 1) }

// Set takes settings over. What waits is posted by the new ones. An error says that the webhook cannot be used; the one before stays.
func (a *Alerts) Set(s Settings) error {
	if a == nil {
		return nil
	}
	to, err := aim(s)
	if err != nil {
		return err
	}
	a.hook.mu.Lock()
	defer a.hook.mu.Unlock()
	a.hook.to.close()
	a.hook.to = to
	return nil
}

// close ends connections that are idle.
func (t *target) close() {
	if t != nil {
		t.dialer.Close()
	}
}

// aim makes a target of settings; nil where there is no webhook.
func aim(s Settings) (*target, error) {
	if s.Webhook == "" {
		return nil, nil //nolint:nilnil // no webhook is no fault
	}
	u, err := url.Parse(s.Webhook)
	if err != nil {
		return nil, fmt.Errorf("alerts.webhook: %w", err)
	}
	d, err := dial.New(dial.Policy{Hosts: []string{u.Host}, Private: []string{u.Host}, Redirects: -1})
	if err != nil {
		return nil, fmt.Errorf("alerts.webhook: %w", err)
	}
	t := &target{Settings: s, dialer: d, client: d.Client()}
	if s.Secret != "" {
		t.key = keyOf(s.Secret)
	}
	return t, nil
}

// keyOf returns the bytes of a secret: those in base64 after whsec_, as Standard Webhooks writes secrets, or else the text's own.
func keyOf(secret string) []byte {
	if coded, ok := strings.CutPrefix(secret, "whsec_"); ok {
		if key, err := base64.StdEncoding.DecodeString(coded); err == nil {
			return key
		}
	}
	return []byte(secret)
}

// push has an alert posted, if it is bad enough.
func (h *hook) push(a *Alert) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.to == nil || a.Severity < h.to.Least {
		return
	}
	if len(h.outbox) >= maxOutbox {
		h.outbox = h.outbox[1:]
		h.lost.Add(1)
	}
	h.outbox = append(h.outbox, a)
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

// next returns the oldest alert that waits, and where it goes; nil without one.
func (h *hook) next() (*Alert, *target) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.outbox) == 0 || h.to == nil {
		h.outbox = nil
		return nil, nil
	}
	a := h.outbox[0]
	h.outbox = h.outbox[1:]
	return a, h.to
}

// run posts what comes until ctx ends, and then what is left once all was told.
func (h *hook) run(ctx context.Context, told <-chan struct{}) {
	for {
		select {
		case <-ctx.Done():
			<-told
			h.part(ctx)
			return
		case <-h.wake:
		}
		for ctx.Err() == nil {
			a, to := h.next()
			if a == nil {
				break
			}
			h.deliver(ctx, a, to)
		}
	}
}

// part posts what still waits, once, for as long as is bearable.
func (h *hook) part(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), parting)
	defer cancel()
	for {
		a, to := h.next()
		if a == nil {
			break
		}
		if _, err := to.post(ctx, a); err != nil {
			h.giveUp(ctx, a, err)
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.to.close()
	h.to = nil
}

// deliver posts an alert until it is taken, refused for good, or has failed often enough. One that ctx interrupts waits again.
func (h *hook) deliver(ctx context.Context, a *Alert, to *target) {
	pause := firstPause
	for attempt := 1; ; attempt++ {
		wait, err := to.post(ctx, a)
		switch {
		case err == nil:
			return
		case ctx.Err() != nil:
			h.mu.Lock()
			h.outbox = append([]*Alert{a}, h.outbox...)
			h.mu.Unlock()
			return
		case wait < 0 || attempt == attempts:
			h.giveUp(ctx, a, err)
			return
		}
		h.log.DebugContext(ctx, "an alert is posted again", slog.String("id", a.ID), slog.Any("error", err))
		select {
		case <-ctx.Done():
		case <-time.After(min(max(pause, wait), lastPause)):
		}
		pause *= 2
	}
}

func (h *hook) giveUp(ctx context.Context, a *Alert, err error) {
	h.lost.Add(1)
	h.log.ErrorContext(ctx, "the webhook was not told of an alert", slog.String("id", a.ID), slog.String("alert", a.Kind), slog.Any("error", err))
}

// errRefused is in errors of which the same request would have no other.
var errRefused = errors.New("the webhook does not take it")

// post posts an alert once. After an error the pause is how long the webhook asks to wait, negative if it will never take it.
func (t *target) post(ctx context.Context, a *Alert) (pause time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	body := t.body(a)
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, t.Webhook, bytes.NewReader(body))
	if err != nil {
		return -1, err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "sumun")
	t.sign(r.Header, a.ID, time.Now(), body)
	answer, err := t.client.Do(r)
	if err != nil {
		return 0, plain(err)
	}
	defer answer.Body.Close() //nolint:errcheck // it was only read
	_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, maxAnswer))
	switch code := answer.StatusCode; {
	case code < http.StatusMultipleChoices:
		return 0, nil
	case code >= http.StatusInternalServerError, code == http.StatusTooManyRequests, code == http.StatusRequestTimeout:
		seconds, _ := strconv.Atoi(answer.Header.Get("Retry-After"))
		return time.Duration(max(seconds, 0)) * time.Second, fmt.Errorf("the webhook answers %s", answer.Status)
	default:
		return -1, fmt.Errorf("%w: it answers %s", errRefused, answer.Status)
	}
}

// plain returns an error without the URL, which may be a secret.
func plain(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}

// body is what is posted: the alert, and its text in one line under the name by which chat programs look for one.
func (t *target) body(a *Alert) []byte {
	line := fmt.Sprintf("[%s] %s", a.Severity, a.Text)
	if a.Subject != "" {
		line = fmt.Sprintf("[%s] %s: %s", a.Severity, a.Subject, a.Text)
	}
	if a.Remedy != "" {
		line += " → " + a.Remedy
	}
	b := wire.AppendQuote([]byte(`{"text":`), line)
	return append(append(b, ','), a.JSON()[1:]...)
}

// sign sets the headers of Standard Webhooks: what tells deliveries apart, when it is sent, and with a secret the HMAC-SHA-256 of both
// and the body.
func (t *target) sign(h http.Header, id string, at time.Time, body []byte) {
	id, when := "alert_"+id, strconv.FormatInt(at.Unix(), 10)
	h.Set("Webhook-Id", id)
	h.Set("Webhook-Timestamp", when)
	if t.key == nil {
		return
	}
	mac := hmac.New(sha256.New, t.key)
	_, _ = fmt.Fprintf(mac, "%s.%s.%s", id, when, body) // a hash takes everything
	h.Set("Webhook-Signature", "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
}
