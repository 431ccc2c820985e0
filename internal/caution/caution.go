// Package caution warns people before a program is run as a local MCP server for the first time: it has the rights of whoever starts it, so
// that letting it run is like giving it root access (seed 5.9, "user education"). In English and Korean, once for each server and machine.
package caution

import (
	"bufio"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/document"
	"github.com/sumun-mcp/sumun/internal/exit"
	"github.com/sumun-mcp/sumun/internal/redact"
	"github.com/sumun-mcp/sumun/internal/terminal"
)

// A Server is a program that speaks MCP on its standard input and output.
type Server struct {
	// Name is what it is called.
	Name string
	// Command and Args are how it is started. They say which server it is: another version is another server.
	Command string
	Args    []string
}

// secrets are those that everybody knows.
var secrets = redact.New(nil, nil)

// line is its command line as people read it, without secrets.
func (s *Server) line() string {
	return terminal.Harmless(secrets.Clean(strings.Join(append([]string{s.Command}, s.Args...), " ")))
}

// name is its name as people read it.
func (s *Server) name() string { return terminal.Harmless(cmp.Or(s.Name, "-")) }

// id is equal for the same command line.
func (s *Server) id() string {
	h := sha256.New()
	for _, part := range append([]string{s.Command}, s.Args...) {
		fmt.Fprintf(h, "%d:%s", len(part), part)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// A Warner warns. Its methods are called one after the other.
type Warner struct {
	*terminal.Voice

	// In is where a person types, if Typing says that one does.
	In     io.Reader
	Typing bool
	// Getenv looks up the environment: its locale says in which language people are warned.
	Getenv func(string) string
	// Dir is where it is remembered who was warned of what: a directory of this user on this machine. Empty remembers nothing.
	Dir string
}

// Add warns before a server is added that was not there before. A person on a terminal is asked; elsewhere yes has to say that it is meant.
// The error is that nobody wants it, and nothing is to be added.
func (w *Warner) Add(s Server, yes bool) error {
	if w.knows(&s) {
		return nil
	}
	text := w.language()
	if !yes && w.Quiet {
		return refusal(&s, text.rights)
	}
	w.say(&s, &text)
	if !yes {
		if !w.Typing {
			return refusal(&s, text.rights)
		}
		if !w.agrees(&text) {
			return &exit.Error{Code: exit.Usage, Msg: "nothing was changed", Target: s.Name}
		}
	}
	w.remember(&s)
	return nil
}

// refusal is the failure where nobody can be asked.
func refusal(s *Server, rights string) error {
	return &exit.Error{Code: exit.Usage, Msg: "nobody has said that " + s.name() + " may run on this machine: " + rights, Target: s.Name, Hint: "add --yes if it may"}
}

// Start warns before a server is started for the first time on this machine. A person on a terminal is asked, and the error is that they do not
// want it; elsewhere it is said, and the server is started.
func (w *Warner) Start(s Server) error {
	return w.Add(s, !w.Typing)
}

// Told reports whether people are to be told of a server that was never started on this machine before, and what. After that it is known.
func (w *Warner) Told(s Server) (text string, news bool) {
	if w.knows(&s) {
		return "", false
	}
	words := w.language()
	w.remember(&s)
	return words.rights + " " + fmt.Sprintf(words.first, s.name(), s.line()), true
}

// Tell tells of the programs of a configuration that were never started on this machine before: in the log, and with its other warnings.
func (w *Warner) Tell(cfg *config.Config, log *slog.Logger) {
	for i := range cfg.Servers {
		s := &cfg.Servers[i]
		if s.Command == "" || s.Disabled {
			continue
		}
		if text, news := w.Told(Server{Name: s.Name, Command: s.Command, Args: s.Args}); news {
			cfg.Warnings = append(cfg.Warnings, text)
			log.Warn(text, slog.String("server", s.Name)) //nolint:sloglint // the warning is the message
		}
	}
}

// say shows the warning.
func (w *Warner) say(s *Server, t *words) {
	w.Note("%s", t.title+t.rights)
	w.Note("  "+t.about, s.name(), s.line())
	for _, l := range t.lines {
		w.Note("  %s", l)
	}
}

// agrees asks the person on the terminal.
func (w *Warner) agrees(t *words) bool {
	fmt.Fprint(w.People, t.ask)
	answer, _ := bufio.NewReader(w.In).ReadString('\n') // an end without an answer is a no
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes", "예", "네", "ㅇ", "응":
		return true
	}
	return false
}

// fileName is what the memory is called in its directory.
const fileName = "warned.json"

// maxKnown is how many servers are remembered.
const maxKnown = 10_000

// A memory is what is remembered of one server.
type memory struct {
	Server string    `json:"server"`
	Time   time.Time `json:"time"`
}

// knows reports whether somebody was warned of the server. What cannot be read is not known.
func (w *Warner) knows(s *Server) bool {
	_, ok := w.known()[s.id()]
	return ok
}

func (w *Warner) known() map[string]memory {
	all := map[string]memory{}
	if w.Dir == "" {
		return all
	}
	data, err := document.ReadFile(filepath.Join(w.Dir, fileName))
	if err != nil || json.Unmarshal(data, &all) != nil || len(all) > maxKnown {
		return map[string]memory{}
	}
	return all
}

// remember keeps that somebody was warned. Where that cannot be kept, people are warned again.
func (w *Warner) remember(s *Server) {
	if w.Dir == "" {
		return
	}
	all := w.known()
	all[s.id()] = memory{Server: s.line(), Time: time.Now().UTC().Truncate(time.Second)}
	if err := w.write(all); err != nil && !errors.Is(err, fs.ErrPermission) {
		w.Note("warning: that you were warned cannot be remembered: %v", err)
	}
}

// write replaces the memory at once, so that two programs that write it do not leave half of it.
func (w *Warner) write(all map[string]memory) error {
	data, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return fmt.Errorf("writing who was warned: %w", err)
	}
	if err := os.MkdirAll(w.Dir, 0o700); err != nil {
		return fmt.Errorf("making the directory of who was warned: %w", err)
	}
	f, err := os.CreateTemp(w.Dir, ".warned-*")
	if err != nil {
		return fmt.Errorf("writing who was warned: %w", err)
	}
	defer func() { _ = os.Remove(f.Name()) }() // it is gone where all went well
	_, err = f.Write(append(data, '\n'))
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("writing who was warned: %w", err)
	}
	return os.Rename(f.Name(), filepath.Join(w.Dir, fileName))
}
