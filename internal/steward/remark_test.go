package steward

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestRemark tells how databases are that doctor asks about: what is new is no fault.
func TestRemark(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "text.db"), []byte(strings.Repeat("no database ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	at := "sqlite:" + filepath.Join(dir, "sumun.db")
	none := Remark(t.Context(), at)
	if _, err := Migrate(t.Context(), at, false); err != nil {
		t.Fatal(err)
	}
	there := Remark(t.Context(), at)
	if !none.OK || !strings.Contains(none.Found, "none yet") || !there.OK || !strings.Contains(there.Found, "SQLite") {
		t.Errorf("%+v, %+v", none, there)
	}
	for _, address := range []string{"sqlite:" + filepath.Join(dir, "text.db"), "postgres://u:secret@127.0.0.1:1/x?connect_timeout=2"} {
		if r := Remark(t.Context(), address); r.OK || r.Remedy == "" || strings.Contains(r.Found, "secret") {
			t.Errorf("%s: %+v", address, r)
		}
	}
}
