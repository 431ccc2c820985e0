package report

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"unicode/utf16"
	"unicode/utf8"
)

// maxEvent is how long an event may be that is read: the facts of one server, answers among them.
const maxEvent = 64 << 20

// lines writes the stream itself, an event a line.
type lines struct{ w io.Writer }

// Handle writes the event.
func (l lines) Handle(e *Event) error {
	text, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("writing an event as JSON: %w", err)
	}
	_, err = l.w.Write(append(ascii(text), '\n'))
	return err
}

func writeJSON(w io.Writer, r *Report) error {
	if r.Targets == nil {
		r.Targets = []*Result{}
	}
	return writeDocument(w, r)
}

// writeDocument writes a JSON document, indented.
func writeDocument(w io.Writer, document any) error {
	text, err := json.MarshalIndent(document, "", "  ")
	if err != nil {
		return fmt.Errorf("writing the report as JSON: %w", err)
	}
	_, err = w.Write(append(ascii(text), '\n'))
	return err
}

// ascii returns JSON with escapes for what cannot be seen, which stands in strings only. It says the same as before.
func ascii(text []byte) []byte {
	stays := func(r rune) bool { return r == '\n' || r != utf8.RuneError && visible(r) }
	if !bytes.ContainsFunc(text, func(r rune) bool { return !stays(r) }) {
		return text
	}
	out := make([]byte, 0, len(text)+64)
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		switch high, low := utf16.EncodeRune(r); {
		case stays(r):
			out = append(out, text[:size]...)
		case high != utf8.RuneError:
			out = fmt.Appendf(out, `\u%04x\u%04x`, high, low)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
		text = text[size:]
	}
	return out
}

// Events returns the events of a stream that was written as jsonl. After an error there are no more. A stream that was cut off, without
// an [End], is an error too.
func Events(r io.Reader) iter.Seq2[*Event, error] {
	return func(yield func(*Event, error) bool) {
		ended := false
		lines := bufio.NewScanner(r)
		lines.Buffer(make([]byte, 0, 64<<10), maxEvent)
		for n := 1; lines.Scan(); n++ {
			if len(bytes.TrimSpace(lines.Bytes())) == 0 {
				continue
			}
			e, err := parseEvent(lines.Bytes())
			if err != nil {
				yield(nil, fmt.Errorf("reading line %d of the report: %w", n, err))
				return
			}
			ended = e.End != nil
			if !yield(e, nil) {
				return
			}
		}
		if err := lines.Err(); err != nil {
			yield(nil, fmt.Errorf("reading the report: %w", err))
		} else if !ended {
			yield(nil, errors.New("reading the report: it ends in the middle of a scan"))
		}
	}
}

func parseEvent(line []byte) (*Event, error) {
	var e Event
	if err := json.Unmarshal(line, &e); err != nil {
		return nil, err
	}
	n := 0
	for _, set := range []bool{e.Begin != nil, e.Target != nil, e.Progress != nil, e.Fact != nil, e.Finding != nil, e.Verdict != nil, e.Failure != nil, e.End != nil} {
		if set {
			n++
		}
	}
	if n != 1 {
		return nil, errors.New("it is no event of a scan")
	}
	return &e, nil
}
