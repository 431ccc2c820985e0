package main

import (
	"github.com/spf13/cobra"
)

// completionCommand is `sumun completion`: a script that teaches a shell the verbs and flags.
func (a *app) completionCommand() *cobra.Command {
	shells := map[string]func(*cobra.Command) error{
		"bash":       func(root *cobra.Command) error { return root.GenBashCompletionV2(a.Data, true) },
		"zsh":        func(root *cobra.Command) error { return root.GenZshCompletion(a.Data) },
		"fish":       func(root *cobra.Command) error { return root.GenFishCompletion(a.Data, true) },
		"powershell": func(root *cobra.Command) error { return root.GenPowerShellCompletionWithDesc(a.Data) },
	}
	return &cobra.Command{
		Use:   "completion bash|zsh|fish|powershell",
		Short: "Print a script that completes commands and flags in your shell",
		Example: `  source <(sumun completion bash)
  sumun completion zsh > "${fpath[1]}/_sumun"
  sumun completion fish > ~/.config/fish/completions/sumun.fish`,
		ValidArgs: []string{"bash", "zsh", "fish", "powershell"},
		Args:      cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs),
		RunE: func(cmd *cobra.Command, args []string) error {
			return shells[args[0]](cmd.Root())
		},
	}
}

// helpCommand is `sumun help [VERB…]`, the same text as VERB --help.
func (a *app) helpCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "help [VERB...]",
		Short: "Print the help of a verb",
		RunE: func(cmd *cobra.Command, args []string) error {
			verb, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return unknownVerb(verb, args[len(args)-max(len(rest), 1)])
			}
			verb.InitDefaultHelpFlag()
			return verb.Help()
		},
	}
}
