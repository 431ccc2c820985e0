package gateway_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/coder/websocket"
	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/gateway"
)

// A scene is one file of testdata/dialect: requests in the dialect, one after the other, and their answers.
type scene struct {
	file        string
	title, text string
	archive     *txtar.Archive
}

func scenes(t *testing.T) []*scene {
	t.Helper()
	files, err := filepath.Glob("testdata/dialect/*.txtar")
	if err != nil || len(files) < 10 {
		t.Fatal(files, err)
	}
	var all []*scene
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		title, text, _ := strings.Cut(strings.TrimPrefix(string(archive.Comment), "# "), "\n")
		all = append(all, &scene{file, title, strings.TrimSpace(text), archive})
	}
	return all
}

// passing are what differs from run to run in answers, and what stands in its place.
var passing = []struct {
	find *regexp.Regexp
	put  string
}{
	{regexp.MustCompile(`"durationMs":\d+`), `"durationMs":1`},
	{regexp.MustCompile(`"traceId":"[^"]*"`), `"traceId":"7QF2K3MA-1c"`},
	{regexp.MustCompile(`"(\w+)":"20\d\d-\d\d-\d\dT[\d:.]+Z"`), `"$1":"2026-01-02T03:04:05Z"`},
	{regexp.MustCompile(`"revision":\d{9,}`), `"revision":1767323045000`},
}

func settled(answer string) string {
	for _, p := range passing {
		answer = p.find.ReplaceAllString(answer, p.put)
	}
	return answer
}

// play sends what a scene asks for and compares the answers. An etag that an answer has is $ETAG in requests that follow.
func (s *scene) play(t *testing.T, exchange func(request string) string) {
	t.Helper()
	etag := ""
	for i := 0; i < len(s.archive.Files); i += 2 {
		request, answer := &s.archive.Files[i], &s.archive.Files[i+1]
		raw := exchange(strings.ReplaceAll(strings.TrimSpace(string(request.Data)), "$ETAG", etag))
		if m := regexp.MustCompile(`"etag":"([^"]*)"`).FindStringSubmatch(raw); m != nil {
			etag = m[1]
		}
		var pretty bytes.Buffer
		if err := json.Indent(&pretty, []byte(settled(raw)), "", "  "); err != nil {
			t.Fatalf("%s: %s: %v\n%s", s.file, request.Name, err, raw)
		}
		pretty.WriteByte('\n')
		if os.Getenv("UPDATE") != "" {
			answer.Data = pretty.Bytes()
			continue
		}
		if d := cmp.Diff(string(answer.Data), pretty.String()); d != "" {
			t.Errorf("%s: %s: -want +got\n%s", s.file, request.Name, d)
		}
	}
}

// speaking is a configuration in which the dialect has something to say.
func speaking(t *testing.T) *config.Config {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"docs/hello.md":     "# Hello\n\nThis is a note.\n",
		"prompts/review.md": "---\ndescription: Reviews code\narguments:\n  - {name: language, required: true}\n  - {name: strict, default: false}\nsampling: {temperature: 0.2}\n---\nReview this {{ language }} code{% if strict %}, and miss nothing{% endif %}.\n",
	} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	db, err := sql.Open("sqlite", filepath.Join(dir, "shop.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), `create table wares (name text, price real); insert into wares values ('pen', 1.5), ('ink', 2.25), ('desk', 180)`); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "mcp.yaml")
	if err := os.WriteFile(file, []byte(`
prompts: ./prompts
resources:
  docs: {type: file, root: ./docs}
  notes: {type: cache, write: true}
  shop:
    type: database
    dsn: sqlite:shop.db
    queries: {cheap: "select name, price from wares where price <= :max order by price"}
`), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(file, os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// localKey is the key that the gate has made for itself.
func (g *gate) localKey(t *testing.T) string {
	t.Helper()
	key, err := os.ReadFile(gateway.LocalKeyFile(g.Config()))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(key))
}

// overHTTP answers by a POST that knows nothing of the standard.
func overHTTP(t *testing.T, g *gate) func(string) string {
	t.Helper()
	return overHTTPWith(t, g, g.localKey(t))
}

func overHTTPWith(t *testing.T, g *gate, key string) func(string) string {
	t.Helper()
	return func(request string) string {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, g.url, strings.NewReader(request))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Authorization", "Bearer "+key)
		res, err := g.web.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		var body bytes.Buffer
		if _, err := body.ReadFrom(res.Body); err != nil {
			t.Fatal(err)
		}
		return body.String()
	}
}

// TestDialect plays every scene over HTTP, over a WebSocket and on a pipe: the answers are the same, and those that docs/dialect.md
// shows.
func TestDialect(t *testing.T) {
	t.Parallel()
	for name, connect := range map[string]func(*testing.T, *gate) func(string) string{
		"http": overHTTP,
		"websocket": func(t *testing.T, g *gate) func(string) string {
			t.Helper()
			ctx, cancel := context.WithCancel(t.Context())
			t.Cleanup(cancel)
			line, res, err := websocket.Dial(ctx, "ws"+strings.TrimPrefix(g.url, "http"), &websocket.DialOptions{
				HTTPHeader: http.Header{"Authorization": {"Bearer " + g.localKey(t)}},
			})
			if err != nil {
				t.Fatal(err)
			}
			if res.Body != nil {
				res.Body.Close()
			}
			t.Cleanup(func() { line.CloseNow() })
			return func(request string) string {
				if err := line.Write(ctx, websocket.MessageText, []byte(request)); err != nil {
					t.Fatal(err)
				}
				_, answer, err := line.Read(ctx)
				if err != nil {
					t.Fatal(err)
				}
				return string(answer)
			}
		},
		"pipe": func(t *testing.T, g *gate) func(string) string {
			t.Helper()
			p := g.pipe(t)
			return func(request string) string { return p.exchange(t, request) }
		},
	} {
		if os.Getenv("UPDATE") != "" && name != "http" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := openParts(t, speaking(t), gateway.Parts{Scanner: &glance{}})
			exchange := connect(t, g)
			played := scenes(t)
			for _, s := range played {
				s.play(t, exchange)
				if os.Getenv("UPDATE") != "" {
					if err := os.WriteFile(s.file, txtar.Format(s.archive), 0o644); err != nil {
						t.Fatal(err)
					}
				}
			}
			if name == "http" {
				compareDocs(t, played)
			}
		})
	}
}

// compareDocs compares the examples in docs/dialect.md with what was played.
func compareDocs(t *testing.T, played []*scene) {
	t.Helper()
	const file, begin, end = "../../docs/dialect.md", "<!-- Written by a test: begin -->\n", "<!-- Written by a test: end -->\n"
	page, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := strings.Cut(string(page), begin)
	old, tail, closed := strings.Cut(rest, end)
	if !ok || !closed {
		t.Fatal("docs/dialect.md has no place for the examples")
	}
	var b strings.Builder
	for _, s := range played {
		fmt.Fprintf(&b, "\n### %s\n\n%s\n", s.title, s.text)
		for i, f := range s.archive.Files {
			arrow := "→ "
			if i%2 == 1 {
				arrow = "← "
			}
			if i%2 == 0 {
				b.WriteString("\n```json\n")
			}
			fmt.Fprintf(&b, "%s%s", arrow, f.Data)
			if i%2 == 1 {
				b.WriteString("```\n")
			}
		}
	}
	b.WriteByte('\n')
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(file, []byte(head+begin+b.String()+end+tail), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if d := cmp.Diff(old, b.String()); d != "" {
		t.Errorf("docs/dialect.md does not show what is answered; write it with UPDATE=1\n%s", d)
	}
}
