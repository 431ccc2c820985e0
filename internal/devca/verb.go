package devca

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sumun-mcp/sumun/internal/terminal"
)

// A Desk is where the verbs are spoken.
type Desk struct {
	*terminal.Voice

	// Base is the directory that paths in mcp.yaml start at.
	Base func() string
}

// Verbs are those of `sumun cert`.
func (d *Desk) Verbs() []*cobra.Command {
	var o Order
	cmd := &cobra.Command{
		Use:   "dev",
		Short: "Make an authority for this machine, and certificates of the gateway and its clients",
		Long: `Make certificates to try TLS with: an authority (ca.crt, ca.key), one of the gateway for localhost,
127.0.0.1 and ::1 (server.crt, server.key), and one for each --client (NAME.crt, NAME.key).

An authority that is there is used again, and the gateway's certificate keeps the names that it had. A
gateway that runs takes the new one over. The authority can vouch only for names of this machine and of
private networks, and for those that were given when it was made. What is printed belongs into mcp.yaml.`,
		Example: `  sumun cert dev
  sumun cert dev --host gate.lan --host 192.168.1.2
  sumun cert dev --client anna --client ci`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			made, err := Make(o)
			if err != nil {
				return err
			}
			return d.show(made)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.Dir, "out", "certs", "put the files into this `DIRECTORY`")
	flags.StringArrayVar(&o.Hosts, "host", nil, "a `NAME` or address of the gateway, beside those of loopback (repeatable)")
	flags.StringArrayVar(&o.Clients, "client", nil, "make a certificate of a client with this `NAME` (repeatable)")
	flags.BoolVar(&o.Force, "force", false, "make another authority where there is one, and replace what others have signed")
	return []*cobra.Command{cmd}
}

// show prints what belongs into mcp.yaml, and how to go on.
func (d *Desk) show(made *Made) error {
	if d.JSON {
		return d.WriteJSON(made)
	}
	if made.CA.Made {
		d.Note("%s is a new authority, in force until %s; keep %s to yourself", made.CA.CertFile, day(made.CA.NotAfter), made.CA.KeyFile)
	}
	d.Note("%s is the gateway's certificate, for %s, in force until %s", made.Server.CertFile, strings.Join(made.Server.Hosts, ", "), day(made.Server.NotAfter))
	for _, c := range made.Clients {
		d.Note("%s is the certificate of the client %s, in force until %s", c.CertFile, c.Name, day(c.NotAfter))
	}
	d.Note("\nTo trust the authority: sumun call … --ca %[1]s, or SUMUN_CA=%[1]s; curl --cacert %[1]s; NODE_EXTRA_CA_CERTS=%[1]s for hosts on Node.", made.CA.CertFile)
	if len(made.Clients) > 0 {
		d.Note("To show a certificate: sumun call … --cert %s; curl --cert %[1]s --key %s.", made.Clients[0].CertFile, made.Clients[0].KeyFile)
	}
	d.Note("\nIn mcp.yaml:\n")
	_, err := fmt.Fprint(d.Data, d.snippet(made))
	return err
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }

// snippet is what belongs into mcp.yaml.
func (d *Desk) snippet(made *Made) string {
	var b strings.Builder
	fmt.Fprintf(&b, "tls:\n  certFile: %s\n  keyFile: %s\n", d.path(made.Server.CertFile), d.path(made.Server.KeyFile))
	if len(made.Clients) == 0 {
		return b.String()
	}
	fmt.Fprintf(&b, "  clientCAFile: %s\n  clientAuth: optional # or required: whoever has no certificate is sent away\n  identities:\n", d.path(made.CA.CertFile))
	for _, c := range made.Clients {
		fmt.Fprintf(&b, "    %s: {uri: %q, scopes: [\"*\"]}\n", c.Name, c.URI)
	}
	return b.String()
}

// plain is a path that YAML reads as it is.
var plain = regexp.MustCompile(`^[A-Za-z0-9_./-]+$`)

// path is how mcp.yaml names a file.
func (d *Desk) path(name string) string {
	if name = d.from(name); !plain.MatchString(name) {
		return strconv.Quote(strings.ReplaceAll(name, "$", "$$"))
	}
	return name
}

// from returns the path of a file from where mcp.yaml lies, if it lies below.
func (d *Desk) from(name string) string {
	full, err := filepath.Abs(name)
	base, baseErr := filepath.Abs(d.Base())
	if err != nil || baseErr != nil {
		return name
	}
	if near, err := filepath.Rel(base, full); err == nil && filepath.IsLocal(near) {
		return filepath.ToSlash(near)
	}
	return full
}
