package oauth

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sumun-mcp/sumun/internal/mcp"
)

func slogDiscard() *slog.Logger { return slog.New(slog.DiscardHandler) }

// serve runs a handler on loopback and returns its URL.
func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func TestMetadata(t *testing.T) {
	_, v := open(t, strings.Replace(configuration, "https://mcp.example.com", "https://mcp.example.com/gate/", 1), newInternet())
	const want = `{"resource":"https://mcp.example.com/gate/mcp",` +
		`"authorization_servers":["https://login.example.com/realms/work","https://login.example.org"],` +
		`"scopes_supported":["read:docs"],"bearer_methods_supported":["header"]}`
	for path, status := range map[string]int{
		WellKnown: 200, WellKnown + "/mcp": 200, WellKnown + "/gate/mcp": 200, WellKnown + "/": 404, WellKnown + "/other": 404,
	} {
		w := httptest.NewRecorder()
		v.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, http.NoBody))
		body, _ := io.ReadAll(w.Body)
		if w.Code != status || status == 200 && (string(body) != want || w.Header().Get("Content-Type") != "application/json" || w.Header().Get("Access-Control-Allow-Origin") != "*") {
			t.Errorf("%s: %d %s", path, w.Code, body)
		}
	}
	for method, status := range map[string]int{http.MethodHead: 200, http.MethodOptions: 204, http.MethodPost: 405} {
		w := httptest.NewRecorder()
		v.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, WellKnown, http.NoBody))
		if w.Code != status {
			t.Errorf("%s: %d, want %d", method, w.Code, status)
		}
	}
}

func TestChallenge(t *testing.T) {
	_, v := open(t, configuration, newInternet())
	const where = `, resource_metadata="https://mcp.example.com/.well-known/oauth-protected-resource/mcp"`
	bad := refused("the \"token\"\r\nis\\ bad\u00e9")
	more := &mcp.Error{Reason: mcp.InsufficientScope, Message: "more", Scopes: []string{"invoke:pay", "invoke:mail"}}
	tests := map[string]struct {
		err    *mcp.Error
		shown  bool
		caller string
		want   string
	}{
		"no token":             {bad, false, "", `Bearer scope="read:docs"` + where},
		"a bad one":            {bad, true, "", `Bearer error="invalid_token", error_description="the tokenis bad", scope="read:docs"` + where},
		"more scope":           {more, true, "oauth:work:a", `Bearer error="insufficient_scope", error_description="more", scope="read:docs invoke:pay"` + where},
		"more, by other names": {more, true, "oauth:other:a", `Bearer error="insufficient_scope", error_description="more", scope="pay"` + where},
		"more, of nobody":      {more, true, "key", `Bearer error="insufficient_scope", error_description="more"` + where},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, v.Challenge(tt.err, tt.shown, &mcp.Caller{ID: tt.caller, Scopes: []string{"deny:secret", "read:docs"}})); diff != "" {
				t.Error(diff)
			}
		})
	}
}
