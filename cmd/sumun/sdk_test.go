//go:build unix

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	mcpclient "github.com/sumun-mcp/sumun/client"
)

const sdkKey = "sdk-test-key-that-opens-nothing"

// projectFor makes a directory with a configuration, a file and a prompt.
func projectFor(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for name, text := range map[string]string{
		"mcp.yaml":         "listen: 127.0.0.1:0\napiKey: " + sdkKey + "\nresources: {docs: {type: file, root: docs, write: true}}\nprompts: [prompts]\n",
		"docs/notes.md":    "# 메모\n",
		"prompts/greet.md": "---\nname: greet\ndescription: A greeting\nsampling: {temperature: 0.25}\n---\nhello {{ name }} {{ n + 1 }}",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// startFor starts a gateway in such a directory and returns its URL.
func startFor(t *testing.T) (url string) {
	t.Helper()
	dir := projectFor(t)
	cmd := exec.Command("sumun", "serve", "--dir", dir)
	cmd.Env = append(os.Environ(), "HOME="+dir, "GORACE=atexit_sleep_ms=0")
	var log strings.Builder
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
		if t.Failed() {
			t.Log(log.String())
		}
	})
	wait(t, "the gateway's address", func() bool {
		b, err := os.ReadFile(filepath.Join(dir, ".sumun", "endpoint"))
		url = strings.TrimSpace(string(b))
		return err == nil && url != ""
	})
	return url
}

// TestClientOfGate uses the public client with a real gateway, over each line: by the standard and in the dialect.
//
//nolint:tparallel // one line after the other: they write the same files
func TestClientOfGate(t *testing.T) {
	t.Parallel()
	url, key := startFor(t), mcpclient.WithKey(sdkKey)
	for name, dial := range map[string]func(with ...mcpclient.Option) (*mcpclient.Client, error){
		"http": func(with ...mcpclient.Option) (*mcpclient.Client, error) {
			return mcpclient.Dial(t.Context(), url, append(with, key)...)
		},
		"websocket": func(with ...mcpclient.Option) (*mcpclient.Client, error) {
			return mcpclient.Dial(t.Context(), "ws"+strings.TrimPrefix(url, "http"), append(with, key)...)
		},
		"stdio": func(with ...mcpclient.Option) (*mcpclient.Client, error) {
			env := mcpclient.WithEnv(map[string]string{"GORACE": "atexit_sleep_ms=0", "SUMUN_KEY": sdkKey})
			return mcpclient.DialCommand(t.Context(), []string{"sumun", "connect", "--dir", projectFor(t)}, append(with, env)...)
		},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := dial()
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			callTools(t, c)
			writeFiles(t, c, name)
			renderPrompt(t, c)
			root := useRoots(t, c)
			in, err := dial(mcpclient.WithContext(mcpclient.Context{RootID: root}))
			if err != nil {
				t.Fatal(err)
			}
			defer in.Close()
			if name != "stdio" { // where each client has a gateway of its own
				workIn(t, in, root)
			}
			hearEvents(t, c, name)
		})
	}
}

func callTools(t *testing.T, c *mcpclient.Client) {
	t.Helper()
	ctx := t.Context()
	type sum struct {
		Result any `json:"result"`
	}
	want := sum{json.Number("18446744073709551616")}
	if got, err := mcpclient.Call[sum](ctx, c, "calc.evaluate", map[string]string{"expression": "2**64"}); err != nil || got != want {
		t.Errorf("calc.evaluate = %v, %v", got, err)
	}
	i, err := c.Invoke(ctx, "calc.evaluate", map[string]string{"expression": "2*(3+4)"})
	if err != nil || i.Metadata.IsError || i.Metadata.ToolID != "calc.evaluate" || !strings.Contains(string(i.Output), "14") {
		t.Errorf("mcp.tool.invoke = %+v, %v", i, err)
	}
	tools, err := c.Tools(ctx)
	if err != nil || len(tools) == 0 {
		t.Fatalf("tools = %v, %v", tools, err)
	}
	for _, tool := range tools {
		if tool.Checksum == "" || tool.Changed() {
			t.Errorf("%s has the checksum %q, changed: %v", tool.Name, tool.Checksum, tool.Changed())
		}
	}
	_, called := c.Call(ctx, "no.such", nil)
	_, invoked := c.Invoke(ctx, "no.such", nil)
	_, read := c.Read(ctx, "sumun://no.such")
	_, rendered := c.Render(ctx, "no.such", nil)
	_, subscribed := c.Subscribe(ctx, "sumun://no.such", func(mcpclient.Update) {})
	for _, err := range []error{called, invoked, read, rendered, subscribed} {
		if !errors.Is(err, mcpclient.ErrNotFound) {
			t.Errorf("error = %v", err)
		}
	}
	if _, err := c.Request(ctx, "mcp.no.such", nil); !errors.Is(err, mcpclient.ErrUnsupported) {
		t.Errorf("error = %v", err)
	}
	if _, err := c.Request(ctx, "mcp.root.get", map[string]any{"nonsense": 1}); !errors.Is(err, mcpclient.ErrInvalidArguments) {
		t.Errorf("error = %v", err)
	}
}

// writeFiles reads and writes in docs, which the gateways of all lines share.
func writeFiles(t *testing.T, c *mcpclient.Client, name string) {
	t.Helper()
	ctx := t.Context()
	type file struct {
		Content string `json:"content"`
		ETag    string `json:"etag"`
	}
	got, err := mcpclient.Query[file](ctx, c, "file.read", map[string]string{"path": "notes.md"})
	if err != nil || got.Content != "# 메모\n" || got.ETag == "" {
		t.Fatalf("file.read = %+v, %v", got, err)
	}
	all, err := c.Resources(ctx)
	if err != nil || len(all) == 0 {
		t.Fatalf("resources = %v, %v", all, err)
	}
	notes := all[0]
	uri := strings.TrimSuffix(notes.URI, "notes.md") + name + ".md"
	first, err := c.Write(ctx, uri, []byte("하나"), mcpclient.Create())
	if err != nil || first.ETag == "" {
		t.Fatalf("write = %+v, %v", first, err)
	}
	if _, err := c.Write(ctx, uri, []byte("둘"), mcpclient.Create()); !errors.Is(err, mcpclient.ErrConflict) {
		t.Errorf("error = %v", err)
	}
	changed := make(chan mcpclient.Update, 9)
	s, err := c.Subscribe(ctx, uri, func(u mcpclient.Update) { changed <- u })
	if err != nil {
		t.Fatal(err)
	}
	second, err := c.Write(ctx, uri, []byte("둘"), mcpclient.IfMatch(first.ETag))
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-changed:
	case <-time.After(20 * time.Second):
		t.Error("not told of a change")
	}
	if err := s.Close(ctx); err != nil {
		t.Error(err)
	}
	if _, err := c.Write(ctx, uri+"-absent", []byte("x"), mcpclient.IfExists()); !errors.Is(err, mcpclient.ErrConflict) {
		t.Errorf("writing over what is not there: %v", err)
	}
	_, err = c.Write(ctx, uri, []byte("셋"), mcpclient.IfMatch(first.ETag))
	if e, ok := errors.AsType[*mcpclient.Error](err); !errors.Is(err, mcpclient.ErrConflict) || !ok || e.ETag() != second.ETag {
		t.Errorf("error = %v, want a conflict with %s", err, second.ETag)
	}
	read, err := c.Read(ctx, uri)
	if err != nil || read.Text() != "둘" || read.ETag() != second.ETag {
		t.Errorf("read = %+v, %v", read, err)
	}
	again, err := c.Read(ctx, uri, mcpclient.IfNoneMatch(second.ETag))
	if err != nil || !again.NotModified {
		t.Errorf("read = %+v, %v", again, err)
	}
}

func renderPrompt(t *testing.T, c *mcpclient.Client) {
	t.Helper()
	said, err := c.Render(t.Context(), "greet", map[string]any{"name": "민수", "n": 2})
	if err != nil || len(said.Messages) != 1 || said.Messages[0].Text() != "hello 민수 3" {
		t.Fatalf("prompt = %+v, %v", said, err)
	}
	if said.Sampling.Temperature == nil || *said.Sampling.Temperature != 0.25 {
		t.Errorf("sampling = %+v", said.Sampling)
	}
}

// useRoots creates a root and changes its sampling.
func useRoots(t *testing.T, c *mcpclient.Client) (rootID string) {
	t.Helper()
	ctx := t.Context()
	warm := 0.5
	root, err := c.CreateRoot(ctx, mcpclient.NewRoot{
		Name: "work", Sampling: &mcpclient.Sampling{Temperature: &warm}, Variables: map[string]any{"name": "뿌리", "n": 4}, TTL: "1h",
	})
	if err != nil || root == "" {
		t.Fatalf("root = %q, %v", root, err)
	}
	now, err := c.UpdateSampling(ctx, mcpclient.Context{RootID: root}, mcpclient.Sampling{}, "더 창의적으로")
	if err != nil || now.Temperature == nil || *now.Temperature <= warm {
		t.Errorf("sampling = %+v, %v", now, err)
	}
	return root
}

// workIn has a client whose calls belong to that root, by the standard and in the dialect, close it in the end.
func workIn(t *testing.T, c *mcpclient.Client, root string) {
	t.Helper()
	ctx := t.Context()
	said, err := c.Render(ctx, "greet", nil)
	if err != nil || said.Messages[0].Text() != "hello 뿌리 5" {
		t.Errorf("prompt = %+v, %v", said, err)
	}
	i, err := c.Invoke(ctx, "calc.evaluate", map[string]string{"expression": "1"})
	if err != nil || i.Metadata.Sampling.Temperature == nil || *i.Metadata.Sampling.Temperature <= 0.5 {
		t.Errorf("mcp.tool.invoke = %+v, %v", i, err)
	}
	if err := c.CloseRoot(ctx, root); err != nil {
		t.Error(err)
	}
	if err := c.CloseRoot(ctx, root); err == nil {
		t.Error("a root is closed twice")
	}
	if _, err := c.Call(ctx, "calc.evaluate", map[string]string{"expression": "1"}); err == nil {
		t.Error("a call in a root that is closed")
	}
}

// hearEvents has two listen for the end of roots: each is told of each end once.
func hearEvents(t *testing.T, c *mcpclient.Client, name string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	end := func(name string) {
		root, err := c.CreateRoot(ctx, mcpclient.NewRoot{RootID: name})
		if err == nil {
			err = c.CloseRoot(ctx, root)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	over := make(chan error, 2)
	var heard [2]chan string
	for i := range heard {
		heard[i] = make(chan string, 999)
		go func() {
			over <- c.Events(ctx, func(e mcpclient.Event) { heard[i] <- e.Type + string(e.Data) }, "rootClosed", "toolsChanged")
		}()
		n := 0
		wait(t, "an event", func() bool {
			n++
			end(fmt.Sprint(name, i, "-", n))
			return len(heard[i]) > 0
		})
	}
	end(name + "-once")
	end(name + "-last")
	for i := range heard {
		times, last := 0, false
		wait(t, "the last event", func() bool {
			for len(heard[i]) > 0 {
				e := <-heard[i]
				last = last || strings.Contains(e, name+"-last")
				if strings.Contains(e, name+"-once") {
					times++
				}
			}
			return last
		})
		if times != 1 {
			t.Errorf("told %d times", times)
		}
	}
	cancel()
	for range heard {
		if err := <-over; !errors.Is(err, context.Canceled) {
			t.Errorf("events ended with %v", err)
		}
	}
}
