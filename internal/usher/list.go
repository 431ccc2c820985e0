package usher

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/sumun-mcp/sumun/internal/host"
)

// listCommand is `sumun client list`.
func (v *verb) listCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "Show the hosts, their files, and whether the gateway is in them",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			env, err := host.Here(v.Getenv)
			if err != nil {
				return err
			}
			all := host.Look(env, v.name)
			if v.JSON {
				return v.WriteJSON(all)
			}
			return v.table(all)
		},
	}
}

// table prints the files for people. Files of a project that are not there say nothing and are left out.
func (v *verb) table(all []host.Listing) error {
	w := tabwriter.NewWriter(v.Data, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "HOST\tSCOPE\t%s\tOTHER SERVERS\tFILE\n", strings.ToUpper(v.name))
	for _, row := range all {
		if row.Scope == string(host.Project) && !row.Exists && row.Error == "" {
			continue
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", row.Host, row.Scope, state(row), others(row), row.File)
	}
	return w.Flush()
}

// state says in a word how a file stands.
func state(r host.Listing) string {
	switch {
	case r.Error != "":
		return "?"
	case !r.Exists:
		return "no file"
	case r.Present:
		return "yes"
	}
	return "no"
}

// others lists the other servers, or says why they are not known.
func others(r host.Listing) string {
	switch {
	case r.Error != "":
		return r.Error
	case len(r.Others) == 0:
		return "-"
	}
	return strings.Join(r.Others, ", ")
}
