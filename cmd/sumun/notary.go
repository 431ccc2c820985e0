package main

import (
	"errors"
	"os"

	"github.com/spf13/cobra"

	"github.com/sumun-mcp/sumun/internal/exit"
	"github.com/sumun-mcp/sumun/internal/notary"
)

// notaryCommands are the verbs signing-key, manifest, sign and verify. They stand in package notary.
func (a *app) notaryCommands() []*cobra.Command {
	desk := &notary.Desk{Voice: &a.Voice, Gate: a.gateCommand}
	return desk.Verbs(a.group)
}

// gateCommand is the command line that speaks with the gateway of this directory.
func (a *app) gateCommand() ([]string, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, &exit.Error{Code: exit.Usage, Err: errors.Join(errors.New("where this program lies cannot be told"), err), Hint: "name the server: a URL, or -- and a command"}
	}
	line := []string{self, "connect"}
	if a.config != "" {
		line = append(line, "--config", a.config)
	}
	if a.url != "" {
		line = append(line, "--url", a.url)
	}
	return line, nil
}
