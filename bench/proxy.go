package main

import (
	"log/slog"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
)

// newTransport returns a client side that keeps enough connections for every load here, as one would tune it for a proxy.
func newTransport() *http.Transport {
	return &http.Transport{
		MaxIdleConns:        1024,
		MaxIdleConnsPerHost: 512,
		DisableCompression:  true,
		WriteBufferSize:     8 << 10,
		ReadBufferSize:      8 << 10,
	}
}

// newProxy is yardstick B: the standard library's reverse proxy, pooled and tuned, that looks at nothing.
func newProxy(target *url.URL) http.Handler {
	return &httputil.ReverseProxy{
		Rewrite:    func(r *httputil.ProxyRequest) { r.SetURL(target) },
		Transport:  newTransport(),
		BufferPool: &bufferPool{},
		ErrorLog:   slog.NewLogLogger(slog.DiscardHandler, slog.LevelError), // the load generator counts failures
	}
}

// A bufferPool lends the proxy buffers for copying bodies. The zero value is ready; it is safe for concurrent use.
type bufferPool struct{ pool sync.Pool }

// Get lends a buffer.
func (p *bufferPool) Get() []byte {
	if b, ok := p.pool.Get().(*[]byte); ok {
		return *b
	}
	return make([]byte, 32<<10)
}

// Put takes a buffer back.
func (p *bufferPool) Put(b []byte) { p.pool.Put(&b) }
