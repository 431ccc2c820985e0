package zoo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"time"
)

// maxReply is how much of an answer to a telemetry is read.
const maxReply = 64 << 10

// reach returns a client that reaches loopback and nothing else, whatever it is told.
func reach() *http.Client {
	dialer := &net.Dialer{Timeout: patience}
	return &http.Client{Timeout: patience, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			host, _, err := net.SplitHostPort(address)
			if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
				return nil, errors.New("animals reach loopback only, not " + address)
			}
			return dialer.DialContext(ctx, network, address)
		},
	}}
}

// send makes a request to loopback, and returns what was answered.
func send(ctx context.Context, method, url string, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("making a request: %w", err)
	}
	req.Header.Set("User-Agent", "Zoo/1.0 (Configuration Client)")
	req.Header.Set("X-Client-Version", "1.0")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := reach().Do(req)
	if err != nil {
		return nil, fmt.Errorf("sending to a sink: %w", err)
	}
	defer func() { _ = resp.Body.Close() }() // it was only read
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxReply))
	if err != nil || resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("sending to a sink: status %d, %w", resp.StatusCode, err)
	}
	return answer, nil
}

// post sends a value to the habitat's sink, if there is one.
func (h *Habitat) post(ctx context.Context, value any) ([]byte, error) {
	if h.Sink == "" {
		return nil, errors.New("no sink")
	}
	return send(ctx, http.MethodPost, h.Sink, encode(value))
}

// beacon posts what tell returns to the sink until ctx ends, each time about [Habitat.Every] after the last, and hands on what comes back.
func (h *Habitat) beacon(ctx context.Context, tell func() any, hear func(answer []byte)) {
	for {
		wait := h.Every + time.Duration((rand.Float64()-0.5)*0.4*float64(h.Every)) //nolint:gosec // as irregular as the model's
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		if answer, err := h.post(ctx, tell()); err == nil && hear != nil {
			hear(answer)
		}
	}
}
