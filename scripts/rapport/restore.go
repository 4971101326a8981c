package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"rapport/shared/fault"
	"rapport/shared/localrun"
	"rapport/shared/pipeline"
)

func restoreCommand(f *flags) *cobra.Command {
	var before string
	c := &cobra.Command{
		Use:   "restore [CRM]",
		Short: "After the data were restored: make the links to CRM records anew, hold answers that may have been sent",
		Long: "After a table, or a data file, was wound back: reads our keys out of the CRMs and notes which record is whose, so that nothing is\n" +
			"created a second time; and holds every answer that was approved before now (or --before), since nobody knows whether it was sent. Held\n" +
			"answers are parked for a human, who approves anew what is missing. Twice is fine.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			moment := time.Now().UTC()
			if before != "" {
				var err error
				if moment, err = time.Parse(time.RFC3339, before); err != nil {
					return usageError{fmt.Errorf("--before must be a time such as 2026-11-22T10:00:00Z: %w", err)}
				}
			}
			var list []pipeline.Restored
			err := f.with(c.Context(), func(h *localrun.Home) error {
				if err := h.Hold(c.Context(), moment); err != nil {
					return err
				}
				if err := h.Note(c.Context(), pipeline.AuditRow{By: user(), Did: "restore", What: strings.Join(args, " "), From: "command"}); err != nil {
					return err
				}
				plan, err := h.Plan(c.Context(), "")
				if err != nil {
					return err
				}
				for _, conf := range plan.Doc.CRMs {
					if len(args) == 1 && conf.Name != args[0] {
						continue
					}
					found, err := h.Restore(c.Context(), conf.Name)
					list = append(list, found)
					if err != nil {
						return err
					}
				}
				if len(list) == 0 && len(args) == 1 {
					return fault.New(fault.NotFound, "there is no CRM account %q in the configuration", args[0])
				}
				return nil
			})
			if f.json {
				if perr := printJSON(c.OutOrStdout(), list); err == nil {
					err = perr
				}
				return err
			}
			for _, r := range list {
				if r.Skipped != "" {
					fmt.Fprintf(c.OutOrStdout(), "%s: %s\n", r.Account, r.Skipped)
					continue
				}
				fmt.Fprintf(c.OutOrStdout(), "%s: %d records carry our key, %d links made anew\n", r.Account, r.Records, r.Links)
			}
			if err == nil {
				fmt.Fprintf(c.OutOrStdout(), "answers approved before %s are held\n", moment.Format(time.RFC3339))
			}
			return err
		},
	}
	c.Flags().StringVar(&before, "before", "", "hold answers approved before this time (default: now)")
	return c
}
