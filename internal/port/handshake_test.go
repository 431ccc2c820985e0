package port

import (
	"strings"
	"testing"
)

func TestHandshake(t *testing.T) {
	const said = "http: TLS handshake error from "
	tests := []struct {
		message, remote, why string
		refused              bool
	}{
		{said + "127.0.0.1:9: tls: client didn't provide a certificate", "127.0.0.1:9", "tls: client didn't provide a certificate", true},
		{said + "[::1]:9: tls: failed to verify certificate: x509: certificate signed by unknown authority", "[::1]:9", "tls: failed to verify certificate: x509: certificate signed by unknown authority", true},
		{said + "127.0.0.1:9: EOF", "127.0.0.1:9", "EOF", false},
		{said + "127.0.0.1:9: read tcp 127.0.0.1:8->127.0.0.1:9: read: connection reset by peer", "127.0.0.1:9", "read tcp 127.0.0.1:8->127.0.0.1:9: read: connection reset by peer", false},
		{said + "127.0.0.1:9: remote error: tls: bad certificate", "127.0.0.1:9", "remote error: tls: bad certificate", false},
		{said + "nobody", "nobody", "", false},
		{"http: panic serving 127.0.0.1:9: x", "", "", false},
	}
	for _, tt := range tests {
		if remote, why, refused := handshake(tt.message); remote != tt.remote || why != tt.why || refused != tt.refused {
			t.Errorf("%q: %q, %q, %v", tt.message, remote, why, refused)
		}
	}
	if _, why, refused := handshake(said + "127.0.0.1:9: " + strings.Repeat("\u00e9", 1000)); !refused || len(why) > 510 {
		t.Errorf("%d bytes of an error are kept, %v", len(why), refused)
	}
}
