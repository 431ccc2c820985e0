// Package devca makes certificates for a developer's machine: an authority of one's own, a certificate of the gateway, and certificates of
// its clients. The authority can vouch for names of this machine and of private networks, and for those that were named when it was made,
// but for no others: whoever trusts it risks nothing else.
package devca

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"
)

// How long certificates are in force. No client takes one of a server that is longer in force than 398 days from an authority that it
// came with; those who trust one of their own are less strict, but there is no need to try that.
const (
	lifeOfCA   = 3 * 365 * 24 * time.Hour
	lifeOfLeaf = 365 * 24 * time.Hour
	// skew is how far behind the clocks of clients may be.
	skew = 10 * time.Minute
)

// privateNames and privateNets are what nobody else can own.
var (
	privateNames = []string{"localhost", "test", "local", "internal", "lan", "home.arpa"}
	privateNets  = []string{"127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "fc00::/7", "fe80::/10"}
)

// identityOf is what a client's certificate says of it.
func identityOf(name string) *url.URL {
	return &url.URL{Scheme: "spiffe", Host: "localhost", Path: "/" + name}
}

// A pair is a certificate and its key.
type pair struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// newCA makes an authority that can vouch for hosts beside what is private.
func newCA(hosts []string, now time.Time) (*pair, error) {
	names, ips := split(hosts)
	for i := range names {
		names[i] = strings.TrimPrefix(names[i], "*.")
	}
	template := &x509.Certificate{
		Subject:   pkix.Name{CommonName: "Sumun development CA " + now.UTC().Format(time.DateOnly), Organization: []string{"Sumun development"}},
		NotBefore: now.Add(-skew), NotAfter: now.Add(lifeOfCA),
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		PermittedDNSDomainsCritical: true, PermittedDNSDomains: append(slices.Clone(privateNames), names...),
		PermittedURIDomains: []string{"localhost"},
	}
	for _, text := range privateNets {
		_, private, err := net.ParseCIDR(text)
		if err != nil {
			return nil, err
		}
		template.PermittedIPRanges = append(template.PermittedIPRanges, private)
	}
	for _, ip := range ips {
		template.PermittedIPRanges = append(template.PermittedIPRanges, alone(ip))
	}
	return issue(template, nil)
}

// alone is the network that one address is by itself.
func alone(ip net.IP) *net.IPNet {
	if four := ip.To4(); four != nil {
		ip = four
	}
	return &net.IPNet{IP: ip, Mask: net.CIDRMask(len(ip)*8, len(ip)*8)}
}

// split tells names from addresses.
func split(hosts []string) (names []string, ips []net.IP) {
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			ips = append(ips, ip)
		} else {
			names = append(names, host)
		}
	}
	return names, ips
}

// newServer makes a certificate of a server under those names and addresses.
func newServer(ca *pair, hosts []string, now time.Time) (*pair, error) {
	names, ips := split(hosts)
	template := leaf(now)
	template.Subject.CommonName = hosts[0]
	template.DNSNames, template.IPAddresses = names, ips
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	return issue(template, ca)
}

// newClient makes a certificate of a client.
func newClient(ca *pair, name string, now time.Time) (*pair, error) {
	template := leaf(now)
	template.Subject.CommonName = name
	template.URIs = []*url.URL{identityOf(name)}
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	return issue(template, ca)
}

func leaf(now time.Time) *x509.Certificate {
	return &x509.Certificate{
		Subject:   pkix.Name{Organization: []string{"Sumun development"}},
		NotBefore: now.Add(-skew), NotAfter: now.Add(lifeOfLeaf), BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature,
	}
}

// issue has a certificate signed by an authority, or by itself without one. It is not in force for longer than the authority.
func issue(template *x509.Certificate, ca *pair) (*pair, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	if template.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127)); err != nil {
		return nil, err
	}
	made := &pair{key: key}
	parent, signer := template, key
	if ca != nil {
		parent, signer = ca.cert, ca.key
		if ca.cert.NotAfter.Before(template.NotAfter) {
			template.NotAfter = ca.cert.NotAfter
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err == nil {
		made.cert, err = x509.ParseCertificate(der)
	}
	if err == nil && ca != nil {
		err = ca.vouches(made.cert, time.Now())
	}
	return made, err
}

// vouches returns why a certificate is not the authority's own, nil if it is.
func (p *pair) vouches(cert *x509.Certificate, now time.Time) error {
	roots := x509.NewCertPool()
	roots.AddCert(p.cert)
	_, err := cert.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok && invalid.Reason == x509.CANotAuthorizedForThisName {
		return fmt.Errorf("%w: %s", errOutside, strings.TrimPrefix(invalid.Detail, "DNS name "))
	}
	return err
}

// errOutside says that the authority may not vouch for a name.
var errOutside = errors.New("the authority was made for other names")

// hostsOf returns the names and addresses of a server's certificate.
func hostsOf(cert *x509.Certificate) []string {
	hosts := slices.Clone(cert.DNSNames)
	for _, ip := range cert.IPAddresses {
		hosts = append(hosts, ip.String())
	}
	return hosts
}
