package notary

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sumun-mcp/sumun/internal/exit"
	"github.com/sumun-mcp/sumun/internal/signature"
	"github.com/sumun-mcp/sumun/internal/terminal"
	"github.com/sumun-mcp/sumun/internal/vouch"
	"github.com/sumun-mcp/sumun/trust"
)

// hints say what to try, by the reason of a refusal.
var hints = map[signature.Reason]string{
	signature.Malformed:   "get the files anew from the server's owner, byte by byte",
	signature.Algorithm:   "the owner signs with EdDSA or ES256: `sumun sign`",
	signature.UnknownKey:  "compare the fingerprint with what the owner tells, then name his public key with --key",
	signature.Wrong:       "the manifest was changed after it was signed, or the signature is another one's: ask the owner",
	signature.Revoked:     "ask the owner for a manifest that a key in force has signed",
	signature.Expired:     "ask the owner for a new manifest: `sumun manifest create` and `sumun sign`",
	signature.Early:       "is this machine's clock right?",
	signature.OtherServer: "ask the owner for the manifest of this server",
	signature.Replayed:    "somebody shows an old manifest: ask the owner for the newest",
	signature.Forked:      "trust none of these keys until the owner says which is his",
	vouch.Changed:         "do not use the server until its owner says what has changed",
	vouch.Missing:         "name the files with --sig and --key",
}

// A trial is what the command line of verify says.
type trial struct {
	sig, uri, at, statements string
	server                   []string
	keys, headers            []string
	epoch                    int64
	explain                  bool
}

func (d *Desk) verify() *cobra.Command {
	var t trial
	var url string
	cmd := &cobra.Command{
		Use:   "verify MANIFEST --sig FILE --key FILE… [-- COMMAND ARG…]",
		Short: "Check the signature of a manifest, and a live server against it",
		Long: `Check that a manifest is signed by a key that you trust, holds now, and, with --server or a
command, is what a live server offers. What does not hold has its own reason, and the program ends with 7.`,
		Example: `  sumun verify manifest.json --sig server.sig --key signing.pem.pub
  sumun verify manifest.json --sig server.sig.asc --key owner.asc
  sumun verify manifest.json --sig server.sig --key owner.pub --server https://mcp.example.com/mcp --explain
  sumun verify manifest.json --sig server.sig --key owner.pub -- npx -y @example/server`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if t.server = args[1:]; url != "" {
				t.server = append(t.server, url)
			}
			if dash := cmd.ArgsLenAtDash(); len(args) > 1 && (dash != 1 || url != "") {
				return &exit.Error{Code: exit.Usage, Msg: "one manifest is checked, and one server: --server URL, or -- and its command", Hint: "sumun verify --help"}
			}
			if t.sig == "" || len(t.keys) == 0 {
				return &exit.Error{Code: exit.Usage, Msg: "--sig names the signature, and --key who is trusted", Hint: "sumun verify --help"}
			}
			return d.try(cmd.Context(), args[0], &t)
		},
	}
	f := cmd.Flags()
	f.StringVar(&t.sig, "sig", "", "the signature is in this `FILE`: server.sig, or OpenPGP's in armor")
	f.StringArrayVar(&t.keys, "key", nil, "trust the public keys in this `FILE`: FILE.pub, PEM, JWK or OpenPGP (repeatable)")
	f.StringVar(&t.statements, "keys-of-server", "", "follow rotations and revocations in this `FILE`, the server's keys.json")
	f.StringVar(&t.uri, "uri", "", "the server is reached at this `URL` (default: that of --server)")
	f.Int64Var(&t.epoch, "epoch", 0, "the highest `NUMBER` that was seen of the server")
	f.StringVar(&t.at, "at", "", "whether it holds at this `TIME` (RFC 3339) instead of now")
	f.StringVar(&url, "server", "", "compare it with the server at this `URL`")
	f.StringArrayVar(&t.headers, "header", nil, "send the server this `HEADER`, as 'Name: value' (repeatable)")
	f.BoolVar(&t.explain, "explain", false, "show every step")
	return cmd
}

// An outcome is what verify prints as JSON.
type outcome struct {
	Name      string           `json:"name"`
	Version   string           `json:"version"`
	URI       string           `json:"uri,omitempty"`
	Epoch     int64            `json:"epoch"`
	Expires   time.Time        `json:"expires"`
	By        []string         `json:"by"`
	Strangers []string         `json:"strangers,omitempty"`
	Steps     []string         `json:"steps,omitempty"`
	Compared  bool             `json:"compared"`
	Tools     int              `json:"tools"`
	Changes   []trust.Change   `json:"changes,omitempty"`
	Reason    signature.Reason `json:"reason,omitempty"`
}

func (d *Desk) try(ctx context.Context, name string, t *trial) error {
	var steps []string
	tell := func(step string) {
		steps = append(steps, step)
		if t.explain && !d.JSON {
			fmt.Fprintf(d.Data, "ok    %s\n", terminal.Harmless(step))
		}
	}
	v, err := d.check(name, t, tell)
	if err != nil {
		return d.refused(t, err, name)
	}
	o := outcome{
		Name: v.Manifest.Name, Version: v.Manifest.Version, URI: v.Manifest.URI, Epoch: v.Manifest.Epoch, Expires: v.Manifest.Expires,
		By: v.By, Strangers: v.Strangers, Tools: len(v.Manifest.Tools), Compared: len(t.server) > 0,
	}
	if o.Compared {
		if err := d.compare(ctx, v.Manifest, t, tell, &o); err != nil {
			return err
		}
	}
	if t.explain {
		o.Steps = steps
	}
	if d.JSON {
		return d.WriteJSON(o)
	}
	_, err = fmt.Fprintf(d.Data, "%s %s holds: signed by %s, number %d, until %s\n",
		terminal.Harmless(o.Name), terminal.Harmless(o.Version), strings.Join(o.By, ", "), o.Epoch, o.Expires.Format(time.RFC3339))
	return err
}

// check checks the files.
func (d *Desk) check(name string, t *trial, tell func(string)) (*signature.Verified, error) {
	want, err := d.demand(t)
	if err != nil {
		return nil, err
	}
	want.Tell = tell
	p := &vouch.Papers{}
	for _, f := range []struct {
		name string
		to   *[]byte
	}{{name, &p.Manifest}, {t.sig, &p.Signature}, {t.statements, &p.Keys}} {
		if f.name == "" {
			continue
		}
		if *f.to, err = read(f.name); err != nil {
			return nil, err
		}
	}
	if vouch.IsPGP(p.Signature) && want.PGP == nil {
		return nil, &exit.Error{Code: exit.Usage, Msg: "the signature is OpenPGP's, and no OpenPGP key is trusted", Target: t.sig, Hint: "gpg --armor --export OWNER > owner.asc, and --key owner.asc"}
	}
	v, _, err := want.Verify(p)
	return v, err
}

func (d *Desk) demand(t *trial) (*vouch.Demand, error) {
	keys, pgp, err := trusted(t.keys, vouch.IsPGP)
	if err != nil {
		return nil, err
	}
	want := &vouch.Demand{Trusted: keys, PGP: pgp, URI: t.uri, Epoch: t.epoch, Now: d.now()}
	if want.URI == "" && isURL(t.server) {
		want.URI = t.server[0]
	}
	if t.at != "" {
		if want.Now, err = time.Parse(time.RFC3339, t.at); err != nil {
			return nil, &exit.Error{Code: exit.Usage, Msg: "--at is no time", Err: err, Hint: "such as 2026-11-22T12:00:00Z", Target: t.at}
		}
	}
	return want, nil
}

// compare compares a live server with its manifest, and names each difference.
func (d *Desk) compare(ctx context.Context, m *trust.Manifest, t *trial, tell func(string), o *outcome) error {
	subject, err := look(ctx, t.server, t.headers)
	if err != nil {
		return err
	}
	target := strings.Join(t.server, " ")
	if o.Changes, err = m.Differences(subject); err != nil {
		return d.refused(t, &signature.Error{Reason: signature.Malformed, Text: err.Error()}, target)
	}
	if len(o.Changes) == 0 {
		tell(fmt.Sprintf("the server offers what the manifest says: %d tools, %d prompts, %d templates", len(subject.Tools), len(subject.Prompts), len(subject.Templates)))
		return nil
	}
	if d.JSON {
		o.Reason = vouch.Changed
		if err := d.WriteJSON(o); err != nil {
			return err
		}
	} else {
		for _, c := range o.Changes {
			fmt.Fprintf(d.Data, "FAIL  %s\n", terminal.Harmless(vouch.Words(c)))
		}
	}
	return &exit.Error{Code: exit.Integrity, Msg: fmt.Sprintf("%s: the server offers something else than its manifest says, in %d things", vouch.Changed, len(o.Changes)), Target: target, Hint: hints[vouch.Changed]}
}

// refused tells why.
func (d *Desk) refused(t *trial, err error, target string) error {
	if t.explain && !d.JSON {
		fmt.Fprintf(d.Data, "FAIL  %s\n", terminal.Harmless(err.Error()))
	}
	return integrity(err, target)
}

// packages reads the files that a server is made of.
func packages(named []string) ([]trust.Package, error) {
	var all []trust.Package
	for _, one := range named {
		uri, name, ok := strings.Cut(one, "=")
		if !ok || uri == "" {
			return nil, &exit.Error{Code: exit.Usage, Msg: "a package is written as URI=FILE", Target: one}
		}
		f, err := os.Open(name) //nolint:gosec // the user names it
		if err != nil {
			return nil, &exit.Error{Code: exit.Usage, Err: err, Target: name}
		}
		sum := sha256.New()
		_, err = io.Copy(sum, f)
		_ = f.Close() // nothing was written
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", name, err)
		}
		all = append(all, trust.Package{URI: uri, Digest: "sha256:" + hex.EncodeToString(sum.Sum(nil))})
	}
	return all, nil
}
