package record

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"

	"github.com/sumun-mcp/sumun/internal/auditlog"
)

// readKept reads the checkpoints in a file: one as it lies beside the store, or lines as
// they were shipped, which have {"checkpoint":…} in them. What a collector has put
// before that on its line, and lines of others, are passed over.
func readKept(name string) ([]auditlog.Kept, error) {
	data, err := os.ReadFile(name) //nolint:gosec // the file that the user names
	if err != nil {
		return nil, fmt.Errorf("reading a checkpoint: %w", err)
	}
	var all []auditlog.Kept
	at := 0
	for line := range bytes.Lines(data) {
		at++
		if note := shipped(line); note != "" {
			all = append(all, auditlog.Kept{Name: fmt.Sprintf("%s:%d", name, at), Note: []byte(note)})
		}
	}
	if len(all) == 0 {
		all = []auditlog.Kept{{Name: name, Note: data}}
	}
	return all, nil
}

// shipped returns the checkpoint in a line, empty if there is none.
func shipped(line []byte) string {
	begin := bytes.Index(line, []byte(`{"checkpoint":`))
	if begin < 0 {
		return ""
	}
	var told struct {
		Checkpoint string `json:"checkpoint"`
	}
	if json.NewDecoder(bytes.NewReader(line[begin:])).Decode(&told) != nil {
		return ""
	}
	return told.Checkpoint
}
