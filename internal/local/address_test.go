package local_test

import (
	"testing"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/local"
)

func TestConfigured(t *testing.T) {
	tests := []struct {
		listen, public string
		tls            bool
		want           string
	}{
		{listen: "127.0.0.1:8080", want: "http://127.0.0.1:8080/mcp"},
		{listen: "127.0.0.1:8443", tls: true, want: "https://127.0.0.1:8443/mcp"},
		{listen: "localhost:80", want: "http://localhost:80/mcp"},
		{listen: "0.0.0.0:80", want: "http://127.0.0.1:80/mcp"},
		{listen: "[::]:80", want: "http://127.0.0.1:80/mcp"},
		{listen: ":80", want: "http://127.0.0.1:80/mcp"},
		{listen: "[::1]:80", want: "http://[::1]:80/mcp"},
		{listen: "127.0.0.1:0", want: ""},
		{listen: "127.0.0.1:0", public: "https://mcp.example.com", want: "https://mcp.example.com/mcp"},
		{listen: "127.0.0.1:80", public: "https://mcp.example.com/", tls: true, want: "https://mcp.example.com/mcp"},
		{listen: "127.0.0.1:80", public: "https://example.com/gate", want: "https://example.com/gate"},
	}
	for _, tt := range tests {
		cfg := &config.Config{Listen: tt.listen, PublicURL: tt.public, TLS: config.TLS{Enabled: tt.tls}}
		if got := local.Configured(cfg); got != tt.want {
			t.Errorf("listen %s, publicURL %q: %q, want %q", tt.listen, tt.public, got, tt.want)
		}
	}
}
