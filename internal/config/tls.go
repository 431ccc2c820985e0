package config

import (
	"slices"

	"github.com/sumun-mcp/sumun/internal/document"
)

// TLS is how clients' connections are encrypted: by the gateway itself, or by a proxy in front of it.
type TLS struct {
	// Enabled switches TLS on. It is true without being written when certFile and keyFile are given.
	Enabled bool `yaml:"enabled"`
	// CertFile is the certificate chain, in PEM.
	CertFile string `yaml:"certFile"`
	// KeyFile is the certificate's private key, in PEM.
	KeyFile string `yaml:"keyFile"`
	// Terminated says that a proxy in front ends TLS, so that listening beyond loopback without it is meant.
	Terminated bool `yaml:"terminated"`
	// ClientCAFile has the certificates of the authorities that vouch for clients, in PEM. With it clients are asked for certificates.
	ClientCAFile string `yaml:"clientCAFile"`
	// CRLFile has the lists of certificates that these authorities have revoked, in PEM.
	CRLFile string `yaml:"crlFile"`
	// ClientAuth says whether a client without a certificate is let in: required refuses it, optional lets it show a key.
	ClientAuth string `yaml:"clientAuth" enum:"required optional"`
	// Identities are the callers that clients are by their certificates. The first that fits counts. Without any, certificates open the
	// door and name nobody: keys do.
	Identities []Identity `yaml:"identities" key:"name"`
}

// An Identity is a caller that is known by a certificate. All that is written of uri, dns, email and subject must fit, each with * for some
// characters.
type Identity struct {
	// Name is the caller's name, as the audit record has it behind cert:.
	Name string `yaml:"-"`
	// URI is a URI among the certificate's alternative names, such as that of a SPIFFE ID. A * ends at a slash, ** does not.
	URI string `yaml:"uri" form:"san"`
	// DNS is a DNS name among them. A * stands for one label.
	DNS string `yaml:"dns" form:"san"`
	// Email is a mail address among them. A * ends at the @.
	Email string `yaml:"email" form:"san"`
	// Subject is the common name of the certificate's subject.
	Subject string `yaml:"subject" form:"some"`
	// Scopes and Roles are what the caller may use, by their names; * among the scopes is all that there is.
	Scopes []string `yaml:"scopes" form:"word"`
	// Roles are names of roles.
	Roles []string `yaml:"roles" form:"word"`
}

// Begin makes i the identity of that name.
func (i *Identity) Begin(name string) { *i = Identity{Name: name} }

// Listens reports whether t says the same as other of how a gateway listens, which cannot change while it runs.
func (t *TLS) Listens(other *TLS) bool {
	type listening struct {
		enabled, terminated                           bool
		cert, key, clientCA, revoked, clientsMustShow string
	}
	of := func(t *TLS) listening {
		return listening{t.Enabled, t.Terminated, t.CertFile, t.KeyFile, t.ClientCAFile, t.CRLFile, t.ClientAuth}
	}
	return of(t) == of(other)
}

// A tlsFile is one of the files of TLS.
type tlsFile struct {
	key  string
	name *string
}

func (t *TLS) files() []tlsFile {
	return []tlsFile{{"certFile", &t.CertFile}, {"keyFile", &t.KeyFile}, {"clientCAFile", &t.ClientCAFile}, {"crlFile", &t.CRLFile}}
}

// finishTLS fills in what follows from what was written.
func (l *loader) finishTLS() {
	t := &l.config.TLS
	if !l.Written("tls.enabled") {
		t.Enabled = t.CertFile != "" && t.KeyFile != ""
	}
	if t.ClientCAFile != "" && t.ClientAuth == "" {
		t.ClientAuth = "required"
	}
	for _, f := range t.files() {
		if *f.name != "" {
			*f.name = document.Absolute(l.config.Dir, *f.name)
		}
	}
}

// checkTLS wants both files of a certificate, readable.
func (l *loader) checkTLS() {
	t := &l.config.TLS
	if !l.OK("tls", "tls.enabled", "tls.terminated") {
		return
	}
	if t.Enabled && t.Terminated {
		l.Wrong("tls.terminated", "says that a proxy ends TLS, but TLS is enabled here too", "keep one of the two")
	}
	own := t.Enabled || !l.Written("tls.enabled") && (t.CertFile != "" || t.KeyFile != "")
	l.checkClients(own)
	if !own {
		return
	}
	for i, f := range t.files() {
		switch {
		case *f.name != "":
			if err := document.Readable(*f.name); err != nil {
				l.Wrong("tls."+f.key, "reading "+*f.name+": "+err.Error(), "")
			}
		case i < 2: // the certificate
			l.Missing("tls", f.key, "TLS needs certFile and keyFile; without TLS, listen on loopback only")
		}
	}
}

// checkClients wants what is said of clients' certificates to have an effect. Own says that the gateway does TLS itself.
func (l *loader) checkClients(own bool) {
	t := &l.config.TLS
	if t.ClientCAFile != "" && !own && l.OK("tls.clientCAFile") {
		l.Wrong("tls.clientCAFile", "asks clients for certificates, which needs TLS that the gateway does itself", "set certFile and keyFile, or remove it")
	}
	for _, key := range []string{"crlFile", "clientAuth", "identities"} {
		if path := "tls." + key; t.ClientCAFile == "" && l.Written(path) && l.OK(path, "tls.clientCAFile") {
			l.Wrong(path, "says nothing where clients are not asked for certificates", "set clientCAFile, or remove it")
		}
	}
	for i := range t.Identities {
		l.checkIdentity(l.Element("tls.identities", i), &t.Identities[i])
	}
}

// checkIdentity wants an identity that somebody can have, and that may do something.
func (l *loader) checkIdentity(at string, i *Identity) {
	if !l.OK(at) {
		return
	}
	if !slices.ContainsFunc([]string{"uri", "dns", "email", "subject"}, func(key string) bool { return l.Written(document.Join(at, key)) }) {
		l.WrongKey(at, "fits no certificate", "write uri, dns, email or subject")
	}
	if len(i.Scopes) == 0 && len(i.Roles) == 0 {
		l.WrongKey(at, "may do nothing", "write scopes or roles; scopes: ['*'] is all that there is")
	}
	l.checkGiven(at, i.Scopes, i.Roles)
}
