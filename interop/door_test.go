package interop

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"testing"
)

// behindDoor returns the URL of a door to a server, which speaks both eras, that lets requests of one era through only. It
// refuses the others as a server does that knows nothing of theirs.
func behindDoor(t *testing.T, server, era string) string {
	t.Helper()
	to, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	refusal := `{"jsonrpc":"2.0","id":null,"error":{"code":-32022,"message":"the modern era only","data":{"supported":["2026-07-28"]}}}`
	if era == legacyEra {
		refusal = `{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"Bad Request: Unsupported protocol version"}}`
	}
	forward := &httputil.ReverseProxy{FlushInterval: -1, Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(&url.URL{Scheme: to.Scheme, Host: to.Host})
	}}
	door := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		modern := r.Method == http.MethodPost && r.Header.Get("Mcp-Protocol-Version") >= "2026-07-28"
		if modern != (era == modernEra) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, refusal)
			return
		}
		_ = http.NewResponseController(w).EnableFullDuplex() // or an answer that begins early ends the request that is still read
		forward.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		door.CloseClientConnections()
		door.Close()
	})
	return door.URL + to.Path
}
