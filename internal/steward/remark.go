package steward

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/sumun-mcp/sumun/internal/doctor"
	"github.com/sumun-mcp/sumun/internal/terminal"
)

// Remark tells whether a gateway could keep its state in the database at an address.
func Remark(ctx context.Context, address string) doctor.Remark {
	r := doctor.Remark{Check: "store"}
	s, err := Inspect(ctx, address)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		r.OK, r.Found = true, "none yet; the first start makes it"
	case err != nil:
		r.Found, r.Remedy, _ = strings.Cut(err.Error(), "; ")
		r.Remedy = cmp.Or(r.Remedy, "correct store in mcp.yaml, or move the file away")
	case len(s.Newer) > 0:
		r.Found, r.Remedy = (&NewerError{s.Store, s.Newer}).Error(), "run that version, or name another store"
	default:
		r.OK, r.Found = true, fmt.Sprintf("%s, %s %s", terminal.Relative(s.Store), s.Engine, s.Version)
		if n := len(s.Pending); n > 0 {
			r.Found += "; the next start brings its tables up to date, " + terminal.Count(n, "step")
		}
	}
	return r
}
