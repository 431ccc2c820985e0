package gateway_test

import (
	"bufio"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"
)

// A client speaks to the gate in bytes of the test's choosing.
type client struct {
	gate    *gate
	modern  bool
	session string
	// line is what a client of HTTP+SSE has instead of a session (matrix_events_test.go).
	line *line
	// older is the revision of a legacy client that does not speak legacyRevision.
	older string
	key   string
	next  int
	// capabilities are what a modern client says of itself with each request.
	capabilities string
	logLevel     string
	// host is what a modern client calls itself; "test" if empty.
	host string
}

// legacy opens a session of a client with those capabilities.
func (g *gate) legacy(t *testing.T, capabilities string) *client {
	t.Helper()
	return g.legacyWithKey(t, capabilities, "")
}

func (g *gate) legacyWithKey(t *testing.T, capabilities, key string) *client {
	t.Helper()
	c := &client{gate: g, key: key}
	c.initialize(t, capabilities)
	return c
}

// initialize makes the handshake of the legacy era, and returns the answer.
func (c *client) initialize(t *testing.T, capabilities string) string {
	t.Helper()
	in := c.post(t, fmt.Sprintf(`{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":%q,"capabilities":%s,`+
		`"clientInfo":{"name":"test","version":"1"}}}`, c.speaks(), capabilities), nil)
	c.session = in.header.Get("Mcp-Session-Id")
	answer := in.last(t)
	if c.session == "" && c.line == nil {
		t.Fatalf("no session: %s", answer)
	}
	c.post(t, `{"jsonrpc":"2.0","method":"notifications/initialized"}`, nil).end()
	return answer
}

// speaks returns the revision of a legacy client.
func (c *client) speaks() string { return cmp.Or(c.older, legacyRevision) }

// modernClient returns a client of the modern era with those capabilities.
func (g *gate) modernClient(capabilities string) *client {
	return &client{gate: g, modern: true, capabilities: capabilities}
}

// an incoming is an answer over HTTP as it comes.
type incoming struct {
	status int
	header http.Header
	body   io.ReadCloser
	lines  *bufio.Reader
	ids    []string // of the events so far
	event  string   // the name of the event that came last, if it has one
	cancel context.CancelFunc
	// next is where messages come from, if it is not the body.
	next func() string
}

// send makes a request; with a header that replaces those that a well-behaved client sends.
func (c *client) send(t *testing.T, method, body string, header map[string]string) *incoming {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 30*time.Second)
	url := c.gate.url
	if c.line != nil {
		url = c.line.endpoint
	}
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json, text/event-stream")
	if c.key != "" {
		req.Header.Set("Authorization", "Bearer "+c.key)
	}
	if c.session != "" {
		req.Header.Set("Mcp-Session-Id", c.session)
		if c.speaks() >= "2025-06-18" {
			req.Header.Set("Mcp-Protocol-Version", c.speaks())
		}
	}
	if c.modern {
		modernHeaders(req.Header, body)
	}
	for name, value := range header {
		if value == "" {
			req.Header.Del(name)
		} else {
			req.Header.Set(name, value)
		}
	}
	return c.gate.do(t, req, cancel)
}

// do makes a request, whose context cancel ends.
func (g *gate) do(t *testing.T, req *http.Request, cancel context.CancelFunc) *incoming {
	t.Helper()
	resp, err := g.web.Do(req) //nolint:bodyclose // closed by in.cancel
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	in := &incoming{status: resp.StatusCode, header: resp.Header, body: resp.Body, lines: bufio.NewReaderSize(resp.Body, 64<<10)}
	in.cancel = func() {
		cancel()
		resp.Body.Close()
	}
	t.Cleanup(in.cancel)
	return in
}

// modernHeaders sets what a modern request must repeat of its body.
func modernHeaders(h http.Header, body string) {
	h.Set("Mcp-Protocol-Version", modernRevision)
	var m message
	_ = json.Unmarshal([]byte(body), &m)
	h.Set("Mcp-Method", m.Method)
	var p struct{ Name, URI string }
	_ = json.Unmarshal(m.Params, &p)
	switch m.Method {
	case "tools/call", "prompts/get":
		h.Set("Mcp-Name", encoded(p.Name))
	case "resources/read":
		h.Set("Mcp-Name", encoded(p.URI))
	}
}

// placeholder is what a legacy client leaves out of its params.
var placeholder = regexp.MustCompile(`"_meta":\{\$META\},|\$META\s*,`)

var plain = regexp.MustCompile(`^[!-~]+$`)

// encoded is a value of a header, as the standard wants it.
func encoded(s string) string {
	if plain.MatchString(s) {
		return s
	}
	return "=?base64?" + base64.StdEncoding.EncodeToString([]byte(s)) + "?="
}

func (c *client) post(t *testing.T, body string, header map[string]string) *incoming {
	t.Helper()
	if c.line != nil {
		return c.line.post(t, c, body)
	}
	return c.send(t, http.MethodPost, body, header)
}

// start sends a request with those params, in which $META stands for what the era wants in _meta, and returns its id.
func (c *client) start(t *testing.T, method, params string, header map[string]string) (*incoming, int) {
	t.Helper()
	c.next++
	return c.post(t, c.request(c.next, method, params), header), c.next
}

func (c *client) request(id int, method, params string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":%q,"params":%s}`, id, method, c.params(params))
}

// params puts the envelope of the era into the params.
func (c *client) params(params string) string {
	if !c.modern {
		return placeholder.ReplaceAllString(params, "")
	}
	if !strings.Contains(params, "$META") {
		comma := ","
		if strings.HasPrefix(params, "{}") {
			comma = ""
		}
		params = `{"_meta":{$META}` + comma + strings.TrimPrefix(params, "{")
	}
	meta := fmt.Sprintf(`"%[1]sprotocolVersion":%[2]q,"%[1]sclientInfo":{"name":%[4]q,"version":"1"},"%[1]sclientCapabilities":%[3]s`,
		metaPrefix, modernRevision, c.capabilities, cmp.Or(c.host, "test"))
	if c.logLevel != "" {
		meta += fmt.Sprintf(`,"%slogLevel":%q`, metaPrefix, c.logLevel)
	}
	return strings.Replace(params, "$META", meta, 1)
}

// ask makes a request and returns the last message that comes.
func (c *client) ask(t *testing.T, method, params string) string {
	t.Helper()
	in, _ := c.start(t, method, params, nil)
	return in.last(t)
}

// call calls a tool and returns the text of the answer, or the answer itself if it has none.
func (c *client) call(t *testing.T, tool string) string {
	t.Helper()
	return textOf(c.ask(t, "tools/call", `{"name":"`+tool+`","arguments":{}}`))
}

// textOf returns the text of a tool's answer, or the answer itself if it has none.
func textOf(answer string) string {
	var m struct {
		Result struct{ Content []struct{ Text string } }
	}
	if json.Unmarshal([]byte(answer), &m) != nil || len(m.Result.Content) == 0 {
		return answer
	}
	return m.Result.Content[0].Text
}

// listen opens the stream for what belongs to no call.
func (c *client) listen(t *testing.T, header map[string]string) *incoming {
	t.Helper()
	if c.line != nil {
		return c.line.listen()
	}
	return c.send(t, http.MethodGet, "", header)
}

// reply answers a question of the gate.
func (c *client) reply(t *testing.T, question, value string) {
	t.Helper()
	in := c.post(t, answering(t, question, `"result":`+value), nil)
	if in.status != http.StatusAccepted {
		t.Fatalf("answer to a question: %d", in.status)
	}
	in.end()
}

// answering returns an answer to a question.
func answering(t *testing.T, question, member string) string {
	t.Helper()
	var m message
	if err := json.Unmarshal([]byte(question), &m); err != nil || m.ID == nil {
		t.Fatalf("not a question: %q", question)
	}
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,%s}`, m.ID, member)
}

// end leaves the answer unread.
func (in *incoming) end() { in.cancel() }

// events reports whether the answer is a stream.
func (in *incoming) events() bool {
	return strings.HasPrefix(in.header.Get("Content-Type"), "text/event-stream")
}

// message returns the next message, empty when there is none any more.
func (in *incoming) message() string {
	if in.next != nil {
		return in.next()
	}
	if !in.events() {
		b, _ := io.ReadAll(in.lines)
		return string(b)
	}
	var data []string
	in.event = ""
	for {
		line, err := in.lines.ReadString('\n')
		if err != nil {
			return ""
		}
		switch line = strings.TrimSuffix(line, "\n"); {
		case strings.HasPrefix(line, "data: "):
			data = append(data, line[len("data: "):])
		case strings.HasPrefix(line, "event: "):
			in.event = line[len("event: "):]
		case strings.HasPrefix(line, "id: "):
			in.ids = append(in.ids, line[len("id: "):])
		case line == "" && len(data) > 0:
			if raw := strings.Join(data, "\n"); raw != "" {
				return raw
			}
			data = nil
		}
	}
}

// must returns the next message, of which the text is a part.
func (in *incoming) must(t *testing.T, text string) string {
	t.Helper()
	raw := in.message()
	if raw == "" || !strings.Contains(raw, text) {
		t.Fatalf("got %q, want a message with %q", raw, text)
	}
	return raw
}

// all returns the messages to the end.
func (in *incoming) all() []string {
	var all []string
	for raw := in.message(); raw != ""; raw = in.message() {
		all = append(all, raw)
	}
	return all
}

// last returns the last message.
func (in *incoming) last(t *testing.T) string {
	t.Helper()
	defer in.end()
	all := in.all()
	if len(all) == 0 {
		t.Fatalf("no answer: status %d", in.status)
	}
	return all[len(all)-1]
}

// fault returns the code and message of an error.
func fault(answer string) (int, string) {
	var m struct {
		Error struct {
			Code    int
			Message string
		}
	}
	_ = json.Unmarshal([]byte(answer), &m)
	return m.Error.Code, m.Error.Message
}

// abandon makes a request and closes the connection once ok holds, before there is an answer.
func (c *client) abandon(t *testing.T, body string, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.gate.url, strings.NewReader(body))
	if err != nil {
		t.Error(err)
		return
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json, text/event-stream")
	modernHeaders(req.Header, body)
	failed := make(chan struct{})
	go func() {
		defer close(failed)
		if resp, err := c.gate.web.Do(req); err == nil {
			t.Errorf("answered with status %d", resp.StatusCode)
			resp.Body.Close()
		}
	}()
	if !settle(10*time.Second, ok) {
		t.Error("the call does not reach the server")
	}
	cancel()
	coming(t, "the end of an abandoned request", failed)
}
