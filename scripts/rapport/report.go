package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"rapport/shared/localrun"
	"rapport/shared/pipeline"
	"rapport/shared/report"
)

func reportCommand(f *flags) *cobra.Command {
	var from, to, by string
	var asCSV bool
	c := &cobra.Command{
		Use:   "report",
		Short: "Key figures by network, team, queue, brand or day, with their definitions",
		Long: "Volume, mood, share answered, time to the first answer, SLA kept, cost per contact, reach and the top multipliers of some days.\n" +
			"Nothing is said of groups of fewer than five people. docs/reports.md defines each figure.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			today := time.Now().Format(time.DateOnly)
			if to == "" {
				to = today
			}
			if from == "" {
				from = to
			}
			return f.look(c.Context(), func(h *localrun.Home) error {
				r, err := h.Figures(c.Context(), pipeline.ReportQuery{From: from, To: to, By: report.By(by)})
				switch {
				case err != nil:
					return err
				case f.json:
					return printJSON(c.OutOrStdout(), r)
				case asCSV:
					return report.CSV(c.OutOrStdout(), r.Report)
				}
				tellReport(c.OutOrStdout(), r)
				return nil
			})
		},
	}
	var names []string
	for _, d := range report.Divisions() {
		names = append(names, string(d))
	}
	c.Flags().StringVar(&from, "from", "", "first day, such as 2026-11-01 (default the last)")
	c.Flags().StringVar(&to, "to", "", "last day (default today)")
	c.Flags().StringVar(&by, "by", string(report.Network), "how to divide: "+strings.Join(names, ", "))
	c.Flags().BoolVar(&asCSV, "csv", false, "as CSV, formulas defused")
	return c
}

// tellReport prints key figures.
func tellReport(w io.Writer, r pipeline.Figures) {
	fmt.Fprintf(w, "%s to %s, by %s\n\n%-20s %8s %6s %10s %8s %8s %8s %8s %8s %9s\n", r.From, r.To, r.By,
		string(r.By), "mentions", "mood", "complaints", "contacts", "answered", "median", "p90", "SLA kept", "USD each")
	rows := r.Rows
	if r.Total != nil {
		rows = append(rows[:len(rows):len(rows)], *r.Total)
	}
	for _, row := range rows {
		fmt.Fprintf(w, "%-20s %8d %6s %10d %8d %8s %8s %8s %8s %9s\n", row.Name, row.Mentions, told(row.Mood, ""), row.Complaints, row.Contacts, told(row.Share, "%"),
			minutes(row.Median), minutes(row.Slow), told(row.Kept, "%"), told(row.USD, ""))
	}
	if r.Few > 0 {
		fmt.Fprintf(w, "\n%d groups of fewer than five people are not told of by themselves\n", r.Few)
	}
	for _, day := range r.Partly {
		fmt.Fprintf(w, "\n%s holds too much to be counted at once\n", day)
	}
	if r.Total != nil && r.Total.Reach != nil {
		fmt.Fprintf(w, "\nthe fifth with the most followers has %s %% of the reach\n", told(r.Total.Reach, ""))
	}
	for i, m := range r.Heard {
		if i == 0 {
			fmt.Fprint(w, "\nwhose words carry far, by Social Customer Score\n")
		}
		fmt.Fprintf(w, "%5d  @%s (%s)\n", m.Score, m.Handle, m.Network)
	}
	if r.Agents != nil {
		fmt.Fprintf(w, "\nby owner of the case, by name (%s)\n", r.Agents.Reason)
		for _, a := range r.Staff {
			fmt.Fprintf(w, "%-30s %8d contacts %8d answered %8s %8s\n", a.Name, a.Contacts, a.Answered, minutes(a.Median), told(a.Kept, "%"))
		}
	}
}

func told(n *float64, unit string) string {
	if n == nil {
		return "–"
	}
	return strconv.FormatFloat(*n, 'f', -1, 64) + unit
}

func minutes(n *int) string {
	if n == nil {
		return "–"
	}
	if *n == 0 {
		return "0m"
	}
	return strings.TrimSuffix((time.Duration(*n) * time.Minute).String(), "0s")
}
