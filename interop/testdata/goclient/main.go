// Goclient uses the public package client with the servers of a plan, directly or through the gateway that the plan names, and
// prints PASS or FAIL for each check. The exit code is 1 if any failed.
//
// It is built into the gateway's module by an overlay (TestGoClient), so that this module needs nothing of that one.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sumun-mcp/sumun/client"
)

type endpoint struct {
	Command, URL, Key string
	Args              []string
}

type plan struct {
	Gateway *endpoint
	Servers map[string]endpoint
	Folder  string
}

// A session is a client of one server, whose tools and prompts have a prefix at a gateway.
type session struct {
	*client.Client
	prefix string
	folder string
}

func main() {
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var p plan
	if err := json.Unmarshal(text, &p); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	failed := 0
	for _, name := range slices.Sorted(func(yield func(string) bool) {
		for name := range p.Servers {
			if !yield(name) {
				return
			}
		}
	}) {
		to, s := p.Servers[name], session{folder: p.Folder}
		if p.Gateway != nil {
			to, s.prefix = *p.Gateway, name+"."
		}
		if s.Client, err = dial(ctx, to, p.Folder); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		checks := everything
		if name == "files" {
			checks = files
		}
		for _, c := range checks {
			if c.session && p.Gateway != nil {
				continue // a modern client has no session with it, by which this server tells of changes
			}
			if err := c.run(ctx, s); err != nil {
				failed++
				fmt.Printf("FAIL  %s: %s: %v\n", name, c.name, err)
				continue
			}
			fmt.Printf("PASS  %s: %s\n", name, c.name)
		}
		s.Close()
	}
	if failed > 0 {
		return errors.New("some checks failed")
	}
	return nil
}

func dial(ctx context.Context, to endpoint, folder string) (*client.Client, error) {
	answers := []client.Option{
		client.WithKey(to.Key),
		client.WithElicitation(func(context.Context, client.Elicitation) (client.ElicitationAnswer, error) {
			return client.ElicitationAnswer{Content: map[string]any{"name": "Ada Lovelace", "check": true, "integer": 7}}, nil
		}),
		client.WithSampling(func(_ context.Context, q client.SamplingRequest) (client.SamplingAnswer, error) {
			return client.SamplingAnswer{Text: "I heard: " + q.Messages[0].Text(), Model: "none"}, nil
		}),
		client.WithRoots(func(context.Context) ([]client.Root, error) {
			return []client.Root{{URI: "file://" + folder, Name: "work"}}, nil
		}),
	}
	if to.URL != "" {
		return client.Dial(ctx, to.URL, answers...)
	}
	return client.DialCommand(ctx, append([]string{to.Command}, to.Args...), answers...)
}

type check struct {
	name    string
	run     func(ctx context.Context, s session) error
	session bool // the server needs a session for it
}

// says wants a text in the answer of a tool.
func says(tool string, args any, want string) func(context.Context, session) error {
	return func(ctx context.Context, s session) error {
		got, err := s.Call(ctx, s.prefix+tool, args)
		if err == nil && (got.IsError || !strings.Contains(got.Text(), want)) {
			err = fmt.Errorf("no %q in %s", want, got.Raw)
		}
		return err
	}
}

var files = []check{
	{name: "lists a directory", run: func(ctx context.Context, s session) error {
		return says("list_directory", map[string]string{"path": s.folder}, "hello.txt")(ctx, s)
	}},
}

var everything = []check{
	{name: "echo", run: says("echo", map[string]string{"message": "안녕 <&> 🚪"}, "Echo: 안녕 <&> 🚪")},
	{name: "answers an elicitation", run: says("trigger-elicitation-request", nil, "Ada Lovelace")},
	{name: "answers a sampling request", run: says("trigger-sampling-request", map[string]any{"prompt": "knock", "maxTokens": 10}, "I heard: ")},
	{name: "tells its roots", run: func(ctx context.Context, s session) error { return says("get-roots-list", nil, s.folder)(ctx, s) }},
	{name: "structured content", run: func(ctx context.Context, s session) error {
		got, err := client.Call[struct{ Temperature float64 }](ctx, s.Client, s.prefix+"get-structured-content", map[string]string{"location": "Chicago"})
		if err == nil && got.Temperature == 0 {
			err = errors.New("no temperature")
		}
		return err
	}},
	{name: "refuses a tool that is not there", run: func(ctx context.Context, s session) error {
		if got, err := s.Call(ctx, s.prefix+"no-such-tool", nil); err == nil && !got.IsError {
			return errors.New("it was called")
		}
		return nil
	}},
	{name: "progress", run: func(ctx context.Context, s session) error {
		var mu sync.Mutex
		var seen []string
		_, err := s.Call(ctx, s.prefix+"trigger-long-running-operation", map[string]int{"duration": 1, "steps": 4}, client.OnProgress(func(p client.Progress) {
			mu.Lock()
			defer mu.Unlock()
			seen = append(seen, p.Progress.String())
		}))
		if err == nil && !strings.HasPrefix(strings.Join(seen, " ")+" ", "1 2 3 ") {
			err = fmt.Errorf("progress = %v", seen)
		}
		return err
	}},
	{name: "cancels a call", run: func(ctx context.Context, s session) error {
		short, cancel := context.WithCancel(ctx)
		defer cancel()
		_, err := s.Call(short, s.prefix+"trigger-long-running-operation", map[string]int{"duration": 60, "steps": 200}, client.OnProgress(func(client.Progress) { cancel() }))
		if !errors.Is(err, context.Canceled) {
			return fmt.Errorf("error = %w", err)
		}
		return says("echo", map[string]string{"message": "still here"}, "Echo: still here")(ctx, s)
	}},
	{name: "reads a resource of a template", run: func(ctx context.Context, s session) error {
		got, err := s.Read(ctx, "demo://resource/dynamic/text/7")
		if err == nil && !strings.HasPrefix(got.Text(), "Resource 7: ") {
			err = fmt.Errorf("read %s", got.Raw)
		}
		return err
	}},
	{name: "renders a prompt", run: func(ctx context.Context, s session) error {
		got, err := s.Render(ctx, s.prefix+"args-prompt", map[string]any{"city": "Suwon"})
		if err == nil && got.Messages[0].Text() != "What's weather in Suwon?" {
			err = fmt.Errorf("rendered %s", got.Raw)
		}
		return err
	}},
	{name: "lists", run: func(ctx context.Context, s session) error {
		tools, err := s.Tools(ctx)
		if err == nil && !slices.ContainsFunc(tools, func(t client.Tool) bool { return t.Name == s.prefix+"get-sum" }) {
			err = errors.New("a tool is missing")
		}
		return errors.Join(err, second(s.Resources(ctx)), second(s.Templates(ctx)), second(s.Prompts(ctx)))
	}},
	{name: "is told that a resource changed", session: true, run: func(ctx context.Context, s session) error {
		changed := make(chan client.Update, 9)
		sub, err := s.Subscribe(ctx, "demo://resource/dynamic/text/3", func(u client.Update) { changed <- u })
		if err != nil {
			return err
		}
		if _, err := s.Call(ctx, s.prefix+"toggle-subscriber-updates", nil); err != nil {
			return err
		}
		select {
		case <-changed:
		case <-time.After(15 * time.Second):
			return errors.New("not told")
		}
		_, err = s.Call(ctx, s.prefix+"toggle-subscriber-updates", nil)
		return errors.Join(err, sub.Close(ctx))
	}},
}

// second wants a list that is not empty.
func second[T any](all []T, err error) error {
	if err == nil && len(all) == 0 {
		err = errors.New("a list is empty")
	}
	return err
}
