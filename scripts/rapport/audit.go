package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"rapport/shared/localrun"
)

func auditCommand(f *flags) *cobra.Command {
	var since time.Duration
	var limit int
	c := &cobra.Command{
		Use:   "audit",
		Short: "Who did what, in the console and by command, newest first",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return f.look(c.Context(), func(h *localrun.Home) error {
				list, err := h.Trail(c.Context(), time.Now().UTC().Add(-since), limit)
				if err != nil {
					return err
				}
				if f.json {
					return printJSON(c.OutOrStdout(), list)
				}
				for _, x := range list {
					result := "done"
					if x.Result != "" {
						result = "failed: " + x.Result
					}
					fmt.Fprintf(c.OutOrStdout(), "%s  %-18s %-8s %-32s %s  %s\n", x.At.Format(time.DateTime), x.By, x.From, x.Did, x.What, result)
				}
				return nil
			})
		},
	}
	c.Flags().DurationVar(&since, "since", 30*24*time.Hour, "how far back")
	c.Flags().IntVar(&limit, "limit", 200, "at most so many")
	return c
}
