package doctor

import (
	"fmt"

	"github.com/sumun-mcp/sumun/internal/terminal"
)

// Print shows a remark: as a line or two, or as JSON.
func (r *Remark) Print(v *terminal.Voice) error {
	if v.JSON {
		return v.WriteJSONLine(r)
	}
	mark := "ok    "
	if !r.OK {
		mark = "FAULT "
	}
	if _, err := fmt.Fprintf(v.Data, "%s%s: %s\n", mark, r.Check, terminal.Harmless(r.Found)); err != nil {
		return err
	}
	if r.Remedy != "" {
		_, err := fmt.Fprintf(v.Data, "      try: %s\n", r.Remedy)
		return err
	}
	return nil
}
