package broker

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sumun-mcp/sumun/internal/advisory"
	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/exchange"
	"github.com/sumun-mcp/sumun/internal/exit"
	"github.com/sumun-mcp/sumun/internal/registry"
	"github.com/sumun-mcp/sumun/internal/terminal"
	"github.com/sumun-mcp/sumun/trust"
)

// paper is `sumun registry server-json`.
func (d *Desk) paper() *cobra.Command {
	var namespace, description string
	cmd := &cobra.Command{
		Use: "server-json [NAME | --all]", Short: "Print the server.json of the gateway, or of a server behind it, for a registry",
		Long: `Print the server.json of the gateway, or of a server behind it, as registries want it. The official
registry takes it with mcp-publisher publish; there the namespace has to be one of yours.`,
		Example: "  sumun registry server-json --namespace io.github.example >server.json",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			every, _ := cmd.Flags().GetBool("all")
			return d.print(cmd.Context(), strings.Join(args, ""), every, change{namespace, description})
		},
	}
	cmd.Flags().StringVar(&namespace, "namespace", "", "the `NAMESPACE` of its name (default: the gateway's host, the other way round)")
	cmd.Flags().StringVar(&description, "description", "", "a `SENTENCE` of at most 100 characters")
	cmd.Flags().Bool("all", false, "print a list, of the gateway and all servers behind it")
	return cmd
}

// A change is what the command line says in place of what we would.
type change struct{ namespace, description string }

func (d *Desk) print(ctx context.Context, name string, every bool, c change) error {
	cfg, err := d.Config()
	if err != nil {
		return err
	}
	answer := &registry.Answer{}
	if every || name != "" {
		if answer, err = d.Servers(ctx); err != nil {
			return err
		}
	}
	at, err := d.Endpoint(ctx)
	if err != nil {
		return err
	}
	var all []json.RawMessage
	for _, r := range (exchange.Gate{URL: at, Version: d.Version}).Own(Known(answer, cfg)) {
		s, err := r.Decode()
		if err != nil {
			return err
		}
		space, last, _ := strings.Cut(s.Name, "/")
		if !every && last != name && (name != "" || last != "gateway") {
			continue
		}
		if c.namespace != "" {
			space = c.namespace
		}
		s.Name = space + "/" + last
		if c.description != "" {
			s.Description = c.description
		}
		if err := s.Check(); err != nil {
			return &exit.Error{Code: exit.Usage, Msg: "no registry would take it", Err: err}
		}
		raw, err := json.Marshal(s)
		if err != nil {
			return fmt.Errorf("writing a server.json: %w", err)
		}
		all = append(all, raw)
	}
	switch {
	case every:
		return d.WriteJSON(all)
	case len(all) == 0:
		return &exit.Error{Code: exit.Failed, Msg: "the gateway knows no server " + name, Target: name, Hint: "`sumun trust list` shows what there is"}
	}
	return d.WriteJSON(all[0])
}

// book is all that is known of vulnerable servers here.
func (d *Desk) book(cfg *config.Config) *advisory.Book {
	shelf := d.shelf(cfg)
	shelf.Load()
	return shelf.Book()
}

func (d *Desk) shelf(cfg *config.Config) *advisory.Shelf {
	s := Advisories(func() *config.Config { return cfg })
	s.Log = slog.New(slog.DiscardHandler)
	return s
}

// advisories is `sumun registry advisories`.
func (d *Desk) advisories() *cobra.Command {
	var update bool
	cmd := &cobra.Command{
		Use: "advisories [-- COMMAND ARG…]", Short: "Show what is known of vulnerable servers, bring it up to date, or hold a command line against it",
		Long: `Show where records of vulnerable servers come from, and how many there are: those that are part of the
program, and those of trust: {advisories: […]} in mcp.yaml. With --update URLs are asked now; the gateway
asks them each day. With a command line behind -- it is told what is known against what that would run.`,
		Example: "  sumun registry advisories --update\n  sumun registry advisories -- npx -y mcp-watch@0.1.2",
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := d.Config()
			if err != nil {
				return err
			}
			if len(args) > 0 {
				return d.against(cfg, args)
			}
			return d.sources(cmd.Context(), cfg, update)
		},
	}
	cmd.Flags().BoolVar(&update, "update", false, "ask the URLs now")
	return cmd
}

// sources shows where records come from.
func (d *Desk) sources(ctx context.Context, cfg *config.Config, update bool) error {
	shelf := d.shelf(cfg)
	all := []advisory.Outcome{{Source: "the program", Records: advisory.Own().Len()}}
	if update {
		all = append(all, shelf.Update(ctx)...)
	} else {
		all = append(all, shelf.Look()...)
	}
	failed := ""
	for _, o := range all {
		if o.Error != "" {
			failed = o.Source
		}
		if !d.JSON {
			fmt.Fprintf(d.Data, "%6d  %s\n", o.Records, o.Source)
		}
		if o.Error != "" && !d.JSON {
			d.Note("        %s", line(o.Error))
		}
	}
	if d.JSON {
		if err := d.WriteJSON(all); err != nil {
			return err
		}
	}
	if failed != "" && update {
		return &exit.Error{Code: exit.Unreachable, Msg: "not all records are up to date; what was there stays", Target: failed}
	}
	return nil
}

// against tells what is known against a command line.
func (d *Desk) against(cfg *config.Config, words []string) error {
	found := []trust.Finding{}
	worst := false
	for f := range d.book(cfg).Findings("", advisory.Packages(words[0], words[1:]...), "", "") {
		found = append(found, f)
		worst = worst || f.Band > trust.BandInfo
		if !d.JSON {
			fmt.Fprintf(d.Data, "%-8s  %s\n          %s\n", f.Severity, terminal.Harmless(f.Message), terminal.Harmless(f.Remedy))
		}
	}
	if d.JSON {
		if err := d.WriteJSON(found); err != nil {
			return err
		}
	}
	if worst {
		return &exit.Error{Code: exit.Findings, Shown: true, Msg: "known to be vulnerable"}
	}
	return nil
}
