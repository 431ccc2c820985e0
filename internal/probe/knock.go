package probe

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"strings"
	"time"

	"github.com/sumun-mcp/sumun/internal/line"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
	"github.com/sumun-mcp/sumun/trust"
)

// A knock is one way to come to the door of a server over HTTP: with whose credentials, from where, under which name. It writes each
// request itself, so that it can write what no client of ours would.
type knock struct {
	carrier http.RoundTripper
	address string
	header  http.Header
	host    string        // the Host that it names; "" for the address's
	modern  *mcp.Revision // what the server speaks; nil for the legacy era
	session bool          // the server answers within a session only
	who     Identity
	each    time.Duration
}

// An answer is what came back. Without a status nothing did.
type answer struct {
	status  int
	header  http.Header
	message []byte // of JSON-RPC; nil if it is none
	text    string // as it came, at most so much of it
	papers  bool   // nothing came since the server asks for a certificate
}

// mostBody is how much of an answer is read.
const mostBody = 1 << 20

// with returns a knock that also sends a header.
func (k knock) with(name, value string) knock {
	k.header = maps.Clone(k.header)
	if k.header == nil {
		k.header = http.Header{}
	}
	k.header.Set(name, value)
	return k
}

// ask sends one request, within a session if the server answers in no other way. Where that is refused already, that is the answer.
func (k knock) ask(ctx context.Context, method, params string) answer {
	return k.send(ctx, method, k.request(method, params))
}

// send sends a message that is written already; method is what it asks, for the headers.
func (k knock) send(ctx context.Context, method string, body []byte) answer {
	if k.modern == nil && k.session {
		hello := k.post(ctx, mcp.MethodInitialize, k.hello())
		id := hello.header.Get("Mcp-Session-Id")
		if hello.status != http.StatusOK || id == "" {
			return hello
		}
		inside := k.with("Mcp-Session-Id", id)
		if inside.header.Get(headerVersion) == "" {
			inside = inside.with(headerVersion, mcp.LatestLegacy().Name)
		}
		inside.post(ctx, "", []byte(`{"jsonrpc":"2.0","method":"notifications/initialized"}`))
		defer inside.do(context.WithoutCancel(ctx), http.MethodDelete, nil)
		return inside.post(ctx, method, body)
	}
	return k.post(ctx, method, body)
}

const headerVersion = "Mcp-Protocol-Version"

// request writes a request as the server's era wants it. Params is an object without _meta.
func (k knock) request(method, params string) []byte {
	if k.modern != nil {
		p := []byte(params)
		info, err := json.Marshal(map[string]string{"name": k.who.Name, "version": k.who.Version})
		if err != nil {
			info = nil
		}
		params = string(wire.AppendPatched(nil, p, mcp.AddMeta(p, mcp.Envelope(k.modern, info, nil, ""))))
	}
	return []byte(`{"jsonrpc":"2.0","id":1,"method":"` + method + `","params":` + params + `}`)
}

// hello writes the handshake of the legacy era.
func (k knock) hello() []byte {
	text, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": 1, "method": mcp.MethodInitialize, "params": map[string]any{
		"protocolVersion": mcp.LatestLegacy().Name, "capabilities": struct{}{}, "clientInfo": map[string]string{"name": k.who.Name, "version": k.who.Version},
	}})
	if err != nil {
		return nil
	}
	return text
}

// post sends a message.
func (k knock) post(ctx context.Context, method string, body []byte) answer {
	k = k.with("Content-Type", line.MediaJSON).with("Accept", line.MediaJSON+", "+line.MediaEvents)
	if k.modern != nil && method != "" {
		k = k.with("Mcp-Method", method)
		if k.header.Get(headerVersion) == "" {
			k = k.with(headerVersion, k.modern.Name)
		}
	}
	return k.do(ctx, http.MethodPost, body)
}

// do makes a request and reads what comes back, as far as it is an answer.
func (k knock) do(ctx context.Context, method string, body []byte) answer {
	ctx, cancel := context.WithTimeout(ctx, k.each)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, k.address, bytes.NewReader(body))
	if err != nil {
		return answer{}
	}
	if k.header != nil {
		req.Header = k.header.Clone()
	}
	req.Host = k.host
	resp, err := k.carrier.RoundTrip(req)
	if err != nil {
		return answer{papers: wantsCertificate(err)}
	}
	defer func() { _ = resp.Body.Close() }() // it was only read
	a := answer{status: resp.StatusCode, header: resp.Header}
	if line.Media(resp.Header) == line.MediaEvents {
		a.message = firstMessage(resp.Body)
		a.text = string(a.message)
		return a
	}
	text, _ := io.ReadAll(io.LimitReader(resp.Body, mostBody)) // what could be read is what came
	a.text = string(text)
	if json.Valid(text) {
		a.message = text
	}
	return a
}

// wantsCertificate reports whether an error is the alert that a server asks for a certificate of the client (RFC 8446, section 6.2).
func wantsCertificate(err error) bool {
	return strings.Contains(err.Error(), "tls: certificate required")
}

// firstMessage returns the first answer in a stream of events, nil if none came. Notices before it are passed over.
func firstMessage(stream io.Reader) []byte {
	events := wire.NewEventReader(stream, mostBody)
	for range 100 {
		e, err := events.Next()
		if err != nil {
			return nil
		}
		if wire.Get(e.Data, "id") != nil && json.Valid(e.Data) {
			return bytes.Clone(e.Data)
		}
		if e.Name == "endpoint" { // of HTTP+SSE
			return bytes.Clone(e.Data)
		}
	}
	return nil
}

// observation is what there is to tell of an answer.
func (a answer) observation(probe, target string) trust.Observation {
	o := trust.Observation{Probe: probe, Target: target, Status: a.status, Text: a.text}
	if e := wire.Get(a.message, "error"); e != nil {
		var object struct {
			Code    int    `json:"code"`
			Message string `json:"message"`
		}
		if json.Unmarshal(e, &object) == nil {
			o.Code, o.Text = object.Code, object.Message
		}
	}
	return o
}

// lists reports whether an answer is a list of tools.
func (a answer) lists() bool {
	return a.status == http.StatusOK && wire.Get(wire.Get(a.message, "result"), "tools") != nil
}

// needsSession reports whether an answer refuses only because there was no handshake.
func (a answer) needsSession() bool {
	if a.lists() || refuses(a.status) || a.status == 0 {
		return false
	}
	text := strings.ToLower(a.text)
	return a.status >= 400 && a.status < 500 || strings.Contains(text, "session") || strings.Contains(text, "initializ")
}
