package scan

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/sumun-mcp/sumun/internal/probe"
	"github.com/sumun-mcp/sumun/trust"
)

// A History remembers what earlier scans saw: a file for each target in one directory. It needs no database, and a scan goes on without it.
type History struct {
	// Dir is the directory. It is made when there is something to keep.
	Dir string
}

// historyIn returns the history in a gateway's directory of state.
func historyIn(state string) *History { return &History{Dir: filepath.Join(state, "history")} }

const (
	// mostEntries is how many scans of one target are remembered, and mostTargets how many targets: the oldest are forgotten.
	mostEntries = 64
	mostTargets = 1024
	// mostMemory is how many bytes a target's memory has at most; without the last lists and answers if those are larger.
	mostMemory = 8 << 20
	// mostAnswers is how many answers of the last scan are remembered.
	mostAnswers = 24
)

// A memory is what is remembered of one target.
type memory struct {
	Target string `json:"target"`
	// Entries are the scans, the oldest first.
	Entries []entry `json:"entries"`
	// Tools, Instructions and Answers are those of the last one.
	Tools        []json.RawMessage `json:"tools,omitempty"`
	Instructions string            `json:"instructions,omitempty"`
	Answers      []trust.Answer    `json:"answers,omitempty"`
}

// An entry is one scan of a target.
type entry struct {
	Time     time.Time `json:"time"`
	Software string    `json:"software,omitempty"`
	Version  string    `json:"version,omitempty"`
	// Tools is the digest of the list of tools.
	Tools string `json:"tools"`
	Label string `json:"label"`
	Score int    `json:"score"`
}

// file is where a target's memory lies. Its name tells nothing: a command or a URL may hold secrets.
func (h *History) file(t *Target) string {
	id := t.URL
	if t.Command != nil {
		id = strings.Join(append([]string{t.Command.Dir, t.Command.Path}, t.Command.Args...), "\x00")
	}
	sum := sha256.Sum256([]byte(t.Name + "\x00" + id))
	return filepath.Join(h.Dir, hex.EncodeToString(sum[:12])+".json")
}

// read returns what is remembered of a target, nil if nothing is, or nothing that can be read.
func (h *History) read(t *Target) *memory {
	info, err := os.Stat(h.file(t))
	if err != nil || info.Size() > mostMemory {
		return nil
	}
	text, err := os.ReadFile(h.file(t))
	if err != nil {
		return nil
	}
	m := new(memory)
	if json.Unmarshal(text, m) != nil || len(m.Entries) == 0 {
		return nil
	}
	return m
}

// recall adds to the facts of a server what it was when it was scanned last: a view, and its answers as those of round 0.
func (h *History) recall(t *Target, s *trust.Subject) {
	m := h.read(t)
	if m == nil {
		return
	}
	last := m.Entries[len(m.Entries)-1]
	s.Views = append(s.Views, trust.View{
		Cause: trust.ViewEarlier, Target: last.Time.Format(time.RFC3339), Version: last.Version, Instructions: m.Instructions, Tools: m.Tools,
	})
	s.Answers = append(slices.Clone(m.Answers), s.Answers...)
}

// add remembers what a scan saw.
func (h *History) add(t *Target, s *trust.Subject, v trust.Verdict, now time.Time) error {
	m := h.read(t)
	if m == nil {
		m = new(memory)
	}
	m.Target, m.Tools, m.Instructions, m.Answers = s.Target, s.Tools, s.Instructions, lastRound(s.Answers)
	m.Entries = append(m.Entries, entry{
		Time: now.UTC().Truncate(time.Second), Software: s.Software, Version: s.Version, Tools: probe.ListDigest(s.Tools), Label: v.Label, Score: v.Score,
	})
	m.Entries = m.Entries[max(0, len(m.Entries)-mostEntries):]
	text, err := json.Marshal(m)
	if err == nil && len(text) > mostMemory {
		m.Tools, m.Answers = nil, nil
		text, err = json.Marshal(m)
	}
	if err != nil {
		return fmt.Errorf("remembering the scan: %w", err)
	}
	if err := os.MkdirAll(h.Dir, 0o700); err != nil {
		return fmt.Errorf("remembering the scan: %w", err)
	}
	h.forget()
	return writeFile(h.file(t), text, 0o600)
}

// lastRound returns the answers of the last round, as those of an earlier scan: round 0.
func lastRound(answers []trust.Answer) []trust.Answer {
	last := 0
	for _, a := range answers {
		last = max(last, a.Round)
	}
	var kept []trust.Answer
	for _, a := range answers {
		if a.Round == last && last > 0 && a.Tools != "" && len(kept) < mostAnswers {
			a.Round = 0
			kept = append(kept, a)
		}
	}
	return kept
}

// forget removes the memories that were written longest ago where there are too many.
func (h *History) forget() {
	files, err := os.ReadDir(h.Dir)
	if err != nil || len(files) < mostTargets {
		return
	}
	slices.SortFunc(files, func(a, b fs.DirEntry) int { return written(a).Compare(written(b)) })
	for _, f := range files[:len(files)-mostTargets+1] {
		_ = os.Remove(filepath.Join(h.Dir, f.Name())) // another scan may have done so
	}
}

func written(f fs.DirEntry) time.Time {
	info, err := f.Info()
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}

// writeFile writes a file as a whole: another is in its place, or nothing has happened.
func writeFile(name string, text []byte, mode os.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(name), ".sumun-*")
	if err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	defer func() { _ = os.Remove(f.Name()) }() // it is gone where all went well
	_, err = f.Write(text)
	if err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	return nil
}
