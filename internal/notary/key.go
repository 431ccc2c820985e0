package notary

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/sumun-mcp/sumun/internal/exit"
	"github.com/sumun-mcp/sumun/internal/signature"
)

// publicOf is the file of public keys beside one of a private key.
func publicOf(name string) string { return name + ".pub" }

// A told key is a key as the verbs tell of it.
type toldKey struct {
	ID        string `json:"id"`
	Algorithm string `json:"algorithm"`
	Private   string `json:"private,omitempty"`
	Public    string `json:"public"`
}

func (d *Desk) create() *cobra.Command {
	algorithm := "EdDSA"
	cmd := &cobra.Command{
		Use:   "create FILE",
		Short: "Make a key that signs manifests",
		Long: `Make a key that signs manifests. The private key is written to FILE, which only you can
read; keep it where CI keeps its secrets. FILE.pub is its public half: give that to
those who are to trust your server, and tell them the fingerprint by another way.`,
		Example: `  sumun signing-key create signing.pem
  sumun signing-key create signing.pem --algorithm ES256`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return d.createKey(args[0], algorithm) },
	}
	cmd.Flags().StringVar(&algorithm, "algorithm", algorithm, "`EdDSA or ES256`")
	return cmd
}

func (d *Desk) createKey(name, algorithm string) error {
	s, err := generate(algorithm)
	if err != nil {
		return err
	}
	return d.keep(s, name, &signature.Set{Keys: []signature.Key{s.Key}})
}

func generate(algorithm string) (*signature.Signer, error) {
	switch algorithm {
	case "EdDSA":
		return signature.Generate()
	case "ES256":
		return signature.GenerateP256()
	}
	return nil, &exit.Error{Code: exit.Usage, Msg: fmt.Sprintf("the algorithm %.40q is not known", algorithm), Hint: "EdDSA or ES256"}
}

// keep writes a new private key, with the set of public keys that it begins, and tells of it.
func (d *Desk) keep(s *signature.Signer, name string, set *signature.Set) error {
	if _, err := os.Lstat(publicOf(name)); err == nil {
		return &exit.Error{Code: exit.Usage, Msg: publicOf(name) + " is there already", Target: publicOf(name), Hint: "name another file"}
	}
	private, err := s.PEM()
	if err != nil {
		return err
	}
	public, err := set.JSON()
	if err != nil {
		return err
	}
	if err := writeNew(name, private); err != nil {
		return err
	}
	if err := write(publicOf(name), public, 0o644); err != nil {
		return err
	}
	if d.JSON {
		return d.WriteJSON(toldKey{ID: s.ID, Algorithm: s.Algorithm(), Private: name, Public: publicOf(name)})
	}
	d.Note("%s has the private key, which nobody else needs; %s is for those who trust you", name, publicOf(name))
	_, err = fmt.Fprintln(d.Data, s.Fingerprint())
	return err
}

func (d *Desk) rotate() *cobra.Command {
	var to, algorithm string
	cmd := &cobra.Command{
		Use:   "rotate FILE --to NEW",
		Short: "Make the key that follows another, and have both say so",
		Long: `Make a new key in NEW. NEW.pub begins with it and has the keys and statements of FILE.pub
too, with one more: that the new key follows the old one, signed with both. Who trusts the
old key and sees NEW.pub, as keys.json of the server, trusts the new one. What the old key
has signed until now holds; what it signs from now on does not.`,
		Example: `  sumun signing-key rotate signing.pem --to signing-2027.pem`,
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if to == "" {
				return &exit.Error{Code: exit.Usage, Msg: "--to names the file of the new key", Target: "--to"}
			}
			return d.rotateKey(args[0], to, algorithm)
		},
	}
	cmd.Flags().StringVar(&to, "to", "", "write the new key to this `FILE`")
	cmd.Flags().StringVar(&algorithm, "algorithm", "", "`EdDSA or ES256` (default: that of the old key)")
	return cmd
}

func (d *Desk) rotateKey(name, to, algorithm string) error {
	olds, err := signers([]string{name})
	if err != nil {
		return err
	}
	set, err := readSet(publicOf(name))
	if err != nil {
		return err
	}
	old := olds[0]
	if algorithm == "" {
		algorithm = old.Algorithm()
	}
	s, err := generate(algorithm)
	if err != nil {
		return err
	}
	said, err := signature.Rotate(old, s, d.now())
	if err != nil {
		return err
	}
	next := &signature.Set{Keys: append([]signature.Key{s.Key}, set.Keys...), Statements: append(set.Statements, said)}
	keys, err := signature.Follow(map[string]signature.Key{old.ID: old.Key}, next.Statements)
	if err != nil {
		return integrity(err, publicOf(name))
	}
	if k, ok := keys[s.ID]; !ok || !k.Revoked.IsZero() {
		return &exit.Error{Code: exit.Integrity, Msg: name + " is revoked: nothing follows it", Target: name, Hint: "`sumun signing-key create` makes a key to tell people of anew"}
	}
	return d.keep(s, to, next)
}

// readSet reads a file of public keys.
func readSet(name string) (*signature.Set, error) {
	text, err := read(name)
	if err != nil {
		return nil, err
	}
	set, err := signature.ParseSet(text)
	if err != nil {
		return nil, &exit.Error{Code: exit.Usage, Err: err, Target: name, Hint: "`sumun signing-key create FILE` writes FILE.pub"}
	}
	return set, nil
}

func (d *Desk) revoke() *cobra.Command {
	var public string
	var retired bool
	cmd := &cobra.Command{
		Use:   "revoke FILE [ID…]",
		Short: "Take keys back, by a list that FILE signs",
		Long: `Take keys back: those with the ids, or that of FILE itself. The list is signed with FILE,
which those who are to believe it trust, and put into FILE.pub, or another file of public
keys: show that as keys.json of the server. A key that may have been stolen has signed
nothing that holds, whatever time stands there. With --retired, what was issued until now holds.`,
		Example: `  sumun signing-key revoke signing.pem
  sumun signing-key revoke signing-2027.pem dEfXIIezBE_v8WVp6Tp3yD1T1DhJt-ENzZ2RsYAMulg --retired`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if public == "" {
				public = publicOf(args[0])
			}
			return d.revokeKeys(args[0], public, args[1:], retired)
		},
	}
	cmd.Flags().StringVar(&public, "public", "", "put the list into this `FILE` of public keys (default: FILE.pub)")
	cmd.Flags().BoolVar(&retired, "retired", false, "nothing is wrong with them; they only sign no more")
	return cmd
}

func (d *Desk) revokeKeys(name, public string, ids []string, retired bool) error {
	with, err := signers([]string{name})
	if err != nil {
		return err
	}
	set, err := readSet(public)
	if err != nil {
		return err
	}
	if len(ids) == 0 {
		ids = []string{with[0].ID}
	}
	known, now := map[string]bool{}, d.now().UTC().Truncate(time.Second)
	for _, k := range set.Keys {
		known[k.ID] = true
	}
	var gone []signature.Revocation
	for _, id := range ids {
		if !known[id] {
			return &exit.Error{Code: exit.Failed, Msg: fmt.Sprintf("%.60q is no key in %s", id, public), Target: id}
		}
		r := signature.Revocation{Key: id, Revoked: now, Reason: signature.Compromised}
		if retired {
			r.Reason = signature.Retired
		}
		gone = append(gone, r)
	}
	said, err := signature.Revoke(with[0], now, gone...)
	if err != nil {
		return err
	}
	set.Statements = append(set.Statements, said)
	return d.showRevoked(public, set, gone)
}

func (d *Desk) showRevoked(public string, set *signature.Set, gone []signature.Revocation) error {
	text, err := set.JSON()
	if err != nil {
		return err
	}
	if err := write(public, text, 0o644); err != nil {
		return err
	}
	if d.JSON {
		return d.WriteJSON(struct {
			Public  string                 `json:"public"`
			Revoked []signature.Revocation `json:"revoked"`
		}{public, gone})
	}
	for _, r := range gone {
		d.Note("%s is revoked (%s); show %s to whoever trusts it", r.Key, r.Reason, public)
	}
	return nil
}

// integrity gives a refusal its exit code, and its reason to programs.
func integrity(err error, target string) error {
	if refused, ok := errors.AsType[*signature.Error](err); ok {
		return &exit.Error{Code: exit.Integrity, Msg: string(refused.Reason), Err: err, Target: target, Hint: hints[refused.Reason]}
	}
	return err
}

// trusted reads the keys that a person trusts, and OpenPGP's apart.
func trusted(names []string, isPGP func([]byte) bool) (map[string]signature.Key, []byte, error) {
	var sets []*signature.Set
	var pgp []byte
	for _, name := range names {
		text, err := read(name)
		if err != nil {
			return nil, nil, err
		}
		if isPGP(text) {
			if pgp != nil {
				return nil, nil, &exit.Error{Code: exit.Usage, Msg: "OpenPGP keys are taken from one file", Target: name, Hint: "gpg --armor --export A B writes several keys"}
			}
			pgp = text
			continue
		}
		set, err := signature.ParseSet(text)
		if err != nil {
			return nil, nil, &exit.Error{Code: exit.Usage, Err: err, Target: name}
		}
		sets = append(sets, set)
	}
	keys, err := signature.Trusting(sets...)
	if err != nil {
		return nil, nil, integrity(err, names[0])
	}
	return keys, pgp, nil
}
