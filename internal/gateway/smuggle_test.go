package gateway_test

import (
	"bufio"
	"net/http"
	"os"
	"strings"
	"testing"
)

// smuggled are the messages of testdata/smuggle.txt: each would be read in one way by one reader and in another way by
// another, so none may reach a server. A line is the code of the refusal and the message.
func smuggled(t *testing.T) map[string]string {
	t.Helper()
	f, err := os.Open("testdata/smuggle.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	all := map[string]string{}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		code, body, ok := strings.Cut(lines.Text(), " ")
		if !ok || code == "#" {
			continue
		}
		body = strings.NewReplacer("$FF", "\xff", "$C0", "\xc0\xaf", "$ED", "\xed\xa0\x80", "$NUL", "\x00", "$BOM", "\xef\xbb\xbf").Replace(body)
		all[body] = code
	}
	if len(all) < 40 {
		t.Fatalf("only %d messages", len(all))
	}
	return all
}

// TestSmuggle sends each message in both eras, over HTTP and on a pipe: it is refused under its code, and the server
// never sees it.
func TestSmuggle(t *testing.T) {
	t.Parallel()
	p := startPeer(t, false)
	g := open(t, p.server("up"))
	old, young := g.legacy(t, "{}"), g.modernClient("{}")
	pipe := g.pipe(t)
	pipe.initialize(t, "{}")
	for body, code := range smuggled(t) {
		for _, c := range []*client{old, young} {
			sent := c.meta(body)
			in := c.post(t, sent, map[string]string{
				"Mcp-Method": "tools/call", "Mcp-Name": "strict", "Mcp-Protocol-Version": c.revision(),
			})
			answer := in.last(t)
			if !strings.Contains(answer, `"code":`+code) || strings.Contains(answer, `"result"`) {
				t.Errorf("modern %v: %s\nwas answered with %s, want code %s", c.modern, sent, answer, code)
			}
			if status := http.StatusBadRequest; in.status != status && code != "-32602" {
				t.Errorf("modern %v: %s\nstatus %d, want %d", c.modern, sent, in.status, status)
			}
		}
		if answer := pipe.exchange(t, old.meta(body)); !strings.Contains(answer, `"code":`+code) {
			t.Errorf("pipe: %s\nwas answered with %s, want code %s", body, answer, code)
		}
	}
	if n := p.count("tools/call"); n != 0 {
		t.Errorf("%d of the messages reached a server", n)
	}
	if got := textOf(pipe.exchange(t, old.request(1, "tools/call", `{"name":"strict","arguments":{"path":"p"}}`))); !strings.Contains(got, `"path":"p"`) {
		t.Errorf("a good call afterwards: %s", got)
	}
	if p.count("tools/call") != 1 {
		t.Error("the good call did not reach the server")
	}
}

// meta puts the envelope of the era in the place of $META, if it stands there.
func (c *client) meta(body string) string {
	if strings.Contains(body, "$META") {
		return c.params(body)
	}
	return body
}

func (c *client) revision() string {
	if c.modern {
		return modernRevision
	}
	return legacyRevision
}
