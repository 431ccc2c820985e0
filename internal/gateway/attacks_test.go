package gateway_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/sumun-mcp/sumun/internal/config"
)

// TestKeyElsewhere shows a good key wherever it does not belong: it is not looked at.
func TestKeyElsewhere(t *testing.T) {
	t.Parallel()
	g, s := openKeyed(t, nil)
	key := addKey(t, s, "ci", "quiet")
	body := fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":"ping","params":{"_meta":{"authorization":"Bearer %[1]s","apiKey":%[1]q}},"key":%[1]q}`, key)
	for name, change := range map[string]func(*http.Request){
		"nowhere":           func(*http.Request) {},
		"the query":         func(r *http.Request) { r.URL.RawQuery = "access_token=" + key + "&key=" + key + "&apiKey=" + key },
		"the user":          func(r *http.Request) { r.Header.Set("Authorization", "Basic OmtleQ==") },
		"a cookie":          func(r *http.Request) { r.Header.Set("Cookie", "Authorization=Bearer "+key) },
		"another header":    func(r *http.Request) { r.Header.Set("X-Api-Key", key) },
		"a proxy's header":  func(r *http.Request) { r.Header.Set("Proxy-Authorization", "Bearer "+key) },
		"a forwarded one":   func(r *http.Request) { r.Header.Set("X-Forwarded-Authorization", "Bearer "+key) },
		"without a scheme":  func(r *http.Request) { r.Header.Set("Authorization", key) },
		"as Basic":          func(r *http.Request) { r.Header.Set("Authorization", "Basic "+key) },
		"as Token":          func(r *http.Request) { r.Header.Set("Authorization", "Token "+key) },
		"as two":            func(r *http.Request) { r.Header["Authorization"] = []string{"Bearer " + key, "Bearer " + key} },
		"with a comma":      func(r *http.Request) { r.Header.Set("Authorization", "Bearer x, Bearer "+key) },
		"with another case": func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+strings.ToLower(key)) },
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, g.url, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		change(req)
		res, err := g.web.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		answer, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if res.StatusCode != http.StatusUnauthorized || strings.Contains(string(answer), key) {
			t.Errorf("the key in %s: %d %s", name, res.StatusCode, answer)
		}
	}
}

// TestLinesBypass asks over ways that carry many messages for what is denied: each is decided by itself.
func TestLinesBypass(t *testing.T) {
	t.Parallel()
	g, s := openKeyed(t, func(c *config.Config) { c.Scopes["deny:beep"] = config.Scope{Names: []string{"echo"}} })
	key := addKey(t, s, "ci", "quiet")
	denied := func(id int) string {
		return fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"echo","arguments":{}}}`, id)
	}
	batch := &client{gate: g, key: key, older: "2025-03-26"}
	batch.initialize(t, "{}")
	in := batch.post(t, "["+denied(1)+`,{"jsonrpc":"2.0","id":2,"method":"tools/list"},`+denied(3)+"]", nil)
	for _, m := range in.all() {
		if strings.Contains(m, `"echo"`) || strings.Contains(m, "echo {") {
			t.Errorf("in a batch: %s", m)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	conn, _, err := websocket.Dial(ctx, g.url, &websocket.DialOptions{ //nolint:bodyclose // nothing to close (websocket.Dial)
		HTTPClient: g.web, HTTPHeader: http.Header{"Authorization": {"Bearer " + key}},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()
	for _, message := range []string{
		`{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"` + legacyRevision + `","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}`,
		denied(1), `{"jsonrpc":"2.0","id":2,"method":"mcp.tool.invoke","params":{"toolId":"echo","args":{}}}`,
	} {
		if err := conn.Write(ctx, websocket.MessageText, []byte(message)); err != nil {
			t.Fatal(err)
		}
		for {
			_, answer, err := conn.Read(ctx)
			if err != nil {
				t.Fatal(err)
			}
			var m struct {
				ID     json.RawMessage
				Error  *struct{ Message string }
				Result json.RawMessage
			}
			if err := json.Unmarshal(answer, &m); err != nil || m.ID == nil {
				continue
			}
			if string(m.ID) != "0" && (m.Error == nil || !strings.Contains(m.Error.Message, "unknown tool")) {
				t.Errorf("on a WebSocket: %s", answer)
			}
			break
		}
	}
}

// TestRevokedKeyEndsParkedCalls ends a call that waits for answers, and refuses them, within a second of the revocation.
func TestRevokedKeyEndsParkedCalls(t *testing.T) {
	t.Parallel()
	g, s := openKeyed(t, func(c *config.Config) { c.Servers = []config.Server{startPeer(t, false).server("peer")} })
	c := g.modernClient(everything)
	c.key = addKey(t, s, "ci", "quiet")
	q := c.questionOf(t, "elicit")
	if metrics := g.metricsText(t); !strings.Contains(metrics, "sumun_calls_parked 1") {
		t.Fatalf("no call is parked:\n%s", metrics)
	}
	began := time.Now()
	if _, err := s.RevokeKey(t.Context(), "ci"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the parked call has ended", func() bool {
		return strings.Contains(g.metricsText(t), "sumun_calls_parked 0")
	})
	if d := time.Since(began); d > 1500*time.Millisecond {
		t.Errorf("the parked call ended after %v", d)
	}
	answer := c.retry(t, "elicit", q, `{"action":"accept"}`)
	if strings.Contains(answer, `"result"`) || !strings.Contains(answer, "not known") {
		t.Errorf("the answers of a revoked key: %s", answer)
	}
}

// metricsText reads the instruments.
func (g *gate) metricsText(t *testing.T) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, g.origin()+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := g.web.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, _ := io.ReadAll(res.Body)
	return string(text)
}

// TestRevokedKeyEndsOlderStreams ends the streams of HTTP+SSE and of the dialect's events too.
func TestRevokedKeyEndsOlderStreams(t *testing.T) {
	t.Parallel()
	g, s := openKeyed(t, nil)
	key := addKey(t, s, "ci", "quiet")
	streams := map[string]io.ReadCloser{}
	for name, request := range map[string]func() (*http.Request, error){
		"HTTP+SSE": func() (*http.Request, error) {
			return http.NewRequestWithContext(t.Context(), http.MethodGet, g.origin()+"/sse", nil)
		},
		"events": func() (*http.Request, error) {
			body := `{"jsonrpc":"2.0","id":1,"method":"mcp.event.subscribe","params":{}}`
			return http.NewRequestWithContext(t.Context(), http.MethodPost, g.url, strings.NewReader(body))
		},
	} {
		req, err := request()
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Accept", "text/event-stream, application/json")
		req.Header.Set("Authorization", "Bearer "+key)
		res, err := g.web.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if res.StatusCode != http.StatusOK {
			t.Fatalf("%s: %d", name, res.StatusCode)
		}
		streams[name] = res.Body
	}
	began := time.Now()
	if _, err := s.RevokeKey(t.Context(), "ci"); err != nil {
		t.Fatal(err)
	}
	for name, stream := range streams {
		_, _ = io.Copy(io.Discard, stream)
		if d := time.Since(began); d > 1500*time.Millisecond {
			t.Errorf("%s ended after %v", name, d)
		}
	}
}

// TestLogInjection has callers choose names with line breaks and what steers a terminal: a record stays one line of JSON that has them
// escaped.
func TestLogInjection(t *testing.T) {
	t.Parallel()
	g, s := openKeyed(t, nil)
	c := g.modernClient("{}")
	c.key = addKey(t, s, "ci", "quiet")
	nasty := "x\n{\"v\":1,\"caller\":\"local\"}\r\n\x1b[2J\u202e"
	quoted, _ := json.Marshal(nasty)
	for method, params := range map[string]string{
		"tools/call": `{"name":` + string(quoted) + `,"arguments":{}}`, "resources/read": `{"uri":` + string(quoted) + `}`, "prompts/get": `{"name":` + string(quoted) + `}`,
	} {
		if answer := c.ask(t, method, params); strings.Contains(answer, `"result"`) {
			t.Errorf("%s: %s", method, answer)
		}
	}
	found := 0
	for _, record := range g.records(t) {
		var one map[string]any
		if err := json.Unmarshal([]byte(record), &one); err != nil || strings.ContainsAny(record, "\n\r\x1b") {
			t.Errorf("a record is not one line of JSON: %q: %v", record, err)
		}
		if one["caller"] == "local" && strings.Contains(record, "x\\n") {
			t.Errorf("a caller made a record of another one: %s", record)
		}
		if strings.Contains(record, `x\n`) {
			found++
		}
	}
	if found != 3 {
		t.Errorf("%d records tell what was asked for", found)
	}
}
