package wire

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func TestAppendAll(t *testing.T) {
	broken := errors.New("broken")
	tests := []struct {
		name string
		r    io.Reader
		size int64
		want string
		err  error
	}{
		{"empty", strings.NewReader(""), 0, "", nil},
		{"of known size", strings.NewReader("12345"), 5, "12345", nil},
		{"of unknown size", strings.NewReader("12345"), -1, "12345", nil},
		{"larger than said", strings.NewReader("12345"), 1, "12345", nil},
		{"the end with the last byte", iotest.DataErrReader(strings.NewReader("12345")), 5, "12345", nil},
		{"byte by byte", iotest.OneByteReader(strings.NewReader("1234567890")), -1, "1234567890", nil},
		{"too long", strings.NewReader("12345678901"), -1, "12345678901", ErrTooLong},
		{"said to be too long", strings.NewReader("never read"), 11, "", ErrTooLong},
		{"broken off", io.MultiReader(strings.NewReader("12"), iotest.ErrReader(broken)), -1, "12", broken},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := AppendAll([]byte("before "), tt.r, tt.size, 10)
			if string(got) != "before "+tt.want || !errors.Is(err, tt.err) {
				t.Errorf("got %q, %v, want %q, %v", got, err, tt.want, tt.err)
			}
		})
	}
}

func TestIsString(t *testing.T) {
	for raw, want := range map[string]bool{`"ab"`: true, `"\u0061b"`: true, `"a"`: false, `"abc"`: false, `ab`: false, `1`: false, ``: false} {
		if got := IsString([]byte(raw), "ab"); got != want {
			t.Errorf("IsString(%s) = %v", raw, got)
		}
		if text, ok := Unquote([]byte(raw)); want != (ok && text == "ab") {
			t.Errorf("Unquote(%s) = %q, %v", raw, text, ok)
		}
	}
}
