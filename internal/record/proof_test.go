package record_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/sumun-mcp/sumun/internal/record"
)

// What follows is a verifier of exports as somebody else would write it from
// docs/audit.md, RFC 6962 (section 2.1.1) and C2SP signed-note, with the standard
// library alone. It shares no code with what it verifies.

// verifyAlone verifies an export with a public key and returns how many records it proves.
func verifyAlone(export []byte, public string) (int, error) {
	d := json.NewDecoder(bytes.NewReader(export))
	var head struct{ Checkpoint string }
	if err := d.Decode(&head); err != nil {
		return 0, err
	}
	size, root, err := openAlone(head.Checkpoint, public)
	if err != nil {
		return 0, err
	}
	proved := 0
	for d.More() {
		var line struct {
			Seq   int
			Body  string
			Proof []string
		}
		if err := d.Decode(&line); err != nil {
			return proved, err
		}
		if line.Seq < 1 || line.Seq > size {
			return proved, fmt.Errorf("record %d is not among %d", line.Seq, size)
		}
		leaf := sha256.Sum256(append([]byte{0}, line.Body...))
		got, rest, err := climb(leaf[:], line.Seq-1, size, line.Proof)
		if err != nil || len(rest) > 0 || !bytes.Equal(got, root) {
			return proved, fmt.Errorf("record %d is not proved, and %d hashes are left: %w", line.Seq, len(rest), err)
		}
		proved++
	}
	return proved, nil
}

// climb returns the root of a tree of n leaves of which the mth is known, with the hashes
// of a path: PATH(m, D[n]) read from its end.
func climb(leaf []byte, m, n int, path []string) (root []byte, rest []string, err error) {
	if n == 1 {
		return leaf, path, nil
	}
	k := 1
	for k*2 < n {
		k *= 2
	}
	left := m < k
	var inner []byte
	if left {
		inner, rest, err = climb(leaf, m, k, path)
	} else {
		inner, rest, err = climb(leaf, m-k, n-k, path)
	}
	if err != nil || len(rest) == 0 {
		return nil, nil, fmt.Errorf("the path is too short: %w", err)
	}
	other, err := base64.StdEncoding.Strict().DecodeString(rest[0])
	if err != nil {
		return nil, nil, err
	}
	if !left {
		inner, other = other, inner
	}
	sum := sha256.Sum256(append(append([]byte{1}, inner...), other...))
	return sum[:], rest[1:], nil
}

// openAlone verifies the signature of a checkpoint.
func openAlone(note, public string) (size int, root []byte, err error) {
	text, signatures, found := strings.Cut(note, "\n\n")
	if !found {
		return 0, nil, errors.New("no signature")
	}
	text += "\n"
	parts := strings.SplitN(public, "+", 3) // NAME+HASH+BASE64, and the base64 may have a plus in it
	key, err := base64.StdEncoding.Strict().DecodeString(parts[2])
	if err != nil || key[0] != 1 || len(key) != 33 {
		return 0, nil, fmt.Errorf("no Ed25519 key: %w", err)
	}
	id := sha256.Sum256(append([]byte(parts[0]+"\n"), key...))
	for line := range strings.SplitSeq(strings.TrimSuffix(signatures, "\n"), "\n") {
		name, encoded, _ := strings.Cut(strings.TrimPrefix(line, "\u2014 "), " ")
		signature, err := base64.StdEncoding.Strict().DecodeString(encoded)
		if err != nil {
			return 0, nil, err
		}
		if name != parts[0] || !bytes.HasPrefix(signature, id[:4]) {
			continue
		}
		if !ed25519.Verify(key[1:], []byte(text), signature[4:]) {
			return 0, nil, errors.New("the signature is false")
		}
		lines := strings.Split(text, "\n")
		if size, err = strconv.Atoi(lines[1]); err == nil {
			root, err = base64.StdEncoding.Strict().DecodeString(lines[2])
		}
		return size, root, err
	}
	return 0, nil, errors.New("not signed with that key")
}

// TestProofsAlone has exports of logs of many sizes verified by somebody else's program,
// and any byte of one counts.
func TestProofsAlone(t *testing.T) {
	sizes, step := []int{3, 300}, 50
	if slow() {
		sizes, step = []int{1, 2, 3, 7, 255, 256, 257, 700, 5000}, 1
	}
	for _, size := range sizes {
		l := newLog(t, size)
		s := l.open()
		book, err := record.Read(l.cfg, s, "")
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if err := book.Export(t.Context(), &out, record.Query{}, record.Proofs); err != nil {
			t.Fatal(err)
		}
		if n, err := verifyAlone(out.Bytes(), book.Public); n != size || err != nil {
			t.Errorf("of %d records %d are proved: %v", size, n, err)
		}
		if size != 3 {
			continue
		}
		for i := rand.IntN(step); i < out.Len(); i += step {
			flipped := bytes.Clone(out.Bytes())
			flipped[i] ^= 1
			n, err := verifyAlone(flipped, book.Public)
			if err == nil && n == size && !harmless(out.Bytes(), flipped) {
				t.Errorf("byte %d, %q, does not matter", i, out.Bytes()[i])
			}
			if _, _, ours := record.CheckExport(bytes.NewReader(flipped), book.Public); ours == nil && err != nil && !strings.Contains(err.Error(), "illegal base64") {
				t.Errorf("byte %d, %q, does not matter to us, but to others: %v", i, out.Bytes()[i], err)
			}
		}
	}
}

// harmless reports whether two exports hold the same: JSON can be written in several ways.
func harmless(a, b []byte) bool {
	values := func(text []byte) (all []any) {
		for d := json.NewDecoder(bytes.NewReader(text)); d.More(); {
			var v struct {
				Checkpoint, Body string
				Seq              int
				Proof            []string
			}
			if d.Decode(&v) != nil {
				return nil
			}
			all = append(all, v)
		}
		return all
	}
	return fmt.Sprint(values(a)) == fmt.Sprint(values(b))
}
