package port

import (
	"crypto/x509"
	"time"
)

// Term returns the certificate that clients would be shown now, and when the first list of revoked certificates is to be renewed, which
// is the zero time where there is none. Errors are FileErrors.
func (o *TLS) Term() (shown *x509.Certificate, lists time.Time, err error) {
	pair, err := o.readPair(nil)
	if err != nil {
		return nil, lists, err
	}
	if o.ClientCAFile == "" {
		return pair.Leaf, lists, nil
	}
	t, err := readTrust(o.ClientCAFile, o.CRLFile)
	if err != nil {
		return nil, lists, err
	}
	for _, list := range t.lists {
		if !list.until.IsZero() && (lists.IsZero() || list.until.Before(lists)) {
			lists = list.until
		}
	}
	return pair.Leaf, lists, nil
}
