package interop

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
)

// TestObjects writes objects of an S3 store that others wrote (moto) through the gateway: 32 clients change one object, and whoever was
// refused is told the state to start from.
func TestObjects(t *testing.T) {
	address := freeAddress(t)
	host, port, _ := strings.Cut(address, ":")
	start(t, t.TempDir(), nil, objectStore(t, "-H", host, "-p", port))
	await(t, "http://"+address+"/moto-api/", func(status int) bool { return status == http.StatusOK })
	put(t, "http://"+address+"/reports", "")
	put(t, "http://"+address+"/reports/2026/old.md", "# Old")
	const key = "an-interop-key-that-opens-nothing-else"
	gateway := startGateway(t, fmt.Sprintf(`apiKey: %s
resources:
  reports:
    type: object
    url: s3://reports/2026?endpoint=http://%s&region=us-east-1
    accessKey: AKIDEXAMPLE
    secretKey: secret
    write: true
`, key, address))
	call := func(method string, params any) (result, problem state) {
		t.Helper()
		return dialect(t, gateway, key, method, params)
	}
	const uri = "sumun://object/reports/race.txt"
	if got, problem := call("mcp.resource.read", map[string]string{"uri": "sumun://object/reports/old.md"}); got.Content != "# Old" || got.ETag == "" {
		t.Errorf("old.md: %+v, %+v", got, problem)
	}
	first, problem := call("mcp.resource.write", map[string]string{"uri": uri, "content": ""})
	if first.ETag == "" {
		t.Fatalf("a new object: %+v", problem)
	}
	if _, problem := call("mcp.resource.write", map[string]string{"uri": uri, "content": "lost"}); problem.Reason != "conflict" || problem.ETag != first.ETag {
		t.Errorf("made twice: %+v", problem)
	}
	var accepted sync.Map
	var wg sync.WaitGroup
	for client := range 32 {
		wg.Go(func() {
			line := fmt.Sprintf("client %d\n", client)
			for now := first; ; {
				_, problem := call("mcp.resource.write", map[string]string{"uri": uri, "content": now.Content + line, "ifMatch": now.ETag})
				if problem.Reason == "" {
					accepted.Store(line, true)
					return
				}
				if problem.Reason != "conflict" || problem.ETag == "" || problem.ETag == now.ETag {
					t.Errorf("refused with %+v after %+v", problem, now)
					return
				}
				now, _ = call("mcp.resource.read", map[string]string{"uri": uri})
			}
		})
	}
	wg.Wait()
	last, _ := call("mcp.resource.read", map[string]string{"uri": uri})
	if n := strings.Count(last.Content, "\n"); n != 32 {
		t.Errorf("%d lines are in the object:\n%s", n, last.Content)
	}
	for line := range strings.Lines(last.Content) {
		if _, ok := accepted.LoadAndDelete(line); !ok {
			t.Errorf("%q is in the object but was not accepted, or is there twice", line)
		}
	}
	if again, _ := call("mcp.resource.read", map[string]string{"uri": uri, "ifNoneMatch": last.ETag}); !again.NotModified {
		t.Errorf("read again: %+v", again)
	}
}

// A state is what the dialect tells of a resource, or of a refusal.
type state struct {
	Content, ETag, Reason string
	NotModified           bool
}

// dialect calls a method of the dialect.
func dialect(t *testing.T, url, key, method string, params any) (result, problem state) {
	t.Helper()
	body, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
	if err != nil {
		t.Fatal(err)
	}
	answer := send(t, http.MethodPost, url, body, "Authorization", "Bearer "+key, "Content-Type", "application/json", "Accept", "application/json")
	var out struct {
		Result state
		Error  struct {
			Message string
			Data    state
		}
	}
	if err := json.Unmarshal(answer, &out); err != nil {
		t.Errorf("%s: %v in %s", method, err, answer)
	}
	if out.Error.Message != "" && out.Error.Data.Reason == "" {
		out.Error.Data.Reason = out.Error.Message
	}
	return out.Result, out.Error.Data
}

// put makes a bucket or an object past the gateway.
func put(t *testing.T, url, content string) {
	t.Helper()
	send(t, http.MethodPut, url, []byte(content))
}

// send sends one request and returns what was answered.
func send(t *testing.T, method, url string, body []byte, headers ...string) []byte {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewReader(body))
	if err != nil {
		t.Error(err)
		return nil
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Error(err)
		return nil
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		t.Error(err)
	}
	return answer
}

// objectStore returns moto, an S3 store in memory, with the pinned packages.
func objectStore(t *testing.T, args ...string) command {
	t.Helper()
	const done = "python/objects/.venv/installed"
	if !isNewer(done, "python/objects/requirements.txt") {
		install(t, "python/objects", command{"python3", []string{"-m", "venv", "--clear", ".venv"}})
		install(t, "python/objects", command{abs(t, "python/objects/.venv/bin/pip"), strings.Fields("install --quiet --requirement requirements.txt")})
		if err := os.WriteFile(done, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return command{abs(t, "python/objects/.venv/bin/moto_server"), args}
}
