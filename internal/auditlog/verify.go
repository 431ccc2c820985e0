package auditlog

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/sumun-mcp/sumun/internal/wire"
)

// maxFaults is how many faults a report names.
const maxFaults = 100

// A Fault is something that is not as it was sealed.
type Fault struct {
	// First and Last are the records among which it is: one record where both are equal,
	// none where both are 0.
	First int64 `json:"first,omitempty"`
	Last  int64 `json:"last,omitempty"`
	// What is wrong.
	What string `json:"what"`
}

// A Report is what verifying a log has found.
type Report struct {
	// Records is how many there are, and Root the hash of the tree over them.
	Records int64     `json:"records"`
	Root    tlog.Hash `json:"root"`
	// Checkpoints is how many have been found good, those from elsewhere included.
	Checkpoints int `json:"checkpoints"`
	// Sealed is how many records the newest good one covers, Time when it was made.
	Sealed int64     `json:"sealed"`
	Time   time.Time `json:"time,omitzero"`
	// Signed says that it is signed.
	Signed bool `json:"signed"`
	// Faults are what is wrong, the first records first; empty when nothing is.
	Faults []Fault `json:"faults"`
	// More is how many further faults are not named.
	More int `json:"more,omitempty"`
}

// Evidence is what a log is verified against besides what lies in its store.
type Evidence struct {
	// Public is a key of the log that is trusted; empty where the log is not signed.
	Public string
	// Kept are checkpoints from elsewhere.
	Kept []Kept
}

// A Kept is a checkpoint from elsewhere.
type Kept struct {
	// Name is what it is called, such as its file.
	Name string
	// Note is the checkpoint with its signatures.
	Note []byte
}

// Verify reads a whole log and compares it with its checkpoints: every body, the order
// of the records, that none is missing, that payloads are what the bodies say, and that
// each checkpoint's log is the beginning of this one. An error means that it could not
// be read; what was altered is in the report.
func Verify(ctx context.Context, from Reader, e Evidence) (*Report, error) {
	v := &verifier{from: from, report: &Report{Faults: []Fault{}}, windows: map[int][]Block{}, next: 1}
	claims, end, err := v.open(ctx, e)
	if err != nil {
		return nil, err
	}
	defer end()
	v.claims = claims
	if err := v.reach(); err != nil {
		return nil, err
	}
	for r, err := range from.SealedRecords(ctx, -1<<63) {
		if err == nil {
			err = v.add(ctx, r)
		}
		if err != nil {
			return nil, err
		}
	}
	if err := v.finish(); err != nil {
		return nil, err
	}
	return v.report, nil
}

// A verifier goes through a log once.
type verifier struct {
	from   Reader
	report *Report
	tree   Tree
	next   int64 // the number that comes next
	good   int64 // the size of the last checkpoint that was found good
	off    bool  // the last checkpoint was not that of this log
	broken bool  // records are missing: nothing can be said of roots any more
	claims *claims
	// naked are claims without a signature, found good since the last one with it.
	naked []claim
	// windows are the blocks that were read last, by level.
	windows map[int][]Block
}

// fault takes note of a fault.
func (v *verifier) fault(first, last int64, format string, args ...any) {
	if len(v.report.Faults) >= maxFaults {
		v.report.More++
		return
	}
	v.report.Faults = append(v.report.Faults, Fault{first, last, fmt.Sprintf(format, args...)})
}

// add goes on to the next record.
func (v *verifier) add(ctx context.Context, r Record) error {
	if r.Seq < v.next {
		v.fault(r.Seq, r.Seq, "record %d stands before the first", r.Seq)
		return nil
	}
	if r.Seq > v.next {
		v.fault(v.next, r.Seq-1, "missing")
		v.broken = true
	}
	v.next = r.Seq + 1
	v.report.Records++
	leaf := tlog.RecordHash(r.Body)
	if len(r.Leaf) > 0 && !bytes.Equal(leaf[:], r.Leaf) {
		v.fault(r.Seq, r.Seq, "its body is not the one whose hash stands beside it")
		if len(r.Leaf) == len(leaf) {
			leaf = tlog.Hash(r.Leaf) // if the tree then fits, everything else is as it was
		}
	}
	v.payloads(r)
	if v.broken {
		return nil
	}
	for _, b := range v.tree.Append(leaf) {
		if err := v.block(ctx, b); err != nil {
			return err
		}
	}
	return v.reach()
}

// payloads compares what is kept in full with the digests in the body.
func (v *verifier) payloads(r Record) {
	for _, p := range [...]struct {
		member string
		bytes  []byte
	}{{"arguments", r.Arguments}, {"result", r.Result}} {
		if len(p.bytes) == 0 {
			continue
		}
		sum := sha256.Sum256(p.bytes)
		sum = sha256.Sum256(append(slices.Clip(r.Salt), sum[:]...))
		if want := `"sha256:` + hex.EncodeToString(sum[:]) + `"`; string(wire.Get(r.Body, p.member)) != want {
			v.fault(r.Seq, r.Seq, "what stands beside it as its %s has another digest", p.member)
		}
	}
}

// block compares a block with the stored one.
func (v *verifier) block(ctx context.Context, b Block) error {
	const page = 1024
	window := v.windows[b.Level]
	if len(window) == 0 || window[len(window)-1].Number < b.Number {
		var err error
		if window, err = v.from.Blocks(ctx, b.Level, b.Number, page); err != nil {
			return err
		}
		v.windows[b.Level] = window
	}
	i, found := slices.BinarySearchFunc(window, b.Number, func(s Block, n int64) int { return cmp.Compare(s.Number, n) })
	width := int64(1) << (blockBits * b.Level)
	first := b.Number*width + 1
	switch {
	case !found:
		v.fault(first, first+width-1, "the hash over them is missing")
	case window[i].Hash != b.Hash:
		v.fault(first, first+width-1, "the hash over them is another one")
	}
	return nil
}

// reach compares the checkpoints of what has been read.
func (v *verifier) reach() error {
	for !v.broken {
		c, err := v.claims.peek()
		if err != nil || c == nil || c.Size > v.tree.Size() {
			return err
		}
		v.claims.pop()
		if c.Size < v.tree.Size() { // which was read before it could be compared
			continue
		}
		v.judge(c)
	}
	return nil
}

// judge compares a checkpoint with what has been read.
func (v *verifier) judge(c *claim) {
	switch {
	case v.tree.Root() != c.Root:
		if c.signed {
			v.naked = v.naked[:0]
		}
		if !v.off { // those that follow differ for the same reason
			v.fault(min(v.good+1, c.Size), c.Size, "they are not those of %s, made %s", c.name, c.Time.Format(time.RFC3339))
		}
		v.off = true
	case v.claims.signed && !c.signed: // it counts only below a signed one: it was made before signing was switched on
		v.good, v.off = c.Size, false
		v.strip(c)
	default:
		v.good, v.off = c.Size, false
		v.report.Checkpoints += 1 + len(v.naked)
		v.naked = v.naked[:0]
		v.report.Sealed, v.report.Time, v.report.Signed = c.Size, c.Time, c.signed
	}
}

// strip takes note of a checkpoint without a signature.
func (v *verifier) strip(c *claim) { v.naked = append(v.naked[:min(len(v.naked), maxFaults)], *c) }

// drain reads the checkpoints that were not reached, and returns the largest that counts,
// nil if there is none.
func (v *verifier) drain() (last *claim, err error) {
	for {
		c, err := v.claims.peek()
		if err != nil || c == nil {
			return last, err
		}
		v.claims.pop()
		if v.claims.signed && !c.signed {
			v.strip(c)
			continue
		}
		last, v.naked = c, v.naked[:0]
	}
}

// finish says what is missing at the end.
func (v *verifier) finish() error {
	v.report.Root = v.tree.Root()
	last, err := v.drain()
	if err != nil {
		return err
	}
	if last != nil && last.Size >= v.next {
		unproved := ""
		if v.good < v.next-1 && !v.broken { // any of these may be another one, so that it is not the last that are missing
			unproved = fmt.Sprintf("; nothing proves records %d to %d", v.good+1, v.next-1)
		}
		v.fault(v.next, last.Size, "missing: %s, made %s, covers them%s", last.name, last.Time.Format(time.RFC3339), unproved)
	}
	for _, c := range v.naked {
		v.fault(0, 0, "%s of %d records is not signed", c.name, c.Size)
	}
	if v.claims.signed && v.claims.count == 0 && v.report.Records > 0 {
		v.fault(1, v.next-1, "no checkpoint covers them")
	}
	slices.SortStableFunc(v.report.Faults, func(a, b Fault) int { return cmp.Compare(a.First, b.First) })
	return nil
}
