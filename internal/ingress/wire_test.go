package ingress_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/sumun-mcp/sumun/internal/doortest"
	"github.com/sumun-mcp/sumun/internal/ingress"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/session"
)

// TestWire plays the conversations of testdata: what stands under client is sent
// as it is, and what comes must be what stands under server: the status, the
// headers that are named there, and the body. $SESSION is the last session id.
func TestWire(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no conversations", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(strings.TrimPrefix(file, "testdata/"), ".txtar"), func(t *testing.T) {
			t.Parallel()
			play(t, file)
		})
	}
}

func play(t *testing.T, file string) {
	t.Helper()
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	server := newServer(t)
	id := ""
	for i := 0; i+1 < len(archive.Files); i += 2 {
		request := strings.ReplaceAll(string(archive.Files[i].Data), "$SESSION", id)
		answer := send(t, server.Listener.Addr().String(), request)
		if s := answer.Header.Get("Mcp-Session-Id"); s != "" {
			id = s
		}
		got := render(t, answer, archive.Files[i+1].Data)
		answer.Body.Close()
		if id != "" {
			got = strings.ReplaceAll(got, id, "$SESSION")
		}
		if os.Getenv("UPDATE") != "" {
			archive.Files[i+1].Data = []byte(got)
			continue
		}
		if d := cmp.Diff(string(archive.Files[i+1].Data), got); d != "" {
			t.Errorf("exchange %d, -want +got:\n%s", i/2+1, d)
		}
	}
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(file, txtar.Format(archive), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// send makes an HTTP request of a conversation's text: a request line without a
// version, headers, an empty line, the body without its last line break.
func send(t *testing.T, addr, text string) *http.Response {
	t.Helper()
	head, body, _ := strings.Cut(text, "\n\n")
	body = strings.TrimSuffix(body, "\n")
	lines := strings.Split(strings.TrimSuffix(head, "\n"), "\n")
	var raw bytes.Buffer
	fmt.Fprintf(&raw, "%s HTTP/1.1\r\n", lines[0])
	if !strings.Contains(head, "\nHost:") {
		fmt.Fprintf(&raw, "Host: %s\r\n", addr)
	}
	if !strings.Contains(head, "\nAuthorization:") {
		raw.WriteString("Authorization: Bearer good\r\n")
	}
	if strings.HasPrefix(lines[0], "POST") && !strings.Contains(head, "\nContent-Type:") {
		raw.WriteString("Content-Type: application/json\r\n")
	}
	if !strings.Contains(head, "\nAccept:") {
		raw.WriteString("Accept: application/json, text/event-stream\r\n")
	}
	for _, line := range lines[1:] {
		raw.WriteString(line + "\r\n")
	}
	fmt.Fprintf(&raw, "Connection: close\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := conn.Write(raw.Bytes()); err != nil {
		t.Fatal(err)
	}
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

// render writes an answer as it stands in a conversation, with the headers that want names.
func render(t *testing.T, answer *http.Response, want []byte) string {
	t.Helper()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	fmt.Fprintf(&out, "%d\n", answer.StatusCode)
	head, _, _ := strings.Cut(string(want), "\n\n")
	for line := range strings.SplitSeq(head, "\n") {
		if name, _, ok := strings.Cut(line, ": "); ok && !strings.HasPrefix(line, "{") && !strings.HasPrefix(line, "data") {
			fmt.Fprintf(&out, "%s: %s\n", name, answer.Header.Get(name))
		}
	}
	if len(body) > 0 {
		out.WriteString("\n" + string(body))
		if !bytes.HasSuffix(body, []byte("\n")) {
			out.WriteString("\n")
		}
	}
	return out.String()
}

func newServer(t *testing.T) *httptest.Server {
	t.Helper()
	sessions := session.NewStore(session.Options{Idle: time.Hour, Max: 100})
	t.Cleanup(sessions.Close)
	door := ingress.NewHTTP(ingress.HTTPOptions{
		Handler: mcp.HandlerFunc(doortest.Answer), Authenticate: authenticate, Sessions: sessions,
		ServerInfo: []byte(`{"name":"gate","version":"1"}`), Hosts: []string{"127.0.0.1", "localhost"},
		Origins: []string{"https://app.example.com"}, BodyBytes: 4096, Log: slog.New(slog.DiscardHandler),
	})
	server := httptest.NewServer(door)
	t.Cleanup(server.Close)
	return server
}

func authenticate(r *http.Request) (*mcp.Caller, *mcp.Error) {
	switch r.Header.Get("Authorization") {
	case "Bearer good":
		return &mcp.Caller{ID: "good", View: &mcp.View{ID: "all", Whole: true}}, nil
	case "Bearer other":
		return &mcp.Caller{ID: "other", View: &mcp.View{ID: "all", Whole: true}}, nil
	}
	if r.Header.Get("Authorization") == "Bearer unsure" {
		return nil, &mcp.Error{Code: mcp.CodeInternal, Reason: mcp.Unavailable, Message: "who knows", Data: []byte(`{"reason":"unavailable","retryAfterMs":1001}`)}
	}
	return nil, mcp.Errorf(mcp.CodeInvalidRequest, mcp.Unauthenticated, "no key")
}

// TestRevisionsAreServed opens a session of each legacy revision.
func TestRevisionsAreServed(t *testing.T) {
	server := newServer(t)
	for _, r := range mcp.Revisions() {
		if r.Stateless {
			continue
		}
		answer := send(t, server.Listener.Addr().String(), "POST /mcp\n\n"+
			`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"`+r.Name+`","capabilities":{},"clientInfo":{"name":"c","version":"1"}}}`)
		body, _ := io.ReadAll(answer.Body)
		answer.Body.Close()
		if !slices.Contains([]int{200}, answer.StatusCode) || !bytes.Contains(body, []byte(r.Name)) {
			t.Errorf("%s: %d %s", r.Name, answer.StatusCode, body)
		}
	}
}
