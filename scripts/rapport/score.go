package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"rapport/shared/decide/score"
	"rapport/shared/localrun"
)

func scoreCommand(f *flags) *cobra.Command {
	c := &cobra.Command{Use: "score", Short: "The Social Customer Score: exclude somebody from it, and what it is measured by", RunE: onlyCommands}
	c.AddCommand(excludeCommand(f), includeCommand(f), referenceCommand(f))
	return c
}

func excludeCommand(f *flags) *cobra.Command {
	var why string
	c := &cobra.Command{
		Use:   "exclude WHO",
		Short: "Take somebody's score and its history away, also from the CRMs, and make none again",
		Long:  "Take somebody's score and its history away, also from the CRMs, and make none again. " + whoHelp,
		Args:  exactly("WHO"),
		RunE: func(c *cobra.Command, args []string) error {
			if err := f.call(c.Context(), "score/exclude", localrun.Request{Who: args[0], Reason: why}, nil); err != nil {
				return err
			}
			return f.done(c, "no score is made any more")
		},
	}
	c.Flags().StringVar(&why, "why", "", "the reason, which stands with the person and in receipts; without names")
	_ = c.MarkFlagRequired("why") // the flag exists
	return c
}

func includeCommand(f *flags) *cobra.Command {
	return &cobra.Command{
		Use:   "include WHO",
		Short: "Let somebody be scored again, from nothing",
		Long:  "Let somebody be scored again, from nothing. " + whoHelp,
		Args:  exactly("WHO"),
		RunE: func(c *cobra.Command, args []string) error {
			if err := f.call(c.Context(), "score/exclude", localrun.Request{Who: args[0]}, nil); err != nil {
				return err
			}
			return f.done(c, "with the next mention there is a score, where one may be made")
		},
	}
}

// done says what a command did.
func (f *flags) done(c *cobra.Command, text string) error {
	if f.json {
		return printJSON(c.OutOrStdout(), map[string]any{"done": text})
	}
	_, err := fmt.Fprintln(c.OutOrStdout(), text)
	return err
}

func referenceCommand(f *flags) *cobra.Command {
	return &cobra.Command{
		Use:   "reference",
		Short: "Show by which tables followers are placed on their network, with dates and sources",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			rows, err := score.Reference()
			if err != nil {
				return err
			}
			if f.json {
				return printJSON(c.OutOrStdout(), map[string]any{"version": score.Version, "rows": rows})
			}
			fmt.Fprintf(c.OutOrStdout(), "version %s\n", score.Version)
			for _, r := range rows {
				fmt.Fprintf(c.OutOrStdout(), "%-10s %5.1f %% have at most %7d followers  %s  %s\n", r.Network, r.Share*100, r.Followers, r.Date, r.Source)
			}
			return nil
		},
	}
}
