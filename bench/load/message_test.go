package load

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"testing"

	"github.com/sumun-mcp/sumun/internal/mcp"
)

// parse reads a rendered request as net/http's server would.
func parse(t *testing.T, m *Message) (*http.Request, []byte) {
	t.Helper()
	req, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(m.bytes)))
	if err != nil {
		t.Fatalf("%v:\n%s", err, m.bytes)
	}
	body, err := io.ReadAll(req.Body)
	if err != nil {
		t.Fatal(err)
	}
	return req, body
}

func TestCallIsRendered(t *testing.T) {
	for _, sh := range Shapes() {
		for _, z := range []Size{Small(), Large()} {
			m := Script{Shape: sh, Addr: "127.0.0.1:1", Key: "k"}.Call("s", z)
			m.setID(123_456_789)
			req, body := parse(t, m)
			if len(body) != z.Bytes {
				t.Errorf("%s %s: body of %d bytes", sh.Name, z.Name, len(body))
			}
			var got struct {
				ID     int
				Method string
				Params struct {
					Name      string
					Meta      map[string]any `json:"_meta"`
					Arguments map[string]string
				}
			}
			if err := json.Unmarshal(body, &got); err != nil || got.ID != 123_456_789 || got.Method != "tools/call" || got.Params.Name != ToolName {
				t.Errorf("%s %s: %v in %.300s", sh.Name, z.Name, err, body)
			}
			if string(m.idMember()) != `"id":123456789` {
				t.Errorf("idMember = %s", m.idMember())
			}
			want := map[string]string{"Authorization": "Bearer k", "Mcp-Session-Id": "s", "Mcp-Protocol-Version": mcp.LatestLegacy().Name, "Mcp-Method": "", "Mcp-Name": ""}
			if sh.Modern {
				want["Mcp-Protocol-Version"], want["Mcp-Method"], want["Mcp-Name"] = mcp.Latest().Name, "tools/call", ToolName
			}
			for name, value := range want {
				if req.Header.Get(name) != value {
					t.Errorf("%s: %s is %q, want %q", sh.Name, name, req.Header.Get(name), value)
				}
			}
			if (len(got.Params.Meta) == 3) != sh.Modern {
				t.Errorf("%s: _meta is %v", sh.Name, got.Params.Meta)
			}
		}
	}
}

func TestOtherRequestsAreRendered(t *testing.T) {
	for _, sh := range Shapes() {
		s := Script{Shape: sh, Addr: "127.0.0.1:1"}
		for _, m := range []*Message{s.List("s"), s.initialize(), s.initialized("s")} {
			req, body := parse(t, m)
			if !json.Valid(body) || req.Header.Get("Authorization") != "" {
				t.Errorf("%s: %s", sh.Name, m.bytes)
			}
		}
		if req, body := parse(t, s.end("s")); req.Method != http.MethodDelete || len(body) != 0 {
			t.Errorf("end: %s with %q", req.Method, body)
		}
	}
}
