package main

import (
	"errors"
	"time"

	"github.com/spf13/cobra"

	"rapport/shared/localrun"
	"rapport/shared/pipeline"
)

func undoCommand(f *flags) *cobra.Command {
	var event, day, apply string
	var yes bool
	c := &cobra.Command{
		Use:   "undo [ACCOUNT]",
		Short: "Give CRM records back what they held before an event or a day: shows what that is, then asks",
		Long: "Give the CRM records that a mention (--event), or all that was received on a day (--day), touched back what they held before.\n" +
			"What was not there is blanked. What somebody changed in the CRM since stays and is listed; persons are never removed, and words that\n" +
			"an author took back do not come back. It is undone in turn by `rapport replay --apply` over the same day.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if (event == "") == (day == "") {
				return usageError{errors.New("undo wants either --event MENTION or --day DAY")}
			}
			var begin, end time.Time
			if day != "" {
				var err error
				if begin, end, err = span(day, day); err != nil {
					return err
				}
			}
			var r pipeline.Replayed
			var accounts []string
			err := f.look(c.Context(), func(h *localrun.Home) error {
				plan, err := h.Plan(c.Context(), "")
				if err != nil {
					return err
				}
				if accounts, err = networkNames(plan, args); err == nil {
					r, err = h.Undo(c.Context(), accounts, begin, end, event)
				}
				return err
			})
			if err != nil {
				return err
			}
			if apply == "" && !f.json || yes {
				apply = asked
			}
			job := pipeline.JobRow{Kind: pipeline.JobUndo, From: begin, To: end, Again: &pipeline.Again{Accounts: accounts, Event: event}}
			return carryOut(c, f, r, job, apply, yes, func() error { return nil })
		},
	}
	c.Flags().StringVar(&event, "event", "", "a mention, as the ledger names it; MENTION@LINE for one of its events")
	c.Flags().StringVar(&day, "day", "", "a day, as 2026-11-20 (UTC)")
	applyFlags(c, &apply, &yes)
	return c
}
