package access

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sumun-mcp/sumun/internal/keyring"
)

// TestUnknownAndWrongKeysAreAlike refuses every key that is not one in the same way: the same answer, as much memory, and secrets are
// found by their SHA-256 and compared in constant time, so that neither words nor the clock tell how near one was.
func TestUnknownAndWrongKeysAreAlike(t *testing.T) {
	ring, s := ringOf(t)
	a := mustNew(t, Options{Keys: []Key{{Name: "local", Hash: HashKey("x")}}, Ring: ring})
	good := s.add("ci", []string{"*"}, nil)
	if _, err := a.Bearer(good); err != nil {
		t.Fatal(err)
	}
	id := s.keys["ci"].ID
	gone := s.add("gone", []string{"*"}, nil)
	s.drop("gone")
	keys := map[string]string{
		"unknown": keyring.Mint(keyring.NewID()), "another secret of a key": keyring.Mint(id), "revoked": gone, "nothing like a key": "nonsense",
		"a damaged end": good[:len(good)-1] + "!", "a damaged beginning": "Sumun" + good[5:],
	}
	_, want := a.Bearer(keys["unknown"])
	for name, key := range keys {
		_, err := a.Bearer(key)
		if diff := cmp.Diff(want, err); diff != "" {
			t.Errorf("%s is refused in another way (-unknown +%s)\n%s", name, name, diff)
		}
	}
	for _, file := range []string{"access.go", "../keyring/ring.go"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), "subtle.ConstantTimeCompare") {
			t.Errorf("%s does not compare in constant time", file)
		}
	}
}
