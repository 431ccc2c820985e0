package wire

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"
)

// eventText shows an event, so that tests read well.
func eventText(e Event) string {
	text := fmt.Sprintf("%q", e.Data)
	if e.Data == nil {
		text = "nil"
	}
	if e.Name != "" {
		text += " event=" + e.Name
	}
	if e.HasID {
		text += fmt.Sprintf(" id=%q", e.ID)
	}
	if e.Retry != 0 {
		text += " retry=" + e.Retry.String()
	}
	return text
}

// readEvents reads until an error that is not ErrTooLong.
func readEvents(r io.Reader, limit int) ([]string, error) {
	var all []string
	events := NewEventReader(r, limit)
	for {
		e, err := events.Next()
		switch {
		case errors.Is(err, ErrTooLong):
			all = append(all, "too long")
		case err != nil:
			return all, err
		default:
			all = append(all, eventText(e))
		}
	}
}

func TestEventReader(t *testing.T) {
	long := strings.Repeat("x", 100)
	for _, tt := range []struct {
		name, stream string
		want         []string
	}{
		{"nothing", "", nil},
		{"one", "data: a\n\n", []string{`"a"`}},
		{"CR", "data: a\r\rdata: b\r\r", []string{`"a"`, `"b"`}},
		{"CRLF", "data: a\r\n\r\ndata: b\r\n\r\n", []string{`"a"`, `"b"`}},
		{"CRLF between fields", "id: 1\r\ndata: a\r\ndata: b\r\n\r\n", []string{`"a\nb" id="1"`}},
		{"all line ends at once", "data: a\rdata: b\ndata: c\r\n\r\n", []string{`"a\nb\nc"`}},
		{"byte order mark", "\ufeffdata: a\n\n", []string{`"a"`}},
		{"byte order mark, but not first", "\n\ufeffdata: a\n\ndata: b\n\n", []string{`"b"`}},
		{"no space, and two", "data:a\n\ndata:  b\n\n", []string{`"a"`, `" b"`}},
		{"no colon", "data\n\n", []string{`""`}},
		{"two empty lines of data", strings.Repeat("data\n", 2) + "\n", []string{`"\n"`}},
		{"comments", ": hello\n\n:\ndata: a\n: b\ndata: c\n\n", []string{`"a\nc"`}},
		{"unknown fields", "foo: 1\ndata: a\nDATA: b\n data: c\nbar\n\n", []string{`"a"`}},
		{"all fields", "event: message\nid: 7\nretry: 1500\ndata: {}\n\n", []string{`"{}" event=message id="7" retry=1.5s`}},
		{"id that is empty", "id\ndata: a\n\n", []string{`"a" id=""`}},
		{"id with NUL", "id: a\x00b\ndata: a\n\n", []string{`"a"`}},
		{"id without data", "id: 3\n\ndata: a\n\n", []string{`nil id="3"`, `"a"`}},
		{"id with empty data", "id: 3\ndata:\n\n", []string{`"" id="3"`}},
		{"retry alone", "retry: 10\n\n", []string{`nil retry=10ms`}},
		{"retry that is no number", "retry: 10s\nretry: -1\n\nretry\n\nretry: 99999999999999999999999\n\n", nil},
		{"name alone", "event: ping\n\ndata: a\n\n", []string{`"a"`}},
		{"fields do not outlive their event", "event: x\nid: 1\ndata: a\n\ndata: b\n\n", []string{`"a" event=x id="1"`, `"b"`}},
		{"not finished", "data: a\n\ndata: b\n", []string{`"a"`}},
		{"cut within a line", "data: a\n\ndata: b", []string{`"a"`}},
		{"colon in the value", "data: {\"a\":1}\n\n", []string{`"{\"a\":1}"`}},
		{"line too long", "data: a\n\ndata: " + long + "\nid: 9\n\ndata: b\n\n", []string{`"a"`, "too long", `"b"`}},
		{"event too long", "data: a\n\n" + strings.Repeat("data: 1234567890\n", 9) + "\ndata: b\n\n", []string{`"a"`, "too long", `"b"`}},
		{"two events too long", "data: " + long + "\n\ndata: " + long + long + "\r\n\r\n", []string{"too long", "too long"}},
		{"too long and not finished", "data: " + long, []string{"too long"}},
		{"comments count for nothing", strings.Repeat(": 1234567890\n", 50) + "data: b\n\n", []string{`"b"`}},
	} {
		for how, r := range map[string]io.Reader{
			"at once": strings.NewReader(tt.stream),
			"by byte": iotest.OneByteReader(strings.NewReader(tt.stream)),
			"halved":  iotest.DataErrReader(iotest.HalfReader(strings.NewReader(tt.stream))),
		} {
			if got, err := readEvents(r, 64); !slices.Equal(got, tt.want) || !errors.Is(err, io.EOF) {
				t.Errorf("%s, %s: got %q (%v), want %q", tt.name, how, got, err, tt.want)
			}
		}
	}
}

// TestEventAtOnce checks that an event is given out when its blank line is there, whatever comes after.
func TestEventAtOnce(t *testing.T) {
	for _, end := range []string{"\n", "\r", "\r\n"} {
		r, w := io.Pipe()
		events := NewEventReader(r, 1000)
		var writers sync.WaitGroup
		for i := range 3 {
			writers.Go(func() { _, _ = fmt.Fprintf(w, "data: %d%s%s", i, end, end) })
			if e, err := events.Next(); err != nil || string(e.Data) != strconv.Itoa(i) {
				t.Fatalf("end %q: %q, %v", end, e.Data, err)
			}
			writers.Wait()
		}
		if err := w.CloseWithError(io.ErrUnexpectedEOF); err != nil {
			t.Fatal(err)
		}
		if _, err := events.Next(); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("the stream's error is %v", err)
		}
	}
}

// TestBufferShrinks checks that an idle stream does not keep the space of the largest message it has seen.
func TestBufferShrinks(t *testing.T) {
	big := bytes.Repeat([]byte{'x'}, 1<<20)
	stream := AppendEvent(AppendEvent(nil, Event{Data: big}), Event{Data: []byte("small")})
	events := NewEventReader(iotest.OneByteReader(bytes.NewReader(stream)), 2<<20)
	if e, err := events.Next(); err != nil || !bytes.Equal(e.Data, big) {
		t.Fatalf("%d bytes, %v", len(e.Data), err)
	}
	if e, err := events.Next(); err != nil || string(e.Data) != "small" {
		t.Fatalf("%d bytes, %v", len(e.Data), err)
	}
	if got := cap(events.data) + cap(events.lines.buf); got > largeBuffer {
		t.Errorf("%d bytes are kept", got)
	}
}

func TestNoProgress(t *testing.T) {
	if _, err := NewLineReader(neverReader{}, 10).Next(); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("error = %v", err)
	}
}

type neverReader struct{}

func (neverReader) Read([]byte) (int, error) { return 0, nil }

func TestAppendEvent(t *testing.T) {
	for _, tt := range []struct {
		event Event
		want  string
	}{
		{Event{}, "\n"},
		{Event{Data: []byte("{}")}, "data: {}\n\n"},
		{Event{Data: []byte{}}, "data: \n\n"},
		{Event{ID: "1", Name: "message", Data: []byte("a\nb\rc\r\nd\n"), Retry: 2 * time.Second}, "event: message\nid: 1\nretry: 2000\ndata: a\ndata: b\ndata: c\ndata: d\ndata: \n\n"},
		{Event{HasID: true}, "id: \n\n"},
		{Event{ID: "a\r\ndata: forged", Name: "b\ndata: forged", Data: []byte("x")}, "event: b\nid: a\ndata: x\n\n"},
		{Event{ID: "a\x00b", Retry: time.Microsecond}, "id: a\n\n"},
	} {
		if got := string(AppendEvent(nil, tt.event)); got != tt.want {
			t.Errorf("%+v: %q, want %q", tt.event, got, tt.want)
		}
	}
	if got := string(AppendComment([]byte("x"), "keep\r\nalive\n")); got != "x: keep\n: alive\n: \n\n" {
		t.Errorf("comment %q", got)
	}
}

func readLines(r io.Reader, limit int) ([]string, error) {
	var all []string
	lines := NewLineReader(r, limit)
	for {
		line, err := lines.Next()
		switch {
		case errors.Is(err, ErrTooLong):
			all = append(all, "too long")
		case err != nil:
			return all, err
		default:
			all = append(all, string(line))
		}
	}
}

func TestLineReader(t *testing.T) {
	ten := "1234567890"
	for _, tt := range []struct {
		name, stream string
		want         []string
	}{
		{"nothing", "", nil},
		{"lines", "a\nb\r\nc", []string{"a", "b", "c"}},
		{"blank lines", "\n\r\n  \n\t\na\n\n\n", []string{"a"}},
		{"a CR within", "a\rb\n", []string{"a\rb"}},
		{"as long as may be", ten + "\n" + ten + "\r\n" + ten, []string{ten, ten, ten}},
		{"too long", "a\n" + ten + "x\nb\n", []string{"a", "too long", "b"}},
		{"much too long", "a\n" + strings.Repeat(ten, 10_000) + "\nb\n" + strings.Repeat(ten, 10_000) + "\nc", []string{"a", "too long", "b", "too long", "c"}},
		{"too long at the end", "a\n" + ten + "x", []string{"a", "too long"}},
		{"much too long at the end", ten + ten + ten, []string{"too long"}},
	} {
		for how, r := range map[string]io.Reader{
			"at once": strings.NewReader(tt.stream),
			"by byte": iotest.OneByteReader(strings.NewReader(tt.stream)),
			"halved":  iotest.DataErrReader(iotest.HalfReader(strings.NewReader(tt.stream))),
		} {
			if got, err := readLines(r, 10); !slices.Equal(got, tt.want) || !errors.Is(err, io.EOF) {
				t.Errorf("%s, %s: got %q (%v), want %q", tt.name, how, got, err, tt.want)
			}
		}
	}
}

func TestAppendLine(t *testing.T) {
	for message, want := range map[string]string{
		`{}`: "{}\n", "{\n\"a\":1\r\n}\n": "{ \"a\":1  } \n", "": "\n", "[\r1,\n2]": "[ 1, 2]\n",
	} {
		if got := string(AppendLine([]byte("before\n"), []byte(message))); got != "before\n"+want {
			t.Errorf("%q: %q", message, got)
		}
	}
}

// TestEventReaderReset reads streams one after the other, of which each leaves something behind: half a line, half an event,
// an event that is too long, a line that ended in a CR.
func TestEventReaderReset(t *testing.T) {
	const most = 100
	streams := []string{
		"id: 1\ndata: half", "data: one\n", "data: " + strings.Repeat("x", 2*most), "data: cr\r",
		"\uFEFFdata: whole\nid: 7\n\n", "\ndata:\n\n", "data: a\ndata: b\n\ndata: c\n\n",
	}
	reader := NewEventReader(strings.NewReader(""), most)
	for _, stream := range streams {
		reader.Reset(strings.NewReader(stream), most)
		fresh := NewEventReader(strings.NewReader(stream), most)
		for {
			got, err := reader.Next()
			want, wantErr := fresh.Next()
			if !errors.Is(err, wantErr) || eventText(got) != eventText(want) {
				t.Errorf("%q: got %s, %v, want %s, %v", stream, eventText(got), err, eventText(want), wantErr)
			}
			if errors.Is(wantErr, io.EOF) {
				break
			}
		}
	}
}
