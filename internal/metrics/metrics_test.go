package metrics_test

import (
	"context"
	"fmt"
	"io"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/metrics"
)

// scrape reads the instruments as Prometheus does.
func scrape(t *testing.T, m *metrics.Metrics) string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/metrics", nil))
	body, err := io.ReadAll(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func newMetrics(t *testing.T) *metrics.Metrics {
	t.Helper()
	m, err := metrics.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	return m
}

func ends(err error) mcp.Handler {
	return mcp.HandlerFunc(func(context.Context, *mcp.Call, mcp.Reply) error { return err })
}

func TestMiddleware(t *testing.T) {
	m := newMetrics(t)
	calls := []struct {
		call *mcp.Call
		err  error
	}{
		{&mcp.Call{Method: "tools/call", Name: "files.read", Server: "files", Transport: "http", Revision: mcp.Latest()}, nil},
		{&mcp.Call{Method: "tools/call", Name: "files.read", Server: "files", Transport: "http", Revision: mcp.Latest()}, mcp.Errorf(-32603, mcp.Timeout, "slow")},
		{&mcp.Call{Method: "resources/read", Name: "secret:///path", Server: "files", Transport: "stdio"}, nil},
		{&mcp.Call{Method: "tools/call", Name: "made-up-by-the-client", Transport: "http"}, mcp.Errorf(-32602, mcp.NotFound, "unknown")},
		{&mcp.Call{Method: "made/up", Transport: "http"}, mcp.Errorf(-32601, mcp.Unsupported, "unknown")},
		{&mcp.Call{Method: "completion/complete", Name: "a", Server: "files"}, nil},
		{&mcp.Call{Method: "completion/complete", Name: "b", Server: "files", Transport: "carrier pigeon"}, nil},
	}
	for _, c := range calls {
		_ = m.Middleware(ends(c.err)).Handle(t.Context(), c.call, nil)
	}
	got := scrape(t, m)
	for _, want := range []string{
		`mcp_server_operation_duration_seconds_count{gen_ai_tool_name="files.read",mcp_method_name="tools/call",mcp_protocol_version="` + mcp.Latest().Name + `",network_transport="tcp",sumun_server_name="files"} 1`,
		`error_type="timeout",gen_ai_tool_name="files.read"`,
		`mcp_method_name="resources/read",network_transport="pipe"`,
		`error_type="unsupported",mcp_method_name="_OTHER"`,
		`mcp_server_operation_duration_seconds_count{mcp_method_name="completion/complete",sumun_server_name="files"} 2`,
		`error_type="not-found",mcp_method_name="tools/call",network_transport="tcp"`,
		"go_memstats_mallocs_total",
		"process_cpu_seconds_total",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the instruments do not say %s", want)
		}
	}
	for _, leak := range []string{"made-up", "made/up", "secret:"} {
		if strings.Contains(got, leak) {
			t.Errorf("the instruments carry %s, which a client chose", leak)
		}
	}
}

// TestSeriesAreBounded calls more tools than there may be series.
func TestSeriesAreBounded(t *testing.T) {
	m := newMetrics(t)
	handler := m.Middleware(ends(nil))
	for i := range 10_500 {
		call := &mcp.Call{Method: "tools/call", Name: fmt.Sprint("t", i), Server: "s", Transport: "http"}
		if err := handler.Handle(t.Context(), call, nil); err != nil {
			t.Fatal(err)
		}
	}
	if n := strings.Count(scrape(t, m), "mcp_server_operation_duration_seconds_count"); n > 10_001 {
		t.Errorf("%d series", n)
	}
}

func TestWatch(t *testing.T) {
	m := newMetrics(t)
	err := m.Watch(func() []metrics.ServerState {
		return []metrics.ServerState{{Name: "a", State: "ready", Sessions: 2, Restarts: 3}, {Name: "b", State: "failing"}}
	}, func() int { return 7 }, func() int { return 3 }, func() int64 { return 9 })
	if err != nil {
		t.Fatal(err)
	}
	got := scrape(t, m)
	for _, want := range []string{
		`sumun_server_up{sumun_server_name="a",sumun_server_state="ready"} 1`,
		`sumun_server_up{sumun_server_name="b",sumun_server_state="failing"} 0`,
		`sumun_server_sessions{sumun_server_name="a"} 2`,
		`sumun_server_restarts_total{sumun_server_name="a"} 3`,
		`sumun_sessions 7`,
		`sumun_calls_parked 3`,
		`sumun_notices_lost_total 9`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the instruments do not say %s", want)
		}
	}
}

func TestWatchRoutes(t *testing.T) {
	m := newMetrics(t)
	err := m.WatchRoutes(func(tell func(replica, state string, pending, ejections int64)) {
		tell("shop/1", "healthy", 4, 0)
		tell("shop/2", "ejected", 0, 2)
	}, func() int64 { return 5 })
	if err != nil {
		t.Fatal(err)
	}
	got := scrape(t, m)
	for _, want := range []string{
		`sumun_route_target_state{sumun_route_state="ejected",sumun_server_name="shop/2"} 1`,
		`sumun_route_target_pending{sumun_server_name="shop/1"} 4`,
		`sumun_route_target_ejections_total{sumun_server_name="shop/2"} 2`,
		`sumun_route_retries_total 5`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the instruments do not say %s", want)
		}
	}
}
