package outlet

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

func TestHello(t *testing.T) {
	raw := hello(t, "example.com")
	got, name, err := readHello(iotest.OneByteReader(io.MultiReader(bytes.NewReader(raw), strings.NewReader("more"))))
	if err != nil || name != "example.com" || !bytes.Equal(got, raw) {
		t.Errorf("the name is %q, %v; %d bytes of %d", name, err, len(got), len(raw))
	}
	// The same message in many small records.
	var split []byte
	for part := range slices.Chunk(raw[recordHead:], 7) {
		split = append(append(split, recordHandshake, 3, 1, 0, byte(len(part))), part...)
	}
	got, name, err = readHello(bytes.NewReader(split))
	if err != nil || name != "example.com" || !bytes.Equal(got, split) {
		t.Errorf("in small records: the name is %q, %v", name, err)
	}
	for n := range raw {
		if _, name, err := readHello(bytes.NewReader(raw[:n])); err == nil {
			t.Fatalf("the first %d bytes of %d are for %q", n, len(raw), name)
		}
	}
}

// TestHelloExtensions builds messages that no library sends.
func TestHelloExtensions(t *testing.T) {
	sni := func(names ...string) []byte {
		var list []byte
		for _, n := range names {
			list = append(append(list, 0, 0, byte(len(n))), n...)
		}
		return extension(extensionName, append([]byte{0, byte(len(list))}, list...))
	}
	tests := []struct {
		name  string
		parts [][]byte
		want  string // in the error; empty for the name a.example
	}{
		{"one name", [][]byte{extension(10, []byte{0, 2, 0, 29}), sni("a.example")}, ""},
		{"two names", [][]byte{sni("a.example", "evil.example")}, "no TLS"},
		{"the extension twice", [][]byte{sni("a.example"), sni("evil.example")}, "no TLS"},
		{"an empty name", [][]byte{sni("")}, "no TLS"},
		{"none", nil, "no SNI"},
		{"a hidden name", [][]byte{sni("a.example"), extension(extensionECH, []byte{0})}, "hides"},
		{"bytes behind the name", [][]byte{extension(extensionName, []byte{0, 4, 0, 0, 1, 'a', 0})}, "no TLS"},
		{"another kind of name", [][]byte{extension(extensionName, []byte{0, 4, 1, 0, 1, 'a'})}, "no TLS"},
		{"cut short", [][]byte{{0, 0, 0, 9, 1}}, "no TLS"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, name, err := readHello(bytes.NewReader(message(tt.parts)))
			if tt.want == "" && (err != nil || name != "a.example") {
				t.Errorf("the name is %q, %v", name, err)
			}
			if tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("the name is %q and the error %v, want one with %q", name, err, tt.want)
			}
		})
	}
}

func extension(kind int, value []byte) []byte {
	return append([]byte{byte(kind >> 8), byte(kind), byte(len(value) >> 8), byte(len(value))}, value...)
}

// message returns a ClientHello with those extensions, in one record.
func message(extensions [][]byte) []byte {
	all := slices.Concat(extensions...)
	body := slices.Concat([]byte{3, 3}, make([]byte, 32), []byte{0, 0, 2, 0x13, 1, 1, 0, byte(len(all) >> 8), byte(len(all))}, all)
	body = append([]byte{clientHello, 0, byte(len(body) >> 8), byte(len(body))}, body...)
	return append([]byte{recordHandshake, 3, 1, byte(len(body) >> 8), byte(len(body))}, body...)
}

func FuzzHello(f *testing.F) {
	f.Add(hello(f, "example.com"))
	f.Add(hello(f, "127.0.0.1"))
	f.Add(message([][]byte{extension(extensionECH, []byte{0})}))
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		raw, name, err := readHello(bytes.NewReader(data))
		if (err == nil) != (name != "") && err == nil {
			t.Errorf("no name and no error")
		}
		if err != nil {
			return
		}
		if !bytes.HasPrefix(data, raw) || len(raw) < len(name) {
			t.Errorf("%d bytes were read that did not come", len(raw))
		}
		// What was read says the same when it is read again, whatever follows.
		if _, again, err := readHello(bytes.NewReader(append(raw, 0xff))); err != nil || again != name {
			t.Errorf("again: %q, %v; was %q", again, err, name)
		}
	})
}
