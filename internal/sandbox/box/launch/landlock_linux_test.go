package launch

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// TestLandlockVersions: a kernel is asked for nothing that it does not know.
func TestLandlockVersions(t *testing.T) {
	for version, want := range map[int]landlock{
		1: {files: 1<<13 - 1}, 2: {files: 1<<14 - 1}, 3: {files: 1<<15 - 1}, 4: {files: 1<<15 - 1}, 5: {files: 1<<16 - 1},
		6: {files: 1<<16 - 1, scoped: 3}, 8: {files: 1<<16 - 1, scoped: 3}, 9: {files: 1<<17 - 1, scoped: 3}, 12: {files: 1<<17 - 1, scoped: 3},
	} {
		if got := newLandlock(version); got != want {
			t.Errorf("version %d: %+v, want %+v", version, got, want)
		}
	}
}

// TestHeldBy reads what the kernel tells of a unix socket, and what it would not.
func TestHeldBy(t *testing.T) {
	message := make([]byte, 16)
	message = binary.NativeEndian.AppendUint16(message, 7) // an attribute of three bytes, filled up
	message = binary.NativeEndian.AppendUint16(message, 1)
	message = binary.NativeEndian.AppendUint32(message, 0)
	message = binary.NativeEndian.AppendUint16(message, 16)
	message = binary.NativeEndian.AppendUint16(message, 5)
	for _, word := range []uint32{0, 212_992, 4096} {
		message = binary.NativeEndian.AppendUint32(message, word)
	}
	if got := heldBy(message); got != 4096 {
		t.Errorf("%d", got)
	}
	for n := range message {
		if got := heldBy(message[:n]); got != 0 {
			t.Errorf("cut off at %d: %d", n, got)
		}
	}
}

// TestQueued counts what waits in sockets.
func TestQueued(t *testing.T) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	before := queued()
	const sent = 100_000
	if n, err := unix.Write(pair[0], make([]byte, sent)); n != sent || err != nil {
		t.Fatal(n, err)
	}
	if got := queued() - before; got < sent/2 { // others on this machine read and write meanwhile
		t.Errorf("%d", got)
	}
	_, _ = unix.Close(pair[0]), unix.Close(pair[1])
}

// TestFind: below a directory that a program may change no link is followed.
func TestFind(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"own/real", "secret/real"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	own := filepath.Join(dir, "own")
	for _, err := range []error{
		os.Symlink("../secret", filepath.Join(own, "link")), os.Symlink("real", filepath.Join(own, "within")), os.Symlink(own, filepath.Join(dir, "alias")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]bool{"own/real": true, "own/link": false, "own/link/real": false, "own/within": false, "own/../secret": false} {
		b := Bind{Path: dir + "/" + name, Below: own}
		fd, err := b.find()
		if (err == nil) != want {
			t.Errorf("%s: %v", name, err)
		}
		_ = unix.Close(fd)
	}
	b := Bind{Path: filepath.Join(dir, "alias")} // what is named itself may be a link
	fd, err := b.find()
	if err != nil {
		t.Error(err)
	}
	_ = unix.Close(fd)
}

func FuzzHeldBy(f *testing.F) {
	f.Add(make([]byte, 64))
	f.Fuzz(func(t *testing.T, message []byte) {
		if held := heldBy(message); held < 0 {
			t.Error(held)
		}
	})
}
