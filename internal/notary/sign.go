package notary

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/spf13/cobra"

	"github.com/sumun-mcp/sumun/internal/exit"
	"github.com/sumun-mcp/sumun/internal/signature"
	"github.com/sumun-mcp/sumun/trust"
)

// An order for a manifest is what the command line says.
type order struct {
	name, version, uri, expires, output string
	epoch                               int64
	resources                           bool
	headers, hosts, paths, commands     []string
	packages                            []string
}

func (d *Desk) manifest() *cobra.Command {
	var o order
	cmd := &cobra.Command{
		Use:   "create [URL | -- COMMAND ARG…]",
		Short: "Write the manifest of a live server",
		Long: `Ask a server, over its URL or started by its command, what it offers, and write that down:
the digest of each tool, prompt and template, and of its instructions. Without a server it is the
gateway of this directory's mcp.yaml, started for this. The number (epoch) is one more than
that of the file that is written over.`,
		Example: `  sumun manifest create https://mcp.example.com/mcp -o manifest.json
  sumun manifest create -o manifest.json -- npx -y @example/server
  sumun manifest create --uri https://mcp.example.com/mcp --expires 30d -o manifest.json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				gate, err := d.Gate()
				if err != nil {
					return err
				}
				args = gate
			}
			subject, err := look(cmd.Context(), args, o.headers)
			if err != nil {
				return err
			}
			if o.uri == "" && isURL(args) {
				o.uri = args[0]
			}
			return d.describe(subject, &o)
		},
	}
	o.flags(cmd)
	return cmd
}

func (o *order) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVarP(&o.output, "output", "o", "", "write it to this `FILE` (default: standard output)")
	f.StringVar(&o.name, "name", "", "the server's `NAME` (default: what it says)")
	f.StringVar(&o.version, "server-version", "", "its `VERSION` (default: what it says)")
	f.StringVar(&o.uri, "uri", "", "bind it to this `URL` (default: the one that was asked)")
	f.StringVar(&o.expires, "expires", "90d", "how `LONG` it holds")
	f.Int64Var(&o.epoch, "epoch", -1, "its `NUMBER`, which only rises")
	f.BoolVar(&o.resources, "resources", false, "its resources too, where they do not come and go")
	f.StringArrayVar(&o.headers, "header", nil, "send this `HEADER`, as 'Name: value' (repeatable)")
	f.StringArrayVar(&o.hosts, "host", nil, "it reaches this `HOST` (repeatable)")
	f.StringArrayVar(&o.paths, "path", nil, "it reads or writes this `PATH` (repeatable)")
	f.StringArrayVar(&o.commands, "command", nil, "it runs this `PROGRAM` (repeatable)")
	f.StringArrayVar(&o.packages, "package", nil, "it is made of this file: `URI=FILE`, whose SHA-256 is taken (repeatable)")
}

func (d *Desk) describe(subject *trust.Subject, o *order) error {
	if !o.resources {
		subject.Resources = nil
	}
	m, err := trust.Describe(subject)
	if err != nil {
		return &exit.Error{Code: exit.Failed, Err: err, Hint: "what cannot be told apart cannot be signed"}
	}
	lasts, err := span(o.expires)
	if err != nil {
		return err
	}
	if o.name != "" {
		m.Name = o.name
	}
	if o.version != "" {
		m.Version = o.version
	}
	m.URI, m.Hosts, m.Paths, m.Commands = o.uri, o.hosts, o.paths, o.commands
	m.Issued = d.now().UTC().Truncate(time.Second)
	m.Expires = m.Issued.Add(lasts)
	if m.Packages, err = packages(o.packages); err != nil {
		return err
	}
	if m.Epoch, err = o.next(); err != nil {
		return err
	}
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return fmt.Errorf("writing the manifest: %w", err)
	}
	if _, err := trust.ParseManifest(text); err != nil {
		return &exit.Error{Code: exit.Failed, Err: err, Hint: "--name and --server-version say what the server does not"}
	}
	d.Note("%d tools, %d prompts, %d templates, %d resources; number %d, until %s",
		len(m.Tools), len(m.Prompts), len(m.Templates), len(m.Resources), m.Epoch, m.Expires.Format(time.RFC3339))
	return d.put(o.output, append(text, '\n'))
}

// next returns the manifest's number.
func (o *order) next() (int64, error) {
	if o.epoch >= 0 || o.output == "" {
		return max(o.epoch, 1), nil
	}
	text, err := read(o.output)
	if errors.Is(err, fs.ErrNotExist) {
		return 1, nil
	}
	if err != nil {
		return 0, err
	}
	was, err := trust.ParseManifest(text)
	if err != nil {
		return 0, &exit.Error{Code: exit.Usage, Msg: o.output + " is there already and is no manifest", Err: err, Target: o.output, Hint: "name another file"}
	}
	return was.Epoch + 1, nil
}

// put writes a file, or to standard output.
func (d *Desk) put(name string, text []byte) error {
	if name != "" {
		return write(name, text, 0o644)
	}
	_, err := d.Data.Write(text)
	return err
}

func (d *Desk) sign() *cobra.Command {
	var keys []string
	var output string
	var pgp, add bool
	cmd := &cobra.Command{
		Use:   "sign MANIFEST --key FILE…",
		Short: "Sign a manifest",
		Long: `Sign a manifest with one key or several: server.sig, a JWS over the canonical form (RFC 8785)
of the manifest, which it does not contain. With --pgp the canonical form itself is written,
for gpg to sign.`,
		Example: `  sumun sign manifest.json --key signing.pem -o server.sig
  sumun sign manifest.json --key operator.pem -o server.sig --append
  sumun sign manifest.json --pgp | gpg --armor --detach-sign > server.sig.asc`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if pgp == (len(keys) > 0) {
				return &exit.Error{Code: exit.Usage, Msg: "a manifest is signed with --key, or by gpg with --pgp", Target: "--key"}
			}
			if pgp {
				return d.canonical(args[0], output)
			}
			return d.signManifest(args[0], keys, output, add)
		},
	}
	f := cmd.Flags()
	f.StringArrayVar(&keys, "key", nil, "sign with the private key in this `FILE` (repeatable)")
	f.StringVarP(&output, "output", "o", "", "write it to this `FILE` (default: standard output)")
	f.BoolVar(&pgp, "pgp", false, "write what gpg has to sign, instead")
	f.BoolVar(&add, "append", false, "keep the signatures that are in the file already")
	return cmd
}

func (d *Desk) canonical(name, output string) error {
	text, err := readManifest(name)
	if err != nil {
		return err
	}
	bytes, err := trust.Canonical(text)
	if err != nil {
		return &exit.Error{Code: exit.Integrity, Msg: string(signature.Malformed), Err: err, Target: name}
	}
	return d.put(output, bytes)
}

func (d *Desk) signManifest(name string, keys []string, output string, add bool) error {
	text, err := readManifest(name)
	if err != nil {
		return err
	}
	with, err := signers(keys)
	if err != nil {
		return err
	}
	sig, err := signature.Sign(text, with...)
	if err != nil {
		return err
	}
	if add {
		old, err := read(output)
		if err != nil {
			return err
		}
		if sig, err = signature.Join(old, sig); err != nil {
			return integrity(err, output)
		}
	}
	for _, s := range with {
		d.Note("signed by %s (%s)", s.Fingerprint(), s.Algorithm())
	}
	return d.put(output, append(sig, '\n'))
}

// readManifest reads a manifest that others will be able to read.
func readManifest(name string) ([]byte, error) {
	text, err := read(name)
	if err != nil {
		return nil, err
	}
	if _, err := trust.ParseManifest(text); err != nil {
		return nil, &exit.Error{Code: exit.Integrity, Msg: string(signature.Malformed), Err: err, Target: name, Hint: "`sumun manifest create` writes one"}
	}
	return text, nil
}
