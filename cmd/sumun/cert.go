package main

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/devca"
	"github.com/sumun-mcp/sumun/internal/exit"
	"github.com/sumun-mcp/sumun/internal/local"
)

// certCommand is the verb cert. Its verbs stand in package devca.
func (a *app) certCommand() *cobra.Command {
	desk := &devca.Desk{Voice: &a.Voice, Base: func() string { return filepath.Dir(cmp.Or(a.config, config.Find("."), "mcp.yaml")) }}
	return a.group(&cobra.Command{Use: "cert", Short: "Make certificates to try TLS with"}, desk.Verbs()...)
}

// secured adds what the command line says of TLS with the gateway.
func (a *app) secured(to *local.Place) error {
	fault := func(file string, err error, hint string) error {
		return &exit.Error{Code: exit.Usage, Msg: file, Err: err, Target: file, Hint: hint}
	}
	if to.CAFile = cmp.Or(a.ca, a.getenv("SUMUN_CA")); to.CAFile != "" {
		data, err := os.ReadFile(to.CAFile)
		if err == nil && !x509.NewCertPool().AppendCertsFromPEM(data) {
			err = errors.New("it has no certificate in PEM")
		}
		if err != nil {
			return fault(to.CAFile, err, "--ca or SUMUN_CA names a file with certificates of authorities")
		}
	}
	file := cmp.Or(a.cert, a.getenv("SUMUN_CERT"))
	if file == "" {
		return nil
	}
	shows, err := tls.LoadX509KeyPair(file, cmp.Or(a.certKey, a.getenv("SUMUN_CERT_KEY"), strings.TrimSuffix(file, filepath.Ext(file))+".key"))
	if err != nil {
		return fault(file, err, "--cert or SUMUN_CERT names a certificate, and --cert-key or SUMUN_CERT_KEY its key (default: NAME.key beside NAME.crt)")
	}
	to.Shows = &shows
	return nil
}
