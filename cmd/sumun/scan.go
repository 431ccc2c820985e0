package main

import (
	"crypto/tls"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sumun-mcp/sumun/internal/caution"
	"github.com/sumun-mcp/sumun/internal/local"
	"github.com/sumun-mcp/sumun/internal/scan"
	"github.com/sumun-mcp/sumun/internal/terminal"
)

// scannerName is the name under which the program is the verb scan alone, as the seed has it: MCPTrustScanner URL.
const scannerName = "MCPTrustScanner"

// arguments returns the command line without the program's name; where the program is called by that of the scanner, with its verb.
func arguments(argv []string) []string {
	name := strings.TrimSuffix(filepath.Base(argv[0]), ".exe")
	if strings.EqualFold(name, scannerName) && (len(argv) < 2 || !strings.HasPrefix(argv[1], "__")) {
		return append([]string{"scan"}, argv[1:]...)
	}
	return argv[1:]
}

// scanCommand is the verb scan. It stands in package scan.
func (a *app) scanCommand() *cobra.Command {
	desk := &scan.Desk{
		Voice: &a.Voice, Version: version, Reaper: a.reaper(), Config: func() string { return a.config },
		Getenv: a.getenv, Lookup: a.lookupEnv, Terminal: terminal.Is(a.People), Verdict: a.recordVerdict, Detain: a.detain(),
		TLS: func() (*tls.Config, error) {
			here := local.Here(a.config, a.lookupEnv)
			if err := a.secured(&here); err != nil {
				return nil, err
			}
			return here.At("", "").TLS(), nil
		},
		Warn: func(name string, argv []string) error {
			return a.warner().Start(caution.Server{Name: name, Command: argv[0], Args: argv[1:]})
		},
	}
	return desk.Verb()
}
