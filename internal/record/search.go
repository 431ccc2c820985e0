package record

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/sumun-mcp/sumun/internal/auditlog"
)

// A Query says which records are meant; the zero Query means all.
type Query struct {
	// Want are members of a record and what they must be; * stands for anything, but not for a member that is not there.
	Want map[string]string
	// From and To are between which times calls came in; the zero time is no bound.
	From, To time.Time
	// After is a record's number: those up to it are left out.
	After int64
	// Limit is how many are yielded at most; 0 for no limit.
	Limit int
}

// ParseQuery reads conditions of the form MEMBER=PATTERN.
func ParseQuery(conditions []string) (Query, error) {
	q := Query{Want: map[string]string{}}
	for _, c := range conditions {
		member, pattern, ok := strings.Cut(c, "=")
		if !ok || member == "" {
			return q, badRequest("%q is no condition; write it as outcome=refused, or name=calc.*", c)
		}
		if _, twice := q.Want[member]; twice {
			return q, badRequest("%q is asked for twice", member)
		}
		q.Want[member] = pattern
	}
	return q, nil
}

// ParseTime reads a time: RFC 3339, a date, or a duration for so long before now.
func ParseTime(s string, now time.Time) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if d, err := time.ParseDuration(s); err == nil {
		return now.Add(-d), nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	return time.Time{}, badRequest("%q is no time; write it as %s, as a date, or as 2h for two hours ago", s, now.UTC().Format(time.RFC3339))
}

// An Entry is a record that was read.
type Entry struct {
	auditlog.Record
	// Members are those of the body; nil where the body is no JSON object.
	Members map[string]any
}

// Text returns a member as text; numbers as they were written.
func (e *Entry) Text(member string) string {
	switch v := e.Members[member].(type) {
	case nil:
		return ""
	case string:
		return v
	default:
		return fmt.Sprint(v)
	}
}

// Time returns when the call came in.
func (e *Entry) Time() time.Time {
	at, _ := time.Parse(time.RFC3339Nano, e.Text("time"))
	return at
}

// read reads a record's body.
func read(r auditlog.Record) Entry {
	e := Entry{Record: r}
	d := json.NewDecoder(bytes.NewReader(r.Body))
	d.UseNumber()
	if d.Decode(&e.Members) != nil {
		e.Members = nil
	}
	return e
}

// Entries yields the records that q means, in their order, and stops at the first error.
func (b *Book) Entries(ctx context.Context, q Query) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		left := q.Limit
		for r, err := range b.SealedRecords(ctx, q.After) {
			if err != nil {
				yield(Entry{}, err)
				return
			}
			e := read(r)
			if !q.means(&e) {
				continue
			}
			if !yield(e, nil) {
				return
			}
			if left--; left == 0 {
				return
			}
		}
	}
}

// means reports whether a record is meant.
func (q *Query) means(e *Entry) bool {
	if !q.From.IsZero() || !q.To.IsZero() {
		at := e.Time()
		if at.Before(q.From) || (!q.To.IsZero() && !at.Before(q.To)) {
			return false
		}
	}
	for member, pattern := range q.Want {
		if _, has := e.Members[member]; (!has && pattern != "") || !matches(pattern, e.Text(member)) {
			return false
		}
	}
	return true
}

// matches reports whether s is like a pattern, in which * stands for any text.
func matches(pattern, s string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == s
	}
	first, last := parts[0], parts[len(parts)-1]
	if len(s) < len(first)+len(last) || !strings.HasPrefix(s, first) || !strings.HasSuffix(s, last) {
		return false
	}
	s = s[len(first) : len(s)-len(last)]
	for _, part := range parts[1 : len(parts)-1] {
		_, after, found := strings.Cut(s, part)
		if !found {
			return false
		}
		s = after
	}
	return true
}

// Line returns a record as one line for people, in which only what can be seen is left
// of what others have written.
func (e *Entry) Line() string {
	if e.Members == nil {
		return fmt.Sprintf("%d  is no JSON object", e.Seq)
	}
	what := word(cmp.Or(e.Text("event"), e.Text("method")) + " " + cmp.Or(e.Text("name"), e.Text("subject")))
	if n := e.Text("count"); n != "" {
		what = word(what + " " + n + " times")
	}
	said := e.Text("outcome")
	if reason := cmp.Or(e.Text("error"), e.Text("reason")); reason != "" {
		said += ": " + reason
	}
	took := ""
	if us, err := time.ParseDuration(e.Text("durationUs") + "us"); err == nil {
		took = "  " + us.String()
	}
	who := word(cmp.Or(e.Text("caller"), e.Text("actor")))
	return fmt.Sprintf("%d  %s  %s  %s  %s%s", e.Seq, e.Time().UTC().Format("2006-01-02T15:04:05.000Z"), cmp.Or(who, "-"), cmp.Or(what, "-"),
		cmp.Or(word(said+e.json("detail")), "-"), took)
}
