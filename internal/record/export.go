package record

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/sumun-mcp/sumun/internal/auditlog"
)

// A Format is how records are written for other programs.
type Format string

// The formats of an export.
const (
	// NDJSON is one JSON object a line.
	NDJSON Format = "ndjson"
	// Proofs is NDJSON with a proof for each record: the first line has the checkpoint
	// that the proofs lead to, and records that it does not cover are left out.
	Proofs Format = "proofs"
	// CEF is the Common Event Format of ArcSight, as many collectors of events read it.
	CEF Format = "cef"
)

// An exported is a line of an export.
type exported struct {
	Seq    int64           `json:"seq,omitempty"`
	Record json.RawMessage `json:"record,omitempty"`
	// Checkpoint stands alone, in the first line, with those by which the log got the key
	// that has signed it.
	Checkpoint string   `json:"checkpoint,omitempty"`
	Exchanges  []string `json:"exchanges,omitempty"`
	// Body is the record byte for byte, since the proof is of its bytes.
	Body  string      `json:"body,omitempty"`
	Proof []tlog.Hash `json:"proof,omitempty"`
}

// Export writes the records that q means to w. With proofs, ErrAltered says that one
// could not be proved.
func (b *Book) Export(ctx context.Context, w io.Writer, q Query, f Format) error {
	out := bufio.NewWriter(w)
	write, err := b.writer(ctx, out, f)
	if err != nil {
		return err
	}
	for e, err := range b.Entries(ctx, q) {
		if err == nil {
			err = write(&e)
		}
		if err != nil {
			return errors.Join(err, out.Flush())
		}
	}
	return out.Flush()
}

// writer returns what writes one record.
func (b *Book) writer(ctx context.Context, out io.Writer, f Format) (func(e *Entry) error, error) {
	lines := &jsonWriter{to: out}
	switch f {
	case NDJSON:
		return func(e *Entry) error { return lines.Encode(e.Exported()) }, nil
	case CEF:
		return func(e *Entry) error {
			_, err := io.WriteString(out, e.CEF()+"\n")
			return err
		}, nil
	case Proofs:
		keys, err := b.keys(ctx)
		if err != nil {
			return nil, err
		}
		prover, err := auditlog.NewProver(ctx, b, keys)
		if err != nil {
			return nil, err
		}
		first := exported{Checkpoint: string(prover.Signed)}
		for _, e := range prover.Exchanges {
			first.Exchanges = append(first.Exchanges, string(e))
		}
		return func(e *Entry) error {
			if e.Seq > prover.Checkpoint.Size {
				return nil
			}
			proof, err := prover.Prove(e.Record)
			if err != nil {
				return err
			}
			return lines.Encode(exported{Seq: e.Seq, Body: string(e.Body), Proof: proof})
		}, lines.Encode(first)
	}
	return nil, badRequest("%q is no format; there are %s, %s and %s", f, NDJSON, Proofs, CEF)
}

// Exported returns a record as an object for JSON; a body that is none stands as text in it.
func (e *Entry) Exported() any {
	if e.Members == nil {
		return exported{Seq: e.Seq, Body: string(e.Body)}
	}
	return exported{Seq: e.Seq, Record: e.Body}
}

// CheckExport verifies an export with proofs, for which nothing but a public key of the
// log is needed, none where nobody signs it. It returns how many records the export proves
// and of which log. ErrAltered says that one of them is not what was sealed.
func CheckExport(r io.Reader, public string) (records int64, of auditlog.Checkpoint, err error) {
	lines := json.NewDecoder(r)
	var first exported
	if err := lines.Decode(&first); err != nil || first.Checkpoint == "" {
		return 0, of, fmt.Errorf("%w: the export does not begin with a checkpoint", auditlog.ErrAltered)
	}
	var exchanges [][]byte
	for _, e := range first.Exchanges {
		exchanges = append(exchanges, []byte(e))
	}
	var keys *auditlog.Keys
	if public != "" {
		if keys, err = auditlog.NewKeys(public, exchanges); err != nil {
			return 0, of, err
		}
	}
	if of, err = keys.Open([]byte(first.Checkpoint)); err != nil {
		return 0, of, fmt.Errorf("%w: %w", auditlog.ErrAltered, err)
	}
	for {
		var line exported
		switch err := lines.Decode(&line); {
		case errors.Is(err, io.EOF):
			return records, of, nil
		case err != nil:
			return records, of, fmt.Errorf("%w: after %d records: %w", auditlog.ErrAltered, records, err)
		}
		if err := of.Check(line.Seq, []byte(line.Body), line.Proof); err != nil {
			return records, of, err
		}
		records++
	}
}
