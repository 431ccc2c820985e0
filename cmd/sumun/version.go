package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version is the release this source makes, without a leading v.
const version = "0.1.0"

// buildInfo is what `sumun version --json` prints.
type buildInfo struct {
	Version  string `json:"version"`
	Revision string `json:"revision"` // the commit, "" when built outside a checkout
	Modified bool   `json:"modified"` // whether the checkout differed from that commit
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

// versionCommand is `sumun version`.
func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version, the commit and the Go release it was built with",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			info := build()
			if a.JSON {
				return a.WriteJSON(info)
			}
			_, err := fmt.Fprintf(a.Data, "sumun %s%s %s %s\n", info.Version, info.commit(), info.Go, info.Platform)
			return err
		},
	}
}

// build reads what the Go toolchain wrote into this binary.
func build() buildInfo {
	info := buildInfo{Version: version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	bi, ok := debug.ReadBuildInfo()
	if !ok {
		return info
	}
	for _, s := range bi.Settings {
		switch s.Key {
		case "vcs.revision":
			info.Revision = s.Value
		case "vcs.modified":
			info.Modified = s.Value == "true"
		}
	}
	return info
}

// commit is the short form of the revision for people: " (0123456789ab)", or "" if it is not known.
func (b buildInfo) commit() string {
	if b.Revision == "" {
		return ""
	}
	short := b.Revision[:min(12, len(b.Revision))]
	if b.Modified {
		short += ", modified"
	}
	return " (" + short + ")"
}
