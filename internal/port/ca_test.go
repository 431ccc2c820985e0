package port_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/sumun-mcp/sumun/internal/port"
)

// A ca is an authority for tests.
type ca struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	// life is from when and to when its certificates are in force, from now.
	life [2]time.Duration
}

func newCA(t *testing.T, name string) *ca {
	t.Helper()
	c := &ca{key: newKey(t), life: [2]time.Duration{-time.Minute, time.Hour}}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &c.key.PublicKey, c.key)
	if err == nil {
		c.cert, err = x509.ParseCertificate(der)
	}
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (c *ca) pem() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.cert.Raw})
}

func (c *ca) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(c.cert)
	return pool
}

// write makes a certificate of that name and serial number, for localhost or a client, and writes it and its key into dir.
func (c *ca) write(t *testing.T, dir, name string, serial int64) {
	t.Helper()
	key, now := newKey(t), time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name}, NotBefore: now.Add(c.life[0]), NotAfter: now.Add(c.life[1]),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, c.cert, &key.PublicKey, c.key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(dir, name+".crt"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	put(t, filepath.Join(dir, name+".key"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))
}

// revoke writes a list with those serial numbers, which is to be renewed at that time.
func (c *ca) revoke(t *testing.T, file string, until time.Time, serials ...int64) {
	t.Helper()
	list := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: time.Now().Add(-time.Minute), NextUpdate: until}
	for _, n := range serials {
		list.RevokedCertificateEntries = append(list.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: big.NewInt(n), RevocationTime: time.Now()})
	}
	der, err := x509.CreateRevocationList(rand.Reader, list, c.cert, c.key)
	if err != nil {
		t.Fatal(err)
	}
	put(t, file, pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der}))
}

func put(t *testing.T, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// A pki is a directory with a server's certificate.
type pki struct {
	dir    string
	server *ca
}

func files(t *testing.T, name string) *pki {
	t.Helper()
	p := &pki{dir: t.TempDir(), server: newCA(t, name)}
	p.server.write(t, p.dir, "server", 7)
	return p
}

func (p *pki) tls() port.TLS {
	return port.TLS{CertFile: filepath.Join(p.dir, "server.crt"), KeyFile: filepath.Join(p.dir, "server.key")}
}

// clients has the server ask for certificates of those authorities.
func (p *pki) clients(t *testing.T, of ...*ca) port.TLS {
	t.Helper()
	o := p.tls()
	o.ClientCAFile = filepath.Join(p.dir, "clients.pem")
	p.trust(t, of...)
	return o
}

// trust writes who vouches for clients.
func (p *pki) trust(t *testing.T, of ...*ca) {
	t.Helper()
	var all []byte
	for _, c := range of {
		all = append(all, c.pem()...)
	}
	put(t, filepath.Join(p.dir, "clients.pem"), all)
}
