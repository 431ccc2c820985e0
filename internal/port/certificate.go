package port

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
	files  [2]os.FileInfo // that pair was read from
	looked time.Time
}

// LoadCertificate reads the certificate for the first time.
func LoadCertificate(certFile, keyFile string, log *slog.Logger) (*Certificate, error) {
	c := &Certificate{certFile: certFile, keyFile: keyFile, log: log, looked: time.Now()}
	c.files, _ = c.stat() // what is wrong with them is told by reading them
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
	files, err := c.stat()
	if err == nil && same(files[0], c.files[0]) && same(files[1], c.files[1]) {
		return
	}
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		c.log.WarnContext(ctx, "the new certificate cannot be used; the one before stays", slog.Any("error", err))
		return // and looked at again, since the other file may still be to come
	}
	c.pair, c.files = &pair, files
	c.log.InfoContext(ctx, "the certificate was renewed", slog.String("file", c.certFile))
}

// stat looks at the files. It follows links, since whole directories are swapped by them.
func (c *Certificate) stat() (files [2]os.FileInfo, err error) {
	for i, name := range []string{c.certFile, c.keyFile} {
		if files[i], err = os.Stat(name); err != nil {
			return files, err
		}
	}
	return files, nil
}

// same reports whether a file is the one that it was, and unchanged. Time and size
// alone do not tell: a new certificate is as long as the old one, and may be as old.
func same(a, b os.FileInfo) bool {
	return a != nil && b != nil && os.SameFile(a, b) && a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size()
}
