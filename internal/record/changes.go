package record

import (
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/sumun-mcp/sumun/internal/audit"
	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/document"
	"github.com/sumun-mcp/sumun/internal/files"
)

// Configured is the event of what a change of the configuration file has come to: that of the keys of the file, or with an error that it
// was refused.
func Configured(path string, before, after *config.Config, err error) audit.Event {
	e := audit.Event{Kind: audit.ConfigRefused, Subject: path, Detail: FileDetail(path)}
	if err == nil {
		e.Kind, e.Detail["keys"] = audit.ConfigChanged, append([]string{}, document.Changes(before, after)...) // none is an empty list
	} else {
		e.Detail["faults"] = faultsOf(err)
	}
	return e
}

// FileDetail tells a file apart from what it was at other times. It is empty where the file cannot be read.
func FileDetail(path string) map[string]any {
	detail := map[string]any{}
	if sum := files.Digest(path); sum != nil {
		detail["file"], detail["sha256"] = path, hex.EncodeToString(sum)
	}
	return detail
}

// faultsOf tells what is wrong with a file, without the lines of it.
func faultsOf(err error) []string {
	const most = 20
	faults, ok := errors.AsType[config.Faults](err)
	if !ok {
		return []string{err.Error()}
	}
	var told []string
	for _, f := range faults[:min(len(faults), most)] {
		told = append(told, fmt.Sprintf("%d:%d %s", f.Line, f.Column, f.Message))
	}
	return told
}
