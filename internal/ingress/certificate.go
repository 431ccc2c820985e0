package ingress

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// lookAgain is how long a certificate is used before its files are looked at again.
const lookAgain = time.Second

// A Certificate is a certificate and its key in two files, read again when they
// change. A pair that does not fit, as it stands there while the files are being
// replaced, leaves the one before in force. Its method may be called concurrently.
type Certificate struct {
	certFile, keyFile string
	log               *slog.Logger

	mu     sync.Mutex
	pair   *tls.Certificate
	stamp  string // of the files that pair was read from, or that were refused last
	looked time.Time
}

// LoadCertificate reads the certificate for the first time.
func LoadCertificate(certFile, keyFile string, log *slog.Logger) (*Certificate, error) {
	c := &Certificate{certFile: certFile, keyFile: keyFile, log: log, looked: time.Now()}
	c.stamp = c.stampNow()
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return nil, fmt.Errorf("reading the certificate: %w", err)
	}
	c.pair = &pair
	return c, nil
}

// Get returns the certificate in force, for a tls.Config.
func (c *Certificate) Get(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.looked) >= lookAgain {
		c.looked = time.Now()
		c.renew(hello.Context())
	}
	return c.pair, nil
}

func (c *Certificate) renew(ctx context.Context) {
	stamp := c.stampNow()
	if stamp == c.stamp {
		return
	}
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		c.log.WarnContext(ctx, "the new certificate cannot be used; the one before stays", slog.Any("error", err))
		return // and looked at again, since the other file may still be to come
	}
	c.pair, c.stamp = &pair, stamp
	c.log.InfoContext(ctx, "the certificate was renewed", slog.String("file", c.certFile))
}

// stampNow tells whether the files have changed: it follows links, since whole
// directories are swapped by them.
func (c *Certificate) stampNow() string {
	stamp := ""
	for _, name := range []string{c.certFile, c.keyFile} {
		info, err := os.Stat(name)
		if err != nil {
			return ""
		}
		stamp += fmt.Sprintf("%d %d ", info.ModTime().UnixNano(), info.Size())
	}
	return stamp
}
