package port

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"time"
)

// A trust is who vouches for clients, and what they have taken back. It never changes.
type trust struct {
	pool  *x509.CertPool
	cas   []*x509.Certificate
	lists []*revocations
}

// revocations are the certificates that one authority has taken back.
type revocations struct {
	issuer []byte // its subject, as it stands in certificates
	until  time.Time
	serial map[string]bool
}

// newTrust reads who vouches for clients, which is renewed in use; nil if no client is asked.
func (o *TLS) newTrust() (*renewed[*trust], error) {
	if o.ClientCAFile == "" {
		return nil, nil //nolint:nilnil // see above
	}
	t := &renewed[*trust]{what: "who vouches for clients", names: []string{o.ClientCAFile, o.CRLFile}, log: o.Log, again: o.Again}
	t.read = func(*trust) (*trust, error) { return readTrust(o.ClientCAFile, o.CRLFile) }
	return t, t.open()
}

// readTrust reads the authorities, and what they have taken back if there is a file for that.
func readTrust(caFile, crlFile string) (*trust, error) {
	fault := func(err error) error {
		return &FileError{File: caFile, Remedy: "tls.clientCAFile must hold certificates of authorities, in PEM", err: err}
	}
	data, err := readWhole(caFile)
	if err != nil {
		return nil, fault(err)
	}
	t := &trust{pool: x509.NewCertPool()}
	err = blocks(data, "CERTIFICATE", func(der []byte) error {
		ca, err := x509.ParseCertificate(der)
		if err == nil && !ca.IsCA {
			err = fmt.Errorf("%s is not the certificate of an authority", ca.Subject)
		}
		if err == nil {
			t.pool.AddCert(ca)
			t.cas = append(t.cas, ca)
		}
		return err
	})
	if err == nil && len(t.cas) == 0 {
		err = errors.New("it has no certificate")
	}
	if err != nil {
		return nil, fault(err)
	}
	if crlFile != "" {
		err = t.readLists(crlFile)
	}
	return t, err
}

// readLists reads what the authorities have taken back: lists in PEM, or one in DER. One
// that none of them has signed is refused.
func (t *trust) readLists(name string) error {
	fault := func(err error) error {
		return &FileError{File: name, Remedy: "tls.crlFile must hold lists of revoked certificates, in PEM, of authorities that tls.clientCAFile has", err: err}
	}
	data, err := readWhole(name)
	if err == nil {
		if bytes.Contains(data, []byte("-----BEGIN ")) {
			err = blocks(data, "X509 CRL", t.addList)
		} else {
			err = t.addList(data)
		}
	}
	if err == nil && len(t.lists) == 0 {
		err = errors.New("it has no list")
	}
	if err != nil {
		return fault(err)
	}
	return nil
}

func (t *trust) addList(der []byte) error {
	list, err := x509.ParseRevocationList(der)
	if err != nil {
		return err
	}
	for _, ca := range t.cas {
		if !bytes.Equal(ca.RawSubject, list.RawIssuer) || list.CheckSignatureFrom(ca) != nil {
			continue
		}
		r := &revocations{issuer: list.RawIssuer, until: list.NextUpdate, serial: make(map[string]bool, len(list.RevokedCertificateEntries))}
		for i := range list.RevokedCertificateEntries {
			r.serial[string(list.RevokedCertificateEntries[i].SerialNumber.Bytes())] = true
		}
		t.lists = append(t.lists, r)
		return nil
	}
	return fmt.Errorf("the list of %s is signed by nobody who vouches for clients", list.Issuer)
}

// blocks hands on what the blocks of a type hold.
func blocks(data []byte, kind string, take func(der []byte) error) error {
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != kind {
			continue
		}
		if err := take(block.Bytes); err != nil {
			return err
		}
	}
	return nil
}

// verify returns until when a client's certificate, which comes first of those that it has
// shown, is vouched for as far as is known; an error if it is not.
func (t *trust) verify(shown []*x509.Certificate, now time.Time) (until time.Time, err error) {
	between := x509.NewCertPool()
	for _, c := range shown[1:] {
		between.AddCert(c)
	}
	chains, err := shown[0].Verify(x509.VerifyOptions{
		Roots: t.pool, Intermediates: between, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	if err != nil {
		return time.Time{}, err
	}
	return t.judge(chains, now)
}

// judge returns until when one of some chains holds, by dates and by what was taken back.
func (t *trust) judge(chains [][]*x509.Certificate, now time.Time) (until time.Time, err error) {
	err = errors.New("nobody vouches for the certificate")
	for _, chain := range chains {
		end, fault := t.holds(chain, now)
		switch {
		case fault != nil:
			err = fault
		case end.After(until):
			until = end
		}
	}
	if !until.IsZero() {
		return until, nil
	}
	return until, err
}

// holds returns until when a chain holds.
func (t *trust) holds(chain []*x509.Certificate, now time.Time) (until time.Time, err error) {
	until = chain[0].NotAfter
	for i, c := range chain {
		if c.NotAfter.Before(until) {
			until = c.NotAfter
		}
		if i+1 == len(chain) {
			return until, nil
		}
		for _, list := range t.lists {
			switch {
			case !bytes.Equal(list.issuer, c.RawIssuer):
				continue
			case list.serial[string(c.SerialNumber.Bytes())]:
				return until, fmt.Errorf("the certificate of %s is revoked", c.Subject)
			case !list.until.IsZero() && now.After(list.until):
				return until, fmt.Errorf("whether the certificate of %s is revoked is not known: the list of its authority was to be renewed at %s",
					c.Subject, list.until.UTC().Format(time.RFC3339))
			case !list.until.IsZero() && list.until.Before(until):
				until = list.until
			}
		}
	}
	return until, nil
}
