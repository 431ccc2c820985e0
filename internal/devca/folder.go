package devca

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/sumun-mcp/sumun/internal/exit"
)

// Order is what is to be made.
type Order struct {
	// Dir is where the files are to lie.
	Dir string
	// Hosts are names and addresses of the gateway beside those of loopback. Those that its certificate has already stay.
	Hosts []string
	// Clients are the names of clients that are to have a certificate.
	Clients []string
	// Force makes another authority, and replaces what is not ours.
	Force bool
}

// A Certificate is one that there is now.
type Certificate struct {
	// Name is that of a client.
	Name     string `json:"name,omitempty"`
	CertFile string `json:"certFile"`
	KeyFile  string `json:"keyFile"`
	// Made says that it was made just now.
	Made bool `json:"made"`
	// Hosts are the names of a server, URI what a client is known by.
	Hosts    []string  `json:"hosts,omitempty"`
	URI      string    `json:"uri,omitempty"`
	NotAfter time.Time `json:"notAfter"`
}

// Made is what there is now.
type Made struct {
	CA      Certificate   `json:"ca"`
	Server  Certificate   `json:"server"`
	Clients []Certificate `json:"clients"`
}

// The names of the files of the authority and of the gateway, which no client can have.
const (
	caName     = "ca"
	serverName = "server"
)

// clientName is what a client may be called: it stands in file names, in mcp.yaml and in URIs.
var clientName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$`)

// hostName is a name of a host. An address is one too.
var hostName = regexp.MustCompile(`^(\*\.)?[A-Za-z0-9_]([A-Za-z0-9_.-]{0,250}[A-Za-z0-9_])?$|^[0-9A-Fa-f:.]+$`)

// Make makes what is ordered. An authority that is there is used again.
func Make(o Order) (*Made, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, &exit.Error{Code: exit.Usage, Msg: "making the directory of the certificates", Err: err, Target: o.Dir}
	}
	f := folder{o.Dir, o.Force}
	now := time.Now()
	ca, told, err := f.authority(o.Hosts, now)
	if err != nil {
		return nil, err
	}
	made := &Made{CA: told, Clients: []Certificate{}}
	if made.Server, err = f.server(ca, o.Hosts, now); err != nil {
		return nil, err
	}
	for _, name := range o.Clients {
		client, err := f.leaf(ca, name, func(*x509.Certificate) (*pair, error) { return newClient(ca, name, now) })
		if err != nil {
			return nil, err
		}
		client.Name, client.URI = name, identityOf(name).String()
		made.Clients = append(made.Clients, client)
	}
	return made, nil
}

func (o *Order) check() error {
	for _, host := range o.Hosts {
		if !hostName.MatchString(host) {
			return &exit.Error{Code: exit.Usage, Msg: fmt.Sprintf("%q is neither a host's name nor an address", host), Target: host, Hint: "--host gate.lan, or --host 192.168.1.2"}
		}
	}
	for _, name := range o.Clients {
		if !clientName.MatchString(name) || name == caName || name == serverName {
			return &exit.Error{Code: exit.Usage, Msg: fmt.Sprintf("%q cannot be the name of a client", name), Target: name, Hint: "use letters, digits, _ and -, at most 64; ca and server are taken"}
		}
	}
	return nil
}

// A folder is where the files lie.
type folder struct {
	dir   string
	force bool
}

func (f *folder) paths(name string) (cert, key string) {
	return filepath.Join(f.dir, name+".crt"), filepath.Join(f.dir, name+".key")
}

// authority returns the authority of the folder, or a new one where there is none.
func (f *folder) authority(hosts []string, now time.Time) (*pair, Certificate, error) {
	certFile, keyFile := f.paths(caName)
	ca, err := f.read(caName)
	made := f.force || errors.Is(err, fs.ErrNotExist)
	switch {
	case made:
		if ca, err = newCA(hosts, now); err == nil {
			err = f.write(caName, ca)
		}
	case err == nil && !ca.cert.IsCA:
		err = errors.New("it is not the certificate of an authority")
	case err == nil && now.After(ca.cert.NotAfter):
		err = errors.New("the authority's certificate has expired")
	}
	if err != nil {
		return nil, Certificate{}, &exit.Error{Code: exit.Usage, Msg: certFile, Err: err, Target: certFile, Hint: "--force makes another authority in its place, which nobody trusts yet"}
	}
	return ca, Certificate{CertFile: certFile, KeyFile: keyFile, Made: made, NotAfter: ca.cert.NotAfter}, nil
}

// server makes a certificate of the gateway, under the names that it had, too.
func (f *folder) server(ca *pair, hosts []string, now time.Time) (Certificate, error) {
	var all []string
	server, err := f.leaf(ca, serverName, func(old *x509.Certificate) (*pair, error) {
		all = []string{"localhost", "127.0.0.1", "::1"}
		if old != nil {
			all = append(all, hostsOf(old)...)
		}
		all = unique(append(all, hosts...))
		return newServer(ca, all, now)
	})
	server.Hosts = all
	return server, err
}

// unique returns the names in their order, each once.
func unique(names []string) []string {
	var once []string
	for _, name := range names {
		if name = strings.ToLower(name); !slices.Contains(once, name) {
			once = append(once, name)
		}
	}
	return once
}

// leaf makes a certificate of that name, in the place of an old one if that is the authority's own: what others have signed is not touched.
func (f *folder) leaf(ca *pair, name string, issued func(old *x509.Certificate) (*pair, error)) (Certificate, error) {
	certFile, keyFile := f.paths(name)
	fault := func(err error, hint string) (Certificate, error) {
		return Certificate{}, &exit.Error{Code: exit.Usage, Msg: certFile, Err: err, Target: certFile, Hint: hint}
	}
	old, err := f.read(name)
	var was *x509.Certificate
	switch {
	case errors.Is(err, fs.ErrNotExist) || f.force:
	case err != nil:
		return fault(err, "move it away, or name another directory with --out")
	case old.cert.CheckSignatureFrom(ca.cert) != nil:
		return fault(errors.New("it is there already, and another authority has signed it"), "name another directory with --out; --force replaces it")
	default:
		was = old.cert
	}
	made, err := issued(was)
	if errors.Is(err, errOutside) {
		return fault(err, "--force makes another authority, for the names that you give, in its place")
	}
	if err == nil {
		err = f.write(name, made)
	}
	if err != nil {
		return fault(err, "")
	}
	return Certificate{CertFile: certFile, KeyFile: keyFile, Made: true, NotAfter: made.cert.NotAfter}, nil
}

// read reads a pair. The error is fs.ErrNotExist only where neither of its files is there.
func (f *folder) read(name string) (*pair, error) {
	certFile, keyFile := f.paths(name)
	cert, certErr := os.ReadFile(certFile) //nolint:gosec // below the directory that the user names
	key, keyErr := os.ReadFile(keyFile)    //nolint:gosec // below the directory that the user names
	switch {
	case errors.Is(certErr, fs.ErrNotExist) && errors.Is(keyErr, fs.ErrNotExist):
		return nil, certErr
	case certErr != nil || keyErr != nil:
		return nil, fmt.Errorf("one of the two files cannot be read: %s", errors.Join(certErr, keyErr)) //nolint:errorlint // it is not fs.ErrNotExist to who asks
	}
	both, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, err
	}
	own, ok := both.PrivateKey.(*ecdsa.PrivateKey)
	if !ok {
		return nil, errors.New("its key is of another sort than those that are made here")
	}
	return &pair{both.Leaf, own}, nil
}

// write writes a pair, each file as a whole; the key first, so that whoever sees the certificate finds its key.
func (f *folder) write(name string, p *pair) error {
	certFile, keyFile := f.paths(name)
	der, err := x509.MarshalPKCS8PrivateKey(p.key)
	if err == nil {
		err = replace(keyFile, "PRIVATE KEY", der)
	}
	if err == nil {
		err = replace(certFile, "CERTIFICATE", p.cert.Raw)
	}
	return err
}

// replace writes a file that only its owner can read, in the place of what was there.
func replace(name, kind string, der []byte) error {
	var text bytes.Buffer
	if err := pem.Encode(&text, &pem.Block{Type: kind, Bytes: der}); err != nil {
		return err
	}
	next, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*") // 0600
	if err != nil {
		return err
	}
	_, err = next.Write(text.Bytes())
	if err = errors.Join(err, next.Sync(), next.Close()); err == nil {
		err = os.Rename(next.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(next.Name()))
	}
	return nil
}
