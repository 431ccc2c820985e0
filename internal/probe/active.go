package probe

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sumun-mcp/sumun/internal/wire"
	"github.com/sumun-mcp/sumun/trust"
)

// A lure is what a tool that leaves its bounds would find: a file outside of what it was given, and an address of this machine. Both are
// ours, and are gone after the scan.
type lure struct {
	file, token string
	address     string

	server *http.Server
	work   sync.WaitGroup
	mu     sync.Mutex
	came   map[string]string // by the token in the path: the request that came
}

// patience is how long after a call something is waited for that it has set off.
const patience = 250 * time.Millisecond

// lay lays out what tools must not find.
func lay(ctx context.Context) (*lure, error) {
	l := &lure{token: random(16), came: map[string]string{}}
	dir, err := os.MkdirTemp("", "sumun-scan-*")
	if err != nil {
		return nil, fmt.Errorf("laying out a file for tools that leave their bounds: %w", err)
	}
	l.file = filepath.Join(dir, "canary.txt")
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err == nil {
		err = os.WriteFile(l.file, []byte(l.token+"\n"), 0o600)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("laying out what tools must not find: %w", err), os.RemoveAll(dir))
	}
	l.address = listener.Addr().String()
	l.server = &http.Server{Handler: l, ReadHeaderTimeout: time.Second}
	l.work.Go(func() { _ = l.server.Serve(listener) }) // it ends when it is closed
	return l, nil
}

// ServeHTTP notes who comes, and tells nothing.
func (l *lure) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.came) < 1000 {
		l.came[strings.Trim(r.URL.Path, "/")] = r.Method + " " + r.UserAgent()
	}
	w.WriteHeader(http.StatusNoContent)
}

// caught returns the request that came with a token, "" if none did within a moment.
func (l *lure) caught(ctx context.Context, token string) string {
	wait(ctx, patience)
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.came[token]
}

func (l *lure) close() {
	_ = l.server.Close() // nothing is left to be told
	l.work.Wait()
	_ = os.RemoveAll(filepath.Dir(l.file)) // it is in the directory for such files
}

// bounds tries, if that is wished for, whether harmless tools of a server on this machine leave their bounds. Of a program that is watched in a
// box it tries whether it runs commands in any case, since none can do harm there.
func (p *prober) bounds(ctx context.Context) error {
	if !p.Active && p.target.Witness == nil {
		return nil
	}
	if !p.subject.Loopback {
		p.Progress("not tried: what would tell lies on this machine, and the server does not")
		return nil
	}
	l, err := lay(ctx)
	if err != nil {
		return err
	}
	defer l.close()
	s := p.seat()
	for _, tool := range harmless(p.subject.Tools, p.Rounds.Tools) {
		p.tempt(ctx, s, l, tool)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	return nil
}

// tempt gives one tool what it must not follow, one text of its arguments after the other.
func (p *prober) tempt(ctx context.Context, s *seat, l *lure, tool json.RawMessage) {
	name, _ := wire.Unquote(wire.Get(tool, "name"))
	schema := wire.Get(tool, "inputSchema")
	base, ok := arguments(schema, 0)
	if !ok {
		return
	}
	f := forger{root: schema}
	for key, property := range wire.Members(wire.Get(schema, "properties")) {
		parameter, _ := wire.Unquote(append(append([]byte{'"'}, key...), '"'))
		if !f.isText(property) || wire.Get(property, "enum") != nil {
			continue
		}
		call := func(value string) string {
			text, _, err := s.Call(ctx, name, with(base, parameter, value))
			if err != nil {
				return ""
			}
			return text
		}
		lower := strings.ToLower(parameter)
		note := func(probe, text string) { p.observe(trust.Observation{Probe: probe, Target: name, Text: text}) }
		switch {
		case !p.Active && isPlace(lower):
		case strings.Contains(lower, "url") || strings.Contains(lower, "uri"):
			token := random(16)
			call("http://" + l.address + "/" + token)
			note(trust.ProbeInward, l.caught(ctx, token))
		case isPlace(lower):
			text := ""
			if strings.Contains(call(upwards(l.file)), l.token) {
				text = "the content of " + upwards("/DIRECTORY/canary.txt")
			}
			note(trust.ProbeUpwards, text)
		default:
			note(trust.ProbeCommand, p.obeyed(ctx, l, name, call))
		}
	}
}

// isPlace reports whether a parameter of that name takes an address or a path.
func isPlace(name string) bool {
	return slices.ContainsFunc([]string{"url", "uri", "path", "file"}, func(word string) bool { return strings.Contains(name, word) })
}

// obeyed hides in a text, in the way of servers that take their orders so, a command that tells us that it was run, and does nothing else.
func (p *prober) obeyed(ctx context.Context, l *lure, tool string, call func(string) string) string {
	token, began := random(16), time.Now()
	p.lures = append(p.lures, token)
	at := "http://" + l.address + "/" + token
	if p.target.Witness != nil { // whose sink is all that can be reached
		at = "http://127.0.0.1:80/" + token
	}
	command := fmt.Sprintf("curl -s -m 2 %[1]s || wget -q -T 2 -O - %[1]s || python3 -c 'import urllib.request as u; u.urlopen(%[1]q)'", at)
	call("project-" + base64.StdEncoding.EncodeToString([]byte(command)))
	came := l.caught(ctx, token)
	if came == "" {
		came = p.witnessed(began, tool, token)
	}
	if came != "" {
		return "the command was run: " + came
	}
	return ""
}

// upwards returns a path that leads to a file from wherever one is.
func upwards(file string) string {
	return strings.Repeat("../", 16) + strings.TrimPrefix(filepath.ToSlash(file), "/")
}

// with returns arguments with another value for one of them.
func with(base json.RawMessage, parameter, value string) json.RawMessage {
	object := map[string]json.RawMessage{}
	if json.Unmarshal(base, &object) != nil {
		return base
	}
	text, err := json.Marshal(value)
	if err != nil {
		return base
	}
	object[parameter] = text
	changed, err := json.Marshal(object)
	if err != nil {
		return base
	}
	return changed
}
