package main

import (
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/sumun-mcp/sumun/internal/host"
)

// configured is what `sumun client list` knows of one file of a host.
type configured struct {
	Host    string   `json:"host"`
	Title   string   `json:"title"`
	Scope   string   `json:"scope"`
	File    string   `json:"file"`
	Exists  bool     `json:"exists"`
	Present bool     `json:"present"` // whether the gateway is in it, under --name
	Others  []string `json:"others"`  // the names of the other MCP servers
	Error   string   `json:"error,omitempty"`
}

// listCommand is `sumun client list`.
func (c *client) listCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "Show the hosts, their files, and whether the gateway is in them",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			env, err := c.hostEnv()
			if err != nil {
				return err
			}
			var all []configured
			for _, h := range host.All() {
				all = append(all, c.files(h, env)...)
			}
			if c.json {
				return c.writeJSON(all)
			}
			return c.table(all)
		},
	}
}

// files reads the files of a host. In the home directory that of the project is that of the user.
func (c *client) files(h host.Host, env host.Env) []configured {
	var rows []configured
	for _, scope := range h.Scopes() {
		row := c.look(h, env, scope)
		if len(rows) == 0 || rows[0].File != row.File {
			rows = append(rows, row)
		}
	}
	return rows
}

// look reads one file of a host.
func (c *client) look(h host.Host, env host.Env, scope host.Scope) configured {
	row := configured{Host: h.ID, Title: h.Title, Scope: string(scope), Others: []string{}}
	fail := func(err error) configured {
		row.Error = err.Error()
		return row
	}
	var err error
	if row.File, err = h.File(env, scope); err != nil {
		return fail(err)
	}
	f, err := host.Open(row.File)
	if err != nil {
		return fail(err)
	}
	row.Exists = f.Exists
	names, err := h.Servers(f.Data)
	if err != nil {
		return fail(err)
	}
	row.Present = slices.Contains(names, c.name)
	row.Others = slices.DeleteFunc(append(row.Others, names...), func(name string) bool { return name == c.name })
	return row
}

// table prints the files for people. Files of a project that are not there say nothing and are left out.
func (c *client) table(all []configured) error {
	w := tabwriter.NewWriter(c.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "HOST\tSCOPE\t%s\tOTHER SERVERS\tFILE\n", strings.ToUpper(c.name))
	for _, row := range all {
		if row.Scope == string(host.Project) && !row.Exists && row.Error == "" {
			continue
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", row.Host, row.Scope, row.state(), row.others(), row.File)
	}
	return w.Flush()
}

// state says in a word how a file stands.
func (r configured) state() string {
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
func (r configured) others() string {
	switch {
	case r.Error != "":
		return r.Error
	case len(r.Others) == 0:
		return "-"
	}
	return strings.Join(r.Others, ", ")
}
