package main

import "github.com/spf13/cobra"

func privacyCommand(f *flags) *cobra.Command {
	c := &cobra.Command{Use: "privacy", Short: "People's rights, and the papers about them", RunE: onlyCommands}
	c.AddCommand(privacyReportCommand(f), holdCommand(f), holdsCommand(f), liftCommand(f), accessCommand(f), scanCommand(f), objectCommand(f), owedCommand(f), informedCommand(f))
	return c
}
