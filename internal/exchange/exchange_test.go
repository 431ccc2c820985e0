package exchange

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sumun-mcp/sumun/internal/advisory"
	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/trust"
)

func made(name, version, status string, latest bool, day int) Record {
	at := time.Date(2026, 1, day, 0, 0, 0, 0, time.UTC)
	s, _ := json.Marshal(Server{Name: name, Version: version, Description: "d", Remotes: []Transport{{Type: "streamable-http", URL: "https://" + strings.ReplaceAll(name, "/", "-") + ".example.com/mcp"}}})
	m, _ := json.Marshal(Status{Status: status, PublishedAt: at, UpdatedAt: at, IsLatest: latest})
	return Record{Server: s, Meta: map[string]json.RawMessage{MetaOfficial: m}}
}

func registry(t *testing.T, records func() ([]Record, error)) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	(&Handler{Records: func(context.Context) ([]Record, error) { return records() }}).Mount(mux, func(h http.Handler) http.Handler { return h })
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

func names(t *testing.T, c *Client, q Query) (all []string) {
	t.Helper()
	for r, err := range c.All(t.Context(), q) {
		if err != nil {
			t.Fatal(err)
		}
		s, err := r.Decode()
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, s.Name+"@"+s.Version)
	}
	return all
}

// TestAPI serves what the client reads: pages, filters, versions.
func TestAPI(t *testing.T) {
	records := []Record{made("b/two", "1.0.0", "active", false, 1), made("b/two", "2.0.0", "active", true, 9), made("a/gone", "1.0.0", "deleted", true, 5), made("c/old", "1.0.0+b", "deprecated", true, 2)}
	for i := range 250 {
		records = append(records, made(fmt.Sprintf("m/%03d", i), "1.0.0", "active", true, 3))
	}
	at := registry(t, func() ([]Record, error) { return slices.Clone(records), nil })
	c := &Client{URL: at.URL}
	if all := names(t, c, Query{}); len(all) != 253 || !slices.IsSorted(all) || slices.Contains(all, "a/gone@1.0.0") {
		t.Errorf("%d records: %q", len(all), all[:5])
	}
	for name, tt := range map[string]struct {
		q    Query
		want []string
	}{
		"search":  {Query{Search: "B/T"}, []string{"b/two@1.0.0", "b/two@2.0.0"}},
		"latest":  {Query{Search: "b/t", Version: "latest"}, []string{"b/two@2.0.0"}},
		"version": {Query{Version: "2.0.0"}, []string{"b/two@2.0.0"}},
		"since":   {Query{Since: time.Date(2026, 1, 4, 0, 0, 0, 0, time.UTC)}, []string{"a/gone@1.0.0", "b/two@2.0.0"}},
		"nothing": {Query{Search: "nowhere"}, nil},
	} {
		if diff := cmp.Diff(tt.want, names(t, c, tt.q)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	for _, tt := range [][3]string{{"b/two", "", "2.0.0"}, {"b/two", "1.0.0", "1.0.0"}, {"c/old", "1.0.0+b", "1.0.0+b"}} {
		r, err := c.One(t.Context(), tt[0], tt[1])
		if err != nil {
			t.Fatal(err)
		}
		if s, _ := r.Decode(); s.Version != tt[2] {
			t.Errorf("%s %s: %s", tt[0], tt[1], s.Version)
		}
	}
	for _, tt := range [][2]string{{"b/none", ""}, {"b/two", "3"}, {"a/gone", ""}} {
		if _, err := c.One(t.Context(), tt[0], tt[1]); !errors.Is(err, ErrNone) {
			t.Errorf("%q: %v", tt, err)
		}
	}
}

// TestHTTP answers as the API's own description says, also where something is wrong.
func TestHTTP(t *testing.T) {
	broken := false
	at := registry(t, func() ([]Record, error) {
		if broken {
			return nil, errors.New("no")
		}
		return []Record{made("a/b", "1.0.0", "active", true, 1), made("a/b", "1.1.0", "active", false, 2), made("a/c", "1.0.0", "deleted", true, 1)}, nil
	})
	for _, tt := range []struct {
		request string
		status  int
		want    string
	}{
		{"GET /v0.1/servers?limit=1", 200, `"metadata":{"nextCursor":"`},
		{"GET /v0/servers", 200, `"count":2`},
		{"GET /v0.1/servers?include_deleted=true", 200, `"count":3`},
		{"GET /v0.1/servers?search=zzz", 200, `{"servers":[],"metadata":{"count":0}}`},
		{"GET /v0.1/servers?limit=0", 400, `{"error":"limit`},
		{"GET /v0.1/servers?limit=x", 400, "limit"},
		{"GET /v0.1/servers?cursor=!", 400, "cursor"},
		{"GET /v0.1/servers?updated_since=yesterday", 400, "RFC 3339"},
		{"GET /v0.1/servers?updated_since=2026-01-01T00:00:00Z&include_deleted=false", 400, "cannot be false"},
		{"GET /v0.1/servers/a%2Fb/versions", 200, `"count":2`},
		{"GET /v0.1/servers/a%2Fb/versions/latest", 200, `"version":"1.0.0"`},
		{"GET /v0.1/servers/a%2Fc/versions", 404, `{"error":"Server not found"}`},
		{"GET /v0.1/servers/a%2Fc/versions/latest?include_deleted=true", 200, "a/c"},
		{"GET /v0.1/servers/a%2Fb/versions/9", 404, `{"error":"Server version not found"}`},
		{"POST /v0.1/publish", 501, `{"error":"Publishing`},
		{"DELETE /v0.1/servers/a%2Fb/versions/1.0.0", 501, "not supported"},
		{"PATCH /v0.1/servers/a%2Fb/status", 501, "not supported"},
	} {
		method, path, _ := strings.Cut(tt.request, " ")
		r, _ := http.NewRequestWithContext(t.Context(), method, at.URL+path, nil)
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		var body strings.Builder
		_, _ = fmt.Fprint(&body, readAll(t, answer))
		if answer.StatusCode != tt.status || !strings.Contains(body.String(), tt.want) || answer.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s: %d %s", tt.request, answer.StatusCode, body.String())
		}
	}
	broken = true
	if _, err := (&Client{URL: at.URL}).One(t.Context(), "a/b", ""); err == nil || !strings.Contains(err.Error(), "500") {
		t.Errorf("error = %v", err)
	}
}

func readAll(t *testing.T, answer *http.Response) string {
	t.Helper()
	defer answer.Body.Close()
	var raw json.RawMessage
	if err := json.NewDecoder(answer.Body).Decode(&raw); err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// TestBadRegistry does not go round in circles, follow elsewhere, or take something else for a registry.
func TestBadRegistry(t *testing.T) {
	for name, h := range map[string]http.HandlerFunc{
		"circles": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`{"servers":[{"server":{}}],"metadata":{"nextCursor":"x"}}`))
		},
		"nothing": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`{"servers":[],"metadata":{"nextCursor":"x"}}`))
		},
		"elsewhere": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://127.0.0.1:1/", http.StatusFound)
		},
		"page": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) },
		"down": func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "down", http.StatusBadGateway) },
	} {
		s := httptest.NewServer(h)
		failed := false
		for _, err := range (&Client{URL: s.URL}).All(t.Context(), Query{}) {
			failed = failed || err != nil
		}
		s.Close()
		if !failed {
			t.Errorf("%s: no error", name)
		}
	}
	for _, at := range []string{"http://registry.example.com", "x", "file:///x"} {
		if _, err := (&Client{URL: at}).One(t.Context(), "a/b", ""); err == nil || errors.Is(err, ErrNone) {
			t.Errorf("%s: %v", at, err)
		}
	}
}

// TestCopies asks for what has changed only, and has one latest version of each server.
func TestCopies(t *testing.T) {
	records := []Record{made("a/b", "1.0.0", "active", true, 1), made("a/c", "1.0.0", "active", true, 1), {Server: json.RawMessage(`{"name":"bad"}`)}}
	at := registry(t, func() ([]Record, error) { return records, nil })
	c, copies := &Client{URL: at.URL + "/v0.1/servers"}, Copies{Dir: t.TempDir() + "/r"}
	if all, err := copies.All(); err != nil || len(all) != 0 {
		t.Errorf("%v, %v", all, err)
	}
	one, skipped, err := copies.Fetch(t.Context(), c)
	if err != nil || len(one.Records) != 2 || skipped != 1 {
		t.Fatalf("%+v, %d, %v", one, skipped, err)
	}
	later := made("a/b", "1.1.0", "active", true, 1)
	now, _ := json.Marshal(Status{Status: "active", UpdatedAt: time.Now(), PublishedAt: time.Now(), IsLatest: true})
	later.Meta[MetaOfficial] = now
	gone := made("a/c", "1.0.0", "deleted", true, 1)
	old, _ := json.Marshal(Status{Status: "deleted", UpdatedAt: time.Now(), IsLatest: true})
	gone.Meta[MetaOfficial] = old
	records = []Record{later, gone}
	if one, _, err = copies.Fetch(t.Context(), c); err != nil || len(one.Records) != 3 {
		t.Fatalf("%+v, %v", one, err)
	}
	found, err := copies.Search("A/", false)
	if err != nil || len(found) != 1 || found[0].Server.Version != "1.1.0" || found[0].From != at.URL+"/v0.1" {
		t.Errorf("%+v, %v", found, err)
	}
	if found, _ = copies.Search("a/", true); len(found) != 2 {
		t.Errorf("%d versions, want those that are not deleted", len(found))
	}
	at.Close()
	if _, _, err := copies.Fetch(t.Context(), c); err == nil {
		t.Error("a registry that is gone was fetched")
	}
	if found, _ = copies.Search("a/b", false); len(found) != 1 {
		t.Error("the copy is gone with its registry")
	}
}

// TestEntry makes servers of mcp.yaml of records, which the configuration takes as they are.
func TestEntry(t *testing.T) {
	for name, tt := range map[string]struct {
		server string
		want   *Entry
		wrong  string
	}{
		"npm": {
			`{"name":"io.x/files","packages":[{"registryType":"npm","identifier":"@x/files","version":"1.2.3","transport":{"type":"stdio"},
			"packageArguments":[{"type":"positional","valueHint":"dir","isRequired":true,"description":"where"},{"type":"named","name":"--mode","value":"ro"},{"type":"named","name":"--opt","description":"maybe"}],
			"environmentVariables":[{"name":"API_KEY","isRequired":true,"isSecret":true,"description":"your key"},{"name":"LEVEL","default":"in$fo"},{"name":"SPARE"}]}]}`,
			&Entry{
				Name: "files", Command: "npx", Args: []string{"-y", "@x/files@1.2.3", "${FILES_DIR}", "--mode", "ro"}, Env: map[string]string{"API_KEY": "${API_KEY}", "LEVEL": "in$$fo"},
				Needs: map[string]string{"FILES_DIR": "where", "API_KEY": "your key"},
			}, "",
		},
		"pypi": {
			`{"name":"io.x/git","packages":[{"registryType":"mcpb","identifier":"https://x/y.mcpb","transport":{"type":"stdio"}},{"registryType":"pypi","identifier":"mcp-git","version":"1.0","runtimeHint":"uvx","transport":{"type":"stdio"}}]}`,
			&Entry{Name: "git", Command: "uvx", Args: []string{"mcp-git==1.0"}, Needs: map[string]string{}}, "",
		},
		"image": {
			`{"name":"io.x/im.age","packages":[{"registryType":"oci","identifier":"ghcr.io/x/y:1.0","transport":{"type":"stdio"},"runtimeArguments":[{"type":"named","name":"--rm"},{"type":"named","name":"-v","value":"{dir}:/d","variables":{"dir":{"isRequired":true}}}],"environmentVariables":[{"name":"K","isRequired":true}]}]}`,
			&Entry{Name: "im-age", Command: "docker", Args: []string{"run", "-i", "--rm", "-v", "${IM_AGE_DIR}:/d", "-e", "K", "ghcr.io/x/y:1.0"}, Env: map[string]string{"K": "${K}"}, Needs: map[string]string{"IM_AGE_DIR": "", "K": ""}}, "",
		},
		"remote before package": {
			`{"name":"io.x/r","remotes":[{"type":"sse","url":"https://h/sse"},{"type":"streamable-http","url":"https://{host}/mcp","variables":{"host":{"default":"h.example.com"}},"headers":[{"name":"Authorization","value":"Bearer {token}","variables":{"token":{"isRequired":true,"isSecret":true}}}]}],"packages":[{"registryType":"npm","identifier":"x","transport":{"type":"stdio"}}]}`,
			&Entry{Name: "r", URL: "https://h.example.com/mcp", Headers: map[string]string{"Authorization": "Bearer ${R_TOKEN}"}, Needs: map[string]string{"R_TOKEN": ""}}, "",
		},
		"sse":           {`{"name":"io.x/s","remotes":[{"type":"sse","url":"https://h/sse"}]}`, &Entry{Name: "s", Type: "sse", URL: "https://h/sse", Needs: map[string]string{}}, ""},
		"dollars":       {`{"name":"io.x/d","remotes":[{"type":"streamable-http","url":"https://h/${HOME}"}]}`, &Entry{Name: "d", URL: "https://h/$${HOME}", Needs: map[string]string{}}, ""},
		"no runner":     {`{"name":"io.x/n","packages":[{"registryType":"nuget","identifier":"x","transport":{"type":"stdio"}}]}`, nil, "none of its packages"},
		"not over pipe": {`{"name":"io.x/n","packages":[{"registryType":"npm","identifier":"x","transport":{"type":"streamable-http","url":"http://localhost"}}]}`, nil, "none of its packages"},
		"a template":    {`{"name":"io.x/t","remotes":[{"type":"streamable-http","url":"{baseUrl}/mcp"}]}`, nil, "is none without values"},
	} {
		t.Run(name, func(t *testing.T) {
			r := Record{Server: json.RawMessage(tt.server)}
			s, err := r.Decode()
			if err != nil {
				t.Fatal(err)
			}
			e, err := s.Entry("", false)
			if tt.wrong != "" {
				if err == nil || !strings.Contains(err.Error(), tt.wrong) {
					t.Errorf("%+v, %v", e, err)
				}
				return
			}
			if diff := cmp.Diff(tt.want, e); err != nil || diff != "" {
				t.Fatalf("%v %s", err, diff)
			}
			text, err := e.YAML(2)
			if err != nil {
				t.Fatal(err)
			}
			for need := range e.Needs {
				t.Setenv(need, "value")
			}
			file := t.TempDir() + "/mcp.yaml"
			write1(t, file, "servers:\n"+text)
			cfg, err := config.Load(file, nil)
			if err != nil || len(cfg.Servers) != 1 || name == "dollars" && cfg.Servers[0].URL != "https://h/${HOME}" {
				t.Errorf("%v\n%s", err, text)
			}
		})
	}
}

// TestOwn tells of the gateway's servers what is true, in the format, with our verdict, and nothing of their command lines.
func TestOwn(t *testing.T) {
	known := []Known{
		{Name: "files", Target: "npx -y @x/files@1.2.3 --token s3cret", Software: "files", Version: "1.2.3", Packages: []advisory.Package{{Ecosystem: "npm", Name: "@x/files", Version: "1.2.3"}}, Verdict: Verdict{Tier: 1, Label: "Tier 1", Score: 70, Listed: true, Reasons: []trust.Reason{{Points: -30, Text: "why"}}}},
		{Name: "remote_1", Target: "https://a.example.com/mcp", Version: "^1"},
		{Target: "x", Software: strings.Repeat("이름 ", 60)},
	}
	all := Gate{URL: "https://mcp.example.com/mcp", Version: "0.1.0"}.Own(known)
	if len(all) != 4 {
		t.Fatalf("%d records", len(all))
	}
	for i, r := range all {
		s, err := r.Decode()
		if err != nil || s.Check() != nil || !strings.HasPrefix(s.Name, "com.example.mcp/") || strings.Contains(string(r.Server), "s3cret") || len(s.Remotes) != 1 {
			t.Errorf("%s: %v, %v", r.Server, err, s.Check())
		}
		if _, judged := r.Meta[MetaVerdict]; judged != (i > 0) {
			t.Errorf("%s: a verdict %v", s.Name, judged)
		}
	}
	var v Verdict
	if err := json.Unmarshal(all[1].Meta[MetaVerdict], &v); err != nil || v.Score != 70 || !v.Listed {
		t.Errorf("%+v, %v", v, err)
	}
	if g := (Gate{URL: "http://127.0.0.1:8080/mcp"}); g.Namespace() != "localhost" {
		t.Errorf("namespace %q", g.Namespace())
	}
	byURL := Record{Server: json.RawMessage(`{"name":"any/name","remotes":[{"type":"streamable-http","url":"https://a.example.com/mcp/"}]}`)}
	byPackage := Record{Server: json.RawMessage(`{"name":"any/name","packages":[{"registryType":"npm","identifier":"@x/files","version":"1.2.3"}]}`)}
	other := Record{Server: json.RawMessage(`{"name":"com.example.mcp/files","packages":[{"registryType":"npm","identifier":"@x/files","version":"1.2.4"}]}`)}
	if byURL.Match(known) != &known[1] || byPackage.Match(known) != &known[0] || other.Match(known) != nil {
		t.Error("a record is taken for another server")
	}
}

// TestCheck refuses what the format does not allow.
func TestCheck(t *testing.T) {
	const ok = `{"name":"com.example/x","description":"d","version":"1.0.0"}`
	for text, want := range map[string]string{
		ok: "", "[" + ok + "," + ok + "]": "", `{"servers":[{"server":` + ok + `}],"metadata":{"count":1}}`: "", `{"server":` + ok + `,"_meta":{}}`: "",
		`{"name":"x","description":"d","version":"1"}`:                                          "NAMESPACE/NAME",
		`{"name":"a/b/c","description":"d","version":"1"}`:                                      "NAMESPACE/NAME",
		`{"name":"a/b","version":"1"}`:                                                          "description",
		`{"name":"a/b","description":"d","version":"^1.0"}`:                                     "not one version",
		`{"name":"a/b","description":"d","version":"latest"}`:                                   "not one version",
		`{"name":"a/b","description":"d"}`:                                                      "not one version",
		`{"name":"a/b","description":"d","version":"1","remotes":[{"type":"stdio","url":"x"}]}`: "remotes[0].type",
		`{"name":"a/b","description":"d","version":"1","packages":[{"registryType":"oci","identifier":"--privileged","transport":{"type":"stdio"}}]}`:      "read as something else",
		`{"name":"a/b","description":"d","version":"1","packages":[{"registryType":"npm","identifier":"x","version":">=1","transport":{"type":"stdio"}}]}`: "not one version",
		"{": "reading a server.json", "7": "reading a server.json",
	} {
		_, err := Read([]byte(text))
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

func FuzzEntry(f *testing.F) {
	f.Add(`{"name":"a/b","description":"d","version":"1","packages":[{"registryType":"npm","identifier":"x","transport":{"type":"stdio"},"packageArguments":[{"type":"positional","value":"{a}$","variables":{"a":{"isRequired":true}}}]}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		all, err := Read([]byte(text))
		if err != nil {
			return
		}
		for _, r := range all {
			s, _ := r.Decode()
			e, err := s.Entry("x", false)
			if err != nil {
				continue
			}
			yaml, err := e.YAML(2)
			if err != nil {
				t.Fatal(err)
			}
			cfg, err := config.Parse("mcp.yaml", "/", []byte("servers:\n"+yaml))
			if cfg == nil {
				t.Fatalf("%v\n%s", err, yaml)
			}
		}
	})
}
