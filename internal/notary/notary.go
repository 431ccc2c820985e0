// Package notary has the verbs that say who a server is: signing keys, manifests, signatures, and what checks them.
package notary

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sumun-mcp/sumun/client"
	"github.com/sumun-mcp/sumun/internal/exit"
	"github.com/sumun-mcp/sumun/internal/signature"
	"github.com/sumun-mcp/sumun/internal/terminal"
	"github.com/sumun-mcp/sumun/trust"
)

// A Desk is where the verbs are spoken.
type Desk struct {
	*terminal.Voice

	// Gate is the command line that starts the gateway of this directory on its standard input and output.
	Gate func() ([]string, error)
	// Version is the program's version.
	Version string
	// Now tells the time; nil is the clock.
	Now func() time.Time
}

func (d *Desk) now() time.Time {
	if d.Now != nil {
		return d.Now()
	}
	return time.Now()
}

// Verbs are the verbs signing-key, manifest, sign and verify. Group makes a verb of several.
func (d *Desk) Verbs(group func(cmd *cobra.Command, verbs ...*cobra.Command) *cobra.Command) []*cobra.Command {
	return []*cobra.Command{
		group(&cobra.Command{Use: "signing-key", Short: "Make, rotate and revoke keys that sign manifests"}, d.create(), d.rotate(), d.revoke()),
		group(&cobra.Command{Use: "manifest", Short: "Write down what a server offers, to be signed"}, d.manifest()),
		d.sign(), d.verify(),
	}
}

// maxFile is the most bytes of a file that are read.
const maxFile = 8 << 20

// read reads a file.
func read(name string) ([]byte, error) {
	info, err := os.Stat(name)
	switch {
	case err != nil:
		return nil, &exit.Error{Code: exit.Usage, Err: err, Target: name}
	case info.Size() > maxFile:
		return nil, &exit.Error{Code: exit.Usage, Msg: fmt.Sprintf("%s has more than %d bytes", name, maxFile), Target: name}
	}
	text, err := os.ReadFile(name) //nolint:gosec // the user names it
	if err != nil {
		return nil, &exit.Error{Code: exit.Usage, Err: err, Target: name}
	}
	return text, nil
}

// write writes a file as a whole: another is in its place, or nothing has happened.
func write(name string, text []byte, mode os.FileMode) (err error) {
	f, err := os.CreateTemp(filepath.Dir(name), ".sumun-*")
	if err != nil {
		return &exit.Error{Code: exit.Usage, Msg: "writing " + name, Err: err, Target: name}
	}
	defer func() { _ = os.Remove(f.Name()) }() // it is gone where all went well
	_, err = f.Write(text)
	if err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	return nil
}

// writeNew writes a file that must not be there.
func writeNew(name string, text []byte) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // the user names it
	if errors.Is(err, os.ErrExist) {
		return &exit.Error{Code: exit.Usage, Msg: name + " is there already, and a key is never written over", Target: name, Hint: "name another file"}
	}
	if err != nil {
		return &exit.Error{Code: exit.Usage, Err: err, Target: name}
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	return nil
}

// signers reads private keys.
func signers(names []string) ([]*signature.Signer, error) {
	var all []*signature.Signer
	for _, name := range names {
		text, err := read(name)
		if err != nil {
			return nil, err
		}
		s, err := signature.ParseSigner(text)
		if err != nil {
			return nil, &exit.Error{Code: exit.Usage, Err: err, Target: name, Hint: "`sumun signing-key create FILE` makes one"}
		}
		all = append(all, s)
	}
	return all, nil
}

// span reads a length of time such as 90d or 12h.
func span(text string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		var n int
		if _, err := fmt.Sscanf(days, "%d", &n); err == nil && strconv.Itoa(n) == days && n > 0 && n < 36500 {
			return time.Duration(n) * 24 * time.Hour, nil
		}
	} else if length, err := time.ParseDuration(text); err == nil && length > 0 {
		return length, nil
	}
	return 0, &exit.Error{Code: exit.Usage, Msg: fmt.Sprintf("%.40q is no length of time", text), Hint: "such as 90d or 12h"}
}

// look asks a live server for what it offers.
func look(ctx context.Context, target, headers []string) (*trust.Subject, error) {
	with := []client.Option{client.WithName("sumun", "1")}
	for _, h := range headers {
		name, value, ok := strings.Cut(h, ":")
		if !ok {
			return nil, &exit.Error{Code: exit.Usage, Msg: "a header is written as 'Name: value'", Target: name}
		}
		with = append(with, client.WithHeader(strings.TrimSpace(name), strings.TrimSpace(value)))
	}
	var c *client.Client
	var err error
	if isURL(target) {
		c, err = client.Dial(ctx, target[0], with...)
	} else {
		c, err = client.DialCommand(ctx, target, with...)
	}
	if err != nil {
		return nil, &exit.Error{Code: exit.Unreachable, Msg: "asking the server", Err: err, Target: strings.Join(target, " ")}
	}
	defer c.Close()
	s, err := c.Subject(ctx)
	if err != nil {
		return nil, &exit.Error{Code: exit.Unreachable, Msg: "asking the server for its lists", Err: err, Target: strings.Join(target, " ")}
	}
	return s, nil
}

func isURL(target []string) bool { return len(target) == 1 && strings.Contains(target[0], "://") }
