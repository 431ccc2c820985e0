package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

// FuzzSSE writes an event and reads it again, and reads any bytes in different pieces.
func FuzzSSE(f *testing.F) {
	f.Add("id", "name", []byte("a\r\nb\nc\rd"), uint16(100), []byte("data: a\r\n\r\n: c\nid: 1\n\n"))
	f.Add("", "", []byte{}, uint16(0), []byte("\ufeffdata:a\r\rretry:7\n\n"))
	f.Fuzz(func(t *testing.T, id, name string, data []byte, retry uint16, stream []byte) {
		sent := Event{ID: id, HasID: id != "", Name: name, Data: data, Retry: time.Duration(retry) * time.Millisecond}
		if data == nil {
			sent.Data = []byte{}
		}
		wire := AppendEvent(AppendComment(nil, name), sent)
		events := NewEventReader(iotest.OneByteReader(bytes.NewReader(wire)), 1<<20)
		want := sent
		want.ID, want.Name = cutAt(id, "\r\n\x00"), cutAt(name, "\r\n")
		want.Data = []byte(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(string(data)))
		if got, err := events.Next(); err != nil || eventText(got) != eventText(want) {
			t.Errorf("sent %s, got %s (%v) from %q", eventText(want), eventText(got), err, wire)
		}
		if e, err := events.Next(); !errors.Is(err, io.EOF) {
			t.Errorf("and then %s, %v", eventText(e), err)
		}
		for _, limit := range []int{10, 1 << 20} {
			whole, _ := readEvents(bytes.NewReader(stream), limit)
			pieces, err := readEvents(iotest.OneByteReader(bytes.NewReader(stream)), limit)
			if !slices.Equal(whole, pieces) || !errors.Is(err, io.EOF) {
				t.Errorf("limit %d, %q: at once %q, in pieces %q (%v)", limit, stream, whole, pieces, err)
			}
		}
	})
}

// FuzzLine frames a message and reads it again, and reads any bytes in different pieces.
func FuzzLine(f *testing.F) {
	f.Add([]byte("{\r\n}"), []byte("a\nb\r\n\nc"))
	f.Fuzz(func(t *testing.T, message, stream []byte) {
		lines := AppendLine(AppendLine(nil, message), []byte("{}"))
		if bytes.Count(lines, []byte("\n")) != 2 || len(lines) != len(message)+4 {
			t.Errorf("framed %q", lines)
		}
		r := NewLineReader(bytes.NewReader(lines), len(lines))
		if len(bytes.TrimSpace(message)) > 0 && json.Valid(message) {
			line, err := r.Next()
			var a, b bytes.Buffer
			if err != nil || json.Compact(&a, message) != nil || json.Compact(&b, line) != nil || a.String() != b.String() {
				t.Errorf("%q became %q (%v)", message, line, err)
			}
			if line, err := r.Next(); err != nil || string(line) != "{}" {
				t.Errorf("and then %q, %v", line, err)
			}
		}
		for _, limit := range []int{5, 1 << 20} {
			whole, _ := readLines(bytes.NewReader(stream), limit)
			pieces, err := readLines(iotest.OneByteReader(bytes.NewReader(stream)), limit)
			if !slices.Equal(whole, pieces) || !errors.Is(err, io.EOF) {
				t.Errorf("limit %d, %q: at once %q, in pieces %q (%v)", limit, stream, whole, pieces, err)
			}
		}
	})
}
