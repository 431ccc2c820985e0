package config

import (
	"slices"
	"strconv"

	"github.com/sumun-mcp/sumun/internal/document"
)

// checkPrompts wants directories that exist, each once.
func (l *loader) checkPrompts() {
	for i, dir := range l.config.Prompts {
		at := "prompts[" + strconv.Itoa(i) + "]"
		if !l.OK("prompts", at) {
			continue
		}
		if err := document.Directory(dir); err != nil {
			l.Wrong(at, dir+": "+err.Error(), "name a directory that is there")
		} else if slices.Contains(l.config.Prompts[:i], dir) {
			l.Wrong(at, "is named twice", "remove one of the two")
		}
	}
}
