package desk

import (
	"testing"

	"github.com/sumun-mcp/sumun/internal/notice"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// TestUpdated tells of a resource what its server says of it now, and nothing where it says nothing: it may be gone.
func TestUpdated(t *testing.T) {
	for params, want := range map[string]string{
		`{"uri":"cache://n/a"}`:                                                                   `{"uri":"cache://n/a"}`,
		`{"uri":"cache://n/a","_meta":{}}`:                                                        `{"uri":"cache://n/a"}`,
		`{"uri":"a:\"b","_meta":{"io.github.sumun-mcp/etag":"e","x":1}}`:                          `{"uri":"a:\"b","etag":"e"}`,
		`{"_meta":{"io.github.sumun-mcp/revision":7,"io.github.sumun-mcp/etag":"e"},"uri":"a:b"}`: `{"uri":"a:b","etag":"e","revision":7}`,
	} {
		m := notice.Message([]byte(`{"jsonrpc":"2.0","method":"notifications/resources/updated","params":` + params + `}`))
		event := updated(m)
		if got := string(wire.Get(event.Raw, "params")); got != want {
			t.Errorf("%s became %s, want %s", params, got, want)
		}
	}
}
