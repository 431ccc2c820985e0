package egress

import (
	"context"
	"errors"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/transport"
)

// TestPing asks servers of both eras whether they are there, and one that is not.
func TestPing(t *testing.T) {
	t.Parallel()
	web := httptest.NewServer(&recorder{t: t, modern: true})
	defer web.Close()
	gone := httptest.NewServer(nil)
	gone.Close()
	p, e := newPool(t, stdio("legacy", func(*config.Server) {}), atURL("modern", web.URL), atURL("gone", gone.URL))
	for _, name := range []string{"legacy", "modern"} {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		if err := p.Ping(ctx, name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		cancel()
	}
	e.waitFor(t, "state gone failing", 1)
	for _, name := range []string{"gone", "nobody"} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		if err := p.Ping(ctx, name); err == nil || !Unsent(err) {
			t.Errorf("%s: %v", name, err)
		}
		cancel()
	}
}

// TestUnsent tells calls that no server has begun with from others.
func TestUnsent(t *testing.T) {
	upstream := mcp.Errorf(mcp.CodeInternal, mcp.Upstream, "no")
	tests := []struct {
		err  error
		want bool
	}{
		{upstream, false},
		{errors.New("odd"), false},
		{&transport.LostError{Err: upstream}, true},
		{&transport.LostError{Sent: true, Err: upstream}, false},
		{errors.Join(upstream, ErrUnavailable), true},
		{errors.Join(upstream, errNoSession), true},
		{mcp.Errorf(mcp.CodeInternal, mcp.Unavailable, "full"), true},
		{&mcp.Error{Raw: []byte(`{}`), Reason: mcp.Unavailable}, false},
	}
	for _, tt := range tests {
		if got := Unsent(tt.err); got != tt.want {
			t.Errorf("%v: %t", tt.err, got)
		}
	}
}
