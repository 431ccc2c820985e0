package gateway_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/sumun-mcp/sumun/internal/config"
)

// corpus returns odd texts by name: those of a file, in which the last line break is not part of a text. $DEEP and $LARGE
// stand for a value that nests deeply and for a text that is so many bytes long.
func corpus(t *testing.T, file string, large int) map[string]string {
	t.Helper()
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, f := range archive.Files {
		text := strings.TrimSuffix(string(f.Data), "\n")
		text = strings.Replace(text, "$DEEP", strings.Repeat(`{"d":[`, 245)+"1"+strings.Repeat("]}", 245), 1)
		all[f.Name] = strings.Replace(text, "$LARGE", strings.Repeat(`0123456789 abcdef é 漢 \u00e9 \" \\ `, large/38), 1)
	}
	if len(all) < 8 {
		t.Fatalf("%s holds only %d texts", file, len(all))
	}
	return all
}

// relayed are the methods whose answers are a server's own, with the params that lead to the answer of that name.
var relayed = map[string]string{
	"tools/call":          `{"name":"$NAME","arguments":{}}`,
	"prompts/get":         `{"name":"$NAME"}`,
	"resources/read":      `{"uri":"$NAME"}`,
	"completion/complete": `{"ref":{"type":"ref/prompt","name":"$NAME"},"argument":{"name":"a","value":"b"}}`,
}

// TestRelayAnswers compares each answer of the corpus as the server gives it to one that asks it directly with what comes
// through the gateway: the bytes are equal but for the id.
func TestRelayAnswers(t *testing.T) {
	t.Parallel()
	for _, modern := range []bool{false, true} {
		t.Run(eraName(modern), func(t *testing.T) {
			t.Parallel()
			answers := corpus(t, "testdata/relay/answers.txtar", 3<<20)
			p := startPeer(t, modern)
			var tools, prompts, resources []string
			for name, answer := range answers {
				tools = append(tools, fmt.Sprintf(`{"name":%q,"inputSchema":{"type":"object"}}`, name))
				prompts = append(prompts, fmt.Sprintf(`{"name":%q}`, name))
				resources = append(resources, fmt.Sprintf(`{"uri":%q,"name":%q}`, name, name))
				for method := range relayed {
					p.answers[method+" "+name] = answer
				}
			}
			p.setList("tools/list", `{"tools":[`+strings.Join(tools, ",")+`]}`)
			p.setList("prompts/list", `{"prompts":[`+strings.Join(prompts, ",")+`]}`)
			p.setList("resources/list", `{"resources":[`+strings.Join(resources, ",")+`]}`)
			relayAll(t, p, answers)
		})
	}
}

func relayAll(t *testing.T, p *httpPeer, answers map[string]string) {
	t.Helper()
	g := open(t, p.server("up"))
	c := g.legacy
	var through *client
	header := http.Header{"Content-Type": {"application/json"}, "Accept": {"application/json, text/event-stream"}}
	if p.modern {
		through = g.modernClient("{}")
	} else {
		through = c(t, "{}")
		header.Set("Mcp-Session-Id", p.open().id)
	}
	for name := range answers {
		for method, params := range relayed {
			if name == "large" && method != "tools/call" {
				continue
			}
			params = strings.Replace(params, "$NAME", name, 1)
			body := through.request(77, method, params)
			if p.modern {
				modernHeaders(header, body)
			}
			want := p.direct(t.Context(), t, header, body)
			in := through.post(t, body, nil)
			got := in.last(t)
			if got != want {
				t.Errorf("%s %s: %s", method, name, firstDifference(want, got))
			}
			if in.header.Get("Content-Type") != "application/json" {
				t.Errorf("%s %s: content type %q", method, name, in.header.Get("Content-Type"))
			}
		}
	}
}

func eraName(modern bool) string {
	if modern {
		return "modern"
	}
	return "legacy"
}

// firstDifference shows where two long texts part.
func firstDifference(want, got string) string {
	i := 0
	for i < len(want) && i < len(got) && want[i] == got[i] {
		i++
	}
	from := max(0, i-40)
	return fmt.Sprintf("differs from byte %d on (of %d and %d)\nwant …%.120s\ngot  …%.120s", i, len(want), len(got), want[from:], got[from:])
}

// unguarded opens a gate that lets pass what no tool has use for: the corpus has that too.
func unguarded(t *testing.T, servers ...config.Server) *gate {
	t.Helper()
	cfg := configured(t, servers...)
	cfg.Guard = config.Guard{}
	return openWith(t, cfg)
}

// TestRelayPipe sends the corpus through a server on a pipe, where a message is one line: there white space outside of
// strings may differ, nothing else.
func TestRelayPipe(t *testing.T) {
	t.Parallel()
	for _, era := range []string{"legacy", "modern"} {
		t.Run(era, func(t *testing.T) {
			t.Parallel()
			p := newPipePeer(t, era)
			s := p.server("up")
			s.Prefix = "up"
			g := unguarded(t, s)
			c := g.modernClient("{}")
			if era == "legacy" {
				c = g.legacy(t, "{}")
			}
			for name, params := range corpus(t, "testdata/relay/params.txtar", 300<<10) {
				sent := c.params(strings.Replace(params, "$NAME", "up.echo", 1))
				in, _ := c.start(t, "tools/call", strings.Replace(params, "$NAME", "up.echo", 1), nil)
				got := textOf(in.last(t))
				if want := wanted(t, sent, got); compact(got) != compact(want) {
					t.Errorf("%s: %s", name, firstDifference(want, got))
				}
			}
		})
	}
}

// compact takes white space outside of strings away.
func compact(raw string) string {
	var b strings.Builder
	quoted := false
	for i := 0; i < len(raw); i++ {
		c := raw[i]
		switch {
		case quoted && c == '\\':
			b.WriteByte(c)
			i++
			c = raw[i]
		case c == '"':
			quoted = !quoted
		case !quoted && strings.IndexByte(" \t\r\n", c) >= 0:
			continue
		}
		b.WriteByte(c)
	}
	return b.String()
}

// TestRelayParams compares the params that a client sends with those that the server gets: the bytes are equal but for
// the name and the progress token.
func TestRelayParams(t *testing.T) {
	t.Parallel()
	for _, modern := range []bool{false, true} {
		t.Run(eraName(modern), func(t *testing.T) {
			t.Parallel()
			p := startPeer(t, modern)
			s := p.server("up")
			s.Prefix = "up"
			g := unguarded(t, s)
			c := g.modernClient("{}")
			if !modern {
				c = g.legacy(t, "{}")
			}
			for name, params := range corpus(t, "testdata/relay/params.txtar", 1<<20) {
				params = strings.Replace(params, "$NAME", "up.echo", 1)
				in, id := c.start(t, "tools/call", params, nil)
				if answer := in.last(t); !strings.Contains(answer, fmt.Sprintf(`"id":%d`, id)) {
					t.Fatalf("%s: %s", name, answer)
				}
				calls := p.got("tools/call")
				got := rawParams(calls[len(calls)-1].raw)
				if want := wanted(t, c.params(params), got); got != want {
					t.Errorf("%s: %s", name, firstDifference(want, got))
				}
				if header := calls[len(calls)-1].header.Get("Mcp-Name"); modern && header != "echo" {
					t.Errorf("%s: Mcp-Name is %q", name, header)
				}
			}
		})
	}
}

// wanted is what the server must get of the params that were sent, with the progress token that it got.
func wanted(t *testing.T, sent, got string) string {
	t.Helper()
	want := strings.Replace(sent, "up.echo", "echo", 1)
	want = strings.Replace(want, `"up\u002eecho"`, `"echo"`, 1)
	var m message
	if err := json.Unmarshal([]byte(`{"params":`+got+`}`), &m); err != nil {
		t.Fatalf("the server got %.200s: %v", got, err)
	}
	if token := m.param("_meta", "progressToken"); token != "" {
		if token == `"tok"` {
			t.Error("the client's own progress token went out")
		}
		want = strings.Replace(want, `"tok"`, token, 1)
	}
	return want
}

// rawParams returns the bytes of a message's params.
func rawParams(raw string) string {
	var m message
	_ = json.Unmarshal([]byte(raw), &m)
	return string(m.Params)
}

// TestRelayLists compares the elements of lists with those that the server gives.
func TestRelayLists(t *testing.T) {
	t.Parallel()
	odd := corpus(t, "testdata/relay/elements.txtar", 0)
	for _, modern := range []bool{false, true} {
		t.Run(eraName(modern), func(t *testing.T) {
			t.Parallel()
			p := startPeer(t, modern)
			want := map[string][]string{}
			for _, list := range []struct{ method, member, key string }{
				{"tools/list", "tools", "tool"},
				{"prompts/list", "prompts", "prompt"},
				{"resources/list", "resources", "resource"},
				{"resources/templates/list", "resourceTemplates", "template"},
			} {
				for name, element := range odd {
					if strings.HasPrefix(name, list.key) {
						want[list.member] = append(want[list.member], element)
					}
				}
				slices.Sort(want[list.member])
				p.setList(list.method, fmt.Sprintf(`{"x":1,%q:[%s]}`, list.member, strings.Join(want[list.member], " ,\n")))
			}
			g := open(t, p.server("up"))
			c := g.modernClient("{}")
			if !modern {
				c = g.legacy(t, "{}")
			}
			for method, member := range map[string]string{
				"tools/list": "tools", "prompts/list": "prompts", "resources/list": "resources", "resources/templates/list": "resourceTemplates",
			} {
				var m struct {
					Result map[string]json.RawMessage
				}
				answer := c.ask(t, method, "{}")
				var got []json.RawMessage
				if err := json.Unmarshal([]byte(answer), &m); err != nil {
					t.Fatalf("%s: %v", answer, err)
				}
				_ = json.Unmarshal(m.Result[member], &got)
				texts := []string{}
				for _, e := range got {
					texts = append(texts, faithful(string(e)))
				}
				slices.Sort(texts)
				if d := cmp.Diff(want[member], texts); d != "" {
					t.Errorf("%s: -want +got\n%s", method, d)
				}
			}
		})
	}
}

// identified are the members by which the gate identifies listed tools, the one thing that it adds to what a server says.
var identified = regexp.MustCompile(`"io\.github\.sumun-mcp/checksum":"[0-9a-f]{64}","io\.github\.sumun-mcp/digest":"sha256(-exact)?:[0-9a-f]{64}",?`)

// faithful returns a list, or an element of one, without what the gate adds.
func faithful(list string) string {
	const mark = `"_meta":{}`
	list = strings.ReplaceAll(list, mark, "a server's own")
	list = strings.ReplaceAll(identified.ReplaceAllString(list, ""), ","+mark, "")
	return strings.ReplaceAll(list, "a server's own", mark)
}
