package desk

import (
	"context"
	"slices"
	"testing"

	"github.com/sumun-mcp/sumun/internal/catalog"
	"github.com/sumun-mcp/sumun/internal/mcp"
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

// TestSeesAlerts tells of alerts those who may see the tool, also of one that is not in the catalogue yet, or not any more.
func TestSeesAlerts(t *testing.T) {
	t.Parallel()
	c := catalog.Build([]catalog.Source{{Server: "up", Prefix: "up", Rename: map[string]string{"two": "second"}}}, catalog.Options{})
	d := &Desk{Options: Options{Catalog: func(context.Context, *mcp.Call) *catalog.Catalog { return c }}}
	may := []string{"up.second", "up.three"}
	view := &mcp.View{Allow: func(kind mcp.Kind, name string) bool { return kind == mcp.Tool && slices.Contains(may, name) }}
	for alert, want := range map[string]bool{
		`"kind":"drift","server":"up","subject":"three"`:     true,
		`"kind":"drift","server":"up","subject":"two"`:       true,
		`"kind":"drift","server":"up","subject":"one"`:       false,
		`"kind":"drift","server":"other","subject":"three"`:  false,
		`"kind":"signature","server":"up","subject":"three"`: false,
		`"kind":"drift","server":"","subject":"three"`:       false,
	} {
		m := notice.Message([]byte(`{"jsonrpc":"2.0","method":"mcp.event.securityAlert","params":{` + alert + `}}`))
		s := &speaker{desk: d, call: &mcp.Call{Caller: &mcp.Caller{View: view}}}
		if got := s.sees(t.Context(), m); got != want {
			t.Errorf("%s: %v", alert, got)
		}
	}
}
