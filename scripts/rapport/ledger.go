package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"rapport/shared/fault"
	"rapport/shared/ledger"
	"rapport/shared/localrun"
	"rapport/shared/pipeline"
)

// ledgerCommands are what can be done with the ledger beside looking at it.
func ledgerCommands(f *flags) []*cobra.Command {
	return []*cobra.Command{exportCommand(f), checkCommand(f), sealCommand(f), reconcileCommand(f)}
}

func exportCommand(f *flags) *cobra.Command {
	var from, to string
	c := &cobra.Command{
		Use:   "export",
		Short: "Print the sealed hours of some days as JSON lines, which `ledger verify` checks alone",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			begin, end, err := span(from, to)
			if err != nil {
				return err
			}
			return f.look(c.Context(), func(h *localrun.Home) error {
				w := bufio.NewWriterSize(c.OutOrStdout(), 1<<20)
				out := json.NewEncoder(w)
				out.SetEscapeHTML(false)
				if err := h.ExportLedger(c.Context(), begin, end, func(r ledger.Record) error { return out.Encode(r) }); err != nil {
					return err
				}
				return w.Flush()
			})
		},
	}
	c.Flags().StringVar(&from, "from", "", "first day, as 2026-11-01")
	c.Flags().StringVar(&to, "to", "", "last day; default today")
	_ = c.MarkFlagRequired("from") // the flag exists
	return c
}

func checkCommand(f *flags) *cobra.Command {
	var from, to, head string
	c := &cobra.Command{
		Use:   "verify [FILE]",
		Short: "Check the ledger against its seals: an exported file alone, or the lines that are stored now",
		Long: "With FILE (\"-\" = standard input) nothing else is read: no data file, no network. Without one the stored lines are compared with\n" +
			"the stored seals. Every line that was altered, removed, added or moved is named; so is every seal. Who kept a seal's hash elsewhere\n" +
			"gives it with --head: else whoever can write the store could have made the whole chain anew.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				var in io.Reader = c.InOrStdin()
				if args[0] != "-" {
					file, err := os.Open(args[0])
					if err != nil {
						return fault.New(fault.Invalid, "the exported ledger: %w", err)
					}
					defer file.Close()
					in = file
				}
				checked, err := ledger.Check(in, head)
				if err != nil {
					return fault.New(fault.Invalid, "the exported ledger: %w", err)
				}
				return tellChecked(c, f, checked)
			}
			begin, end, err := span(from, to)
			if err != nil {
				return err
			}
			return f.look(c.Context(), func(h *localrun.Home) error {
				checked, err := h.VerifyLedger(c.Context(), begin, end, head)
				if err != nil {
					return err
				}
				return tellChecked(c, f, checked)
			})
		},
	}
	c.Flags().StringVar(&from, "from", time.Now().UTC().AddDate(0, 0, -7).Format(time.DateOnly), "first day, where no file is named")
	c.Flags().StringVar(&to, "to", "", "last day; default today")
	c.Flags().StringVar(&head, "head", "", "hash of a seal that was kept elsewhere")
	return c
}

// tellChecked says what a check came to.
func tellChecked(c *cobra.Command, f *flags, r ledger.Checked) error {
	w := c.OutOrStdout()
	if f.json {
		if err := printJSON(w, r); err != nil {
			return err
		}
	} else {
		hour := func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04") }
		fmt.Fprintf(w, "%s to %s: %d seals, %d entries (%d amendments), %d lines (%d erased)\n", hour(r.File.From), hour(r.File.To), r.Seals, r.Entries, r.Changes, r.Lines, r.Erased)
		fmt.Fprintf(w, "received %d = written %d + merged %d + filtered %d + suppressed %d + rejected %d + dead %d + open %d\n",
			r.Now.Received, r.Now.Written, r.Now.Merged, r.Now.Filtered, r.Now.Suppressed, r.Now.Rejected, r.Now.Dead, r.Now.Open)
		fmt.Fprintf(w, "newest seal %d %s\n", r.File.Number, dash(r.File.Head))
		for _, at := range r.Due {
			fmt.Fprintf(w, "changed since the newest seal, the next will tell: %s\n", at)
		}
		for _, x := range r.Findings {
			fmt.Fprintf(w, "%-8s %s: %s\n", x.What, x.Where, x.Say)
		}
		if len(r.Findings) == 0 {
			fmt.Fprintln(w, "0 differences")
		}
	}
	if len(r.Findings) > 0 {
		return errFound
	}
	return nil
}

func sealCommand(f *flags) *cobra.Command {
	return &cobra.Command{
		Use:   "seal",
		Short: "Print the newest seal and its hash, to be kept elsewhere",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return f.look(c.Context(), func(h *localrun.Home) error {
				head, err := h.Head(c.Context())
				if err != nil {
					return err
				}
				if f.json {
					return printJSON(c.OutOrStdout(), head)
				}
				if head.Seal == nil {
					fmt.Fprintln(c.OutOrStdout(), "no hour is sealed yet: that happens a quarter of an hour after its end")
					return nil
				}
				fmt.Fprintf(c.OutOrStdout(), "seal %d of the hour from %s, made %s, %d received\n%s\n", head.Seal.Number, head.Seal.Hour.Format("2006-01-02 15:04"),
					head.Seal.At.Format(time.RFC3339), head.Seal.Count.Received, head.Hash)
				return nil
			})
		},
	}
}

func reconcileCommand(f *flags) *cobra.Command {
	return pastCommand(f, "reconcile", "Compare what the network lists with what came, and fetch what is missing: shows the cost, then asks")
}

// tellGaps says what a comparison found, by the hours in which something was missing.
func tellGaps(w io.Writer, g *pipeline.Gaps) {
	if g == nil {
		return
	}
	fmt.Fprintf(w, "the network lists %d, %d were known, %d were missing and are being fetched\n", g.Listed, g.Known, g.Found)
	for _, h := range g.Hours {
		if h.Found > 0 {
			fmt.Fprintf(w, "  %s  listed %d, known %d, missing %d\n", h.Hour.Format("2006-01-02 15:04"), h.Listed, h.Known, h.Found)
		}
	}
}
