package signature

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	pgperrors "github.com/ProtonMail/go-crypto/openpgp/errors"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// VerifyPGP checks a manifest against a detached OpenPGP signature in armor, as gpg --armor --detach-sign makes it over the canonical
// form, with the public keys in armor. The ids in what it returns are the fingerprints of keys in hexadecimal digits.
func VerifyPGP(manifest, signature, keys []byte, want *Expectation) (*Verified, error) {
	m, payload, err := read(manifest)
	if err != nil {
		return nil, err
	}
	if len(signature) > maxSignature {
		return nil, refuse(Malformed, "the signature has more than %d bytes", maxSignature)
	}
	ring, err := openpgp.ReadArmoredKeyRing(bytes.NewReader(keys))
	if err != nil {
		return nil, refuse(Malformed, "the OpenPGP keys cannot be read: %v", err)
	}
	config := &packet.Config{Time: func() time.Time { return want.Now }}
	by, err := openpgp.CheckArmoredDetachedSignature(ring, bytes.NewReader(payload), bytes.NewReader(signature), config)
	if err != nil {
		return nil, pgpError(err)
	}
	want.tell("the OpenPGP signature holds: by the trusted key %X", by.PrimaryKey.Fingerprint)
	return &Verified{Manifest: m, By: []string{fmt.Sprintf("%X", by.PrimaryKey.Fingerprint)}}, holds(m, want)
}

// pgpError gives an error of the library its reason.
func pgpError(err error) error {
	switch {
	case errors.Is(err, pgperrors.ErrUnknownIssuer):
		return refuse(UnknownKey, "nobody who is trusted has signed it")
	case errors.Is(err, pgperrors.ErrKeyExpired), errors.Is(err, pgperrors.ErrSignatureExpired):
		return refuse(Expired, "the key or the signature has expired")
	case errors.Is(err, pgperrors.ErrKeyRevoked):
		return refuse(Revoked, "the key was revoked")
	}
	if _, ok := errors.AsType[pgperrors.SignatureError](err); ok {
		return refuse(Wrong, "it was made for something else, or by another key: %v", err)
	}
	return refuse(Malformed, "the signature cannot be read: %v", err)
}
