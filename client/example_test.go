package client_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"

	"github.com/sumun-mcp/sumun/client"
)

// Call a tool and take its answer as a Go value, as McpClient.call does in the seed's other languages.
func Example() {
	ctx := context.Background()
	c, err := client.Dial(ctx, gatewayURL, client.WithKey(os.Getenv("SUMUN_KEY")))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()

	type weather struct {
		Temperature float64 `json:"temperature"`
		Condition   string  `json:"condition"`
	}
	now, err := client.Call[weather](ctx, c, "weather.getCurrent", map[string]any{"location": "Seoul"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%.1f, %s\n", now.Temperature, now.Condition)
	// Output: 21.5, 맑음 in Seoul
}

// Start a program that speaks on its standard input and output. No shell reads the command, and the program ends with the Client.
func ExampleDialCommand() {
	ctx := context.Background()
	c, err := client.DialCommand(ctx, []string{os.Args[0], "serve"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	answer, err := client.Call[string](ctx, c, "echo", map[string]any{"n": 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(answer)
	// Output: {"n":1}
}

// Look whether the schema of a tool is still the one that was approved (seed section 5.7).
func ExampleClient_Tools() {
	ctx := context.Background()
	c, err := client.Dial(ctx, gatewayURL)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	tools, err := c.Tools(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, t := range tools {
		if t.Changed() {
			fmt.Printf("Tool %s schema changed!\n", t.Name)
		}
	}
	// Output: Tool drifted schema changed!
}

// Read a resource by its URI.
func ExampleClient_Read() {
	ctx := context.Background()
	c, err := client.Dial(ctx, gatewayURL)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	note, err := c.Read(ctx, "note:1")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(note.Text())
	// Output: 내용
}

// Read a named resource with parameters, as the seed registers file.read.
func ExampleQuery() {
	ctx := context.Background()
	c, err := client.Dial(ctx, gatewayURL)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	type file struct {
		Content string `json:"content"`
		ETag    string `json:"etag"`
	}
	f, err := client.Query[file](ctx, c, "file.read", map[string]any{"path": "notes.md"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(f.Content)
	// Output: # Notes
}

// Write a resource only if nobody else has written it since it was read.
func ExampleClient_Write() {
	ctx := context.Background()
	c, err := client.Dial(ctx, gatewayURL)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	_, err = c.Write(ctx, "file:///notes.md", []byte("# Better notes\n"), client.IfMatch("an old etag"))
	if errors.Is(err, client.ErrConflict) {
		fmt.Println("somebody was faster:", err)
	}
	// Output: somebody was faster: mcp.resource.write file:///notes.md: it has changed
}

// Fill in a prompt. Variables keep their types at a Sumun.
func ExampleClient_Render() {
	ctx := context.Background()
	c, err := client.Dial(ctx, gatewayURL)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	prompt, err := c.Render(ctx, "greet", map[string]any{"name": "민수", "n": 3})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, m := range prompt.Messages {
		fmt.Println(m.Role+":", m.Text())
	}
	// Output: user: hello 민수 3
}

// Answer what a tool asks the user in mid-call. It is the same for servers of both eras.
func ExampleWithElicitation() {
	ctx := context.Background()
	c, err := client.Dial(ctx, gatewayURL, client.WithElicitation(
		func(_ context.Context, q client.Elicitation) (client.ElicitationAnswer, error) {
			fmt.Println("the tool asks:", q.Message)
			return client.ElicitationAnswer{Content: map[string]string{"name": "민수"}}, nil
		}))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	answer, err := client.Call[string](ctx, c, "who", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(answer)
	// Output:
	// the tool asks: who?
	// accept 민수
}

// Be told when a resource changes.
func ExampleClient_Subscribe() {
	ctx := context.Background()
	c, err := client.Dial(ctx, gatewayURL)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	changed := make(chan string, 1)
	s, err := c.Subscribe(ctx, "note:1", func(u client.Update) { changed <- u.URI })
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := c.Call(ctx, "touch", nil); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(<-changed, "has changed")
	if err := s.Close(ctx); err != nil {
		fmt.Println(err)
		return
	}
	// Output: note:1 has changed
}

// Make any request of the dialect by its method, as client.call does in the seed's Python.
func ExampleClient_Request() {
	ctx := context.Background()
	c, err := client.Dial(ctx, gatewayURL)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	raw, err := c.Request(ctx, "mcp.tools.list", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(string(raw))
	// Output: [{"toolId":"calc.evaluate"}]
}

// Call in a root of its own: its variables, memory and sampling parameters are apart from those of others.
func ExampleClient_In() {
	ctx := context.Background()
	c, err := client.Dial(ctx, gatewayURL)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	root, err := c.CreateRoot(ctx, client.NewRoot{Name: "report"})
	if err != nil {
		fmt.Println(err)
		return
	}
	report := c.In(client.Context{RootID: root})
	said, err := report.Invoke(ctx, "calc.evaluate", map[string]any{"expression": "6*7"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(string(said.Output))
	// Output: {"result":42}
}

// gatewayURL is where the examples find a server.
var gatewayURL string

// serveExamples starts it: the SDK's, with a few methods of the dialect beside it.
func serveExamples() *httptest.Server {
	h := beside(map[string]func(asked) string{
		"mcp.tools.list":    func(asked) string { return `[{"toolId":"calc.evaluate"}]` },
		"mcp.root.create":   func(asked) string { return `{"rootId":"r1"}` },
		"mcp.tool.invoke":   func(asked) string { return `{"output":{"result":42},"metadata":{}}` },
		"mcp.resource.read": func(asked) string { return `{"content":"# Notes","etag":"e1","revision":1}` },
		"mcp.resource.write": func(asked) string {
			return `{"code":-32602,"message":"it has changed","data":{"reason":"conflict","etag":"e2"}}`
		},
	})
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Header.Set("Authorization", "Bearer k")
		h.ServeHTTP(w, r)
	}))
}
