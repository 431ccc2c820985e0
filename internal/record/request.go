package record

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/sumun-mcp/sumun/internal/auditlog"
	"github.com/sumun-mcp/sumun/internal/terminal"
)

// follow is how often what is new is looked for.
const follow = 250 * time.Millisecond

// A Request is what a person asks of a record, as flags say it.
type Request struct {
	// PublicKey is the key to verify with, or its file; empty for the one beside the store.
	PublicKey string

	verb       string
	conditions []string // MEMBER=PATTERN each
	from, to   string   // times
	lines      int      // of tail
	limit      int      // of search and export
	follow     bool
	since      []string // files of checkpoints
	export     string   // the file to be verified
	format     string   // of an export
	out        string   // the file of a new key
}

// flags adds the flags of the request's verb to a set.
func (r *Request) flags(to *pflag.FlagSet) {
	verb := r.verb
	if verb == "verify" || verb == "export" {
		to.StringVar(&r.PublicKey, "public-key", "", "verify with this `KEY`, or the one in the file of that name (default: the key beside the store)")
	}
	if verb == "search" || verb == "export" || verb == "erase" {
		to.StringVar(&r.to, "to", "", "only calls before this `TIME`: 2006-01-02, 2006-01-02T15:04:05Z, or 2h for two hours ago")
	}
	switch verb {
	case "tail":
		to.IntVarP(&r.lines, "lines", "n", 10, "print so many")
		to.BoolVarP(&r.follow, "follow", "f", false, "go on with new ones until interrupted")
	case "search", "export":
		to.StringVar(&r.from, "from", "", "only calls from this `TIME` on")
		to.IntVarP(&r.limit, "limit", "n", 0, "print so many at most (0: all)")
	case "verify":
		to.StringArrayVar(&r.since, "since", nil, "the log must go on from the checkpoint in this `FILE`, kept from earlier; may be repeated")
		to.StringVar(&r.export, "export", "", "verify this `FILE` instead, which `sumun audit export --format proofs` wrote")
	}
	if verb == "rotate-key" {
		to.StringVar(&r.out, "out", "", "put the new key into this `FILE`, for whoever gives it to the gateways (default: in the place of the old one)")
	}
	if verb == "export" {
		to.StringVar(&r.format, "format", string(NDJSON), "ndjson, proofs (NDJSON that can be verified by itself) or cef")
	}
}

// query returns which records are meant.
func (r *Request) query(now time.Time) (Query, error) {
	q, err := ParseQuery(r.conditions)
	if err != nil {
		return q, err
	}
	q.Limit = r.limit
	if q.From, err = ParseTime(r.from, now); err != nil {
		return q, err
	}
	q.To, err = ParseTime(r.to, now)
	return q, err
}

// search hands the records that are asked for to yield.
func (b *Book) search(ctx context.Context, r Request, yield func(*Entry) error) error {
	q, err := r.query(time.Now())
	if err != nil {
		return err
	}
	return b.each(ctx, q, yield)
}

func (b *Book) each(ctx context.Context, q Query, yield func(*Entry) error) error {
	for e, err := range b.Entries(ctx, q) {
		if err == nil {
			err = yield(&e)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// tail hands the newest records to yield, and, where the request says so, those that
// come until ctx ends.
func (b *Book) tail(ctx context.Context, r Request, yield func(*Entry) error) error {
	last, err := b.LastRecord(ctx)
	if err != nil {
		return err
	}
	after := max(0, last-int64(max(0, r.lines)))
	again := time.NewTicker(follow)
	defer again.Stop()
	for {
		err := b.each(ctx, Query{After: after}, func(e *Entry) error {
			after = e.Seq
			return yield(e)
		})
		if err != nil || !r.follow {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-again.C:
		}
	}
}

// export writes the records that are asked for to w.
func (b *Book) export(ctx context.Context, w io.Writer, r Request) error {
	q, err := r.query(time.Now())
	if err != nil {
		return err
	}
	return b.Export(ctx, w, q, Format(r.format))
}

// Found is what verifying has found.
type Found struct {
	*auditlog.Report
	// Key is the public key of the signatures.
	Key string `json:"key,omitempty"`
	// Export is the file that was verified in place of the log.
	Export string `json:"export,omitempty"`
}

// judge verifies the record, or an export of it.
func (b *Book) judge(ctx context.Context, r Request) (*Found, error) {
	if r.export == "" {
		report, err := b.Verify(ctx, r.since...)
		return &Found{Report: report, Key: b.Public}, err
	}
	f, err := os.Open(r.export)
	if err != nil {
		return nil, fmt.Errorf("reading an export: %w", err)
	}
	defer func() { _ = f.Close() }() // reading only
	n, of, err := CheckExport(f, b.Public)
	report := &auditlog.Report{Records: n, Root: of.Root, Sealed: of.Size, Time: of.Time, Signed: b.Public != "", Checkpoints: 1, Faults: []auditlog.Fault{}}
	if Lost(err) {
		report.Faults = append(report.Faults, auditlog.Fault{What: err.Error()})
		err = nil
	}
	return &Found{report, b.Public, r.export}, err
}

// Text returns what was found for people.
func (f *Found) Text() string {
	var b strings.Builder
	for _, fault := range f.Faults {
		b.WriteString("ALTERED  " + where(fault) + fault.What + "\n")
	}
	if f.More > 0 {
		fmt.Fprintf(&b, "         and %d more\n", f.More)
	}
	signed := "not signed"
	if f.Signed {
		signed = "signed with " + f.Key
	}
	records := terminal.Count(int(f.Records), "record")
	switch {
	case f.Export != "" && len(f.Faults) == 0:
		fmt.Fprintf(&b, "%s, each in the log that had %d on %s\n", records, f.Sealed, f.Time.Format(time.RFC3339))
	case len(f.Faults) == 0:
		fmt.Fprintf(&b, "%s as they were written; %d sealed by %s, the newest of %s\n", records, f.Sealed, terminal.Count(f.Checkpoints, "checkpoint"), f.Time.Format(time.RFC3339))
	case f.Sealed > 0 && f.Export == "":
		fmt.Fprintf(&b, "%s; as it was, but for what is named, up to %d (%s)\n", records, f.Sealed, f.Time.Format(time.RFC3339))
	}
	return b.String() + "root     " + f.Root.String() + "\n" + signed
}

// where says in which records a fault is.
func where(f auditlog.Fault) string {
	switch {
	case f.Last == 0 && f.First == 0:
		return ""
	case f.First == f.Last:
		return fmt.Sprintf("record %d: ", f.First)
	default:
		return fmt.Sprintf("records %d to %d: ", f.First, f.Last)
	}
}
