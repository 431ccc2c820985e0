package approve

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// TestShown shows arguments: without secrets, short, and with a mark for what cannot be seen.
func TestShown(t *testing.T) {
	long := strings.Repeat("x", 200)
	for arguments, want := range map[string]string{
		`{"a":1,"b":[true,null,{"c":"d"}]}`:                          `{"a":1,"b":[true,null,{"c":"d"}]}`,
		`{"password":"p","nested":{"api_key":["k"]},"t":"Bearer x"}`: `{"password":"•••","nested":{"api_key":"•••"},"t":"•••"}`,
		`{"pass\u0077ord":"p"}`:                                      `{"password":"•••"}`,
		`{"k":"-----BEGIN RSA PRIVATE KEY-----\nabc"}`:               `{"k":"•••"}`,
		`{"cmd":"ls\u202e\u0007 \u200b-l"}`:                          `{"cmd":"ls�� �-l"}`,
		`{"a":"` + long + `"}`:                                       `{"a":"` + long[:160] + `… (40 more characters)"}`,
		`{"a":{"a":{"a":{"a":{"a":{"a":1}}}}}}`:                      `{"a":{"a":{"a":{"a":{"a":"…"}}}}}`,
		`{"a":[` + strings.Repeat("1,", 30) + `1]}`:                  `{"a":[` + strings.Repeat("1,", 20) + `"… 11 more"]}`,
		`{}`: `{}`,
	} {
		if got := shown(callWith(t, mcp.MethodToolsCall, `{"name":"x","arguments":`+arguments+`}`), nil); string(got) != want {
			t.Errorf("%s is shown as %s, want %s", arguments, got, want)
		}
	}
	if got := shown(callWith(t, mcp.MethodWrite, `{"uri":"cache://n/a","content":"x","_meta":{},"ifMatch":"e"}`), nil); string(got) != `{"content":"x","ifMatch":"e"}` {
		t.Errorf("a write is shown as %s", got)
	}
	redact := func([]byte) []byte { return []byte(`{"card":"[card]"}`) }
	if got := shown(call(t), redact); string(got) != `{"card":"[card]"}` {
		t.Errorf("redacted it is shown as %s", got)
	}
}

func FuzzShown(f *testing.F) {
	for _, s := range []string{`{"a":[1,{"b":"c"}],"\u0000":""}`, `{"x":"` + strings.Repeat("é", 3000) + `"}`, `{"a":1e400,"b":[[[[[[[1]]]]]]]}`, `{"a":"\ud83d\ude00"}`} {
		f.Add([]byte(s))
	}
	scanner := wire.NewScanner(mcp.Vocabulary(), 0)
	f.Fuzz(func(t *testing.T, arguments []byte) {
		if scanner.Value(arguments) != nil {
			return
		}
		p := printer{left: shownBytes}
		p.value(arguments, 0)
		if err := scanner.Value(p.out); err != nil && !strings.Contains(err.Error(), "twice") && !strings.Contains(err.Error(), "duplicate") {
			t.Errorf("%s is shown as %s: %v", arguments, p.out, err)
		}
		if len(p.out) > 20*shownBytes {
			t.Errorf("%d bytes are shown of %d", len(p.out), len(arguments))
		}
		if strings.ContainsAny(string(p.out), "\x1b\u202e\u200b") {
			t.Errorf("it is shown as %q", p.out)
		}
	})
}

// TestReasonsAndNamesWithoutSecrets shows no secret that stands in what people write as their reason, or in a URI.
func TestReasonsAndNamesWithoutSecrets(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, &memory{}, "a", everyCall+"\napprovals: {by: either}")
		s.Redact = func(v []byte) []byte { return []byte(strings.ReplaceAll(string(v), "s3cr3t", "•")) }
		c := callWith(t, mcp.MethodWrite, `{"uri":"file:///notes?key=s3cr3t","content":"x"}`)
		wait, _ := s.make(t, c, &client{answer: silence})
		synctest.Wait()
		if list, err := s.ask(t, mcp.MethodApprovals, `{}`); err != nil || strings.Contains(list, "s3cr3t") || !strings.Contains(list, "notes?key=•") {
			t.Errorf("what waits is shown as %s, %v", list, err)
		}
		if told, err := s.decide(t, `"allow":false,"reason":"it holds s3cr3t"`); err != nil || strings.Contains(told, "s3cr3t") {
			t.Errorf("the decision is told as %s, %v", told, err)
		}
		if err := wait(); err == nil || strings.Contains(err.Error(), "holds s3cr3t") || !strings.Contains(err.Error(), "(it holds •)") {
			t.Errorf("the client is told %v", err)
		}
		wait, _ = s.make(t, call(t), &client{answer: result(`{"action":"accept","content":{"allow":false,"reason":"s3cr3t"}}`)})
		synctest.Wait()
		if err := wait(); err != nil {
			t.Fatal(err)
		}
		for _, r := range s.store.requests {
			if strings.Contains(r.Reason, "s3cr3t") {
				t.Errorf("the store keeps the reason %q of %s", r.Reason, r.ID)
			}
		}
	})
}
