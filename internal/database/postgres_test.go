package database

import (
	"os"
	"testing"

	"github.com/sumun-mcp/sumun/internal/pgtest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Run(m)) }

// TestPostgresJSON hands json and jsonb out as what they hold, and bytes that look like it as bytes.
func TestPostgresJSON(t *testing.T) {
	d := open(t, Options{DSN: pgtest.Database(t, orders)})
	got, err := ask(t, d, `SELECT '{"n": 1.50}'::json AS a, '[1, "<x>"]'::jsonb AS b, NULL::jsonb AS c, 'null'::json AS d, '{}'::bytea AS e`)
	if want := `[a b c d e] [{"a":{"n":1.50},"b":[1,"\u003cx\u003e"],"c":null,"d":null,"e":"e30="}]`; err != nil || got != want {
		t.Errorf("got %s, %v; want %s", got, err, want)
	}
}
