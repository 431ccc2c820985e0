package workbench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/sumun-mcp/sumun/internal/exit"
	"github.com/sumun-mcp/sumun/internal/listing"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/plugin"
	"github.com/sumun-mcp/sumun/internal/terminal"
	"github.com/sumun-mcp/sumun/internal/transport"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// A checked tool is what came of one.
type checked struct {
	Name        string          `json:"name"`
	Description string          `json:"description,omitempty"`
	InputSchema json.RawMessage `json:"inputSchema,omitempty"`
	Arguments   json.RawMessage `json:"arguments,omitempty"`
	// Answer is the result of the call, Error why there is none.
	Answer json.RawMessage `json:"answer,omitempty"`
	Error  string          `json:"error,omitempty"`
}

// A verdict is what came of a plugin.
type verdict struct {
	Name      string            `json:"name"`
	Kind      string            `json:"kind"`
	Tools     []checked         `json:"tools"`
	Resources []json.RawMessage `json:"resources,omitempty"`
	Notices   []string          `json:"notices,omitempty"`
}

func (b *Bench) checkCommand() *cobra.Command {
	quiet := false
	cmd := &cobra.Command{
		Use:   "check FILE",
		Short: "Run a plugin as the gateway would, show its tools, and call each with sample arguments",
		Long: `Run a plugin as the gateway would, in its box, show its tools and resources, and call each tool with
arguments made from its schema. What does not work is told with its place.`,
		Example: "  sumun plugin check plugins/greet.mjs",
		Args:    cobra.ExactArgs(1),
		RunE:    func(cmd *cobra.Command, args []string) error { return b.check(cmd.Context(), args[0], !quiet) },
	}
	cmd.Flags().BoolVar(&quiet, "no-call", false, "show the tools and call none")
	return cmd
}

// check looks at one plugin.
func (b *Bench) check(ctx context.Context, path string, call bool) error {
	p, err := b.found(path)
	if err != nil {
		return &exit.Error{Code: exit.Usage, Err: err, Target: path, Hint: "sumun plugin check plugins/NAME.mjs"}
	}
	c, err := b.Config()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "sumun-check-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }() // nothing else lies there
	said := &saying{say: b.Note, said: map[string]bool{}}
	log := slog.New(said)
	confiner := b.Confine(c)
	defer confiner.Close()
	plugins := plugin.New(ctx, plugin.Options{Dir: dir, Log: log, Install: confiner.Locked})
	defer plugins.Close()
	s, notices, err := plugins.Prepare(ctx, p)
	if err != nil {
		return faulty(path, err)
	}
	v := verdict{Name: p.Name, Kind: string(p.Kind), Notices: notices, Tools: []checked{}}
	cmd, own := plugins.Command(&s)
	if !own {
		cmd, err = confiner.Command(ctx, s)
	}
	if err == nil {
		target := transport.Target{Name: s.Name, Command: cmd, StartTimeout: s.StartTimeout, Log: log}
		err = v.try(ctx, target, transport.Hello{Info: []byte(`{"name":"sumun plugin check","version":"` + b.Version + `"}`)}, call)
	}
	if err != nil {
		return faulty(path, plugin.Located(err))
	}
	return b.tellChecked(path, &v)
}

// faulty is the error of a plugin that does not work.
func faulty(path string, err error) error {
	return &exit.Error{Code: exit.Failed, Msg: "the plugin does not work", Err: err, Target: path}
}

// try starts the plugin and asks and calls it.
func (v *verdict) try(ctx context.Context, target transport.Target, hello transport.Hello, call bool) error {
	session, err := transport.Open(ctx, target, hello)
	if err != nil {
		return err
	}
	defer session.Close()
	l, err := listing.Read(ctx, session, target.Name, target.Log)
	if err != nil {
		return err
	}
	for _, r := range append(l.Resources, l.Templates...) {
		v.Resources = append(v.Resources, json.RawMessage(r))
	}
	for _, raw := range l.Tools {
		one := checked{Name: terminal.Text(raw, "name"), Description: terminal.Text(raw, "description"), InputSchema: wire.Get(raw, "inputSchema")}
		if call {
			one.call(ctx, session)
		}
		v.Tools = append(v.Tools, one)
	}
	return nil
}

// call calls the tool with a sample.
func (t *checked) call(ctx context.Context, s *transport.Session) {
	var schema any
	_ = json.Unmarshal(t.InputSchema, &schema) // what is no schema allows anything
	arguments, err := json.Marshal(Sample(schema))
	if err != nil {
		t.Error = err.Error()
		return
	}
	t.Arguments = arguments
	params := append(wire.AppendQuote([]byte(`{"name":`), t.Name), `,"arguments":`...)
	a, err := s.Call(ctx, transport.Request{Method: mcp.MethodToolsCall, Name: t.Name, Params: append(append(params, arguments...), '}')}, nil)
	if err != nil {
		t.Error = err.Error()
		return
	}
	defer a.Release()
	if e := a.Err(s.Revision()); e != nil {
		t.Error = e.Message
		return
	}
	t.Answer = append(json.RawMessage{}, a.Result()...)
	if string(wire.Get(t.Answer, "isError")) == "true" {
		t.Error = textOf(t.Answer)
	}
}

// textOf is the text of a result.
func textOf(result []byte) string {
	var all []string
	for _, block := range terminal.Elements(result, "content") {
		all = append(all, terminal.Block(block))
	}
	return strings.Join(all, "\n")
}

// tellChecked shows what came of it.
func (b *Bench) tellChecked(path string, v *verdict) error {
	if b.JSON {
		if err := b.WriteJSON(v); err != nil {
			return err
		}
	} else if err := b.show(v); err != nil {
		return err
	}
	for _, n := range v.Notices {
		b.Note("note: %s", n)
	}
	if len(v.Tools)+len(v.Resources) == 0 {
		return faulty(path, errors.New("it offers nothing: export a function"))
	}
	return nil
}

// nameOf returns the name that clients will call a tool by, unless another server has it.
func (v *verdict) nameOf(t *checked) string {
	if strings.Contains(t.Name, ".") {
		return t.Name
	}
	return v.Name + "." + t.Name
}

// show prints the tools and resources.
func (b *Bench) show(v *verdict) error {
	var out strings.Builder
	for _, t := range v.Tools {
		fmt.Fprintf(&out, "tool %s\n", v.nameOf(&t))
		for line := range strings.SplitSeq(strings.TrimSpace(t.Description), "\n") {
			if line != "" {
				fmt.Fprintf(&out, "  %s\n", line)
			}
		}
		fmt.Fprintf(&out, "  takes    %s\n", terminal.Harmless(string(t.InputSchema)))
		if t.Arguments != nil {
			fmt.Fprintf(&out, "  with     %s\n", t.Arguments)
		}
		switch {
		case t.Error != "":
			fmt.Fprintf(&out, "  fails    %s\n", terminal.Harmless(t.Error))
		case t.Answer != nil:
			fmt.Fprintf(&out, "  answers  %s\n", textOf(t.Answer))
		}
	}
	for _, r := range v.Resources {
		fmt.Fprintf(&out, "resource %s  %s\n", terminal.Text(r, "name"), terminal.Text(r, "uri")+terminal.Text(r, "uriTemplate"))
	}
	_, err := b.Data.Write([]byte(out.String()))
	return err
}

// A saying is a log that shows people what the plugin says itself: each line once, although a program may be started for each era.
type saying struct {
	say  func(format string, args ...any)
	mu   sync.Mutex
	said map[string]bool
}

// Enabled takes what people may want to know.
func (s *saying) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelInfo }

// Handle shows one entry.
func (s *saying) Handle(_ context.Context, r slog.Record) error {
	text := r.Message
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "text" || a.Key == "error" || a.Key == "notice" {
			text = a.Value.String()
		}
		return true
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.said[text] {
		s.said[text] = true
		s.say("  %s", terminal.Harmless(text))
	}
	return nil
}

// WithAttrs leaves them out.
func (s *saying) WithAttrs([]slog.Attr) slog.Handler { return s }

// WithGroup has no groups.
func (s *saying) WithGroup(string) slog.Handler { return s }
