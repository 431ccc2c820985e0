package access

import (
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/oauth"
)

// tokened returns an Access that takes access tokens of an issuer that nobody can ask.
func tokened(t *testing.T) *Access {
	t.Helper()
	c, err := config.Parse("mcp.yaml", "", []byte(`
publicURL: https://mcp.example.com
apiKey: an.operator.key-with-dots
scopes: {"read:docs": [docs.*], "invoke:pay": {names: [payment.*], stepUp: true}, "deny:old": [docs.old]}
roles: {reader: ["read:docs", "deny:old"]}
oauth: {issuers: {work: {issuer: "http://127.0.0.1:1"}}}
`))
	if err != nil {
		t.Fatal(err)
	}
	issuers := oauth.Open(t.Context(), slog.New(slog.DiscardHandler))
	a, _, err := FromConfig(c, NewKey(), nil, issuers)
	if err != nil {
		t.Fatal(err)
	}
	issuers.Close() // nobody is asked
	return a
}

func TestTokenHolder(t *testing.T) {
	a := tokened(t)
	c := a.TokenHolder("oauth:work:alice", nil, []string{"reader", "gone"}, nil)
	if !slices.Equal(c.Scopes, []string{"deny:old", "read:docs"}) || c.Admin {
		t.Errorf("%+v", c)
	}
	for name, want := range map[string][3]bool{ // listed, called, asked to step up
		"docs.new": {true, true, false}, "docs.old": {}, "payment.send": {true, false, true}, "other": {},
	} {
		got := [3]bool{c.View.Lists(mcp.Tool, name), c.View.Sees(mcp.Tool, name), len(c.View.Steps(mcp.Tool, name, false)) > 0}
		if got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	if now := a.Again(&c); now == nil || now.ID != c.ID || now.View != c.View {
		t.Errorf("again: %+v", now)
	}
	over := make(chan struct{})
	close(over)
	for why, gone := range map[string]mcp.Caller{"expired": {ID: c.ID, Over: over}, "of another issuer": {ID: "oauth:other:alice"}} {
		if now := a.Again(&gone); now != nil {
			t.Errorf("%s: %+v", why, now)
		}
	}
}

// TestWhichBearer tells keys from tokens.
func TestWhichBearer(t *testing.T) {
	with := tokened(t)
	without, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		access       *Access
		bearer, want string
	}{
		"an operator's key with dots":   {with, "an.operator.key-with-dots", ""},
		"a token":                       {with, "e30.e30.eA", "not a signed JWT"},
		"an encrypted one":              {with, "a.b.c.d.e", "encrypted"},
		"an opaque one":                 {with, "opaque", "opaque access tokens are not looked up"},
		"a long opaque one":             {with, strings.Repeat("x", maxKey+1), "opaque access tokens are not looked up"},
		"an unknown key":                {with, NewKey(), "the key is not known"},
		"a token where none are taken":  {without, "a.b.c", "mcp.yaml has no oauth"},
		"a long one where none are":     {without, "a." + strings.Repeat("x", maxKey) + ".c", "mcp.yaml has no oauth"},
		"a wrong key where no token is": {without, "x", "the key is not known"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "/mcp", http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Authorization", "Bearer "+tt.bearer)
			_, refusal := tt.access.Authenticate(r)
			if tt.want == "" && refusal == nil {
				return
			}
			if refusal == nil || !strings.Contains(refusal.Message, tt.want) || refusal.Reason != mcp.Unauthenticated {
				t.Fatalf("refused with %v, want %q", refusal, tt.want)
			}
			if got := refusal.Challenge != ""; got != (tt.access == with) {
				t.Errorf("the challenge is %q", refusal.Challenge)
			}
		})
	}
}
