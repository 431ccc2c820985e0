package record

import (
	"context"
	"fmt"
	"os"
	"os/user"
	"strconv"
	"time"

	"github.com/sumun-mcp/sumun/internal/audit"
	"github.com/sumun-mcp/sumun/internal/auditlog"
	"github.com/sumun-mcp/sumun/internal/config"
)

// A Witness puts events on the record of a store that a verb has opened, whether or not
// gateways write to it too: numbers are given, and the tree is appended to, inside the
// store's transaction.
type Witness struct {
	Config *config.Config
	Store  Store
}

// Event puts an event on record. It returns once a power failure cannot take it. An event
// without an actor gets the person who runs the program (see [Person]).
func (w *Witness) Event(ctx context.Context, e audit.Event) error {
	if e.Actor == "" {
		e.Actor = Person()
	}
	w.Store.SyncRecords(true)
	if err := w.Store.AppendRecords(ctx, []audit.Row{{Body: e.Body(time.Now())}}); err != nil {
		return fmt.Errorf("%s of %q is not on record: %w", e.Kind, e.Subject, err)
	}
	w.seal(ctx)
	return nil
}

// seal makes a checkpoint where the key is here. Elsewhere, and where that fails, the
// gateways of the store do it: at their next record, within a minute, or when they start.
func (w *Witness) seal(ctx context.Context) {
	s := &auditlog.Sealer{Store: w.Store, File: CheckpointFile(w.Config), KeyFile: KeyFile(w.Config)}
	if w.Config.Audit.Sign {
		key, err := auditlog.ReadKey(KeyFile(w.Config))
		if err != nil {
			return
		}
		s.Key = key
	}
	_ = s.Seal(ctx) // what is on record is not lost, it is only not sealed yet
}

// Person is who runs this program, as an actor on record: os:NAME, or os:UID where the
// system knows no name.
func Person() string {
	if u, err := user.Current(); err == nil && u.Username != "" {
		return "os:" + u.Username
	}
	return "os:" + strconv.Itoa(os.Getuid())
}
