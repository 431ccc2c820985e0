package search

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Bounds of a question.
const (
	// MaxMatches is the most lines that an answer has, DefaultMatches where the question does not say.
	MaxMatches     = 1000
	DefaultMatches = 100
	// MaxContext is the most lines before and after each.
	MaxContext = 10
	// MaxQuery and MaxGlob are the most bytes of a query and of a glob.
	MaxQuery = 1000
	MaxGlob  = 200
)

// Bounds of an answer, and of the work for it.
const (
	maxAnswer = 512 << 10        // bytes of text
	maxLine   = 400              // bytes of a line
	maxAtOnce = 4                // searches, each of which uses all processors
	maxSearch = 10 * time.Second // after which an answer has what was found
	block     = 64 << 10         // bytes of lines that are searched at a time; between blocks a search can end
	chunk     = 512              // files that are searched before it is looked whether that is enough
)

// A request is a Question that was checked.
type request struct {
	query   *query
	base    string // where paths start, from the root
	start   string // where to look, from the root
	glob    *glob
	byName  bool // glob is for names, not for paths
	others  bool // files that do not fit glob are wanted
	limit   int
	context int
}

// A Match is a line in which something was found, from Path. Line and Column (of the first match in the line, in characters) count from
// 1. Text is the line, or of a long one what stands around the match; Before and After are the lines around it.
type Match struct {
	Path   string   `json:"path"`
	Line   int      `json:"line"`
	Column int      `json:"column"`
	Text   string   `json:"text"`
	Before []string `json:"before,omitempty"`
	After  []string `json:"after,omitempty"`
}

// bytes returns what a match takes of an answer.
func (m *Match) bytes() int {
	n := len(m.Path) + len(m.Text)
	for _, lines := range [][]string{m.Before, m.After} {
		for _, line := range lines {
			n += len(line)
		}
	}
	return n
}

// An Answer is what was found, in the order of paths and of lines. Truncated says that there may be more.
type Answer struct {
	Matches   []Match `json:"matches"`
	Truncated bool    `json:"truncated"`
	// Newest is when the latest of the files that were looked at was changed, in nanoseconds since 1970; 0 for no files.
	Newest int64 `json:"-"`
}

// An Engine searches a tree, and remembers what is in its files. It may be used concurrently.
type Engine struct {
	tree  *Tree
	index *index
	slots chan struct{} // one for each search that may run at once
}

// NewEngine returns the engine of a tree.
func NewEngine(t *Tree) *Engine {
	return &Engine{tree: t, index: newIndex(), slots: make(chan struct{}, maxAtOnce)}
}

// Search answers a question; four are answered at a time. What was found so far is the answer when it takes longer than ten seconds. The
// error says what is wrong with the question, and may be shown to a caller.
func (e *Engine) Search(ctx context.Context, q Question) (Answer, error) {
	r, err := q.request()
	if err != nil {
		return Answer{}, err
	}
	select {
	case e.slots <- struct{}{}:
		defer func() { <-e.slots }()
	case <-ctx.Done():
		return Answer{}, fmt.Errorf("waiting to search: %w", context.Cause(ctx))
	}
	return e.search(ctx, r)
}

// search looks at all files that are asked for.
func (e *Engine) search(ctx context.Context, r request) (Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, maxSearch)
	defer cancel()
	out := Answer{Matches: []Match{}}
	there, err := e.tree.walk(ctx, r.base, r.start)
	if err != nil {
		return out, err
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return out, fmt.Errorf("searching: %w", context.Cause(ctx))
	}
	if r.start == "." && !there.cut {
		e.index.keep(there.files)
	}
	out.Truncated = there.cut
	files := slices.DeleteFunc(there.files, func(f file) bool { return !r.wants(f) })
	for _, f := range files {
		out.Newest = max(out.Newest, f.modified)
	}
	room := maxAnswer
	for some := range slices.Chunk(files, chunk) {
		results := make([][]Match, len(some))
		parallel(len(some), func(i int) { results[i] = e.lines(ctx, some[i], r) })
		for _, m := range slices.Concat(results...) {
			if room -= m.bytes(); len(out.Matches) == r.limit || room < 0 {
				out.Truncated = true
				return out, nil
			}
			out.Matches = append(out.Matches, m)
		}
		if errors.Is(ctx.Err(), context.Canceled) {
			return out, fmt.Errorf("searching: %w", context.Cause(ctx))
		}
		if ctx.Err() != nil {
			out.Truncated = true
			return out, nil
		}
	}
	return out, nil
}

// wants reports whether a file is among those that are asked for.
func (r *request) wants(f file) bool {
	switch {
	case f.size > maxFile:
		return false
	case r.glob == nil:
		return true
	case r.byName:
		return r.glob.match(f.path[strings.LastIndexByte(f.path, '/')+1:]) != r.others
	}
	return r.glob.match(r.relative(f.path)) != r.others
}

// relative returns a path as the caller knows it.
func (r *request) relative(p string) string {
	if r.base == "." {
		return p
	}
	return strings.TrimPrefix(p, r.base+"/")
}

// lines returns the matches in a file, one more than wanted at most.
func (e *Engine) lines(ctx context.Context, f file, r request) []Match {
	if ctx.Err() != nil || e.index.excludes(f, r.query.need) {
		return nil
	}
	content, info, err := e.tree.read(f.path, maxFile)
	if err != nil {
		return nil // it is gone, or may not be read
	}
	if e.index.learn(file{f.path, info.Size(), info.ModTime().UnixNano()}, content, r.query.need) {
		return nil
	}
	return scan(ctx, content, r, r.relative(f.path))
}

// scan searches the lines of a text.
func scan(ctx context.Context, content []byte, r request, name string) []Match {
	var out []Match
	if len(content) == 0 {
		return nil
	}
	content = bytes.TrimSuffix(content, []byte("\n"))
	line, counted := 1, 0 // the number of the line that begins at counted
	for from := 0; from <= len(content) && ctx.Err() == nil; {
		end := lineEnd(content, min(from+block, len(content)))
		for from <= end {
			at := r.query.find(content[from:end])
			if at < 0 {
				break
			}
			at += from
			begin := bytes.LastIndexByte(content[:at], '\n') + 1
			line += bytes.Count(content[counted:begin], []byte("\n"))
			counted = begin
			m := newMatch(content, at, r.context)
			m.Path, m.Line = name, line
			if out = append(out, m); len(out) > r.limit {
				return out
			}
			from = lineEnd(content, at) + 1
		}
		from = end + 1
	}
	return out
}

// newMatch describes the line in which a match begins.
func newMatch(content []byte, at, around int) Match {
	begin, end := bytes.LastIndexByte(content[:at], '\n')+1, lineEnd(content, at)
	m := Match{Column: utf8.RuneCount(content[begin:at]) + 1, Text: shown(content[begin:end], at-begin)}
	for from := begin; from > 0 && len(m.Before) < around; {
		above := bytes.LastIndexByte(content[:from-1], '\n') + 1
		m.Before = append(m.Before, shown(content[above:from-1], 0))
		from = above
	}
	slices.Reverse(m.Before)
	for from := end + 1; from < len(content) && len(m.After) < around; {
		to := lineEnd(content, from)
		m.After = append(m.After, shown(content[from:to], 0))
		from = to + 1
	}
	return m
}

// lineEnd returns the index of the first line end at or after at, or the end of the text.
func lineEnd(content []byte, at int) int {
	if n := bytes.IndexByte(content[at:], '\n'); n >= 0 {
		return at + n
	}
	return len(content)
}

// shown returns a line as text, or of a long one what stands around an index.
func shown(line []byte, at int) string {
	line = bytes.TrimSuffix(line, []byte("\r"))
	if len(line) <= maxLine {
		return strings.ToValidUTF8(string(line), "\uFFFD")
	}
	from := max(0, min(at-maxLine/4, len(line)-maxLine))
	to := from + maxLine
	for from > 0 && !utf8.RuneStart(line[from]) {
		from++
	}
	for to < len(line) && !utf8.RuneStart(line[to]) {
		to--
	}
	text := strings.ToValidUTF8(string(line[from:to]), "\uFFFD")
	if from > 0 {
		text = "…" + text
	}
	if to < len(line) {
		text += "…"
	}
	return text
}
