package record

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/sumun-mcp/sumun/internal/auditlog"
	"github.com/sumun-mcp/sumun/internal/terminal"
)

// Verbs returns the verbs below `sumun audit`; do carries a request out (see [Book.Do]).
func Verbs(do func(ctx context.Context, r Request) error) []*cobra.Command {
	return []*cobra.Command{
		verb(do, "tail", "Print the newest records", "  sumun audit tail -n 50 --follow"),
		verb(do, "search [MEMBER=PATTERN …]", "Print the records that are like this",
			"  sumun audit search caller=local outcome=refused --from 2h\n  sumun audit search 'name=calc.*' --json"),
		verb(do, "verify", "Tell whether a record was changed, removed, added or moved",
			"  sumun audit verify --since yesterday.checkpoint\n  sumun audit verify --export payments.ndjson"),
		verb(do, "export [MEMBER=PATTERN …]", "Write records for other programs",
			"  sumun audit export --format proofs name=payment.initiate > payments.ndjson"),
		verb(do, "rotate-key", "Give the record another key to be signed with", "  sumun audit rotate-key\n  sumun audit rotate-key --out next.key     # where the key is a mounted secret"),
		verb(do, "erase", "Erase what is kept beside old records: salts, arguments and results", "  sumun audit erase --to 2160h"),
	}
}

func verb(do func(ctx context.Context, r Request) error, use, short, example string) *cobra.Command {
	r := new(Request)
	cmd := &cobra.Command{Use: use, Short: short, Example: example, Args: cobra.NoArgs}
	r.verb = cmd.Name()
	if r.verb == "search" || r.verb == "export" {
		cmd.Args = cobra.ArbitraryArgs
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		r.conditions = args
		return do(cmd.Context(), *r)
	}
	r.flags(cmd.Flags())
	return cmd
}

// A Printer is where answers go.
type Printer struct {
	// Out takes them, as text or as JSON.
	Out  io.Writer
	JSON bool
}

// Do carries out a request. It is ErrAltered where verifying has found that the record
// was altered; that has been printed then.
func (b *Book) Do(ctx context.Context, r Request, to Printer) error {
	switch r.verb {
	case "tail":
		return b.tail(ctx, r, to.record)
	case "search":
		return b.search(ctx, r, to.record)
	case "export":
		return b.export(ctx, to.Out, r)
	case "erase":
		return b.erase(ctx, r, time.Now())
	case "rotate-key":
		rotation, err := Rotate(ctx, b.config, b.Store, r.out)
		if err == nil {
			err = to.rotation(rotation, r.out != "")
		}
		return err
	}
	found, err := b.judge(ctx, r)
	if err != nil {
		return err
	}
	if err := to.found(found); err != nil {
		return err
	}
	if len(found.Faults) > 0 {
		return errShown
	}
	return nil
}

// errShown says that what was altered has been printed.
var errShown = fmt.Errorf("%w, as told", auditlog.ErrAltered)

// Shown reports whether an error needs not be told any more.
func Shown(err error) bool { return errors.Is(err, errShown) }

// record prints a record as one line.
func (p Printer) record(e *Entry) error {
	if !p.JSON {
		_, err := fmt.Fprintln(p.Out, e.Line())
		return err
	}
	return (&jsonWriter{to: p.Out}).Encode(e.Exported())
}

// rotation prints an exchange of keys.
func (p Printer) rotation(r *Rotation, apart bool) error {
	if p.JSON {
		return json.NewEncoder(p.Out).Encode(r)
	}
	text := fmt.Sprintf("signed up to here  %s\nsigned from here   %s\nthe new key is in  %s", r.From, r.To, r.KeyFile)
	if apart {
		text += "\nput it in the place of the old one at every gateway of this store: until then no checkpoint is made"
	}
	_, err := fmt.Fprintln(p.Out, terminal.Harmless(text))
	return err
}

// found prints what verifying has found.
func (p Printer) found(f *Found) error {
	if !p.JSON {
		_, err := fmt.Fprintln(p.Out, terminal.Harmless(f.Text()))
		return err
	}
	document := json.NewEncoder(p.Out)
	document.SetEscapeHTML(false)
	document.SetIndent("", "  ")
	return document.Encode(f)
}
