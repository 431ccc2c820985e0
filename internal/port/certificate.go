package port

import (
	"crypto/tls"
	"errors"
	"fmt"
	"time"
)

// newCertificate reads the gateway's certificate, which is renewed in use.
func (o *TLS) newCertificate() (*renewed[*tls.Certificate], error) {
	c := &renewed[*tls.Certificate]{
		what: "the certificate", names: []string{o.CertFile, o.KeyFile}, read: o.readPair, log: o.Log, again: o.Again,
	}
	return c, c.open()
}

// readPair reads the certificate and its key. One that is not in force is left for later
// while the one before is: a clock may be behind, and a file may be the wrong one.
func (o *TLS) readPair(now *tls.Certificate) (*tls.Certificate, error) {
	fault := func(name string, err error) error {
		return &FileError{File: name, Remedy: "tls.certFile and tls.keyFile must be a PEM pair that belongs together", err: err}
	}
	cert, err := readWhole(o.CertFile)
	if err != nil {
		return nil, fault(o.CertFile, fmt.Errorf("reading the certificate: %w", err))
	}
	key, err := readWhole(o.KeyFile)
	if err != nil {
		return nil, fault(o.KeyFile, fmt.Errorf("reading the certificate's key: %w", err))
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, fault(o.CertFile, fmt.Errorf("reading the certificate: %w", err))
	}
	if now != nil && inForce(now) && !inForce(&pair) {
		return nil, fault(o.CertFile, errors.New("it is in force from "+pair.Leaf.NotBefore.UTC().Format(time.RFC3339)+" to "+pair.Leaf.NotAfter.UTC().Format(time.RFC3339)))
	}
	return &pair, nil
}

func inForce(pair *tls.Certificate) bool {
	now := time.Now()
	return !now.Before(pair.Leaf.NotBefore) && !now.After(pair.Leaf.NotAfter)
}
