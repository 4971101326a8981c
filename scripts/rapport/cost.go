package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"rapport/shared/cost"
	"rapport/shared/fault"
	"rapport/shared/localrun"
	"rapport/shared/pipeline"
)

func costCommand(f *flags) *cobra.Command {
	var since time.Duration
	var plan, region string
	c := &cobra.Command{
		Use:   "cost",
		Short: "What it cost by network, account, brand and outcome, or would cost for --plan's volumes",
		Long: "What became of everything received, and what that cost: AWS reckoned from the ledger by measured units and list prices\n" +
			"(in a local home: what it would cost there), the networks' fees and the CRMs' calls as they were counted when they were made.\n" +
			"With --plan a bill for a month of the volumes in a file; events/volumes.yaml shows all that may stand there.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if plan != "" {
				return bill(c, f, plan, region)
			}
			if since <= 0 {
				return usageError{fmt.Errorf("--since wants a time such as 720h, not %s", since)}
			}
			return f.look(c.Context(), func(h *localrun.Home) error {
				now := time.Now().UTC()
				r, err := h.Cost(c.Context(), now.Add(-since), now, region)
				if err != nil {
					return err
				}
				if f.json {
					return printJSON(c.OutOrStdout(), r)
				}
				tellCost(c.OutOrStdout(), r)
				return nil
			})
		},
	}
	c.Flags().DurationVar(&since, "since", 24*time.Hour, "how far back to count")
	c.Flags().StringVar(&plan, "plan", "", "file of volumes to print a month's bill for")
	c.Flags().StringVar(&region, "region", "", "whose prices of AWS hold: "+strings.Join(regions(), ", ")+" (default the first)")
	return c
}

func regions() []string {
	var names []string
	for _, l := range cost.Lists() {
		names = append(names, l.Region)
	}
	return names
}

// bill prints what a month of the volumes in a file would cost.
func bill(c *cobra.Command, f *flags, file, region string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return fault.New(fault.Invalid, "volumes: %w", err)
	}
	v, err := cost.Parse(text)
	if err != nil {
		return fault.New(fault.Invalid, "%s: %w", file, err)
	}
	v.Region = cmp.Or(region, v.Region)
	b, err := v.Bill()
	if err != nil {
		return err
	}
	if f.json {
		return printJSON(c.OutOrStdout(), b)
	}
	list, err := cost.Of(b.Region)
	if err != nil {
		return err
	}
	w := c.OutOrStdout()
	fmt.Fprintf(w, "A month of %s mentions on AWS, reckoned: %s, %s\n%s\n\n", thousands(b.Mentions), b.Region, b.Date, b.Source)
	fmt.Fprintf(w, "%-18s %14s %-12s %10s\n", "what", "count", "", "USD")
	tellBill(w, b.Items)
	fmt.Fprintf(w, "%-18s %14s %-12s %10.4f\n\n", "AWS", "", "", b.AWS)
	fmt.Fprintf(w, "%-18s %14s %12s %10s %12s\n", "stream", "mentions", "per million", "AWS USD", "fees USD")
	for _, s := range b.Streams {
		fmt.Fprintf(w, "%-18s %14s %12.2f %10.4f %12.2f\n", s.Name, thousands(s.Mentions), s.PerMillion, s.AWS, s.Fees)
	}
	watch, free := cost.Sum(b.Watch), cost.Sum(b.Free)
	fmt.Fprintf(w, "%-18s %14s %12s %10.4f\n%-18s %14s %12s %10.4f\n", "waiting", "", "", b.Idle, "watching", "", "", watch)
	if len(b.Streams) > 0 {
		fmt.Fprintf(w, "\nof that, waiting\n")
		tellBill(w, b.Waiting)
	}
	fmt.Fprintf(w, "\nof all that, every account has free each month, shared with what else runs there\n")
	tellBill(w, b.Free)
	fmt.Fprintf(w, "%-18s %14s %-12s %10.4f\n", "AWS, alone there", "", "", b.AWS-free)
	for _, one := range b.CRMs {
		fmt.Fprintf(w, "\n%s has to bear about %s calls a day", one.Name, thousands(one.Calls))
		if one.Share > 0 {
			fmt.Fprintf(w, ", %.1f %% of its quota", one.Share)
		}
	}
	if len(b.Streams) == 0 {
		fmt.Fprintf(w, "\n\n%.2f USD: a stack in which nothing comes\n", b.USD)
		return nil
	}
	fmt.Fprintf(w, "\nbatches of about %.1f messages when they come in, %.1f when they are delivered: fuller ones are cheaper\n", b.Enrich, b.Deliver)
	fmt.Fprintf(w, "not in it: our own metrics (%.2f USD each for a whole month in which it has values), storage, waiting for networks and CRMs, what CRMs charge\n\n%.2f USD: %.2f of AWS, %.2f of networks\n", list.Metric, b.USD, b.AWS, b.Fees)
	return nil
}

// tellBill prints the lines of a bill.
func tellBill(w io.Writer, items []cost.Item) {
	for _, i := range items {
		fmt.Fprintf(w, "%-18s %14s %-12s %10.4f\n", i.What, thousands(i.Count), i.Unit, i.USD)
	}
}

// tellCost prints what a stretch of time cost.
func tellCost(w io.Writer, r cost.Report) {
	fmt.Fprintf(w, "%s to %s; AWS reckoned by list prices of %s, %s; fees and calls are counted\n\n", r.From.Format("2006-01-02 15:04"), r.To.Format("2006-01-02 15:04"), r.Region, r.Date)
	fmt.Fprintf(w, "%-14s %-16s %-14s %-12s %8s %12s %10s %10s\n", "network", "account", "brand", "outcome", "events", "AWS USD", "fees USD", "CRM calls")
	calls := 0.0
	for _, row := range r.Rows {
		calls += row.Calls
		fmt.Fprintf(w, "%-14s %-16s %-14s %-12s %8d %12.6f %10.4f %10.1f\n", dash(row.Network), row.Account, dash(row.Brand), row.Outcome, row.Events, row.AWS, row.Fees, row.Calls)
	}
	fmt.Fprintf(w, "%-14s %-16s %-14s %-12s %8d %12.6f %10.4f %10.1f\n", "all", "", "", "", r.Events, r.AWS, r.Fees, calls)
	fmt.Fprintf(w, "  of AWS, waiting %.6f USD", r.Idle)
	for _, read := range r.Reads {
		if read.Polls > 0 {
			fmt.Fprintf(w, ", polls of %s %.6f USD", read.Account, read.AWS)
		}
	}
	fmt.Fprintf(w, "\n\n%-16s %8s\n", "read from", "calls")
	for _, read := range r.Reads {
		fmt.Fprintf(w, "%-16s %8s\n", read.Account, counted(read.Calls))
	}
	fmt.Fprintf(w, "\n%-16s %10s %8s %8s %8s %14s\n", "CRM account", "deliveries", "created", "updated", "calls", "per 1,000")
	for _, one := range r.CRMs {
		fmt.Fprintf(w, "%-16s %10d %8d %8d %8s %14.1f\n", one.Account, one.Deliveries, one.Created, one.Updated, counted(one.Calls), one.PerMille)
	}
}

// counted writes a number of calls.
func counted(n int) string {
	if n < 0 {
		return "not counted"
	}
	return fmt.Sprint(n)
}

// thousands writes a number with commas.
func thousands(n float64) string {
	if n > 0 && n < 10 {
		return fmt.Sprintf("%.2f", n)
	}
	text := fmt.Sprintf("%.0f", n)
	for at := len(text) - 3; at > 0; at -= 3 {
		text = text[:at] + "," + text[at:]
	}
	return text
}

func quotaCommand(f *flags) *cobra.Command {
	return &cobra.Command{
		Use:   "quota",
		Short: "What is used and left of each quota and budget, who uses it, and when it will be used up",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return f.look(c.Context(), func(h *localrun.Home) error {
				quotas, err := h.Quotas(c.Context(), 0)
				if err != nil {
					return err
				}
				budgets, err := h.Budgets(c.Context())
				if err != nil {
					return err
				}
				if f.json {
					err = printJSON(c.OutOrStdout(), struct {
						Quotas  []pipeline.Quota  `json:"quotas"`
						Budgets []pipeline.Budget `json:"budgets"`
					}{quotas, budgets})
				} else {
					tellQuotas(c.OutOrStdout(), quotas, budgets)
				}
				short := slices.ContainsFunc(quotas, func(q pipeline.Quota) bool { return !q.Out.IsZero() }) ||
					slices.ContainsFunc(budgets, func(b pipeline.Budget) bool { return !b.Out.IsZero() })
				if err == nil && short {
					return errFound
				}
				return err
			})
		},
	}
}

// tellQuotas prints a line for each bucket and budget.
func tellQuotas(w io.Writer, quotas []pipeline.Quota, budgets []pipeline.Budget) {
	fmt.Fprintf(w, "%-34s %8s %8s %8s %8s %8s %8s %8s  %s\n", "bucket", "calls", "per", "reserve", "used", "left", "urgent", "until", "forecast")
	for _, q := range quotas {
		fmt.Fprintf(w, "%-34s %8d %8s %8d %8d %8d %8d %8s  %s\n", q.Owner+" "+q.Bucket, q.Calls, span1(q.Per), q.Reserve, q.Used, q.Left, q.Held, q.Until.Format("15:04"), pace(q))
		if len(q.By) > 1 || len(q.By) == 1 && q.By[q.Owner] == 0 {
			var who []string
			for _, name := range slices.Sorted(maps.Keys(q.By)) {
				who = append(who, fmt.Sprintf("%s %d", name, q.By[name]))
			}
			fmt.Fprintf(w, "  used by %s\n", strings.Join(who, ", "))
		}
	}
	for _, b := range budgets {
		fmt.Fprintf(w, "\nbrand %s: %.4f of %.2f USD are spent today", b.Brand, b.Spent, b.Most)
		if !b.Out.IsZero() {
			fmt.Fprintf(w, "; at this pace it ends at %s UTC", b.Out.Format("15:04"))
		}
		for _, name := range slices.Sorted(maps.Keys(b.By)) {
			fmt.Fprintf(w, "\n  %s %.4f USD", name, b.By[name])
		}
		fmt.Fprintln(w)
	}
}

func span1(d time.Duration) string {
	return strings.TrimSuffix(strings.TrimSuffix(d.String(), "0s"), "0m")
}

// pace says in words where a quota goes at the present pace.
func pace(q pipeline.Quota) string {
	switch {
	case q.Used == 0:
		return "not used"
	case q.Percent == 0:
		return "too early to tell"
	case !q.Out.IsZero():
		return fmt.Sprintf("ends at %s UTC (%.0f %%)", q.Out.Format("15:04"), q.Percent)
	}
	return fmt.Sprintf("holds (%.0f %%)", q.Percent)
}
