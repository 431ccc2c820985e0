package store_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sumun-mcp/sumun/internal/route"
	"github.com/sumun-mcp/sumun/internal/store"
)

var _ route.Store = (*store.Store)(nil)

// TestRouting keeps the newest policy beyond the life of an instance, and each number once.
func TestRouting(t *testing.T) {
	engines(t, testRouting)
}

func testRouting(t *testing.T, at string) {
	t.Helper()
	one, two := open(t, at), open(t, at)
	if rev, err := one.Routing(t.Context()); err != nil || rev.Number != 0 {
		t.Errorf("an empty store has %+v, %v", rev, err)
	}
	var last route.Revision
	for n := range int64(150) {
		last = route.Revision{
			Number: n + 1, Policy: fmt.Appendf(nil, `{"도구 %d":{}}`, n), Base: "base", By: "local", At: time.UnixMilli(1e12 + n).UTC(),
		}
		if err := one.AddRouting(t.Context(), &last); err != nil {
			t.Fatal(err)
		}
	}
	if err := two.AddRouting(t.Context(), &last); !errors.Is(err, route.ErrTaken) {
		t.Errorf("the same number again: %v", err)
	}
	got, err := two.Routing(t.Context()) // nothing was closed, as when the first instance is killed
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(last, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
