package auditlog

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func newKey(tb testing.TB) *Key {
	tb.Helper()
	key, err := OpenKey(filepath.Join(tb.TempDir(), "audit.key"))
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

func sign(tb testing.TB, c Checkpoint, key *Key) []byte {
	tb.Helper()
	signed, err := note.Sign(&note.Note{Text: c.String()}, key.Signer)
	if err != nil {
		tb.Fatal(err)
	}
	return signed
}

func TestCheckpoint(t *testing.T) {
	key, other := newKey(t), newKey(t)
	c := Checkpoint{Origin: key.Name(), Size: 7, Root: tlog.RecordHash([]byte("x")), Time: time.Now().UTC()}
	signed := sign(t, c, key)
	if got, err := Open(signed, key.Verifier); err != nil || got != c {
		t.Errorf("opened as %+v, %v; want %+v", got, err, c)
	}
	foreign := c
	foreign.Origin = "another/log"
	tests := map[string][]byte{
		"another's signature": sign(t, c, other),
		"another log":         sign(t, foreign, key),
		"no signature":        []byte(c.String()),
		"another size":        bytes.Replace(signed, []byte("\n7\n"), []byte("\n8\n"), 1),
		"another time":        bytes.Replace(signed, []byte("time 2"), []byte("time 3"), 1),
		"empty":               nil,
		"cut off":             signed[:len(signed)-3],
	}
	for name, data := range tests {
		if _, err := Open(data, key.Verifier); !errors.Is(err, ErrCheckpoint) {
			t.Errorf("%s: error = %v, want ErrCheckpoint", name, err)
		}
	}
	for i := range signed { // one bit anywhere
		flipped := bytes.Clone(signed)
		flipped[i] ^= 1
		if got, err := Open(flipped, key.Verifier); err == nil && got != c {
			t.Errorf("with byte %d changed it is taken for %+v", i, got)
		}
	}
}

// TestKey makes one key, however many ask for it at once, which only its owner can read.
func TestKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.key")
	var asking sync.WaitGroup
	keys := make([]*Key, 8)
	for i := range keys {
		asking.Go(func() {
			var err error
			if keys[i], err = OpenKey(path); err != nil {
				t.Error(err)
			}
		})
	}
	asking.Wait()
	for _, k := range keys[1:] {
		if k == nil || k.Public != keys[0].Public {
			t.Fatal("there are several keys")
		}
	}
	info, err := os.Stat(path)
	if err != nil || (runtime.GOOS != "windows" && info.Mode().Perm() != 0o600) {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if left, _ := filepath.Glob(path + ".*"); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if err := os.WriteFile(path, []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenKey(path); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("error = %v, want one that names the file", err)
	}
}

func FuzzOpen(f *testing.F) {
	key := newKey(f)
	c := Checkpoint{Origin: key.Name(), Size: 1 << 40, Root: tlog.RecordHash(nil), Time: time.Unix(0, 0)}
	f.Add([]byte(c.String()))
	f.Add(sign(f, c, key))
	f.Add([]byte("a\n01\n\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := Open(data)
		if err != nil {
			return
		}
		again, err := Open([]byte(got.String()))
		if err != nil || again.Size != got.Size || again.Root != got.Root || again.Origin != got.Origin || !again.Time.Equal(got.Time) {
			t.Errorf("%q is read as %+v, and that as %+v (%v)", data, got, again, err)
		}
	})
}
