package local

import (
	"net"
	"net/url"

	"github.com/sumun-mcp/sumun/internal/config"
)

// path is where the gateway's endpoint lies.
const path = "/mcp"

// Endpoint returns the URL under which clients on this machine reach a gateway with
// this configuration that listens on address, as host:port.
func Endpoint(cfg *config.Config, address string) string {
	u := url.URL{Scheme: "http", Host: address, Path: path}
	if cfg.TLS.Enabled {
		u.Scheme = "https"
	}
	if host, port, err := net.SplitHostPort(address); err == nil {
		if ip := net.ParseIP(host); host == "" || (ip != nil && ip.IsUnspecified()) {
			u.Host = net.JoinHostPort("127.0.0.1", port)
		}
	}
	return u.String()
}

// Configured returns the URL that the configuration alone gives clients: publicURL,
// or that of listen. It is empty where only a running gateway knows its port.
func Configured(cfg *config.Config) string {
	if u, err := url.Parse(cfg.PublicURL); err == nil && u.Host != "" {
		if u.Path == "" || u.Path == "/" {
			u.Path = path
		}
		return u.String()
	}
	if _, port, err := net.SplitHostPort(cfg.Listen); err != nil || port == "0" {
		return ""
	}
	return Endpoint(cfg, cfg.Listen)
}
